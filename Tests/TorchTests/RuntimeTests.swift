import Foundation
import Testing
import Torch

@Suite struct RuntimeTests {
  @Test func theLoadedLibraryIsTheOneCompiledAgainst() throws {
    #expect(Runtime.compiledVersion == "2.11.0")
    #expect(Runtime.loadedVersion?.hasPrefix(Runtime.compiledVersion) == true)
    try Runtime.start()
  }

  /// An ignored status must not compile, a handled one must.
  @Test(arguments: [
    ("_ = 0; ct_set_num_threads(1)", false), ("let s = ct_set_num_threads(1); ct_message_free(s.message)", true),
  ])
  func anIgnoredStatusDoesNotCompile(body: String, compiles: Bool) throws {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let source = FileManager.default.temporaryDirectory.appendingPathComponent("status-\(UUID().uuidString).swift")
    try "import CTorch\nfunc call() { \(body) }\n".write(to: source, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: source) }
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = [
      "swiftc", "-typecheck", "-warnings-as-errors", "-swift-version", "6",
      "-I", package.appendingPathComponent("Sources/CTorch/include").path, source.path,
    ]
    compiler.standardError = FileHandle.nullDevice
    try compiler.run()
    compiler.waitUntilExit()
    #expect((compiler.terminationStatus == 0) == compiles)
  }

  /// A driver without a CUDA library that loads is a GPU that cannot be used; without a driver there is none to be
  /// missed.
  @Test func aGPUThatCannotBeUsedIsKnown() {
    #expect(Runtime.unusableGPU(driver: "/nowhere/nvidiactl") == nil)
    #expect(Runtime.unusableGPU(driver: "/dev/null") == Runtime.cudaLoadError)
  }
}
