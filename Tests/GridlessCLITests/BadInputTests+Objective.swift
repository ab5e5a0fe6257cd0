import Gridless

/// Combinations with `--objective` that have no meaning, and parts that cannot be held out.
extension BadInputTests {
  private static let map = ["--objective", "map"]
  private static let laplace = ["--objective", "la-lml"]

  static let objective =
    [
      BadInput(
        "an unknown objective", ["--objective", "mle"], status: 64, says: ["'mle' is invalid for '--objective"]),
      BadInput(
        "α of the DE-ELBO", ["--alpha", "1e-3"], status: 64,
        says: ["--alpha with --objective de-elbo: only map has a given penalty", "learns λ and τ", "--objective map"]),
      BadInput("β of LA-LML", laplace + ["--beta", "1"], status: 64, says: ["--beta with --objective la-lml"]),
      BadInput(
        "α below 0", map + ["--alpha", "-1"], status: 64, says: ["--alpha -1.0: expected 0 or a positive number"]),
      BadInput(
        "infinite β", map + ["--beta", "inf"], status: 64, says: ["--beta inf: expected 0 or a positive number"]),
      BadInput("α in words", map + ["--alpha", "auto"], status: 64, says: ["'auto' is invalid for '--alpha <alpha>'"]),
      BadInput(
        "MAP without a prior", map + ["--prior", "none"], status: 64,
        says: ["--objective map with --prior none", "--alpha 0 --beta 0"]),
      BadInput(
        "MAP with a race", map + ["--lr", "auto"], status: 64,
        says: ["--objective map needs a learning rate", "Pass --lr X, or --lr grid with --hold-out"]),
      BadInput(
        "MAP with a grid of rates and nothing held out", map + ["--lr", "grid"], status: 64,
        says: ["--lr grid with --objective map", "validation NLL", "--hold-out 0.2"]),
      BadInput(
        "MAP as published, which asks for a grid", map + ["--recipe", "published", "--lr", "grid"], status: 64,
        says: ["--lr grid with --objective map"]),
      BadInput(
        "more finalists than candidates", ["--lr", "auto", "--finalists", "6"], status: 64,
        says: ["--finalists 6: expected 1 to 5, as so many learning rates race."]),
      BadInput(
        "no finalists", ["--lr", "auto", "--finalists", "0"], status: 64, says: ["--finalists 0: expected 1 to 5"]),
      BadInput(
        "finalists without a race", ["--lr", "grid", "--finalists", "2"], status: 64,
        says: ["--finalists 2 with --lr grid: nothing races. Pass --lr auto, or leave it out."]),
      BadInput(
        "finalists of MAP", map + ["--lr", "0.1", "--finalists", "2"], status: 64,
        says: ["--finalists with --objective map: it trains a point", "Leave it out"]),
      BadInput("LA-LML with a race", laplace + ["--lr", "auto"], status: 64, says: ["Pass --lr X, or --lr grid."]),
      BadInput(
        "α of a backbone that is not trained",
        map + ["--train", "head", "--weights", "start.safetensors", "--alpha", "1e-3"], status: 64,
        says: ["--alpha with --train head", "Pass --beta alone"]
      ) { try $0.writeCheckpoint("start.safetensors") },
      BadInput(
        "LA-LML of a low-rank prior", laplace + ["--prior", "ptyl", "--prior-file", "prior.safetensors"], status: 64,
        says: ["--objective la-lml with --prior ptyl", "Σ = I", "--prior l2-sp"]
      ) { try $0.writePrior("prior.safetensors") },
      BadInput(
        "LA-LML of numbers", data: "values.csv", laplace, status: 64,
        says: ["values.csv has a column value", "is for classes"]
      ) { try $0.writeValues() },
      BadInput("all held out", ["--hold-out", "1"], status: 64, says: ["--hold-out 1.0: expected a fraction"]),
      BadInput("nothing held out", ["--hold-out", "0"], status: 64, says: ["--hold-out 0.0: expected a fraction"]),
      BadInput(
        "less than an image held out", ["--hold-out", "0.05"], status: 64,
        says: ["--hold-out 0.05: of 8 training examples that is none", "larger fraction"]),
      BadInput(
        "a class without training images", ["--hold-out", "0.9", "--batch-size", "2"], status: 64,
        says: ["--hold-out 0.9: 1 of 8 training examples would be left", "leaves a class of 2 without any"]),
      BadInput(
        "a batch larger than what is left", ["--hold-out", "0.5", "--batch-size", "5"], status: 64,
        says: ["--batch-size 5: larger than the 4 training examples"]),
    ] + misplaced

  /// A point has none of these.
  private static let misplaced = [
    ["--kappa", "1"], ["--kappa-limit", "9"], ["--lambda", "1"], ["--tau", "1"], ["--sigma", "1e-3"],
    ["--samples", "2"], ["--posterior", "diagonal"], ["--prior-scales", "layerwise"], ["--initial-sigma", "1e-3"],
    ["--evidence-samples", "3"], ["--sigma-update", "own"], ["--draw-statistics", "own"],
  ].map { option in
    BadInput(
      "\(option[0]) of MAP", map + option, status: 64, says: ["\(option[0]) with --objective map", "Leave it out"])
  }
}
