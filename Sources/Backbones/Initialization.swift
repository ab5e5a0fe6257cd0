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
    let hash = CounterHash(seed: seed, name: name)
    switch initialization {
    case .ones: return [Float](repeating: 1, count: count)
    case .zeros: return [Float](repeating: 0, count: count)
    case .uniform(let fanIn):
      let bound = 1 / Double(fanIn).squareRoot()
      return (0..<count).map { Float((2 * hash.uniform($0) - 1) * bound) }
    case .constant(let value): return [Float](repeating: value, count: count)
    case .xavierUniform(let inputs, let outputs):
      let bound = (6 / Double(inputs + outputs)).squareRoot()
      return (0..<count).map { Float((2 * hash.uniform($0) - 1) * bound) }
    case .heNormal(let fan):
      let deviation = (2 / Double(fan == .input ? count / shape[0] : count / shape[1])).squareRoot()
      return (0..<count).map { Float(hash.normal($0) * deviation) }
    case .normal(let deviation): return (0..<count).map { Float(hash.normal($0) * deviation) }
    }
  }
}

/// Random numbers as a pure function of (seed, name, index).
///
/// Output i of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), started from the seed and the name's FNV-1a hash.
struct CounterHash {
  private static let gamma: UInt64 = 0x9E37_79B9_7F4A_7C15
  private let key: UInt64

  init(seed: UInt64, name: String) {
    let nameHash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    key = nameHash ^ Self.mixed(seed &+ Self.gamma)
  }

  /// Uniform in [0, 1), with 53 bits.
  func uniform(_ index: Int) -> Double {
    Double(Self.mixed(key &+ (UInt64(index) &+ 1) &* Self.gamma) >> 11) * 0x1p-53
  }

  /// Standard normal: the two halves of a Box–Muller pair stand at an even index and the next.
  func normal(_ index: Int) -> Double {
    let pair = index & ~1
    let radius = (-2 * log(1 - uniform(pair))).squareRoot()
    let angle = 2 * Double.pi * uniform(pair + 1)
    return index == pair ? radius * cos(angle) : radius * sin(angle)
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
