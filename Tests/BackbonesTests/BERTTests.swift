import Backbones
import TestSupport
import Testing
import Torch
import Weights

/// BERT against Hugging Face's `BertForSequenceClassification` (Tests/golden/text/make_bert.py).
@Suite struct BERTTests {
  struct File: Decodable {
    let classes: Int
    let vocabulary: Int
    let lengths: [Int]
    let targets: [Int64]
    let parameters: Int
    let logits: [Double]
    let nll: Double
    let names: [String]
    let gradients: [String: TensorDigest]?

    /// Token numbers `[N, T]`, with `padding` more of −1 behind each text.
    func tokens(padding: Int = 0) throws -> Tensor {
      let width = lengths.max() ?? 0
      let all = Formula.uniform("tokens", count: lengths.count * width, 1, Double(vocabulary)).map { Int64($0) }
      let rows = lengths.enumerated().flatMap { row, length in
        (0..<width + padding).map { $0 < length ? all[row * width + $0] : -1 }
      }
      return try Tensor(rows, shape: [lengths.count, width + padding])
    }
  }

  private static let models = ["bert", "bert-mini", "bert-tiny"]

  private func weights(_ network: Network) throws -> Tensor {
    let values = network.layout.vector(network.layout.slices.map { Formula.state($0.name, shape: $0.shape) })
    return try Tensor(values, shape: [values.count])
  }

  /// Within 1e-9 in float64 and 1e-4 in float32; more padding changes nothing.
  @Test(arguments: models) func logits(model: String) throws {
    let golden = try Golden.load("text/\(model).json", as: File.self)
    let network = try Backbone.named(model).makeNetwork(classes: golden.classes, vocabulary: golden.vocabulary)
    #expect(network.layout.count == golden.parameters)
    #expect(network.layout.slices.map(\.name) == golden.names)
    let flat = try weights(network)
    for (dtype, tolerance) in [(DType.float64, 1e-9), (.float32, 1e-4)] {
      let context = ForwardContext(
        parameters: try network.layout.views(of: flat.to(dtype: dtype)), buffers: [], mode: .training())
      for padding in [0, 5] {
        let logits = try withoutGrad { try network(golden.tokens(padding: padding), context).doubles() }
        #expect(Golden.relativeError(logits, golden.logits) < tolerance, "\(dtype), \(padding) more tokens")
      }
    }
  }

  /// Per tensor, within 1e-9 of its norm in float64 and 1e-3 in float32.
  @Test(arguments: ["bert-mini", "bert-tiny"]) func gradients(model: String) throws {
    let golden = try Golden.load("text/\(model).json", as: File.self)
    let network = try Backbone.named(model).makeNetwork(classes: golden.classes, vocabulary: golden.vocabulary)
    for (dtype, tolerance) in [(DType.float64, 1e-9), (.float32, 1e-3)] {
      let vector = try ParameterVector(layout: network.layout, dtype: dtype)
      try vector.set(weights(network).to(dtype: dtype))
      let context = ForwardContext(parameters: vector.leaves, buffers: [], mode: .training())
      let nll = try network(golden.tokens(), context).crossEntropy(
        Tensor(golden.targets, shape: [golden.targets.count]))
      #expect(Golden.relativeError(try nll.item(), golden.nll) < tolerance)
      try nll.backward()
      let gradients = network.layout.values(ofVector: try vector.gradients.doubles())
      let scale = Golden.norm(gradients.flatMap { $0 })
      for (slice, gradient) in zip(network.layout.slices, gradients) {
        let digest = try #require(golden.gradients?[slice.name])
        if slice.name.hasSuffix("key.bias") {
          // A bias of all keys alike changes no softmax: its gradient is rounding.
          #expect(Golden.norm(gradient) < tolerance * 0.01 * scale && (digest.norm ?? 1) < 1e-12 * scale)
        } else {
          #expect(Golden.relativeError(gradient, digest, name: slice.name) < tolerance, "\(dtype) \(slice.name)")
        }
      }
    }
  }

  /// The published sizes: 109,483,778 with two classes and 30,522 tokens; BERT-Mini and BERT-Tiny without a head.
  @Test func publishedParameterCounts() throws {
    #expect(try Backbone.named("bert").makeNetwork(classes: 2).layout.count == 109_483_778)
    #expect(try Backbone.named("bert-mini").parameterCount == 11_170_560)
    #expect(try Backbone.named("bert-tiny").parameterCount == 4_385_920)
  }

  @Test func whatStandsBesideTheNetworkIsLeftOut() throws {
    let network = try Backbone.named("bert-tiny").makeNetwork(classes: 2, vocabulary: 7)
    let state = network.initialState(seed: 1)
    let own = network.namedArrays(state)
    func loaded(_ change: (NamedArray) -> [NamedArray]) throws -> (StateDict, Int?) {
      let source = MemorySource(own.flatMap(change))
      return (
        try network.loadStateDict(source, head: .fresh(seed: 1)), network.backbone.vocabularySize(of: source)
      )
    }
    let pretraining = try loaded { array in
      if array.name.hasPrefix("classifier") { return [NamedArray(name: "cls.\(array.name)", shape: [1], [1 as Float])] }
      return array.name.hasSuffix("position_embeddings.weight")
        ? [array, NamedArray(name: "bert.embeddings.position_ids", shape: [1], [1 as Float])] : [array]
    }
    #expect(pretraining.0 == state && pretraining.1 == 7)
    #expect(throws: CheckpointMismatch.self) {
      try loaded { $0.name.contains("layer.1.") ? [] : [$0] }
    }
  }

  @Test func embeddingsAndVectorsStayInFloat32() throws {
    let network = try Backbone.named("bert-tiny").makeNetwork(classes: 2, vocabulary: 7)
    let rounding = try network.layout.bfloat16RoundingErrors(of: weights(network).to(dtype: .float32))
    let vector = try ParameterVector(layout: network.layout, rounding: rounding)
    vector.choosePrecision(sigmas: [1, 1])
    for (slice, isReduced) in zip(network.layout.slices, vector.isReduced) {
      let isMatrix =
        slice.name.hasPrefix("bert.") && slice.name.contains(".dense.weight")
        || ["query", "key", "value"].contains { slice.name.hasSuffix("\($0).weight") }
      #expect(isReduced == isMatrix, "\(slice.name)")
    }
    let context = ForwardContext(parameters: vector.leaves, buffers: [], mode: .evaluation)
    let tokens = try Tensor((0..<8).map { Int64($0 % 7) }, shape: [2, 4])
    #expect(try network(tokens, context).shape == [2, 2])
  }

  @Test func numbersOfAnotherShapeAndTextsThatAreTooLong() throws {
    let network = try Backbone.named("bert-tiny").makeNetwork(classes: 2, vocabulary: 7)
    let context = ForwardContext(
      parameters: try network.layout.views(of: weights(network)), buffers: [], mode: .evaluation)
    for shape in [[1, 513], [7], [], [1, 2, 3]] {
      #expect {
        try network(Tensor.zeros(shape, dtype: .int64), context)
      } throws: { error in
        (error as? TorchError)?.message.contains("expected [N, T]") == true
      }
    }
  }
}
