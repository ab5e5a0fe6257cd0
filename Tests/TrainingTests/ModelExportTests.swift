import Datasets
import Foundation
import TestSupport
import Testing
import Torch
import Training
import Weights

/// The ONNX models of runs of texts and of numbers; that of classes of images is GridlessCLITests'.
@Suite struct ModelExportTests {
  /// A short run on texts and their classes, or numbers in their place.
  private func textRun(_ table: TextRunTests.Table, ofNumbers: Bool) throws -> SavedModel {
    var options = table.options("run") { $0.steps = 3 }
    if ofNumbers {
      let numbers = ["sport": "10", "money": "25.5", "space": "70"]
      let rows = try String(contentsOfFile: table.path, encoding: .utf8).split(separator: "\n").dropFirst()
        .map { row in
          let fields = row.split(separator: ",").map(String.init)
          return "\(fields[0]),\(numbers[fields[1]] ?? ""),\(fields[2])"
        }
      options.data = table.folder.path("numbers.csv")
      try (["text,value,split"] + rows).joined(separator: "\n")
        .write(toFile: options.data, atomically: true, encoding: .utf8)
    }
    try FineTuner(options).run()
    return try table.saved("run")
  }

  private func export(_ saved: SavedModel, to path: String) throws -> ModelExport.Result {
    try ModelExport(run: saved.run, output: path).write()
  }

  @Test func aRunsOwnFileIsNotReplaced() throws {
    let table = try ValueTable()
    try FineTuner(table.options("run")).run()
    let run = RunFolder(table.folder.path("run"))
    let before = FileManager.default.contents(atPath: run.model)
    var export = ModelExport(run: run, output: table.folder.path("run/../run/model.safetensors"))
    export.overwrite = true
    let error = try #require(throws: TrainingError.self) { try export.write() }
    #expect("\(error)".contains("model.safetensors: a file of the run itself, which would be lost"), "\(error)")
    #expect(before != nil && FileManager.default.contents(atPath: run.model) == before)
  }

  private func names(_ ports: [ModelExport.Result.Port]) -> [String] {
    ports.map { "\($0.name) \($0.shape.joined(separator: " × "))" }
  }

  /// Token numbers with their mask, made equally long by zeros, as Hugging Face's tokenizers give them.
  private func tokens(
    of texts: [String], _ saved: SavedModel
  ) throws -> [(name: String, dtype: String, shape: [Int], values: [Double])] {
    let tokenizer = try #require(saved.preparation.tokenizer)
    let rows = texts.map { tokenizer.encode($0).map { Double($0) } }
    let width = rows.map(\.count).max() ?? 0
    func padded(_ row: [Double]) -> [Double] { row + [Double](repeating: 0, count: width - row.count) }
    let mask = rows.map { padded([Double](repeating: 1, count: $0.count)) }
    return [
      ("input_ids", "int64", [rows.count, width], rows.flatMap { padded($0) }),
      ("attention_mask", "int64", [rows.count, width], mask.flatMap { $0 }),
    ]
  }

  private static let texts = ["the team won", "shares in orbit and a new chip for the bank", "goal"]

  @Test(arguments: [false, true]) func aTextRunsInputsAreTokens(ofNumbers: Bool) throws {
    let table = try TextRunTests.Table()
    let result = try export(textRun(table, ofNumbers: ofNumbers), to: table.folder.path("net.onnx"))
    #expect(result.model == "bert-tiny")
    #expect(names(result.inputs) == ["input_ids batch × tokens", "attention_mask batch × tokens"])
    #expect(names(result.outputs) == [ofNumbers ? "values batch × 1" : "logits batch × 3"])
  }

  @Test func aRunOfNumbersHasValues() throws {
    let table = try ValueTable()
    try FineTuner(table.options("run")).run()
    let saved = try SavedModel(run: RunFolder(table.folder.path("run")))
    let result = try export(saved, to: table.folder.path("net.onnx"))
    #expect(result.model == "resnet8")
    #expect(names(result.inputs) == ["pixel_values batch × 3 × 16 × 16"])
    #expect(names(result.outputs) == ["values batch × 1"])
  }

  /// onnxruntime gives what predict gives, and reads in the metadata what the run's own file says.
  @Test(
    .enabled(if: PythonPackages.onnxruntime.missing == nil, "\(PythonPackages.onnxruntime.missing ?? "")"),
    arguments: [false, true])
  func aTextRunsModelPredictsAsTheRunDoes(ofNumbers: Bool) throws {
    let table = try TextRunTests.Table()
    let saved = try textRun(table, ofNumbers: ofNumbers)
    _ = try export(saved, to: table.folder.path("net.onnx"))
    let run = try ONNXRun(path: table.folder.path("net.onnx"), tokens(of: Self.texts, saved))
    let inputs = Self.texts.map { TextInput($0) }
    let name = ofNumbers ? "values" : "logits"
    let expected: [Double] =
      if ofNumbers {
        try saved.predictValues(inputs, device: .cpu).map(\.value)
      } else {
        try saved.predict(inputs, device: .cpu).flatMap(\.logits)
      }
    #expect(run.shapes == [name: [3, ofNumbers ? 1 : 3]])
    #expect(Golden.relativeError(try #require(run.outputs[name]), expected) < 1e-4)
    let metadata = try SafetensorsFile(path: table.folder.path("run/model.safetensors")).metadata
    #expect(run.metadata == metadata)
    #expect(run.metadata["tokenizer"] != nil && (run.metadata["target_mean"] != nil) == ofNumbers)
  }

  @Test(.enabled(if: PythonPackages.onnxruntime.missing == nil, "\(PythonPackages.onnxruntime.missing ?? "")"))
  func aModelOfNumbersPredictsAsTheRunDoes() throws {
    let table = try ValueTable()
    try FineTuner(table.options("run")).run()
    let saved = try SavedModel(run: RunFolder(table.folder.path("run")))
    let preprocessing = try #require(saved.preprocessing)
    let files = Array(table.files.suffix(4))
    let planes = try files.flatMap { file -> [Double] in
      let pixels = try preprocessing.apply(RGBImage.decode(path: file))
      return (0..<3).flatMap { channel in (0..<256).map { Double(pixels[3 * $0 + channel]) } }
    }
    _ = try export(saved, to: table.folder.path("net.onnx"))
    let run = try ONNXRun(
      path: table.folder.path("net.onnx"), [("pixel_values", "float32", [4, 3, 16, 16], planes)])
    let expected = try saved.predictValues(files, device: .cpu).map(\.value)
    #expect(run.shapes == ["values": [4, 1]])
    #expect(Golden.relativeError(try #require(run.outputs["values"]), expected) < 1e-4)
    #expect(try run.metadata == SafetensorsFile(path: table.folder.path("run/model.safetensors")).metadata)
  }
}
