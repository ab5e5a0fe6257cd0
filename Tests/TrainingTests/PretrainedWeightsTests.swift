import Backbones
import Foundation
import TestSupport
import Testing
import Training
import Weights

/// A network's weights are found in whatever form and under whosever names they come.
struct PretrainedWeightsTests {
  /// The tensors of a network with a head of 3, by Gridless's names.
  private func arrays(_ backbone: Backbone) -> [NamedArray] {
    let network = backbone.makeNetwork(classes: 3)
    return network.namedArrays(network.initialState(seed: 5))
  }

  private func write(_ arrays: [NamedArray], _ name: String, in folder: ScratchFolder) throws -> String {
    let path = folder.path("\(name)")
    try Safetensors.write(arrays, to: path)
    return path
  }

  private func renamed(_ arrays: [NamedArray], _ change: (String) -> String) -> [NamedArray] {
    arrays.map { NamedArray(name: change($0.name), dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes) }
  }

  private func expect(_ path: String, is backbone: Backbone, naming: Naming, notes: [String]) throws {
    let weights = try PretrainedWeights(path: path, of: backbone)
    let network = backbone.makeNetwork(classes: 3)
    #expect(try network.loadStateDict(weights.tensors, head: .checkpoint) == network.initialState(seed: 5))
    #expect(weights.naming == naming && weights.notes == notes, "\(weights.notes)")
    #expect(weights.file.checksum() != 0)
  }

  @Test(arguments: ["resnet18", "resnet50", "mobilenet_v2", "tf_mobilenet_v2", "densenet121", "resnet20"])
  func everyNamingIsRead(model: String) throws {
    let folder = ScratchFolder()
    let backbone = try Backbone.named(model)
    let own = arrays(backbone)
    try expect(write(own, "own", in: folder), is: backbone, naming: .torchvision, notes: [])
    for naming in [Naming.timm, .huggingFace] {
      guard let map = backbone.nameMap(naming) else { continue }
      let path = try write(map.fromTorchvision(own), naming.rawValue, in: folder)
      let title = naming == .timm ? "timm" : "Hugging Face's transformers"
      try expect(
        path, is: backbone, naming: map.changesNothing ? .torchvision : naming,
        notes: map.changesNothing ? [] : ["\(path): its names are those of \(title)"])
    }
  }

  /// The tensors of `ResNetModel`, which has no head, are named from its own first part on.
  @Test func huggingFacesModelsWithoutAHeadAreRead() throws {
    let folder = ScratchFolder()
    let backbone = try Backbone.named("resnet18")
    let map = try #require(backbone.nameMap(.huggingFace))
    let whole = try map.fromTorchvision(arrays(backbone))
    let bare = renamed(whole.filter { !$0.name.hasPrefix("classifier") }) { String($0.dropFirst("resnet.".count)) }
    let weights = try PretrainedWeights(path: write(bare, "bare", in: folder), of: backbone)
    #expect(weights.naming == .huggingFace)
    let state = try backbone.makeNetwork(classes: 3).loadStateDict(weights.tensors, head: .fresh(seed: 5))
    #expect(state.buffers == backbone.makeNetwork(classes: 3).initialState(seed: 5).buffers)
  }

  /// torchvision's published DenseNets have `norm.1` where its code has `norm1`.
  @Test func theOlderNamesOfDenseNetAreRead() throws {
    let folder = ScratchFolder()
    let backbone = try Backbone.named("densenet121")
    let older = renamed(arrays(backbone)) { name in
      var name = name
      for part in ["norm1", "norm2", "conv1", "conv2"] where name.contains("denselayer") {
        name = name.replacingOccurrences(of: ".\(part).", with: ".\(part.dropLast()).\(part.suffix(1)).")
      }
      return name
    }
    #expect(older.contains { $0.name == "features.denseblock1.denselayer1.norm.1.weight" })
    try expect(write(older, "older", in: folder), is: backbone, naming: .torchvision, notes: [])
  }

