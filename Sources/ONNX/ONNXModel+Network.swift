import Backbones
import Torch
import Weights

extension ONNXModel {
  /// Sizes of the recorded batch, by which what is free in the graph is found again: no network has a width of 7.
  private static let (batch, tokens) = (2, 7)

  /// A network in evaluation mode.
  ///
  /// Of images the input is `pixel_values`, normalised, `[batch, 3, size, size]`. Of texts it is `input_ids` and
  /// `attention_mask`, int64 `[batch, tokens]`, as Hugging Face's tokenizers give them: 1 for a token, 0 for padding.
  /// The output is `logits`, `[batch, classes]`, or with `scale` the `values` mean + deviation · output. Throws
  /// `TorchError` where the network does not take images of that size, and ``UnsupportedOperation``.
  package init(
    _ network: Network, _ state: StateDict, size: Int?, scale: (mean: Double, deviation: Double)? = nil,
    metadata: [String: String] = [:]
  ) throws {
    let trace = Trace()
    var weights: [NamedArray] = []
    func named(_ name: String, _ shape: [Int], _ values: [Float]) throws(TorchError) -> Tensor {
      let tensor = try Tensor(values, shape: shape)
      try trace.name(tensor, name)
      weights.append(NamedArray(name: name, shape: shape, values))
      return tensor
    }
    var (parameters, buffers): ([Tensor], [Tensor]) = ([], [])
    for (slice, values) in zip(network.layout.slices, state.parameters) {
      parameters.append(try named(slice.name, slice.shape, values))
    }
    for (slice, values) in zip(network.buffers.slices, state.buffers) {
      buffers.append(try named(slice.name, slice.shape, values))
    }

    var graph = GraphBuilder()
    let x: Tensor
    let input: TracedGraph.Input
    if let size {
      x = try Tensor.zeros([Self.batch, 3, size, size])
      input = TracedGraph.Input(name: "pixel_values", batch: Self.batch, tokens: nil)
      let shape: [Side] = [.free("batch"), .fixed(3), .fixed(size), .fixed(size)]
      inputs = [Port(name: input.name, type: .float, shape: shape)]
    } else {
      x = try Tensor.zeros([Self.batch, Self.tokens], dtype: .int64)
      inputs = ["input_ids", "attention_mask"].map {
        Port(name: $0, type: .int64, shape: [.free("batch"), .free("tokens")])
      }
      let isToken = graph.node("Greater", ["attention_mask", graph.integer(0)])
      let numbers = graph.node("Where", [isToken, "input_ids", graph.integer(-1)])
      input = TracedGraph.Input(name: numbers, batch: Self.batch, tokens: Self.tokens)
    }
    try trace.name(x, input.name)
    let context = ForwardContext(parameters: parameters, buffers: buffers, mode: .evaluation)
    let logits = try withoutGrad { try network(x, context) }
    guard let index = trace.index(of: logits) else {
      throw UnsupportedOperation(operation: "one of \(network.backbone.name)'s operations")
    }

    let traced = try TracedGraph(trace, input: input, graph: graph)
    graph = traced.graph
    let output = scale == nil ? "logits" : "values"
    if let scale {
      let spread = graph.node("Mul", [traced.name(at: index), graph.number(scale.deviation)])
      _ = graph.node("Add", [spread, graph.number(scale.mean)], output: output)
    } else {
      _ = graph.node("Identity", [traced.name(at: index)], output: output)
    }
    outputs = [Port(name: output, type: .float, shape: [.free("batch"), .fixed(network.classes)])]
    nodes = graph.nodes
    initializers = weights + graph.constants
    self.metadata = metadata
  }
}
