import Foundation
import Gridless
import Synchronization

/// What signals do to a run: SIGINT and SIGTERM ask it to stop, a second SIGINT ends the process at once, and SIGHUP
/// and SIGPIPE do nothing, as a run goes on when nobody looks.
///
/// Made once, before other threads: they inherit that the signals are blocked, and one thread waits for them.
final class Signals: Sendable {
  /// Given to the run.
  let interruption = Interruption()

  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let first = Mutex<Int32>(SIGTERM)
  private let onLeave: @Sendable (Int32) -> Void
  private let leaving: String?
  private let isSilent: Bool

  /// The signal that asked the run to stop.
  var caught: Int32 { first.withLock { $0 } }

  /// Begins to wait for signals.
  ///
  /// `onLeave` is told of the signal where nothing is in training, right before the process ends; `leaving` is what is
  /// said then, with `again`, what the same command would do; by default it is what is true of one run. A silent one
  /// says nothing: another process does.
  init(
    leaving: String? = nil, again: String = "To start again", isSilent: Bool = false,
    onLeave: @escaping @Sendable (Int32) -> Void
  ) {
    (self.onLeave, self.isSilent) = (onLeave, isSilent)
    self.leaving = leaving.map { "\($0). \(again)" }
    signal(SIGHUP, SIG_IGN)
    signal(SIGPIPE, SIG_IGN)
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    Thread.detachNewThread { [self, set] in wait(for: set) }
  }

  private func wait(for set: sigset_t) {
    var (set, number, interrupts) = (set, Int32(0), 0)
    while sigwait(&set, &number) == 0 {
      interrupts += number == SIGINT ? 1 : 0
      if interrupts > 1 { _exit(128 + SIGINT) }
      guard !interruption.isRequested else { continue }
      first.withLock { $0 = number }
      if interruption.request() {
        interruption.abandon()
        onLeave(number)
        tell("\(leaving ?? placeOfOneRun): \(Finetune.sameCommand)")
        _exit(128 + number)
      }
      if isTerminal { tell("stopping after this step, to go on later; a second Ctrl-C stops at once") }
    }
  }

  private var placeOfOneRun: String {
    interruption.hasEnded
      ? "interrupted after the run had ended; nothing of it was lost. To do what is left"
      : "interrupted before training; nothing was lost. To start again"
  }

  private func tell(_ text: String) {
    if isSilent { return }
    // Over a bar that may be there.
    let start = isTerminal ? "\r\u{1B}[2K" : ""
    try? FileHandle.standardError.write(contentsOf: Data((start + text + "\n").utf8))
  }
}
