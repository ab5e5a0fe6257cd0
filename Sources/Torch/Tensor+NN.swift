import CTorch

/// What is applied to each element of a layer's output.
public enum Activation: Sendable, Hashable, CaseIterable {
  /// Nothing.
  case none
  /// max(x, 0).
  case relu
  /// x limited to [0, 6].
  case relu6

  var code: CTActivation {
    switch self {
    case .none: CT_ACTIVATION_NONE
    case .relu: CT_ACTIVATION_RELU
    case .relu6: CT_ACTIVATION_RELU6
    }
  }
}

// The functions of torch.nn.functional that the backbones need.
extension Tensor {
  /// 2-D convolution of input `[N, C, H, W]` with weight `[O, C/groups, kH, kW]`.
  ///
  /// It is computed in the weight's dtype, that of the bias. The output has the input's, in which the gradients are
  /// computed.
  public func conv2d(
    _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, groups: Int = 1
  ) throws(TorchError) -> Tensor {
    try recorded(.conv2d(stride: stride, padding: padding, groups: groups), with: [weight, bias]) {
      ct_conv2d($0, handle, weight.handle, bias?.handle, Int64(stride), Int64(padding), Int64(groups))
    }
  }

  /// Constant padding, `[left, right, top, bottom]` for the last two dimensions.
  public func pad(_ padding: [Int], value: Double = 0) throws(TorchError) -> Tensor {
    try withIntArray(padding) { size throws(TorchError) in
      try recorded(.pad(padding, value: value)) { ct_pad($0, handle, size, value) }
    }
  }

  /// input · weightᵀ + bias, for weight `[out, in]`.
  public func linear(_ weight: Tensor, bias: Tensor? = nil) throws(TorchError) -> Tensor {
    try recorded(.linear, with: [weight, bias]) { ct_linear($0, handle, weight.handle, bias?.handle) }
  }

  /// Batch normalisation over `[N, C, H, W]`, the addition of a shortcut of the same shape, and an activation.
  ///
  /// In training the batch's own statistics are used, and the running ones move by `momentum` towards them (the
  /// running variance towards the unbiased one). On the CPU the three are then one operation, for float32 and bfloat16
  /// in the channels-last order.
  public func batchNorm(
    weight: Tensor, bias: Tensor, runningMean: Tensor, runningVar: Tensor, training: Bool, momentum: Double,
    eps: Double, adding shortcut: Tensor? = nil, activation: Activation = .none
  ) throws(TorchError) -> Tensor {
    guard traced == nil || !training else { throw TorchError("batch statistics cannot be recorded") }
    return try recorded(
      .batchNorm(eps: eps, activation: activation), with: [weight, bias, runningMean, runningVar, shortcut]
    ) {
      ct_batch_norm(
        $0, handle, weight.handle, bias.handle, runningMean.handle, runningVar.handle, training, momentum, eps,
        shortcut?.handle, activation.code)
    }
  }

  /// max(x, 0).
  public func relu() throws(TorchError) -> Tensor { try recorded(.relu) { ct_relu($0, handle) } }

  /// x limited to [min, max]; with 0 and 6 this is ReLU6.
  public func hardtanh(min: Double, max: Double) throws(TorchError) -> Tensor {
    try recorded(.hardtanh(min: min, max: max)) { ct_hardtanh($0, handle, min, max) }
  }

  /// Layer normalisation over the last dimension: (x − mean) / √(variance + eps) · weight + bias (Ba et al., 2016).
  public func layerNorm(weight: Tensor, bias: Tensor, eps: Double) throws(TorchError) -> Tensor {
    try recorded(.layerNorm(eps: eps), with: [weight, bias]) {
      ct_layer_norm($0, handle, weight.handle, bias.handle, eps)
    }
  }

  /// x Φ(x), Φ the normal distribution's exact cumulative function (`torch.nn.GELU()`).
  public func gelu() throws(TorchError) -> Tensor { try recorded(.gelu) { ct_gelu($0, handle) } }

