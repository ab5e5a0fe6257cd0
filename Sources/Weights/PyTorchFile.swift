import Foundation
import Support
import Synchronization

/// A tensor's entry in a PyTorch file.
public struct PyTorchTensor: Equatable, Sendable {
  /// Keys and positions from the outermost container in, joined by dots; empty for a file that is a tensor.
  public let name: String
  /// The type of its elements.
  public let dtype: ScalarType
  /// Its sides, outermost first; empty for a scalar.
  public let shape: [Int]

  /// The number of elements.
  public var count: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }
}

/// A file of `torch.save` (`.pt`, `.pth`), memory-mapped and validated, from which tensors are read by name.
///
/// It is a zip archive with a pickle. The pickle is interpreted, and nothing in it is ever run: what is not tensors,
/// containers, strings and numbers is refused by name. Nothing that the file claims is believed before it is checked.
/// The file must not be shortened while it is open: a mapping then faults, in any program.
///
/// ```swift
/// let file = try PyTorchFile(path: "resnet50.pth")
/// let bias = try file.floats("fc.bias")
/// ```
public final class PyTorchFile: Sendable {
  /// The path it was opened with.
  public let path: String
  /// All tensors, in the pickle's order: that of `state_dict()`.
  public let tensors: [PyTorchTensor]

  private let indices: [String: Int]
  private let views: [StridedTensor]
  private let storages: [ZipArchive.Entry]
  /// The storages whose checksum was found right.
  private let verified = Mutex<Set<Int>>([])
  // Never written to, and unmapped only by deinit: safe to share between threads.
  private nonisolated(unsafe) let mapping: UnsafeRawBufferPointer
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Maps the file at `path`, and interprets its pickle.
  ///
  /// Throws `WeightsError.unreadable` where the system refuses, `WeightsError.pyTorch` where the file is not sound or
  /// wants to run something.
  public convenience init(path: String) throws {
    let mapping = try FileMapping.map(path) { size in
      .pyTorch(path: path, problem: "\(size) bytes: it is truncated", advice: "Fetch it again.")
    }
    try self.init(mapping, path: path, forget: { FileMapping.forget(mapping) }, release: FileMapping.unmap)
  }

  /// A copy of bytes in memory as a file, for tests of thousands of them; at least 8 bytes.
  package convenience init(bytes: Data, path: String) throws {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    bytes.copyBytes(to: copy)
    try self.init(UnsafeRawBufferPointer(copy), path: path, forget: {}, release: { $0.deallocate() })
  }

