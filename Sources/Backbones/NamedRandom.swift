import Foundation
import Support

/// Random numbers as a pure function of (seed, name, index).
///
/// Output i of SplitMix64, started from the seed and the name's FNV-1a hash.
struct NamedRandom {
  private let key: UInt64

  init(seed: UInt64, name: String) {
    let nameHash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    key = nameHash ^ SplitMix64.mixed(seed &+ SplitMix64.gamma)
  }

  /// Uniform in [0, 1), with 53 bits.
  func uniform(_ index: Int) -> Double {
    SplitMix64.mixed(key &+ (UInt64(index) &+ 1) &* SplitMix64.gamma).unitInterval
  }

  /// Standard normal: the two halves of a Box–Muller pair stand at an even index and the next.
  func normal(_ index: Int) -> Double {
    let pair = index & ~1
    let radius = (-2 * log(1 - uniform(pair))).squareRoot()
    let angle = 2 * Double.pi * uniform(pair + 1)
    return index == pair ? radius * cos(angle) : radius * sin(angle)
  }
}
