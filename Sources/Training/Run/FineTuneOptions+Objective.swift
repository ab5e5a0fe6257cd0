import Datasets
import Evidence

extension FineTuneOptions {
  /// Refuses options that an objective has no use for, with the reason.
  func validateObjective() throws(TrainingError) {
    let name = "--objective \(objective.rawValue)"
    for (option, value) in [("--alpha", alpha), ("--beta", beta)] {
      guard let value else { continue }
      try refuse(!(value >= 0 && value.isFinite), "\(option) \(value): expected 0 or a positive number.")
      try refuse(
        objective != .map,
        "\(option) with \(name): only map has a given penalty, \(objective == .laplace ? "this one learns its own" : "this one learns λ and τ"). "
          + "Pass --objective map, or leave it out.")
    }
    if let holdOut {
      try refuse(
        !(holdOut > 0 && holdOut < 1),
        "--hold-out \(holdOut): expected a fraction of the training examples between 0 and 1, such as 0.2.")
    }
    guard !objective.hasPosterior else { return }
    try refuse(
      prior == .none,
      "\(name) with --prior none: without a prior there is nothing to penalise. Pass another prior"
        + (objective == .map ? ", with --alpha 0 --beta 0 if there is to be no penalty." : "."))
    let idle = posteriorOptions + (finalists == 1 ? [] : ["--finalists"])
    try refuse(
      !idle.isEmpty,
      "\(idle.joined(separator: ", ")) with \(name): it trains a point, without noise and without an evidence lower "
        + "bound. Leave it out\(objective == .map ? "; its penalty is --alpha and --beta" : "").")
    try refuse(
      train == .head && (alpha ?? 0) > 0,
      "--alpha with --train head: the backbone is not trained, so that its penalty has nothing to do. Pass --beta alone."
    )
    try refuse(
      learningRate == .race,
      "\(name) needs a learning rate: the race of --lr auto judges by the evidence lower bound. Pass --lr X, or --lr grid"
        + (objective == .map ? " with --hold-out." : "."))
    try refuse(
      objective == .map && learningRate == .grid && holdOut == nil,
      "--lr grid with --objective map: learning rates of MAP are chosen by validation NLL. Pass --hold-out 0.2, or --lr X."
    )
    guard objective == .laplace else { return }
    try refuse(
      prior == .ptyl,
      "\(name) with --prior ptyl: the diagonal Laplace evidence is that of a prior with Σ = I. Pass --prior l2-sp or l2-zero."
    )
    try refuse(
      likelihood == .gaussian,
      "\(name) with --likelihood gaussian: its evidence is for classes. Pass another --objective.")
  }

  /// How many of so many examples a fraction holds out.
  package static func heldOutCount(of examples: Int, fraction: Double) -> Int {
    Int((Double(examples) * fraction).rounded())
  }

  /// The training examples in what is trained on and what is held out; nothing is without ``FineTuneOptions/holdOut``.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` where nothing would be held out, or a class would have nothing to train
  /// on.
  func parts(of dataset: Dataset) throws -> Dataset.HoldOut {
    let all = dataset.splits[.train] ?? []
    guard let holdOut else { return Dataset.HoldOut(kept: all, heldOut: []) }
    let count = Self.heldOutCount(of: all.count, fraction: holdOut)
    guard count > 0 else {
      throw TrainingError.invalidOption(
        "--hold-out \(holdOut): of \(all.count) training examples that is none. Pass a larger fraction, or leave it out."
      )
    }
    guard all.count - count >= max(2, dataset.classes.count) else {
      throw TrainingError.invalidOption(
        "--hold-out \(holdOut): \(all.count - count) of \(all.count) training examples would be left to train on, which "
          + "leaves a class of \(dataset.classes.count) without any. Pass a smaller fraction.")
    }
    return try dataset.holdingOut(count, seed: seed)
  }

  /// What the user should know of what is held out.
  func notes(on parts: Dataset.HoldOut, of dataset: Dataset) -> [String] {
    guard holdOut != nil else { return [] }
    let present = Set(parts.heldOut.map(\.label))
    let missing = dataset.classes.indices.filter { !present.contains($0) }.map { dataset.classes[$0] }
    let some = missing.prefix(3).joined(separator: ", ") + (missing.count > 3 ? ", …" : "")
    return [
      "\(parts.heldOut.count) of \(parts.heldOut.count + parts.kept.count) training examples are held out"
        + (missing.isEmpty ? "" : "; none of them is of \(missing.count) classes (\(some))")
    ]
  }

  /// λ and τ where they are given: by the user, or by a penalty's α = 1/(Nλ) and β = 1/(Nτ), whose 0 is an infinite
  /// variance.
  ///
  /// Those that the Laplace evidence begins with are precisions of 1.
  func givenScales(examples: Int) -> (lambda: Double?, tau: Double?) {
    switch objective {
    case .deELBO: (lambda, tau)
    case .map: (1 / ((alpha ?? 0) * Double(examples)), 1 / ((beta ?? 0) * Double(examples)))
    case .laplace: (1, 1)
    }
  }
}
