import Foundation
import Gridless
import TestSupport
import Testing

/// What a run leaves for others: an ONNX model, a model card, weights under the names that came in.
@Suite struct ExportTests {
  private func run(_ options: String...) throws -> Workplace {
    let place = try Workplace()
    try place.writeData()
    let outcome = try Command.run(Workplace.tiny("data", options), in: place.path)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return place
  }

  /// onnxruntime gives the logits that predict gives, of the image that the metadata's preprocessing makes.
  @Test(.enabled(if: PythonPackages.onnxruntime.missing == nil, "\(PythonPackages.onnxruntime.missing ?? "")"))
  func theModelPredictsAsTheRunDoes() throws {
    let place = try run()
    let result = try place.gridless("export", "run", "net.onnx", "--json").result()
    #expect(Set(result.keys) == ["event", "output", "model", "opset", "inputs", "outputs"])
    let image = try #require(
      FileManager.default.subpathsOfDirectory(atPath: place.absolute("data/test")).first { $0.contains(".") })
    let predicted = try place.gridless("predict", "run", "data/test/\(image)", "--device", "cpu", "--json").result()

    let metadata = try ONNXRun.metadata(path: place.absolute("net.onnx"))
    let preprocessing = try JSON.decode(Preprocessing.self, from: Data(try #require(metadata["preprocessing"]).utf8))
    let pixels = try preprocessing.apply(.decode(path: place.absolute("data/test/\(image)"))).map(Double.init)
    let side = preprocessing.size
    let planes = (0..<3).flatMap { channel in (0..<side * side).map { pixels[3 * $0 + channel] } }
    let run = try ONNXRun(
      path: place.absolute("net.onnx"), [("pixel_values", "float32", [1, 3, side, side], planes)])
    let logits = try #require(predicted["logits"] as? [Double])
    let found = try #require(run.outputs["logits"])
    #expect(Golden.relativeError(found, logits) < 1e-4)
    #expect(run.metadata["lambda"] != nil && run.metadata["model"] == "resnet8")
  }

  @Test func nothingIsReplacedOrLeftBehind() throws {
    let place = try run()
    #expect(try place.gridless("export", "run", "net.onnx").status == 0)
    let before = try place.everything()
    let again = try place.gridless("export", "run", "net.onnx")
    #expect(again.status == 1 && again.errors.contains("net.onnx: is there already"), "\(again.errors)")
    let none = try place.gridless("export", "nowhere", "other.onnx")
    #expect(none.status == 1 && none.errors.contains("no such folder"), "\(none.errors)")
    let folder = try place.gridless("export", "run", "nowhere/net.onnx")
    #expect(folder.status == 1 && folder.errors.contains("no such folder"), "\(folder.errors)")
    #expect(try place.everything() == before)
    #expect(try place.gridless("export", "run", "net.onnx", "--overwrite").status == 0)
  }

  /// Weights that came with Hugging Face's names leave with them, and the run predicts the same.
  @Test func theNamesThatCameInGoOut() throws {
    let place = try Workplace()
    try place.writeData()
    try place.writeCheckpoint("start.safetensors", of: "resnet18")
    let convert = try place.gridless(
      "convert", "start.safetensors", "hf.safetensors", "--model", "resnet18", "--to", "huggingface")
    try #require(convert.status == 0, "\(convert.errors)")
    for (weights, out) in [("start.safetensors", "a"), ("hf.safetensors", "b")] {
      let outcome = try place.finetune(
        "data", "--model", "resnet18", "--weights", weights, "--size", "32", "--out", out)
      try #require(outcome.status == 0, "\(outcome.errors)")
    }
    let (ours, theirs) = (
      try SafetensorsFile(path: place.absolute("a/model.safetensors")),
      try SafetensorsFile(path: place.absolute("b/model.safetensors"))
    )
    #expect(ours.metadata["naming"] == "torchvision" && theirs.metadata["naming"] == "huggingface")
    #expect(try theirs.array("resnet.embedder.embedder.convolution.weight").bytes == ours.array("conv1.weight").bytes)
    let names = Set(try SafetensorsFile(path: place.absolute("hf.safetensors")).tensors.map(\.name))
    #expect(Set(theirs.tensors.map(\.name)) == names)
    func evaluate(_ run: String) throws -> [String: Any] {
      try place.gridless("evaluate", run, "--data", "data", "--json").result()
    }
    #expect(try evaluate("a")["test"] as? NSDictionary == evaluate("b")["test"] as? NSDictionary)
  }

  @Test func theCardTellsResultAndCommand() throws {
    let place = try run()
    let card = String(decoding: try place.contents("run/README.md"), as: UTF8.self)
    #expect(card.hasPrefix("---\nlibrary_name: pytorch\npipeline_tag: image-classification\n"))
    let summary = try JSON.decode(FineTuneResult.self, from: place.contents("run/summary.json"))
    let accuracy = try #require(summary.test?.accuracy)
    #expect(card.contains("    - type: accuracy\n      name: \"accuracy\"\n      value: \(accuracy)\n"))
    #expect(card.contains("`bleu été`, `red 赤`"))
    #expect(card.contains("gridless finetune data --model resnet8 --weights none --out run"))
    #expect(card.contains("| σ, the posterior's standard deviation | "))
    let point = try self.run("--objective", "map", "--alpha", "0.25")
    let itsCard = String(decoding: try point.contents("run/README.md"), as: UTF8.self)
    #expect(itsCard.contains("| α, the backbone's weight decay | 0.25 |"))
    #expect(!itsCard.contains("posterior's") && !itsCard.contains("σ,") && !itsCard.contains("κ,"))
  }
}
