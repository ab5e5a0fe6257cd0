import Foundation
import Training

/// Both objectives over the steps of one run: what the figure `selection` draws.
///
/// From each step's NLL and KL the objective at any κ follows. Per example, and in units of the log likelihood, it is
/// J/(κN) = −NLL − KL/(κN).
public struct SelectionCurve: Sendable, Equatable {
  /// A step of the run.
  public struct Point: Sendable, Equatable {
    /// Counted from 1.
    public var step: Int
    /// The mean negative log likelihood of the step's batch, at its sample of the posterior.
    public var nll: Double
    /// KL(q ‖ p), in nats.
    public var kl: Double
  }

  /// The run's trial.
  public var trial: TrialRecord
  /// Every step at the learning rate that was taken.
  public var points: [Point]

  /// J/(κN) at a point, for any κ.
  public func objective(at point: Point, kappa: Double) -> Double {
    -point.nll - point.kl / (kappa * Double(trial.n ?? 1))
  }

  /// The ELBO per example over steps: κ = 1.
  public var elbo: [Double] { points.map { objective(at: $0, kappa: 1) } }

  /// The data-emphasized ELBO over steps, divided by κN: κ = D/N.
  public var dataEmphasized: [Double] {
    points.map { objective(at: $0, kappa: Double(trial.d ?? 1) / Double(trial.n ?? 1)) }
  }
}

extension StudyFolder {
  /// The curves of the figure `selection`, one for each of its runs that is done.
  ///
  /// Throws ``StudyError/unreadableTrial(path:reason:)``.
  public func selection() throws -> [SelectionCurve] {
    try records().filter { $0.studyMethod == .selection && $0.status == .done }.map { try curve(of: $0) }
  }

  /// NLL and KL over the steps of a trial's run.
  ///
  /// Throws ``StudyError/unreadableTrial(path:reason:)``.
  public func curve(of trial: TrialRecord) throws -> SelectionCurve {
    struct Line: Decodable {
      var event: String
      var step: Int?
      var candidateLr, nll, kl: Double?
    }
    let run = run(of: trial.id)
    guard let content = FileManager.default.contents(atPath: run.metrics), let lr = trial.learningRate else {
      throw StudyError.unreadableTrial(path: run.path, reason: "has no readable metrics.jsonl")
    }
    let points = content.split(separator: UInt8(ascii: "\n")).compactMap { text -> SelectionCurve.Point? in
      guard let line = try? JSON.decode(Line.self, from: Data(text)), line.event == "step", line.candidateLr == lr,
        let step = line.step, let nll = line.nll, let kl = line.kl
      else { return nil }
      return SelectionCurve.Point(step: step, nll: nll, kl: kl)
    }
    return SelectionCurve(trial: trial, points: points)
  }
}