  /// x · sigmoid(x).
  public func silu() throws(TorchError) -> Tensor { try recorded(.silu) { ct_silu($0, handle) } }

  /// 1 / (1 + e⁻ˣ).
  public func sigmoid() throws(TorchError) -> Tensor { try recorded(.sigmoid) { ct_sigmoid($0, handle) } }

  /// softmax(QKᵀ/√d) V of queries, keys and values `[…, tokens, d]`; self is Q (`scaled_dot_product_attention`).
  ///
  /// Where there is a mask of bools `[N, 1, 1, tokens]`, each query looks only at the keys where it is true.
  public func attention(keys: Tensor, values: Tensor, mask: Tensor? = nil) throws(TorchError) -> Tensor {
    try recorded(.attention, with: [keys, values, mask]) {
      ct_attention($0, handle, keys.handle, values.handle, mask?.handle)
    }
  }

  /// Multi-head attention: tokens `[N, T, width]` are queries, keys and values, cut into heads and put together again.
  public func attention(
    keys: Tensor, values: Tensor, heads: Int, mask: Tensor? = nil
  ) throws(TorchError) -> Tensor {
    let shape = shape
    func cut(_ tokens: Tensor) throws(TorchError) -> Tensor {
      try tokens.reshape([shape[0], shape[1], heads, shape[2] / heads]).permute([0, 2, 1, 3])
    }
    return try cut(self).attention(keys: cut(keys), values: cut(values), mask: mask).permute([0, 2, 1, 3])
      .reshape(shape)
  }

  /// tanh x of each element.
  public func tanh() throws(TorchError) -> Tensor { try recorded(.tanh) { ct_tanh($0, handle) } }

  /// The rows of this table `[rows, width]` whose numbers an int64 tensor `[…]` holds, `[…, width]`
  /// (`torch.embedding`).
  ///
  /// A negative number, which stands for padding, gives row 0.
  public func embedding(_ numbers: Tensor) throws(TorchError) -> Tensor {
    try recorded(.embedding, with: [numbers]) { ct_embedding($0, handle, numbers.handle) }
  }

  /// Whether each element is at least this value, as bools.
  public func ge(_ value: Double) throws(TorchError) -> Tensor {
    try recorded(.ge(value)) { ct_at_least($0, handle, value) }
  }

  /// Images `[N, C, H, W]` at another size, by bicubic interpolation.
  ///
  /// With `alignCorners` the corner pixels of both grids coincide, otherwise the corners of the corner pixels.
  public func upsampleBicubic2d(height: Int, width: Int, alignCorners: Bool) throws(TorchError) -> Tensor {
    try tensor { ct_upsample_bicubic2d($0, handle, Int64(height), Int64(width), alignCorners) }
  }

  /// The largest value of each window.
  public func maxPool2d(kernelSize: Int, stride: Int, padding: Int = 0) throws(TorchError) -> Tensor {
    try recorded(.maxPool2d(kernelSize: kernelSize, stride: stride, padding: padding)) {
      ct_max_pool2d($0, handle, Int64(kernelSize), Int64(stride), Int64(padding))
    }
  }

  /// The mean of each window.
  public func avgPool2d(kernelSize: Int, stride: Int, padding: Int = 0) throws(TorchError) -> Tensor {
    try recorded(.avgPool2d(kernelSize: kernelSize, stride: stride, padding: padding)) {
      ct_avg_pool2d($0, handle, Int64(kernelSize), Int64(stride), Int64(padding))
    }
  }

  /// log softmax along `dim`.
  public func logSoftmax(dim: Int) throws(TorchError) -> Tensor {
    try tensor { ct_log_softmax($0, handle, Int64(dim)) }
  }

  /// The mean over the batch of −log softmax(logits)[target], for logits `[N, C]` and int64 targets `[N]`.
  public func crossEntropy(_ targets: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_cross_entropy($0, handle, targets.handle) }
  }

  /// Each example's log softmax(logits)[target], `[N]`, for logits `[N, C]` and int64 targets `[N]`.
  public func logLikelihood(_ targets: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_log_likelihood($0, handle, targets.handle) }
  }
}
