import Foundation

/// Why a run cannot start or go on.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// An option that has no meaning, or not together with another.
  case invalidOption(String)
  /// A term of the objective is NaN or infinite; `tensor` is the first one found with such a number, `kept` the file of
  /// the posterior and the optimiser before that step, with the running statistics that the run began with.
  case diverged(term: String, tensor: String?, step: Int, learningRate: Double, kept: String?)
  /// Every learning rate of the search diverged.
  case allCandidatesDiverged([Double])
  /// A GPU was asked for and there is none.
  case noGPU(reason: String)
  /// An image given to `predict` that cannot be read.
  case unreadableImage(path: String, reason: String)
  /// The output folder holds a run with another configuration; each difference is one line.
  case otherConfiguration(path: String, differences: [String])
  /// The output folder holds a run on data or weights that are not the same any more; each difference is one line.
  case changedData(path: String, differences: [String])
  /// The output folder holds something that is not a run.
  case notARun(path: String, found: String)
  /// A file that is to be written is there already.
  case exists(path: String)
  /// A folder or file could not be written.
  case notWritable(path: String, reason: String)
  /// The disk lacks the space that a run will need, in bytes.
  case noSpace(path: String, needed: Int, available: Int)
  /// A file of a run could not be written; `kept` says what goes on from.
  case notSaved(path: String, reason: String, kept: String)
  /// A run folder without a readable result.
  case unreadableRun(path: String, reason: String)
  /// A file of a run folder that is not there any more, or does not hold what was written to it.
  case damagedRun(path: String, file: String, reason: String)
  /// A run folder whose run is not finished.
  case unfinishedRun(path: String)
  /// A run whose predictions cannot be averaged over a posterior.
  case noPosterior(path: String, reason: String)
  /// The run stopped as ``Interruption`` asked; the same call goes on.
  case interrupted(run: String, progress: RunProgress)
  /// Another process writes to the output folder.
  case held(path: String, holder: LeaseHolder)
  /// Another process took the output folder over.
  case leaseLost(path: String, holder: LeaseHolder?)

  /// What was found, what was expected, and what to do.
  public var description: String {
    switch self {
    case .invalidOption(let message): message
    case .diverged(let term, let tensor, let step, let learningRate, let kept):
      "the \(term) is not finite at step \(step) with learning rate \(learningRate)"
        + (tensor.map { "; first in \($0)" } ?? "") + (kept.map { ". The state before is kept in \($0)" } ?? "")
        + (step > 1 || term == "objective"
          ? ". Pass a smaller --lr, or --lr auto, which lets a rate that diverges lose."
          : ". Nothing was learned before this step, so it is not the learning rate: check the weights, and what else was "
            + "given (--initial-sigma, --sigma, --lambda, --tau, --kappa).")
    case .allCandidatesDiverged(let rates):
      "training diverged at every learning rate (\(rates.map { "\($0)" }.joined(separator: ", "))). Check that the weights fit the model and the images its preprocessing, or pass a smaller --lr."
    case .noGPU(let reason):
      "--device cuda: no GPU found (\(reason)). Pass --device cpu, or see gridless doctor."
    case .unreadableImage(let path, let reason):
      "\(path): \(reason). Pass image files (JPEG, PNG or WebP); --skip-unreadable leaves out what cannot be decoded."
    case .otherConfiguration(let path, let differences):
      "\(path): holds a run with another configuration:\n\(Self.lines(differences))\nPass another --out, or the same arguments, or --overwrite, which moves that run aside."
    case .changedData(let path, let differences):
      "\(path): holds a run on other data or weights:\n\(Self.lines(differences))\nPass another --out, or the same data and weights, or --overwrite, which moves that run aside."
    case .notARun(let path, let found):
      "\(path): expected a new or empty folder, found \(found). Pass another --out."
    case .exists(let path):
      "\(path): is there already. Name another file, or pass --overwrite to replace it."
    case .notWritable(let path, let reason):
      "\(path): cannot be written (\(reason)). Pass a place on a disk and in a folder that you may write to."
    case .noSpace(let path, let needed, let available):
      "\(path): the run needs about \(needed) bytes on this disk, \(available) are free. Free some, or pass an --out on another disk."
    case .notSaved(let path, let reason, let kept):
      "\(path): cannot be written (\(reason)). \(kept) Once the folder can be written, the same command goes on."
    case .unreadableRun(let path, let reason):
      "\(path): \(reason). Pass the folder that was given to finetune --out."
    case .damagedRun(let path, let file, let reason):
      "\(path)/\(file): \(reason). Put a copy of the file back, or give the finetune command again with --overwrite, which moves this folder aside and makes the run anew."
    case .unfinishedRun(let path):
      "\(path): the run is not finished, there is no model.safetensors yet. Give its finetune command again, which goes on where it stopped (the options are in \(path)/config.json)."
    case .noPosterior(let path, let reason):
      "\(path): has no posterior to average over (\(reason)). Leave --average out."
    case .interrupted(let run, let progress):
      "interrupted at \(progress), which is saved in \(run). The same command goes on."
    case .held(let path, let holder):
      "\(path): \(holder.text), writes to this folder. Wait until it ends, or stop it, or pass another --out."
    case .leaseLost(let path, let holder):
      "\(path): \(holder.map { "\($0.text), took this folder over" } ?? "this folder, or its lease, was removed or moved"). This process stops, and leaves it alone."
    }
  }

  private static func lines(_ differences: [String]) -> String { differences.map { "  \($0)" }.joined(separator: "\n") }
}
