import Synchronization
import Torch

/// What of libtorch's settings belongs to the whole process.
enum ProcessSettings {
  private static let isDeterministic = Mutex(false)

  /// Starts libtorch with the settings of a run, all of them, so that none is left from the run before.
  ///
  /// Without a number of threads there is one per core. Throws `TorchError`.
  static func begin(threads: Int?, deterministic: Bool = false) throws {
    try Runtime.start(threads: threads ?? Runtime.defaultThreads)
    let changes = isDeterministic.withLock { current in
      defer { current = deterministic }
      return current != deterministic
    }
    if changes { try Runtime.setDeterministic(deterministic) }
  }
}
