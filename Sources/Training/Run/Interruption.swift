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
  /// The phase of the run that holds this request.
  private enum Phase { case before, training, after }

  private struct State {
    var isRequested = false
    var phase = Phase.before
    var lease: Lease?
  }
  private let state = Mutex(State())

  /// A request not yet made.
  public init() {}

  /// Asks the run to stop.
  ///
  /// - Returns: whether training has not begun, or the run has ended (``hasEnded``), so that there is nothing to wait
  ///   for: the process may ``abandon()`` the run and leave at once. Otherwise the run takes one step more, at most, or
  ///   on a GPU one block of 20.
  @discardableResult
  public func request() -> Bool {
    state.withLock { state in
      state.isRequested = true
      return state.phase != .training
    }
  }

  /// Whether the last run that it was given to has ended.
  public var hasEnded: Bool { state.withLock { $0.phase == .after } }

  /// Gives the run folder free where training has not begun, for a process that leaves now.
  public func abandon() {
    state.withLock { state in
      if state.phase != .training { state.lease?.release() }
    }
  }

  /// Whether a stop was requested.
  public var isRequested: Bool { state.withLock(\.isRequested) }

  /// Throws `Interrupted` where a stop was requested.
  func check() throws(Interrupted) {
    if isRequested { throw Interrupted() }
  }

  /// A run begins: there is nothing to wait for.
  func preparing() { state.withLock { ($0.lease, $0.phase) = (nil, .before) } }

  /// A run has ended: there is nothing to wait for any more.
  func ended() { state.withLock { ($0.lease, $0.phase) = (nil, .after) } }

  /// Makes ``abandon()`` release a lease, as long as training has not begun.
  func hold(_ lease: Lease) { state.withLock { $0.lease = lease } }

  /// From here on a stop waits for the run, which saves first.
  func training() { state.withLock { $0.phase = .training } }
}

/// Thrown at a point from which the newest checkpoint goes on.
struct Interrupted: Error {}