  private init(
    _ mapping: UnsafeRawBufferPointer, path: String, forget: () -> Void,
    release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) throws {
    do {
      let content = try Content(mapping, forget)
      tensors = content.tensors
      views = content.views
      storages = content.storages
    } catch {
      release(mapping)
      throw WeightsError.pyTorch(path: path, problem: error.text, advice: error.advice)
    }
    (self.path, self.mapping, self.release) = (path, mapping, release)
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  deinit { release(mapping) }

  /// The entry of the tensor called `name`, or nil.
  public func info(_ name: String) -> PyTorchTensor? { indices[name].map { tensors[$0] } }

  /// Calls `body` with the little-endian bytes of the tensor called `name`, outermost side first.
  ///
  /// Throws `WeightsError.noTensor`, `WeightsError.pyTorch` where the bytes are damaged, and what `body` throws.
  public func withBytes<Result>(
    of name: String, _ body: (PyTorchTensor, UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    guard let index = indices[name] else { throw WeightsError.noTensor(path: path, name: name) }
    try verify(index)
    return try withExtendedLifetime(self) {
      try views[index].withBytes(in: mapping) { try body(tensors[index], $0) }
    }
  }

  /// The elements of the tensor called `name`, outermost side first, whatever its type, rounded to nearest.
  ///
  /// Throws as ``withBytes(of:_:)``.
  public func floats(_ name: String) throws -> [Float] {
    try withBytes(of: name) { info, bytes in info.dtype.values(bytes) }
  }

  /// The elements of `part` of the tensor called `name`, counted in its order.
  ///
  /// Throws as ``withBytes(of:_:)``, and `WeightsError.pyTorch` where the tensor is shorter.
  public func floats(_ name: String, part: Range<Int>) throws -> [Float] {
    try withBytes(of: name) { info, bytes in
      let size = info.dtype.byteCount
      guard part.lowerBound >= 0, part.upperBound <= info.count else {
        let problem = "'\(name)' has \(info.count) elements, \(part) are needed"
        throw WeightsError.pyTorch(path: path, problem: problem, advice: "Pass the file of the right network.")
      }
      return info.dtype.values(
        UnsafeRawBufferPointer(rebasing: bytes[part.lowerBound * size..<part.upperBound * size]))
    }
  }

  /// The elements of the tensor called `name`, outermost side first, whatever its type.
  ///
  /// Exact but for 64-bit integers beyond 2^53. Throws as ``withBytes(of:_:)``.
  public func doubles(_ name: String) throws -> [Double] {
    try withBytes(of: name) { info, bytes in info.dtype.values(bytes) }
  }

  /// The CRC-32 of the whole file.
  public func checksum() -> UInt32 { withExtendedLifetime(self) { CRC32.of(mapping) } }

  /// Compares a tensor's storage with its checksum, once.
  private func verify(_ index: Int) throws(WeightsError) {
    let entry = storages[index]
    guard verified.withLock({ !$0.contains(entry.range.lowerBound) }) else { return }
    let found = withExtendedLifetime(self) {
      CRC32.of(UnsafeRawBufferPointer(rebasing: mapping[entry.range]))
    }
    guard found == entry.crc else {
      throw .pyTorch(
        path: path, problem: "the checksum of '\(entry.name)' differs: it is damaged", advice: "Fetch it again.")
    }
    verified.withLock { _ = $0.insert(entry.range.lowerBound) }
  }
}

/// What a PyTorch file holds, found and checked.
private struct Content {
  var tensors: [PyTorchTensor] = []
  var views: [StridedTensor] = []
  /// Of each tensor.
  var storages: [ZipArchive.Entry] = []

  /// The largest pickle that is read, in bytes.
  private static let largestPickle = 8 << 20
  /// The magic number that files of PyTorch before 1.6 begin with, pickled.
  private static let legacy: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  init(_ file: UnsafeRawBufferPointer, _ forget: () -> Void) throws(PyTorchProblem) {
    try Self.checkKind(file)
    let archive = try ZipArchive(file, forget: forget)
    let root = try Self.root(archive)
    if let name = archive.compressed {
      throw PyTorchProblem(
        "the entry '\(name)' is compressed, and torch.save stores without compression",
        advice: "It was packed by another program: unpack it, load it in PyTorch, and save it with torch.save.")
    }
    if let order = archive.entries["\(root)byteorder"], !file[order.range].elementsEqual("little".utf8) {
      throw PyTorchProblem(
        "it was written on a big-endian machine", advice: "Load it in PyTorch, and save it on a little-endian machine.")
    }
    guard let pickle = archive.entries["\(root)data.pkl"] else { throw PyTorchProblem("it has no data.pkl") }
    guard pickle.range.count <= Self.largestPickle else {
      throw PyTorchProblem("its pickle has \(pickle.range.count) bytes, at most \(Self.largestPickle) are read")
    }
    let bytes = UnsafeRawBufferPointer(rebasing: file[pickle.range])
    guard CRC32.of(bytes) == pickle.crc else { throw PyTorchProblem("the checksum of data.pkl differs") }
    for (name, tensor) in try TensorNames(PickleMachine(bytes)).tensors {
      guard let storage = archive.entries["\(root)data/\(tensor.storage.key)"] else {
        throw PyTorchProblem("tensor '\(name)' is in the storage '\(tensor.storage.key)', which is missing")
      }
      views.append(try StridedTensor(tensor, named: name, in: storage.range))
      tensors.append(PyTorchTensor(name: name, dtype: tensor.dtype, shape: tensor.shape))
      storages.append(storage)
    }
  }

  /// Refuses what is no zip archive, and says what it is.
  private static func checkKind(_ file: UnsafeRawBufferPointer) throws(PyTorchProblem) {
    let advice = "Load it in PyTorch 1.6 or newer, and save it again with torch.save."
    if file.starts(with: legacy) {
      throw PyTorchProblem("it has the format of PyTorch before 1.6", advice: advice)
    }
    if file.count > 262, file[257..<262].elementsEqual("ustar".utf8) {
      throw PyTorchProblem("it is a tar archive, as PyTorch before 0.1.10 wrote", advice: advice)
    }
    guard file.starts(with: Array("PK\u{3}\u{4}".utf8)) else {
      let isPickle = file[0] == 0x80 && (2...5).contains(file[1])
      throw PyTorchProblem(
        isPickle ? "it is a bare pickle" : "it does not start as a zip archive does",
        advice: isPickle ? advice : "Pass a file that torch.save wrote.")
    }
  }

  /// The folder in the archive in which everything lies, with its slash.
  private static func root(_ archive: ZipArchive) throws(PyTorchProblem) -> String {
    let roots = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") }.map { String($0.dropLast("data.pkl".count)) }
      .filter { $0.filter { $0 == "/" }.count == 1 }
    guard let root = roots.first, roots.count == 1 else {
      throw PyTorchProblem(
        "it is a zip archive with \(roots.count) files data.pkl, expected one",
        advice: "Pass a file that torch.save wrote.")
    }
    let isScript = archive.entries.keys.contains { $0 == root + "constants.pkl" || $0.hasPrefix(root + "code/") }
    if isScript {
      throw PyTorchProblem(
        "it is a TorchScript archive, which is a program",
        advice: "Load it with torch.jit.load, and save its state_dict() with torch.save.")
    }
    return root
  }
}
