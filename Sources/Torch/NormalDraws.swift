import CTorch

/// Standard normal numbers as a pure function of (seed, step, index).
///
/// Philox4x32-10 (Salmon et al., SC 2011) and the Box–Muller transform. Nothing is stored: any part of ε can be drawn
/// again, in any order and on any number of threads, with the same bits in every instruction set.
public struct NormalDraws: Sendable, Hashable {
  /// The key of the generator.
  public var seed: UInt64
  /// The upper half of the counter: a step, or a sample's number.
  public var step: UInt64

  /// The draws of one step of one seed.
  public init(seed: UInt64, step: UInt64) {
    self.seed = seed
    self.step = step
  }

  /// An instruction set that computes the draws.
  public enum InstructionSet: Sendable, CaseIterable {
    /// The widest that this processor has.
    case best
    /// What every x86-64 processor has.
    case baseline
    /// AVX2.
    case avx2
    /// AVX-512 F, DQ and VL.
    case avx512

    var native: CTInstructionSet {
      switch self {
      case .best: CT_ISA_BEST
      case .baseline: CT_ISA_BASELINE
      case .avx2: CT_ISA_AVX2
      case .avx512: CT_ISA_AVX512
      }
    }

    /// Whether this processor has it.
    public var isAvailable: Bool { ct_instruction_set_available(native) }
  }

  /// Writes the draws of indices `start ..< start + out.count`.
  public func fill(_ out: UnsafeMutableBufferPointer<Float>, from start: Int, using set: InstructionSet = .best) {
    guard let base = out.baseAddress else { return }
    ct_normal(base, out.count, seed, step, UInt64(start), set.native)
  }
}
