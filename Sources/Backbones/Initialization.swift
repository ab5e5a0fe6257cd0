import Foundation

/// How a parameter's values start where no checkpoint sets them: PyTorch's and torchvision's defaults.
public enum Initialization: Sendable, Hashable {
  /// Which side of a convolution keeps the variance (`mode` of `torch.nn.init.kaiming_normal_`).
  public enum Fan: Sendable, Hashable {
    /// I·H·W, as torchvision's DenseNet.
    case input
    /// O·H·W, as torchvision's ResNet and MobileNetV2.
    case output
  }

  /// Normal with mean 0 and variance 2 / fan (He et al., ICCV 2015, equations 10 and 14).
  case heNormal(Fan)
  /// Uniform in ±1/√fanIn: `torch.nn.Linear`'s default, for its weight and its bias.
  case uniform(fanIn: Int)
  /// Uniform in ±√(6 / (inputs + outputs)) (Glorot and Bengio, AISTATS 2010, equation 16).
  case xavierUniform(inputs: Int, outputs: Int)
  /// Normal with mean 0; torchvision cuts some of them off at ±2, which is at least 55 deviations.
  case normal(deviation: Double)
  /// One value everywhere.
  case constant(Float)
  /// 1 everywhere.
  case ones
  /// 0 everywhere.
  case zeros
}

extension ParameterSlice {
  /// The starting values in logical order: a pure function of seed, name and index.
  func initialValues(seed: UInt64) -> [Float] {
    let random = NamedRandom(seed: seed, name: name)
    switch initialization {
    case .ones: return [Float](repeating: 1, count: count)
    case .zeros: return [Float](repeating: 0, count: count)
    case .uniform(let fanIn):
      let bound = 1 / Double(fanIn).squareRoot()
      return (0..<count).map { Float((2 * random.uniform($0) - 1) * bound) }
    case .constant(let value): return [Float](repeating: value, count: count)
    case .xavierUniform(let inputs, let outputs):
      let bound = (6 / Double(inputs + outputs)).squareRoot()
      return (0..<count).map { Float((2 * random.uniform($0) - 1) * bound) }
    case .heNormal(let fan):
      let deviation = (2 / Double(fan == .input ? count / shape[0] : count / shape[1])).squareRoot()
      return (0..<count).map { Float(random.normal($0) * deviation) }
    case .normal(let deviation): return (0..<count).map { Float(random.normal($0) * deviation) }
    }
  }
}
