import Dispatch
import Synchronization

/// The values of `body` for 0..<count, on `threads` threads, each taking the lowest index left.
///
/// `progress` (done, total) is called by one thread at a time, with `done` rising from 1 to `total`. After a failure no
/// more indices are taken; the failure with the lowest index is thrown, so the error does not depend on timing.
func mapConcurrently<Value: Sendable>(
  _ count: Int, threads: Int, progress: (@Sendable (Int, Int) -> Void)? = nil,
  body: @Sendable (Int) throws(DatasetError) -> Value
) throws(DatasetError) -> [Value] {
  let state = Mutex(Progress<Value>(values: Array(repeating: nil, count: count)))
  DispatchQueue.concurrentPerform(iterations: max(1, min(threads, count))) { _ in
    while true {
      let claimed: Int? = state.withLock { state in
        guard state.failure == nil, state.next < count else { return nil }
        defer { state.next += 1 }
        return state.next
      }
      guard let index = claimed else { return }
      do throws(DatasetError) {
        let value = try body(index)
        state.withLock { state in
          state.values[index] = value
          state.done += 1
          progress?(state.done, count)
        }
      } catch {
        state.withLock { state in
          if index < state.failure?.index ?? count { state.failure = (index, error) }
        }
      }
    }
  }
  let (values, failure) = state.withLock { ($0.values, $0.failure) }
  if let failure { throw failure.error }
  return values.compactMap { $0 }
}

/// What the threads share.
private struct Progress<Value> {
  var values: [Value?]
  var next = 0
  var done = 0
  var failure: (index: Int, error: DatasetError)?
}
