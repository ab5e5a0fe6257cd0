import Torch

/// Multi-head self-attention (Vaswani et al., NeurIPS 2017, section 3.2.2), under the names of
/// `torch.nn.MultiheadAttention`.
///
/// The projections to queries, keys and values are one matrix `[3 · width, width]`, in this order.
struct SelfAttention: Sendable {
  let weight: Int
  let bias: Int
  let output: Linear
  let heads: Int

  init(_ name: String, _ width: Int, heads: Int, _ builder: inout LayoutBuilder) {
    weight = builder.parameter(
      "\(name).in_proj_weight", [3 * width, width], initialization: .xavierUniform(inputs: width, outputs: 3 * width))
    bias = builder.parameter("\(name).in_proj_bias", [3 * width], initialization: .zeros)
    output = builder.linear("\(name).out_proj", width, width, initialization: .uniform(fanIn: width))
    self.heads = heads
  }

  /// Of tokens `[N, T, width]`, each of which attends to all.
  func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    let width = x.shape[2]
    let projected = try Linear.apply(context.parameters[weight], context.parameters[bias], to: x)
    func part(_ index: Int) throws(TorchError) -> Tensor {
      try projected.narrow(dim: 2, start: index * width, length: width)
    }
    return try output(part(0).attention(keys: part(1), values: part(2), heads: heads), context)
  }
}
