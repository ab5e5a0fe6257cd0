import Synchronization

/// A request to stop a run where it can go on exactly, from any thread.
///
/// ```swift
/// let interruption = Interruption()
/// // Elsewhere, for instance on SIGTERM: interruption.request()
/// let result = try FineTuner(options).run(interruption: interruption)  // throws TrainingError.interrupted
/// ```
///
/// The run finishes its step, or its batch of evaluation, writes a checkpoint, and throws
/// ``TrainingError/interrupted(run:progress:)``. This module installs no signal handlers.
public final class Interruption: Sendable {
  private struct State {
    var isRequested = false
    var isTraining = false
    var lease: Lease?
  }
  private let state = Mutex(State())

  /// A request not yet made.
  public init() {}

  /// Asks the run to stop.
  ///
  /// - Returns: whether there is nothing to wait for, as training has not begun: the process may leave at once. The run
  ///   folder is then no longer held.
  @discardableResult
  public func request() -> Bool {
    state.withLock { state in
      state.isRequested = true
      if !state.isTraining { state.lease?.release() }
      return !state.isTraining
    }
  }

  /// Whether a stop was requested.
  public var isRequested: Bool { state.withLock(\.isRequested) }

  /// Throws `Interrupted` where a stop was requested.
  func check() throws(Interrupted) {
    if isRequested { throw Interrupted() }
  }

  /// Makes ``request()`` release a lease as long as training has not begun.
  func preparing(with lease: Lease?) { state.withLock { ($0.lease, $0.isTraining) = (lease, false) } }

  /// From here on a stop waits for the run, which saves first.
  func training() { state.withLock { ($0.lease, $0.isTraining) = (nil, true) } }
}

/// Thrown at a point from which the newest checkpoint goes on.
struct Interrupted: Error {}
