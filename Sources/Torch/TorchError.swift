import CTorch

/// An error that libtorch reported, with PyTorch's own message.
public struct TorchError: Error, Equatable, CustomStringConvertible {
  /// What PyTorch said, without the C++ backtrace.
  public let message: String

  /// The message.
  public var description: String { message }

  /// An error of our own, in the same words.
  package init(_ message: String) { self.message = message }
}

/// Turns the status of a call of CTorch into a `throw`.
func check(_ status: CTStatus) throws(TorchError) {
  guard let message = status.message else { return }
  defer { ct_message_free(message) }
  throw TorchError(String(cString: message))
}

/// Runs a call that hands out a new tensor.
func tensor(_ call: (UnsafeMutablePointer<CTTensor?>) -> CTStatus) throws(TorchError) -> Tensor {
  var handle: CTTensor?
  try check(call(&handle))
  guard let handle else { throw TorchError("libtorch returned no tensor") }
  return Tensor(owning: handle)
}

/// Lends integers, a shape for example, to a call of CTorch.
func withIntArray<Result>(_ values: [Int], _ body: (CTIntArray) throws(TorchError) -> Result) throws(TorchError)
  -> Result
{
  let values = values.map(Int64.init)
  var result: Swift.Result<Result, TorchError>?
  values.withUnsafeBufferPointer { buffer in
    result = Swift.Result { () throws(TorchError) in
      try body(CTIntArray(values: buffer.baseAddress, count: buffer.count))
    }
  }
  guard let result else { throw TorchError("no result") }
  return try result.get()
}
