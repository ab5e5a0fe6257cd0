import Foundation
import Gridless
import Testing

extension Workplace {
  /// Writes a prior file of `model` with so many columns.
  func writePrior(_ name: String, of model: String = "resnet8", columns: Int = 3) throws {
    let network = try Backbone.named(model).makeNetwork(classes: 2)
    let layout = network.layout
    let state = network.initialState(seed: 1)
    let mean = layout.backboneVector(Array(state.parameters.prefix(layout.backboneSlices.count)))
    let ones = layout.backboneVector(layout.backboneSlices.map { [Float](repeating: 1, count: $0.count) })
    try PriorFile.write(
      PretrainedPrior(
        mean: mean, variance: ones.map { 0.01 * $0 },
        deviations: (1...columns).map { column in ones.map { 0.01 * Float(column) * $0 } }, buffers: state.buffers),
      of: network, origin: ["method": "test"], to: absolute(name))
  }
}

/// Combinations of prior, posterior, scales, part, likelihood and precision that have no meaning.
extension BadInputTests {
  private static let ptyl = ["--prior", "ptyl", "--prior-file", "prior.safetensors"]

  static let method = [
    BadInput(
      "ptyl without a prior file", ["--prior", "ptyl"], status: 64,
      says: ["--prior ptyl without --prior-file", "gridless prior", "--prior l2-sp"]),
    BadInput(
      "a prior file without ptyl", ["--prior-file", "prior.safetensors"], status: 64,
      says: ["--prior-file and --prior-columns belong to --prior ptyl, found --prior l2-sp"]
    ) { try $0.writePrior("prior.safetensors") },
    BadInput(
      "columns without ptyl", ["--prior", "l2-zero", "--prior-columns", "3"], status: 64,
      says: ["belong to --prior ptyl, found --prior l2-zero"]),
    BadInput(
      "draws of a point", ["--prior", "none", "--draw-statistics", "own"], status: 64,
      says: ["--draw-statistics with --prior none: it trains a point"]),
    BadInput(
      "branches that are not trained",
      ["--model", "convnext_tiny", "--size", "32", "--stochastic-depth", "--train", "head"]
        + ["--weights", "start.safetensors"], status: 64,
      says: ["--stochastic-depth with --train head"]),
    BadInput(
      "a missing prior file", ptyl, says: ["prior.safetensors: cannot be read (No such file"]),
    BadInput(
      "a prior of another architecture", ptyl,
      says: ["prior.safetensors: the prior of resnet20, expected one of resnet8", "--model resnet20"]
    ) { try $0.writePrior("prior.safetensors", of: "resnet20") },
    BadInput(
      "more columns than the file has", ptyl + ["--prior-columns", "4"],
      says: ["prior.safetensors: 4 columns asked for, the prior has 3", "at most 3"]
    ) { try $0.writePrior("prior.safetensors") },
    BadInput(
      "one column", ptyl + ["--prior-columns", "1"], status: 64, says: ["--prior-columns 1: expected at least 2"]
    ) { try $0.writePrior("prior.safetensors") },
    BadInput(
      "a prior file of one column", ptyl, says: ["prior.safetensors: not a prior", "1 column", "at least 2"]
    ) { try $0.writePrior("prior.safetensors", columns: 1) },
    BadInput("garbage as a prior file", ptyl, says: ["prior.safetensors: not a prior of Gridless ("]) {
      try $0.write("prior.safetensors", Data("no prior at all".utf8))
    },
    BadInput("weights as a prior file", ptyl, says: ["prior.safetensors: not a prior of Gridless", "gridless prior"]) {
      try $0.writeCheckpoint("prior.safetensors")
    },
    BadInput("half a prior file", ptyl, says: ["prior.safetensors: not a prior of Gridless (", "truncated"]) {
      try $0.writePrior("prior.safetensors")
      let whole = try $0.contents("prior.safetensors")
      try $0.write("prior.safetensors", whole.prefix(whole.count / 2))
    },
    BadInput(
      "ptyl of a backbone that is not trained", ptyl + ["--train", "head", "--weights", "start.safetensors"],
      status: 64, says: ["--prior ptyl with --train head", "--train all"]
    ) {
      try $0.writePrior("prior.safetensors")
      try $0.writeCheckpoint("start.safetensors")
    },
    BadInput(
      "layerwise scales of a low-rank prior", ptyl + ["--prior-scales", "layerwise"], status: 64,
      says: ["--prior-scales layerwise with --prior ptyl", "has no meaning", "--prior-scales global"]
    ) { try $0.writePrior("prior.safetensors") },
    BadInput(
      "tied scales of l2-sp", ["--prior-scales", "tied"], status: 64,
      says: ["--prior-scales tied with --prior l2-sp", "Pass --prior l2-zero"]),
    BadInput(
      "tied scales of ptyl", ptyl + ["--prior-scales", "tied"], status: 64,
      says: ["--prior-scales tied with --prior ptyl"]
    ) { try $0.writePrior("prior.safetensors") },
    BadInput(
      "τ of tied scales", ["--prior", "l2-zero", "--prior-scales", "tied", "--tau", "1"], status: 64,
      says: ["--tau with --prior-scales tied: λ and τ are one"]),
    BadInput(
      "unknown prior", ["--prior", "laplace"], status: 64, says: ["'laplace' is invalid for '--prior <prior>'"]),
    BadInput(
      "unknown posterior", ["--posterior", "full"], status: 64,
      says: ["'full' is invalid for '--posterior", "diagonal"]),
    BadInput(
      "unknown scales", ["--prior-scales", "some"], status: 64,
      says: ["'some' is invalid for '--prior-scales", "tied"]),
    BadInput("λ of 0", ["--lambda", "0"], status: 64, says: ["--lambda 0.0: expected a positive number, or auto"]),
    BadInput("τ below 0", ["--tau", "-2"], status: 64, says: ["--tau -2.0: expected a positive number, or auto"]),
    BadInput("infinite σ", ["--sigma", "inf"], status: 64, says: ["--sigma inf: expected a positive number, or auto"]),
    BadInput(
      "no samples of the evidence", ["--evidence-samples", "0"], status: 64,
      says: ["--evidence-samples 0: expected at least 1"]),
    BadInput(
      "unknown recipe", ["--recipe", "best"], status: 64, says: ["'best' is invalid for '--recipe", "published"]),
    BadInput(
      "the published recipe with a σ per parameter", ["--recipe", "published", "--posterior", "diagonal"], status: 64,
      says: ["--sigma-update published with --posterior diagonal", "Pass --sigma-update own"]),
    BadInput(
      "a start of a σ that is given", ["--sigma", "1e-3", "--initial-sigma", "1e-2"], status: 64,
      says: ["--initial-sigma with --sigma: a given σ is not learned", "Leave one of the two out"]),
    BadInput(
      "λ of a backbone that is not trained",
      ["--train", "head", "--weights", "start.safetensors", "--lambda", "1e-3"], status: 64,
      says: ["--lambda with --train head: the backbone is not trained", "Pass --tau alone"]
    ) { try $0.writeCheckpoint("start.safetensors") },
    BadInput("no samples", ["--samples", "0"], status: 64, says: ["--samples 0: expected at least 1"]),
    BadInput(
      "mirrored samples without a partner", ["--samples", "3", "--antithetic"], status: 64,
      says: ["--antithetic with --samples 3", "Pass an even --samples"]),
    BadInput("one mirrored sample", ["--antithetic"], status: 64, says: ["--antithetic with --samples 1"]),
    BadInput(
      "the published σ update of layers", ["--sigma-update", "published", "--posterior", "layerwise"], status: 64,
      says: ["--sigma-update published with --posterior layerwise", "Pass --sigma-update own"]),
    BadInput(
      "the published σ update of parameters", ["--sigma-update", "published", "--posterior", "diagonal"], status: 64,
      says: ["--sigma-update published with --posterior diagonal"]),
    BadInput(
      "bfloat16 with a σ per parameter", ["--precision", "bf16", "--posterior", "diagonal"], status: 64,
      says: ["--precision bf16 with --posterior diagonal", "Pass fp32"]),
    BadInput(
      "a layer that is not there", ["--weights", "start.safetensors", "--train", "from:layer4"], status: 64,
      says: ["train from:layer4: resnet8 has no such layer", "Did you mean layer1, layer2, layer3"]
    ) { try $0.writeCheckpoint("start.safetensors") },
  ]

