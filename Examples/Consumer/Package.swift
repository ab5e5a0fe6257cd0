// swift-tools-version: 6.2
import PackageDescription

// A package of your own that uses Gridless. Yours names the repository's address here; this one takes it from the
// environment, or depends on the clone that it lies in.
let gridless = Context.environment["GRIDLESS_URL"] ?? "\(Context.packageDirectory)/../.."

let package = Package(
  name: "Consumer",
  dependencies: [.package(url: gridless, exact: "0.1.0")],
  targets: [
    .executableTarget(name: "Consumer", dependencies: [.product(name: "Gridless", package: "gridless")])
  ],
  swiftLanguageModes: [.v6]
)