  /// A bare BERT with TensorFlow's names, wrapped: what `encoder` and `embeddings` are is not taken for a wrapper.
  @Test(arguments: ["", "model."]) func olderFilesOfBERTAreRead(prefix: String) throws {
    let folder = ScratchFolder()
    let backbone = try Backbone.named("bert-tiny")
    let network = backbone.makeNetwork(classes: 3, vocabulary: 50)
    let own = network.namedArrays(network.initialState(seed: 5))
    let older = renamed(own.filter { !$0.name.hasPrefix("classifier") }) { name in
      prefix
        + name.dropFirst("bert.".count).replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
        .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
    }
    let path = try write(older, "older", in: folder)
    let weights = try PretrainedWeights(path: path, of: backbone)
    #expect(weights.naming == .huggingFace && backbone.vocabularySize(of: weights.tensors) == 50)
    let state = try network.loadStateDict(weights.tensors, head: .fresh(seed: 5))
    #expect(state == network.initialState(seed: 5))
    let converted = folder.path("new.safetensors")
    try WeightConversion(input: path, output: converted, model: "bert-tiny", naming: .huggingFace).run()
    #expect(
      try Set(SafetensorsFile(path: converted).tensors.map(\.name))
        == Set(own.map(\.name).filter { !$0.hasPrefix("classifier") }))
  }

  /// As Google's BERT is published: TensorFlow's names, the heads of pretraining and a buffer.
  @Test func headsOfPretrainingAreLeftOut() throws {
    let folder = ScratchFolder()
    let backbone = try Backbone.named("bert-tiny")
    let network = backbone.makeNetwork(classes: 3, vocabulary: 50)
    let own = network.namedArrays(network.initialState(seed: 5)).filter { !$0.name.hasPrefix("classifier") }
    let published =
      renamed(own) {
        $0.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
          .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
      }
      + ["cls.predictions.bias", "cls.seq_relationship.weight", "bert.embeddings.position_ids"].map {
        NamedArray(name: $0, shape: [1], [1 as Float])
      }
    let weights = try PretrainedWeights(path: write(published, "published", in: folder), of: backbone)
    let state = try network.loadStateDict(weights.tensors, head: .fresh(seed: 5))
    #expect(state == network.initialState(seed: 5) && backbone.vocabularySize(of: weights.tensors) == 50)
  }

  /// As Hugging Face's `ViTModel` is published: no head, a pooler that the classifier does not have.
  @Test func aPoolerIsLeftOut() throws {
    let folder = ScratchFolder()
    let backbone = try Backbone.named("vit_ti_16")
    let map = try #require(backbone.nameMap(.huggingFace))
    let whole = try map.fromTorchvision(arrays(backbone)).filter { !$0.name.hasPrefix("classifier") }
    for prefix in ["vit.", ""] {
      let published =
        renamed(whole) { prefix + $0.dropFirst("vit.".count) }
        + [NamedArray(name: "\(prefix)pooler.dense.weight", shape: [1], [1 as Float])]
      let weights = try PretrainedWeights(path: write(published, "vit\(prefix)", in: folder), of: backbone)
      let state = try backbone.makeNetwork(classes: 3).loadStateDict(weights.tensors, head: .fresh(seed: 5))
      #expect(state == backbone.makeNetwork(classes: 3).initialState(seed: 5))
    }
  }

  /// A checkpoint of torch.save with averaged weights under Hugging Face's names, in a folder, behind an index.
  @Test func allOfItAtOnce() throws {
    let folder = ScratchFolder()
    let root = URL(fileURLWithPath: folder.path("0")).deletingLastPathComponent().path
    let backbone = try Backbone.named("mobilenet_v2")
    let map = try #require(backbone.nameMap(.huggingFace))
    let wrapped = renamed(try map.fromTorchvision(arrays(backbone))) { "model_ema.module.\($0)" }
    let half = wrapped.count / 2
    for (number, part) in [wrapped.prefix(half), wrapped.dropFirst(half)].enumerated() {
      try Safetensors.write(Array(part), to: folder.path("\(number).safetensors"))
    }
    let members = wrapped.enumerated().map { "\"\($1.name)\":\"\($0 < half ? 0 : 1).safetensors\"" }
    let index = "{\"weight_map\":{\(members.joined(separator: ","))}}"
    let file = folder.path("model.safetensors.index.json")
    try Data(index.utf8).write(to: URL(fileURLWithPath: file))
    try expect(
      root, is: backbone, naming: .huggingFace,
      notes: [
        "\(root): its file model.safetensors.index.json is read",
        "\(file): the tensors under 'model_ema.module.' are read",
        "\(file): its names are those of Hugging Face's transformers",
      ])
  }

  @Test func anotherNetworksWeightsAreToldUnderPlainNames() throws {
    let folder = ScratchFolder()
    let other = renamed(arrays(try Backbone.named("resnet20"))) { "state_dict.module.\($0)" }
    let backbone = try Backbone.named("resnet18")
    let weights = try PretrainedWeights(path: write(other, "other", in: folder), of: backbone)
    let error = try #require(throws: CheckpointMismatch.self) {
      try backbone.makeNetwork(classes: 3).loadStateDict(weights.tensors, head: .fresh(seed: 0))
    }
    #expect(error.missing.contains("layer4.0.conv1.weight") && error.unexpected.allSatisfy { !$0.contains("module") })
  }
}

