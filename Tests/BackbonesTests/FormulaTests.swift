import TestSupport
import Testing

/// The golden files rest on Swift and Python computing the same tensors: values printed by formula.py.
@Suite struct FormulaTests {
  @Test func hashesAreNumpys() {
    #expect(Formula.hashes("input", count: 2) == [0x190a9f76a9bd8bf6, 0xa70117d09cb2bc5b])
  }

  @Test func digestSeesAnError() throws {
    let golden = try StepGolden.load("resnet20_perturbed")
    let name = "layer1.0.conv1.weight"
    let digest = try #require(golden.gradMean[name])
    #expect(Golden.relativeError([Double](repeating: 0, count: 16 * 16 * 9), digest, name: name) > 0.5)
    #expect(Golden.relativeError([1, 2], [1, 2.002]) > 8e-4)
    #expect(Golden.relativeError([1, 2], [1, 2]) == 0)
    #expect(Golden.relativeError([1], [1, 2]) == .infinity)
  }
}
