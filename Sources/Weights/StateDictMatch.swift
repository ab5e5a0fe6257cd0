import Support

/// A checkpoint whose tensors are not those of the network; prints what is missing, unexpected and of wrong shape.
public struct CheckpointMismatch: Error, Equatable, Sendable, CustomStringConvertible {
  /// A tensor that is there under its name, but with another shape.
  public struct WrongShape: Equatable, Sendable {
    /// The tensor's name.
    public let name: String
    /// The checkpoint's shape.
    public let found: [Int]
    /// The network's shape.
    public let expected: [Int]
  }

  /// The checkpoint.
  public let file: String
  /// Names the network has and the checkpoint lacks, in the network's order.
  public let missing: [String]
  /// Names the checkpoint has and the network lacks, in the checkpoint's order.
  public let unexpected: [String]
  /// Tensors with the right name and the wrong shape, in the network's order.
  public let wrongShape: [WrongShape]

  /// The three lists, each cut after ten, and what to do.
  public var description: String {
    let shapes = wrongShape.map { "\($0.name): found \($0.found), expected \($0.expected)" }
    let lists = [("missing", missing), ("unexpected", unexpected), ("wrong shape", shapes)]
    return printable(
      """
      \(file): these weights do not fit the model.
      \(lists.compactMap(Self.list).joined(separator: "\n"))
      Pass the --model these weights were made for; `gridless models` lists them.
      """)
  }

  private static func list(_ title: String, _ lines: [String]) -> String? {
    if lines.isEmpty { return nil }
    let more = lines.count > 10 ? ["… and \(lines.count - 10) more"] : []
    return (["  \(title) (\(lines.count)):"] + (lines.prefix(10) + more).map { "    \($0)" }).joined(separator: "\n")
  }
}

/// Compares the names and shapes of a checkpoint with those of a network.
public enum StateDictMatch {
  /// Throws `CheckpointMismatch` unless `found` holds the tensors `expected`, by name and shape, and no others.
  ///
  /// Names for which `ignoring` is true, such as a head that will be replaced, are compared on neither side.
  /// `file` is what the error names.
  public static func check(
    expected: [(name: String, shape: [Int])], found: [(name: String, shape: [Int])], file: String,
    ignoring: (String) -> Bool = { _ in false }
  ) throws(CheckpointMismatch) {
    let expected = expected.filter { !ignoring($0.name) }
    let found = found.filter { !ignoring($0.name) }
    let shapes = Dictionary(found.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    let names = Set(expected.map(\.name))
    let mismatch = CheckpointMismatch(
      file: file,
      missing: expected.map(\.name).filter { shapes[$0] == nil },
      unexpected: found.map(\.name).filter { !names.contains($0) },
      wrongShape: expected.compactMap { name, shape in
        guard let other = shapes[name], other != shape else { return nil }
        return CheckpointMismatch.WrongShape(name: name, found: other, expected: shape)
      })
    let fits = mismatch.missing.isEmpty && mismatch.unexpected.isEmpty && mismatch.wrongShape.isEmpty
    if !fits { throw mismatch }
  }
}
