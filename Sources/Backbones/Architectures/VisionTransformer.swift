import Torch

/// Vision Transformer (Dosovitskiy et al., ICLR 2021, section 3.1 and table 1), under torchvision's names.
///
/// torchvision's dropout has a probability of 0 by default, and is left out. The class token and the embeddings of
/// positions are parameters like all others: trained, sampled and counted in D.
struct VisionTransformer: Architecture {
  /// What distinguishes one Vision Transformer from another.
  struct Configuration: Sendable {
    /// The side of a patch, in pixels.
    let patch: Int
    /// The number of encoder blocks.
    let depth: Int
    /// The number of attention heads.
    let heads: Int
    /// The width of a token.
    let width: Int

    /// The width of the two-layer perceptron's hidden layer.
    var hidden: Int { 4 * width }
  }

  /// x + attention(norm(x)), then x + mlp(norm(x)).
  struct Block: Sendable {
    let norm1: LayerNorm
    let attention: SelfAttention
    let norm2: LayerNorm
    let fc1: Linear
    let fc2: Linear

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      let y = try attention(norm1(x, context), context) + x
      return try y + fc2(fc1(norm2(y, context), context).gelu(), context)
    }
  }

  let stages: [Stage]
  let head: Linear
  let positionEmbedding: PositionEmbedding?

  init(_ configuration: Configuration, classes: Int, builder: inout LayoutBuilder) {
    let (patch, width) = (configuration.patch, configuration.width)
    let classToken = builder.parameter("class_token", [1, 1, width], initialization: .zeros)
    let projection = builder.conv(
      "conv_proj", 3, width, kernel: patch, stride: patch, padding: .symmetric(0), hasBias: true,
      initialization: .normal(deviation: (1 / Double(3 * patch * patch)).squareRoot()))
    var stages = [
      builder.stage { x, context throws(TorchError) in
        try Self.tokens(of: x, patch: patch, projection, context.parameters[classToken], context)
      }
    ]
    let positions = PositionEmbedding(
      name: "encoder.pos_embedding", patch: patch, side: builder.imageSize / patch, width: width)
    let embedding = builder.parameter(positions.name, positions.shape, initialization: .normal(deviation: 0.02))
    stages.append(builder.stage { x, context throws(TorchError) in try x + context.parameters[embedding] })
    for index in 0..<configuration.depth {
      let block = Self.block("encoder.layers.encoder_layer_\(index)", configuration, &builder)
      stages.append(builder.stage { x, context throws(TorchError) in try block(x, context) })
    }
    let norm = builder.layerNorm("encoder.ln", width)
    stages.append(
      builder.stage { x, context throws(TorchError) in
        // The normalisation is each token's own: only the class token's is needed.
        try norm(x.narrow(dim: 1, start: 0, length: 1).reshape([x.shape[0], width]), context)
      })
    self.stages = stages
    positionEmbedding = positions
    head = builder.head("heads.head", width, classes)
  }

  /// The class token and one token per patch, row by row: `[N, 1 + patches, width]` of images `[N, 3, S, S]`.
  private static func tokens(
    of images: Tensor, patch: Int, _ projection: Conv2d, _ classToken: Tensor, _ context: ForwardContext
  ) throws(TorchError) -> Tensor {
    guard let side = images.shape.last, side % patch == 0, side > 0 else {
      throw TorchError("a side of \(images.shape.last ?? 0) pixels is no multiple of the patches' \(patch)")
    }
    let patches = try projection(images, context)
    let (count, width) = (patches.shape[0], patches.shape[1])
    let tokens = try patches.permute([0, 2, 3, 1]).reshape([count, patches.shape[2] * patches.shape[3], width])
    return try Tensor.cat([classToken.expand([count, 1, width]), tokens.to(dtype: classToken.dtype)], dim: 1)
  }

  private static func block(
    _ name: String, _ configuration: Configuration, _ builder: inout LayoutBuilder
  ) -> Block {
    let (width, hidden) = (configuration.width, configuration.hidden)
    let norm1 = builder.layerNorm("\(name).ln_1", width)
    let attention = SelfAttention("\(name).self_attention", width, heads: configuration.heads, &builder)
    let norm2 = builder.layerNorm("\(name).ln_2", width)
    func linear(_ index: Int, _ inputs: Int, _ outputs: Int) -> Linear {
      builder.linear(
        "\(name).mlp.\(index)", inputs, outputs, initialization: .xavierUniform(inputs: inputs, outputs: outputs),
        bias: .normal(deviation: 1e-6))
    }
    let fc1 = linear(0, width, hidden)
    return Block(norm1: norm1, attention: attention, norm2: norm2, fc1: fc1, fc2: linear(3, hidden, width))
  }
}
