import Torch

/// BERT for the classification of sequences (Devlin et al., NAACL 2019), under the names of Hugging Face's
/// `BertForSequenceClassification`.
///
/// LayerNorm stands behind each residual sum, GELU is the exact one, and the head sees tanh of a linear layer of the
/// first token. The published dropout is left out on purpose: here the regulariser is the posterior's noise on every
/// weight, the embeddings' included, and its strength is learned. A text is one segment, so of the two embeddings of
/// segments the first is added to every token; the second is a parameter that the data say nothing of.
///
/// From scratch, linear layers start by Glorot's rule and not at the published deviation of 0.02: at the widths of 128
/// and 256 that is so little that the first token hears nothing of the others, and SGD does not leave the start.
struct BERT: Architecture {
  /// What distinguishes one BERT from another.
  struct Configuration: Sendable {
    /// The number of encoder layers.
    let depth: Int
    /// The number of attention heads.
    let heads: Int
    /// The width of a token.
    let width: Int

    /// The width of the two-layer perceptron's hidden layer.
    var hidden: Int { 4 * width }
  }

  /// The most tokens of a text.
  static let positions = 512

  let stages: [Stage]
  let head: Linear

  init(_ configuration: Configuration, classes: Int, builder: inout LayoutBuilder) {
    let width = configuration.width
    let embeddings = Embeddings("bert.embeddings", width, &builder)
    var stages = [builder.stage { x, context throws(TorchError) in try embeddings(x, context) }]
    for index in 0..<configuration.depth {
      let layer = Layer("bert.encoder.layer.\(index)", configuration, &builder)
      stages.append(builder.stage { x, context throws(TorchError) in try layer(x, context) })
    }
    let pooler = builder.linear(
      "bert.pooler.dense", width, width, initialization: .xavierUniform(inputs: width, outputs: width))
    stages.append(
      builder.stage { x, context throws(TorchError) in
        try pooler(x.narrow(dim: 1, start: 0, length: 1).reshape([x.shape[0], width]), context).tanh()
      })
    self.stages = stages
    head = builder.head("classifier", width, classes)
  }

  /// The sum of a token's, its position's and its segment's embedding, normalised.
  struct Embeddings: Sendable {
    let words: Int
    let positions: Int
    let segments: Int
    let norm: LayerNorm

    init(_ name: String, _ width: Int, _ builder: inout LayoutBuilder) {
      func table(_ part: String, _ rows: Int) -> Int {
        builder.parameter(
          "\(name).\(part)_embeddings.weight", [rows, width], initialization: .normal(deviation: 0.02))
      }
      words = table("word", builder.vocabularySize)
      positions = table("position", BERT.positions)
      segments = table("token_type", 2)
      norm = builder.layerNorm("\(name).LayerNorm", width)
    }

    /// `[N, T, width]` of token numbers `[N, T]`.
    func callAsFunction(_ tokens: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      let length = tokens.shape.last ?? 0
      guard tokens.shape.count == 2, length <= BERT.positions else {
        throw TorchError("token numbers \(tokens.shape), expected [N, T] with T at most \(BERT.positions)")
      }
      let positions = try context.parameters[positions].narrow(dim: 0, start: 0, length: length)
      let segment = try context.parameters[segments].narrow(dim: 0, start: 0, length: 1)
      return try norm(context.parameters[words].embedding(tokens) + (positions + segment), context)
    }
  }

  /// norm(x + attention(x)), then norm(x + mlp(x)).
  struct Layer: Sendable {
    let query: Linear
    let key: Linear
    let value: Linear
    let output: Linear
    let norm1: LayerNorm
    let fc1: Linear
    let fc2: Linear
    let norm2: LayerNorm
    let heads: Int

    init(_ name: String, _ configuration: Configuration, _ builder: inout LayoutBuilder) {
      let (width, hidden) = (configuration.width, configuration.hidden)
      func linear(_ part: String, _ inputs: Int, _ outputs: Int) -> Linear {
        builder.linear(
          "\(name).\(part)", inputs, outputs, initialization: .xavierUniform(inputs: inputs, outputs: outputs))
      }
      query = linear("attention.self.query", width, width)
      key = linear("attention.self.key", width, width)
      value = linear("attention.self.value", width, width)
      output = linear("attention.output.dense", width, width)
      norm1 = builder.layerNorm("\(name).attention.output.LayerNorm", width)
      fc1 = linear("intermediate.dense", width, hidden)
      fc2 = linear("output.dense", hidden, width)
      norm2 = builder.layerNorm("\(name).output.LayerNorm", width)
      heads = configuration.heads
    }

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      let y = try norm1(attention(x, context) + x, context)
      return try norm2(fc2(fc1(y, context).gelu(), context) + y, context)
    }

    /// Each token attends to all tokens of its text, and not to the padding behind it.
    private func attention(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      guard let mask = context.tokenMask, mask.shape == [x.shape[0], 1, 1, x.shape[1]] else {
        throw TorchError("a layer of BERT without the token numbers \(x.shape.prefix(2)) of its input")
      }
      let dtype = context.parameters[query.weight].dtype
      func project(_ layer: Linear) throws(TorchError) -> Tensor { try layer(x, context).to(dtype: dtype) }
      return try output(
        project(query).attention(keys: project(key), values: project(value), heads: heads, mask: mask), context)
    }
  }
}
