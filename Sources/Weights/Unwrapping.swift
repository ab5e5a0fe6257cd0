import Support

/// The tensors of one network in a checkpoint that wraps them, without what stands before their names.
///
/// What wraps is known by name: keys under which training programs put state dicts, and the modules of `DataParallel`,
/// `torch.compile`, Lightning and averaged models. Where several fit, averaged weights (EMA) are preferred, then the
/// order of ``wrappers``. If nothing known fits, any one prefix under which all wanted names stand is taken. Of
/// `torch.compile`, FSDP and activation checkpointing the modules that may stand anywhere in a name are left out.
public struct Unwrapping: StoredTensors {
  /// A way in which a network's tensors may be called.
  public struct Spelling: Sendable {
    /// The names that must be there, as the file has them.
    public var wanted: [String]
    /// What is read under another name than the file's, by the file's.
    public var renamed: [String: String]

    /// Names that must be there, and the names to read them under where they differ.
    public init(_ wanted: [String], renamed: [String: String] = [:]) {
      (self.wanted, self.renamed) = (wanted, renamed)
    }
  }

  /// What a checkpoint's tensors may stand under, in the order of preference, outermost or further in.
  public static let wrappers = [
    "state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema", "module_ema",
    "state_dict", "model_state_dict", "model", "module", "net", "network", "backbone", "encoder", "params", "weights",
  ]
  private static let transparent: Set<Substring> = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]
  private static let deepest = 6
  /// The most prefixes that are tried, as a hostile file may have thousands.
  private static let mostTrials = 256

  /// The checkpoint.
  public let file: any StoredTensors
  /// Names, without the prefix, and shapes, in the file's order.
  public let shapes: [(name: String, shape: [Int])]
  /// What was taken from what stands before the names, and what else the file has; nil where names are as they were.
  public let note: String?

  private let stored: [String: String]

  /// Finds the tensors of a network that is known by the names of its tensors, in each of several spellings.
  ///
  /// Under the prefix that is found all names of one of the spellings stand. If there is none, the file's own names are
  /// kept, without known wrappers, so that a comparison tells what is wrong.
  /// Throws `WeightsError.unusable` where several unknown prefixes fit.
  public init(_ file: any StoredTensors, wanting spellings: [Spelling]) throws(WeightsError) {
    self.file = file
    let shapes = file.shapes
    var names = shapes.map { Self.plain($0.name) }
    if Set(names).count < names.count { names = shapes.map(\.name) }
    let all = Set(names)
    func spelling(_ prefix: String) -> Spelling? {
      spellings.first { !$0.wanted.isEmpty && $0.wanted.allSatisfy { all.contains(prefix + $0) } }
    }
    func fits(_ prefix: String) -> Bool { spelling(prefix) != nil }
    var trials = 0
    let known = Self.known("", in: names, depth: 0, &trials, fits)
    let other = known == nil ? try Self.unknown(names, spellings, fits, path: file.path) : nil
    let prefix = known ?? other ?? Self.outermost(names)
    let renamed = spelling(prefix)?.renamed ?? [:]
    var taken = Set(names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
    let kept = zip(names, shapes).filter { $0.0.hasPrefix(prefix) }.map { name, entry in
      let short = String(name.dropFirst(prefix.count))
      // A name that is there already stays that tensor's.
      let name = renamed[short].flatMap { taken.insert($0).inserted ? $0 : nil } ?? short
      return (name: name, stored: entry.name, shape: entry.shape)
    }
    self.shapes = kept.map { ($0.name, $0.shape) }
    stored = Dictionary(kept.map { ($0.name, $0.stored) }, uniquingKeysWith: { first, _ in first })
    note = Self.note(prefix, names, changed: names != shapes.map(\.name), path: file.path)
  }

  /// The path of the checkpoint.
  public var path: String { file.path }

  /// The elements of the tensor called `name`, outermost side first, whatever its type, rounded to nearest.
  ///
  /// Throws `WeightsError.noTensor`, and what the file throws.
  public func floats(_ name: String) throws -> [Float] { try file.floats(storedName(name)) }

  /// The elements of `part` of the tensor called `name`, counted in its order.
  ///
  /// Throws as ``floats(_:)``, and `WeightsError` where the tensor is shorter.
  public func floats(_ name: String, part: Range<Int>) throws -> [Float] {
    try file.floats(storedName(name), part: part)
  }

  /// The tensor called `name` in its stored type, a copy under that name.
  ///
  /// Throws as ``floats(_:)``.
  public func array(_ name: String) throws -> NamedArray {
    var array = try file.array(storedName(name))
    array.name = name
    return array
  }

  /// The CRC-32 of the whole checkpoint.
  public func checksum() -> UInt32 { file.checksum() }

  private func storedName(_ name: String) throws(WeightsError) -> String {
    guard let stored = stored[name] else { throw .noTensor(path: path, name: name) }
    return stored
  }

  /// A name without the modules that wrap others and may stand anywhere.
  private static func plain(_ name: String) -> String {
    guard name.contains("_mod") else { return name }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.contains(where: transparent.contains)
      ? parts.filter { !transparent.contains($0) }.joined(separator: ".") : name
  }

  /// The first prefix made of known wrappers that fits, nil if none does.
  private static func known(
    _ prefix: String, in names: [String], depth: Int, _ trials: inout Int, _ fits: (String) -> Bool
  ) -> String? {
    if fits(prefix) { return prefix }
    trials += 1
    guard depth < deepest, trials < mostTrials else { return nil }
    for wrapper in wrappers {
      let longer = "\(prefix)\(wrapper)."
      guard names.contains(where: { $0.hasPrefix(longer) }) else { continue }
      if let found = known(longer, in: names, depth: depth + 1, &trials, fits) { return found }
    }
    return nil
  }

  /// The one other prefix that fits, nil if none does.
  private static func unknown(
    _ names: [String], _ spellings: [Spelling], _ fits: (String) -> Bool, path: String
  ) throws(WeightsError) -> String? {
    let anchors = Set(spellings.compactMap(\.wanted.first))
    var found = Set<String>()
    for anchor in anchors {
      for name in names where name.hasSuffix("." + anchor) { found.insert(String(name.dropLast(anchor.count))) }
    }
    let fitting = found.filter(fits).sorted()
    guard fitting.count <= 1 else {
      throw .unusable(
        path: path,
        problem: "it holds the network's tensors several times, under "
          + fitting.prefix(5).map { "'\($0)'" }.joined(separator: ", "),
        advice: "Save the ones that are meant alone.")
    }
    return fitting.first
  }

  /// What a comparison is made under where nothing fits: the wrappers under which most tensors stand.
  private static func outermost(_ names: [String]) -> String {
    var prefix = ""
    for _ in 0..<deepest {
      // Parts of networks have the last names, too.
      let inside = wrappers.prefix { $0 != "backbone" }.map { prefix + $0 + "." }.map { longer in
        (longer, names.count { $0.hasPrefix(longer) })
      }
      let total = names.count { $0.hasPrefix(prefix) }
      guard let next = inside.first(where: { $0.1 * 4 > total }) else { return prefix }
      prefix = next.0
    }
    return prefix
  }

  private static func note(_ prefix: String, _ names: [String], changed: Bool, path: String) -> String? {
    if prefix.isEmpty {
      guard changed else { return nil }
      return "\(path): its names are read without torch.compile's and FSDP's own modules"
    }
    var others: [String] = []
    for name in names where !name.hasPrefix(prefix) {
      // The first part in which the name leaves the prefix.
      let shared = zip(name.split(separator: "."), prefix.split(separator: ".")).prefix { $0 == $1 }.count
      let other = name.split(separator: ".").prefix(shared + 1).joined(separator: ".")
      if !others.contains(other) { others.append(other) }
      if others.count > 5 { break }
    }
    let rest =
      others.isEmpty
      ? "" : "; not read: \(others.prefix(5).joined(separator: ", "))\(others.count > 5 ? " …" : "")"
    return printable("\(path): the tensors under '\(prefix)' are read\(rest)")
  }
}