  /// Maximum likelihood has none of these.
  static let withoutPrior = [
    ("--kappa", "1"), ("--lambda", "1"), ("--tau", "1"), ("--sigma", "1e-3"), ("--samples", "2"),
    ("--posterior", "diagonal"), ("--prior-scales", "layerwise"), ("--initial-sigma", "1e-3"),
    ("--evidence-samples", "3"),
  ].map { option, value in
    BadInput(
      "\(option) without a prior", ["--prior", "none", option, value], status: 64, says: ["\(option) with --prior none"]
    )
  }
}

/// Averages that a run cannot give.
@Suite struct AverageRefusalTests {
  private static let finished = Result {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune("data", "--out", "learned").status == 0)
    #expect(try place.finetune("data", "--out", "plain", "--prior", "none").status == 0)
    return place
  }

  /// A run, the draws, the exit statuses of evaluate and predict, and what is said.
  private static let cases: [(String, String, [Int32], String)] = [
    ("learned", "0", [64, 64], "--average 0: expected at least 1"),
    ("learned", "-3", [64, 64], "--average -3: expected at least 1"),
    ("learned", "many", [64, 64], "'many' is invalid for '--average"),
    ("learned", "11", [64, 1], "--average 11: the run has BatchNorm's statistics of 10 draws. Pass at most 10"),
    ("plain", "2", [1, 1], "plain/model.safetensors: has no posterior to average over (it was trained without noise"),
  ]

  @Test(arguments: cases) func endsWithTheReason(run: String, draws: String, statuses: [Int32], says: String) throws {
    let place = try Self.finished.get()
    let image = "data/test/red 赤/photo é 0.\(try Workplace.picture(4).suffix)"
    let before = try place.everything()
    for (command, status) in zip([["evaluate", run, "--data", "data"], ["predict", run, image]], statuses) {
      let outcome = try Command.run(command + ["--average", draws], in: place.path)
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(outcome.output.isEmpty && outcome.errors.contains(says), "\(outcome.errors)")
    }
    #expect(try place.everything() == before)
  }

  /// The file of the draws is missing, damaged or another network's.
  @Test func aDamagedPosterior() throws {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune().status == 0)
    let whole = try place.contents("run/posterior.safetensors")
    func errors() throws -> String {
      let outcome = try place.gridless("evaluate", "run", "--data", "data", "--average", "2")
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      return outcome.errors
    }
    try place.write("run/posterior.safetensors", whole.prefix(whole.count / 2))
    #expect(try errors().contains("run/posterior.safetensors: is damaged ("))
    try place.writeCheckpoint("run/posterior.safetensors")
    #expect(try errors().contains("run/posterior.safetensors: is damaged (no readable seed"))
    try place.remove("run/posterior.safetensors")
    #expect(try errors().contains("run/posterior.safetensors: is missing. Put a copy of the file back"))
    try place.write("run/posterior.safetensors", whole)
    #expect(try place.gridless("evaluate", "run", "--data", "data", "--average", "2").status == 0)
  }
}
