import Foundation
import Gridless
import TestSupport

/// A folder in which commands run, with small data sets and checkpoints; it is removed when the test ends.
final class Workplace: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "gridless-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Runs `gridless` with these arguments here.
  func gridless(_ arguments: String...) throws -> Outcome { try Command.run(arguments, in: path) }

  /// The arguments of a run of three steps that takes half a second; later ones override.
  static func tiny(_ data: String = "data", _ arguments: [String] = []) -> [String] {
    ["finetune", data, "--model", "resnet8", "--weights", "none", "--size", "16", "--steps", "3", "--batch-size", "4"]
      + ["--lr", "0.01", "--device", "cpu", "--threads", "1", "--out", "run"] + arguments
  }

  /// Makes a tiny run of `data`.
  func finetune(_ data: String = "data", _ arguments: String...) throws -> Outcome {
    try Command.run(Self.tiny(data, arguments), in: path)
  }

  /// Makes a tiny run with `--json` and returns its last line.
  func result(_ data: String = "data", _ arguments: String...) throws -> [String: Any] {
    try Command.run(Self.tiny(data, arguments + ["--json"]), in: path).result()
  }

  // MARK: Files

  func absolute(_ name: String) -> String { "\(path)/\(name)" }

  func contents(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: absolute(name))) }

  func write(_ name: String, _ data: Data) throws {
    let url = URL(fileURLWithPath: absolute(name))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: absolute(name), withIntermediateDirectories: true)
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: absolute(name)) }

  func copy(_ name: String, to copy: String) throws {
    try FileManager.default.copyItem(atPath: absolute(name), toPath: absolute(copy))
  }

  /// Every file and folder here with its bytes: what a command must leave as it was.
  func everything() throws -> [String: Data] {
    try FileManager.default.subpathsOfDirectory(atPath: path).reduce(into: [:]) {
      $0[$1] = FileManager.default.contents(atPath: absolute($1)) ?? Data()
    }
  }

  // MARK: Data sets

  /// The digits that `make setup` keeps; nil if they are not there.
  static let digits: String? = {
    let environment = ProcessInfo.processInfo.environment
    let named = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
    let path = (named ?? "\(environment["HOME"] ?? "")/.cache") + "/gridless/digits/digits.csv"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()

  /// The demo's network, which knows the digits 0 to 4.
  static let digitsNetwork = Golden.packageRoot.appending(path: "Examples/digits/resnet8-digits-0-4.safetensors").path

  private static let pictures = [
    "rgb.png", "rgb_444.jpg", "sharp.png", "progressive.jpg", "soft.png", "gray.jpg", "palette8.png", "cmyk.jpg",
    "lossy.webp", "gray8.png",
  ]

  /// An image file that decodes, with its extension.
  static func picture(_ index: Int) throws -> (bytes: Data, suffix: String) {
    let name = pictures[index % pictures.count]
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let url = folder.appending(path: "golden/images/files/\(name)")
    return (try Data(contentsOf: url), url.pathExtension)
  }

  static let classes = ["bleu été", "red 赤"]

  /// Writes images to `folder/<class>/photo é <number>.<suffix>`.
  func writeImages(_ folder: String, classes: [String] = Workplace.classes, count: Int, from first: Int = 0) throws {
    for number in 0..<count {
      for (label, name) in classes.enumerated() {
        let (bytes, suffix) = try Self.picture(first + number * classes.count + label)
        try write("\(folder)/\(name)/photo é \(number).\(suffix)", bytes)
      }
    }
  }

  /// Writes `data/train` with eight images and `data/test` with four, of two classes.
  func writeData() throws {
    try writeImages("data/train", count: 4)
    try writeImages("data/test", count: 2, from: 3)
  }

  // MARK: Checkpoints

  /// Writes an untrained network's checkpoint, changed by `change`.
  func writeCheckpoint(
    _ name: String, of model: String = "resnet8", _ change: (Network, inout StateDict) -> Void = { _, _ in }
  ) throws {
    let network = try Backbone.named(model).makeNetwork(classes: 2)
    var state = network.initialState(seed: 1)
    change(network, &state)
    try Safetensors.write(network.namedArrays(state), metadata: [:], to: absolute(name))
  }
}
