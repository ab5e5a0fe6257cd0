// swift-tools-version: 6.2
import PackageDescription

// Where libtorch lies: the environment's LIBTORCH, else the cache that `make setup` fills (see Scripts/setup.sh).
// As in a shell, an empty variable counts as unset.
func variable(_ name: String) -> String? { Context.environment[name].flatMap { $0.isEmpty ? nil : $0 } }
let cache = variable("XDG_CACHE_HOME") ?? "\(variable("HOME") ?? "")/.cache"
let libtorch = variable("LIBTORCH") ?? "\(cache)/gridless/libtorch-2.11.0/torch"
// Apache ECharts lies in the same cache, for the reports' pages.
let charts = "\(cache)/gridless/echarts-5.5.1"

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "gridless",
  products: [
    .library(name: "Gridless", targets: ["Gridless"]),
    .executable(name: "gridless", targets: ["GridlessCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    // The engine.
    .target(
      name: "CTorch",
      cxxSettings: [
        .unsafeFlags([
          "-isystem", "\(libtorch)/include", "-isystem", "\(libtorch)/include/torch/csrc/api/include", "-O3",
          "-fno-math-errno",
        ])
      ],
      linkerSettings: [
        .unsafeFlags(["-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib"]),
        .linkedLibrary("torch_cpu"),
        .linkedLibrary("c10"),
        .linkedLibrary("dl"),
      ]),
    .target(name: "Torch", dependencies: ["CTorch"], swiftSettings: strict),

    // Files: none of these sees libtorch.
    .systemLibrary(name: "CZlib"),
    .target(name: "Support", dependencies: ["CZlib"], swiftSettings: strict),
    .target(name: "Weights", dependencies: ["Support"], swiftSettings: strict),
    .target(
      name: "CImageCodecs",
      linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png"), .linkedLibrary("webp")]),
    .target(name: "Datasets", dependencies: ["CImageCodecs", "CZlib", "Support"], swiftSettings: strict),
    .systemLibrary(name: "CCrypto"),
    .target(name: "Fetching", dependencies: ["CCrypto", "Support"], swiftSettings: strict),

    // Event files: bytes only.
    .target(name: "Protobuf", swiftSettings: strict),
    .target(name: "TensorBoard", dependencies: ["Protobuf"], swiftSettings: strict),

    // Networks, the method, runs.
    .target(name: "Backbones", dependencies: ["Torch", "Weights", "Support"], swiftSettings: strict),
    .target(name: "ONNX", dependencies: ["Protobuf", "Torch", "Weights", "Backbones"], swiftSettings: strict),
    .target(name: "Evidence", dependencies: ["Torch", "Backbones"], swiftSettings: strict),
    .target(name: "Baselines", dependencies: ["Torch", "Backbones", "Support"], swiftSettings: strict),
    .target(
      name: "Training",
      dependencies: [
        "Torch", "Weights", "Datasets", "TensorBoard", "Backbones", "ONNX", "Evidence", "Baselines", "Support",
      ],
      swiftSettings: strict),

    // What Gridless is compared with.
    .target(
      name: "Studies",
      dependencies: ["Torch", "Weights", "Datasets", "Backbones", "Evidence", "Baselines", "Training", "Support"],
      swiftSettings: strict),

    // Pages about runs and studies. The charting library, script and style are embedded when CReportAssets is compiled.
    .target(
      name: "CReportAssets", exclude: ["page"],
      cSettings: [.unsafeFlags(["--embed-dir=\(charts)", "-Wno-c23-extensions"])]),
    .target(
      name: "Reports",
      dependencies: ["CReportAssets", "Torch", "Weights", "Datasets", "Training", "Studies", "Support"],
      swiftSettings: strict),
    .target(
      name: "Gridless",
      dependencies: [
        "Torch", "Weights", "Datasets", "Fetching", "Backbones", "Evidence", "Baselines", "Training", "Studies",
        "Reports",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "GridlessCLI", dependencies: ["Gridless", "Support", argumentParser], swiftSettings: strict),

    // `make bench`; not a product.
    .target(name: "CBenchLoops", path: "Benchmarks/CBenchLoops", linkerSettings: [.linkedLibrary("jpeg")]),
    .executableTarget(
      name: "gridless-bench", dependencies: ["CBenchLoops", "Gridless", argumentParser],
      path: "Benchmarks/GridlessBench",
      swiftSettings: strict),

    // Tests mirror Sources. TestSupport reads the golden files, writes PyTorch files and serves files on loopback.
    .target(
      name: "TestSupport", dependencies: ["Weights", "Support"], path: "Tests/TestSupport", swiftSettings: strict),
    // Mutated and hostile files for Weights alone: `make fuzz`.
    .executableTarget(
      name: "weights-fuzz", dependencies: ["Weights", "TestSupport", "Support"], path: "Tests/WeightsFuzz",
      swiftSettings: strict),
    .testTarget(name: "SupportTests", dependencies: ["Support"], swiftSettings: strict),
    .testTarget(name: "TorchTests", dependencies: ["Torch"], swiftSettings: strict),
    .testTarget(
      name: "WeightsTests", dependencies: ["Weights", "TestSupport", "Support", "weights-fuzz"], swiftSettings: strict),
    .testTarget(name: "DatasetsTests", dependencies: ["Datasets"], swiftSettings: strict),
    .testTarget(name: "FetchingTests", dependencies: ["Fetching", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "BackbonesTests", dependencies: ["Torch", "Weights", "Backbones", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "ONNXTests", dependencies: ["ONNX", "Backbones", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "EvidenceTests", dependencies: ["Evidence", "TestSupport", "Support"], swiftSettings: strict),
    .testTarget(name: "BaselinesTests", dependencies: ["Baselines", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "TensorBoardTests", dependencies: ["TensorBoard", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "TrainingTests", dependencies: ["Training", "TestSupport", "Support"], swiftSettings: strict),
    .testTarget(name: "StudiesTests", dependencies: ["Studies", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "ReportsTests", dependencies: ["Reports", "Studies", "Training", "Datasets", "TestSupport", "Support"],
      swiftSettings: strict),
    .testTarget(
      name: "GridlessCLITests", dependencies: ["GridlessCLI", "Gridless", "Reports", "TestSupport", "Support"],
      exclude: ["Snapshots", "Faults"],
      swiftSettings: strict
    ),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)

// Only `make docs` needs the documentation plug-in; users never resolve it.
if variable("GRIDLESS_DOCS") != nil {
  package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0"))
}
