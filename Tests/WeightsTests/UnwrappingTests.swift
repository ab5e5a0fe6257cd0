import Foundation
import TestSupport
import Testing
import Weights

/// Checkpoints that wrap a state dict, as training programs and libraries write them.
struct UnwrappingTests {
  private static let wanted = [Unwrapping.Spelling(["conv1.weight", "bn1.weight"])]

  /// A file whose tensors have these names; each has its position as its value.
  private func file(_ names: [String]) throws -> PyTorchFile {
    try PyTorchFile(
      bytes: Pickle.file(names.enumerated().map { ($1, [1], [Float($0)]) }), path: "checkpoint.pth")
  }

  private func unwrap(
    _ names: [String], _ wanted: [Unwrapping.Spelling] = UnwrappingTests.wanted
  ) throws -> Unwrapping { try Unwrapping(file(names), wanting: wanted) }

  @Test(arguments: [
    "state_dict.", "model.", "model_state_dict.", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.",
    "state_dict.module.", "state_dict.model.", "state_dict.model._orig_mod.", "model_ema.module.", "state_dict_ema.",
    "ema.", "ema.module.", "net.", "state_dict.net.", "network.backbone.", "anything.else.",
    "module._fsdp_wrapped_module.", "0.",
  ])
  func aWrapperIsTakenOff(prefix: String) throws {
    let plain = prefix.replacingOccurrences(of: "_orig_mod.", with: "")
      .replacingOccurrences(of: "_fsdp_wrapped_module.", with: "")
    let others = plain.isEmpty ? [] : ["epoch.count", "optimizer.state.0"]
    let tensors = try unwrap(["conv1.weight", "bn1.weight", "fc.weight"].map { prefix + $0 } + others)
    #expect(tensors.shapes.map(\.name) == ["conv1.weight", "bn1.weight", "fc.weight"])
    #expect(try tensors.floats("conv1.weight") == [0] && tensors.floats("fc.weight", part: 0..<1) == [2])
    #expect(try tensors.array("bn1.weight") == NamedArray(name: "bn1.weight", shape: [1], [1] as [Float]))
    let note = try #require(tensors.note)
    let expected =
      plain.isEmpty
      ? "checkpoint.pth: its names are read without torch.compile's and FSDP's own modules"
      : "checkpoint.pth: the tensors under '\(plain)' are read; not read: epoch, optimizer"
    #expect(note == expected)
    #expect(throws: WeightsError.noTensor(path: "checkpoint.pth", name: "epoch.count")) {
      try tensors.floats("epoch.count")
    }
  }

  @Test func namesThatFitAreLeftAsTheyAre() throws {
    let names = ["conv1.weight", "bn1.weight", "model.conv1.weight", "model.bn1.weight"]
    let tensors = try unwrap(names)
    #expect(tensors.shapes.map(\.name) == names && tensors.note == nil)
  }

  /// The documented order: averaged weights, then state_dict, model_state_dict, model.
  @Test func averagedWeightsArePreferred() throws {
    let keys = ["model", "model_state_dict", "state_dict", "ema", "model_ema", "state_dict_ema"]
    var names: [String] = []
    for (index, key) in keys.enumerated() {
      names += ["\(key).conv1.weight", "\(key).bn1.weight"]
      let tensors = try unwrap(names)
      #expect(try tensors.floats("conv1.weight") == [Float(2 * index)], "\(key)")
      #expect(try #require(tensors.note).contains("under '\(key).' are read"))
    }
  }

  /// Averages without names, as some programs keep them, do not hide the weights.
  @Test func whatDoesNotFitIsPassedBy() throws {
    let tensors = try unwrap(["ema.shadow.0", "ema.shadow.1", "model.conv1.weight", "model.bn1.weight"])
    #expect(try tensors.floats("bn1.weight") == [3])
    #expect(tensors.note == "checkpoint.pth: the tensors under 'model.' are read; not read: ema")
  }

  @Test func aCompiledPartWithinIsNoMatter() throws {
    let tensors = try unwrap(["conv1._orig_mod.weight", "_orig_mod.bn1.weight"])
    #expect(tensors.shapes.map(\.name) == ["conv1.weight", "bn1.weight"])
    #expect(tensors.note?.contains("torch.compile") == true)
  }

  /// Lightning keeps losses and metrics beside the model.
  @Test func whatStandsBesideIsTold() throws {
    let tensors = try unwrap([
      "state_dict.model.conv1.weight", "state_dict.model.bn1.weight", "state_dict.criterion.weight", "state_dict.n",
    ])
    #expect(tensors.shapes.count == 2)
    #expect(tensors.note?.hasSuffix("not read: state_dict.criterion, state_dict.n") == true, "\(tensors.note ?? "")")
  }

  @Test func severalUnknownPrefixesAreAmbiguous() throws {
    let error = try #require(throws: WeightsError.self) {
      try unwrap(["student.conv1.weight", "student.bn1.weight", "teacher.conv1.weight", "teacher.bn1.weight"])
    }
    #expect("\(error)".hasPrefix("checkpoint.pth: ") && "\(error)".contains("under 'student.', 'teacher.'"), "\(error)")
  }

  /// For the three lists of a mismatch, known wrappers are off even where nothing fits.
  @Test func namesOfAnotherNetworkLoseKnownWrappersOnly() throws {
    let tensors = try unwrap(["state_dict.module.stem.weight", "state_dict.module.fc.weight", "optimizer.0"])
    #expect(tensors.shapes.map(\.name) == ["stem.weight", "fc.weight"])
    #expect(try unwrap(["stem.weight", "fc.weight"]).shapes.map(\.name) == ["stem.weight", "fc.weight"])
  }

  @Test func aSpellingIsReadUnderOtherNames() throws {
    let spelling = Unwrapping.Spelling(
      ["embedder.weight", "norm.weight"],
      renamed: ["embedder.weight": "resnet.embedder.weight", "norm.weight": "resnet.norm.weight"])
    let tensors = try unwrap(
      ["model.embedder.weight", "model.norm.weight", "model.head.weight"], Self.wanted + [spelling])
    #expect(tensors.shapes.map(\.name) == ["resnet.embedder.weight", "resnet.norm.weight", "head.weight"])
    #expect(try tensors.array("resnet.norm.weight").name == "resnet.norm.weight")
  }

  /// Every wrapper within every other, four thousand names: nothing fits, and under none stands a quarter of them.
  @Test func manyNestedWrappersAreNoBurden() throws {
    let wrappers = Unwrapping.wrappers
    let names = wrappers.flatMap { a in wrappers.flatMap { b in wrappers.map { c in "\(a).\(b).\(c).x" } } }
    let tensors = try unwrap(names)
    #expect(tensors.shapes.map(\.name) == names && tensors.note == nil)
  }
}
