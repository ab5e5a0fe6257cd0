import Support

/// What can go wrong with a file of weights; every case names the file.
public enum WeightsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file could not be opened or mapped; `reason` is the system's.
  case unreadable(path: String, reason: String)
  /// The file is not safetensors, or breaks its specification as `problem` says.
  case malformed(path: String, problem: String)
  /// The file is none that `torch.save` writes, or holds more than tensors; `advice` is what to do.
  case pyTorch(path: String, problem: String, advice: String)
  /// The file or folder is of another kind, or lacks what is needed; `advice` is what to do.
  case unusable(path: String, problem: String, advice: String)
  /// The file is sound but holds no tensor called `name`.
  case noTensor(path: String, name: String)
  /// The arrays given to the writer do not make a safetensors file.
  case unwritable(path: String, problem: String)

  /// The file, what was found, and what to do; control characters, which a file's names may have, are escaped.
  public var description: String { printable(text) }

  private var text: String {
    switch self {
    case .unreadable(let path, let reason):
      "\(path): cannot be read (\(reason)). Check the path and its permissions."
    case .malformed(let path, let problem):
      "\(path): not a sound safetensors file (\(problem)). Fetch or convert it again."
    case .pyTorch(let path, let problem, let advice):
      "\(path): not a PyTorch file that can be read (\(problem)). \(advice)"
    case .unusable(let path, let problem, let advice):
      "\(path): \(problem). \(advice)"
    case .noTensor(let path, let name):
      "\(path): holds no tensor named '\(name)'. Pass the --model these weights were made for."
    case .unwritable(let path, let problem):
      "\(path): not written (\(problem)). Correct the arrays' names, shapes and sizes."
    }
  }
}
