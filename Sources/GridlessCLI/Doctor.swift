import ArgumentParser
import Foundation
import Gridless

/// `gridless doctor`.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell what this machine has, and whether a data set is usable.")

  @Argument(help: "A data set to look through: every image is decoded, texts are counted.")
  var data: String?

  func run() throws {
    try Runtime.start()
    print(table(try machine()))
    if let data { try look(at: data) }
  }

  private func machine() throws -> [[String]] {
    let gpus = try Runtime.cudaDeviceCount()
    let features = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"].map { "\($0) \(Processor.has($0) ? "yes" : "no")" }
    return [
      ["gridless", gridlessVersion],
      ["libtorch", "\(Runtime.loadedVersion ?? "unknown") (compiled against \(Runtime.compiledVersion))"],
      ["libtorch lies in", Runtime.libraryPath ?? "unknown"],
      ["processor", "\(Processor.name), \(Runtime.threads) threads"],
      ["features", features.joined(separator: ", ")],
      ["gpu", gpus > 0 ? "\(gpus) found" : "none (\(Runtime.cudaLoadError ?? "no device reported"))"],
      ["cuda graphs", graphs()],
      ["memory", "\(gigabytes(Processor.memory("MemAvailable"))) free of \(gigabytes(Processor.memory("MemTotal")))"],
      ["disk", "\(gigabytes(freeDisk())) free here"],
    ]
  }

  /// Whether the library of CUDA graphs is there and loads.
  private func graphs() -> String {
    do throws(TorchError) {
      _ = try CUDAGraphs()
      return CUDAGraphs.libraryPath
    } catch {
      return "none (\(error))"
    }
  }

  /// Opens the data set and decodes every image at a small size; names those that cannot be decoded.
  private func look(at path: String) throws {
    let dataset = try Dataset.open(path)
    var rows = [["data", path], targets(of: dataset)]
    var (unreadable, lostClasses) = (0, [String]())
    for split in Split.allCases {
      guard let examples = dataset.splits[split] else { continue }
      if dataset.holdsTexts {
        let longest = examples.compactMap { $0.source.text?.utf8.count }.max() ?? 0
        rows.append([split.rawValue, "\(examples.count) texts, the longest of \(longest) bytes"])
        continue
      }
      let store = try ImageStore(
        examples, preprocessing: Preprocessing(size: 8), options: ImageStore.Options(skipUnreadable: true))
      let lost = examples.count - store.count
      rows.append([split.rawValue, "\(examples.count) images, \(lost == 0 ? "all readable" : "\(lost) unreadable")"])
      rows += store.notes.map { ["", $0] }
      unreadable += lost
      if split == .train, dataset.targets != .values {
        let left = Set(store.labels)
        lostClasses = dataset.classes.enumerated().filter { !left.contains($0.offset) }.map(\.element)
      }
    }
    for note in dataset.notes { rows.append(["note", note]) }
    let remedy =
      lostClasses.isEmpty
      ? "with --skip-unreadable, or once the unreadable images are removed"
      : "no: no image to train on can be read of \(lostClasses.joined(separator: ", "))"
    rows.append(["usable", unreadable == 0 ? "yes" : remedy])
    print(table(rows))
    if unreadable > 0 { throw ExitCode.failure }
  }

  /// The number of classes, or where the training values lie.
  private func targets(of dataset: Dataset) -> [String] {
    guard dataset.targets == .values else { return ["classes", "\(dataset.classes.count)"] }
    let values = (dataset.splits[.train] ?? []).compactMap(\.value)
    guard let low = values.min(), let high = values.max(), let spread = try? ValueSpread(values, path: dataset.path)
    else { return ["values", "none"] }
    return [
      "values",
      "\(significant(low)) to \(significant(high)), mean \(significant(spread.mean)), standard deviation "
        + significant(spread.deviation),
    ]
  }

  private func freeDisk() -> Int? {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: FileManager.default.currentDirectoryPath)
    return (attributes?[.systemFreeSize] as? NSNumber)?.intValue
  }

  private func gigabytes(_ bytes: Int?) -> String {
    bytes.map { "\(fixed(Double($0) / 1e9, digits: 1)) GB" } ?? "unknown"
  }
}

/// What Linux tells of the processor and the memory.
private enum Processor {
  private static let cpuinfo = lines("/proc/cpuinfo")

  static var name: String { field("model name", of: cpuinfo) ?? "unknown" }

  static func has(_ flag: String) -> Bool {
    field("flags", of: cpuinfo)?.split(separator: " ").contains(flag[...]) == true
  }

  /// Bytes of a line of /proc/meminfo, which counts in KiB.
  static func memory(_ key: String) -> Int? {
    field(key, of: lines("/proc/meminfo"))?.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  private static func lines(_ path: String) -> [Substring] {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }?.split(separator: "\n") ?? []
  }

  private static func field(_ key: String, of lines: [Substring]) -> String? {
    guard let line = lines.first(where: { $0.hasPrefix(key) }), let colon = line.firstIndex(of: ":") else { return nil }
    return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
  }
}
