import Foundation
import Testing

@Suite struct ArgumentsTests {
  /// Shells leave a tilde behind an equals sign as it is.
  @Test func aTildeIsTheHomeFolder() throws {
    let place = try Workplace()
    try place.writeData()
    try place.makeFolder("home")
    func run(_ arguments: [String]) throws -> Outcome {
      try RunningCommand(arguments, in: place.path, environment: ["HOME": place.absolute("home")]).end()
    }
    let finetune = try run(Workplace.tiny("data", ["--out=~/run"]))
    #expect(finetune.status == 0, "\(finetune.errors)")
    let export = try run(["export", "~/run", "~/net.onnx"])
    #expect(export.status == 0, "\(export.errors)")
    for file in ["home/run/summary.json", "home/net.onnx"] {
      #expect(FileManager.default.fileExists(atPath: place.absolute(file)))
    }
    #expect(!FileManager.default.fileExists(atPath: place.absolute("~")))
  }
}