/// Conversions keep every bit, whichever way they go.
struct WeightConversionTests {
  private func convert(
    _ input: String, _ output: String, _ model: String, _ naming: Naming
  ) throws -> WeightConversion.Result {
    try WeightConversion(input: input, output: output, model: model, naming: naming).run()
  }

  /// Half precision, missing counters and metadata survive torchvision → timm → Hugging Face → torchvision.
  @Test(arguments: ["resnet18", "resnet50", "mobilenet_v2", "densenet121", "resnet20", "resnet50_layer3"])
  func theWayBackGivesTheSameFile(model: String) throws {
    let folder = ScratchFolder()
    func path(_ name: String) -> String { folder.path("\(name).safetensors") }
    let backbone = try Backbone.named(model)
    let network = backbone.makeNetwork(classes: 7)
    var arrays = network.namedArrays(network.initialState(seed: 2)).filter {
      !$0.name.hasSuffix("num_batches_tracked") || $0.name.contains("bn1")
    }
    for index in arrays.indices where arrays[index].shape.count == 4 {
      arrays[index].dtype = .f16
      arrays[index].bytes = Data(arrays[index].bytes.prefix(arrays[index].bytes.count / 2))
    }
    try Safetensors.write(arrays, metadata: ["format": "pt", "note": "kept"], to: path("start"))
    var (last, tensors) = ("start", 0)
    for naming in [Naming.timm, .huggingFace, .timm, .torchvision] where backbone.nameMap(naming) != nil {
      let next = "\(last)-\(naming.rawValue)"
      let result = try convert(path(last), path(next), model, naming)
      #expect(result.classes == 7 && result.to == naming.rawValue)
      (last, tensors) = (next, result.tensors)
    }
    #expect(tensors == arrays.count)
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: path(last))) == Data(contentsOf: URL(fileURLWithPath: path("start"))))
  }

  @Test func weightsWithoutAHeadAreConverted() throws {
    let folder = ScratchFolder()
    let network = try Backbone.named("resnet18").makeNetwork(classes: 1)
    let arrays = network.namedArrays(network.initialState(seed: 2)).filter { !$0.name.hasPrefix("fc.") }
    try Safetensors.write(arrays, to: folder.path("a"))
    let result = try convert(folder.path("a"), folder.path("b.safetensors"), "resnet18", .huggingFace)
    #expect(result.classes == nil && result.tensors == arrays.count && result.from == "torchvision")
    let file = try SafetensorsFile(path: folder.path("b.safetensors"))
    #expect(file.metadata == ["format": "pt"] && file.info("resnet.embedder.embedder.convolution.weight") != nil)
  }

  @Test func whatCannotBeConvertedIsRefusedAndNothingIsWritten() throws {
    let folder = ScratchFolder()
    let (input, output) = (folder.path("a"), folder.path("b.safetensors"))
    let network = try Backbone.named("resnet18").makeNetwork(classes: 2)
    var arrays = network.namedArrays(network.initialState(seed: 2))
    try Safetensors.write(arrays, to: input)
    #expect(throws: TrainingError.invalidOption("--to timm: timm has no resnet20.")) {
      try convert(input, output, "resnet20", .timm)
    }
    #expect(throws: TrainingError.invalidOption("--to torchvision: torchvision has no bert-tiny.")) {
      try convert(input, output, "bert-tiny", .torchvision)
    }
    #expect(throws: CheckpointMismatch.self) { try convert(input, output, "resnet34", .huggingFace) }
    #expect(throws: TrainingError.self) { try convert(input, folder.path("b.pth"), "resnet18", .timm) }
    arrays.append(NamedArray(name: "extra", shape: [1], [1] as [Float]))
    try Safetensors.write(arrays, to: input)
    let error = try #require(throws: CheckpointMismatch.self) { try convert(input, output, "resnet18", .huggingFace) }
    #expect(error.unexpected == ["extra"])
    #expect(!FileManager.default.fileExists(atPath: output))
    try Data().write(to: URL(fileURLWithPath: output))
    #expect(throws: TrainingError.exists(path: output)) { try convert(input, output, "resnet18", .huggingFace) }
  }
}
