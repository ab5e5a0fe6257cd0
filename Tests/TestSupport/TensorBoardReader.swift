import Foundation

/// What TensorBoard itself reads out of a folder's event file.
public struct TensorBoardContent {
  /// Steps, values and times by tag.
  public var scalars: [String: [[Double]]]
  /// Step, width, height and PNG bytes by tag.
  public var images: [String: [(step: Int, width: Int, height: Int, png: Data)]]
  /// What the plug-in `hparams` would show.
  public var hparams: [String: Any]

  /// Why there is no TensorBoard here, nil where there is; `Scripts/test-tools.sh` installs it.
  public static let missing: String? = {
    guard packages != nil else {
      return "TensorBoard is not installed in the cache (Scripts/test-tools.sh does it): event files are not read"
    }
    return nil
  }()

  /// Reads a folder with TensorBoard's `EventAccumulator`.
  public init(folder: String) throws {
    guard let packages = Self.packages else { throw ReaderError(text: Self.missing ?? "") }
    let python = try String(contentsOfFile: "\(packages)/python.txt", encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python.trimmingCharacters(in: .whitespacesAndNewlines))
    process.arguments = [Self.root.appending(path: "Tests/golden/tensorboard/read.py").path, folder]
    process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONPATH": packages]) { $1 }
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, FileHandle.nullDevice)
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0,
      let json = try JSONSerialization.jsonObject(with: data) as? [String: Any],
      let scalars = json["scalars"] as? [String: [[Double]]], let images = json["images"] as? [String: [[Any]]],
      let hparams = json["hparams"] as? [String: Any]
    else { throw ReaderError(text: "TensorBoard could not read \(folder)") }
    (self.scalars, self.hparams) = (scalars, hparams)
    self.images = images.mapValues { events in
      events.compactMap { event in
        guard let step = event[0] as? Int, let width = event[1] as? Int, let height = event[2] as? Int,
          let png = (event[3] as? String).flatMap({ Data(base64Encoded: $0) })
        else { return nil }
        return (step, width, height, png)
      }
    }
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The newest folder of packages that is in the cache.
  private static let packages: String? = {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(environment["HOME"] ?? "")/.cache"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(home)/gridless")) ?? []
    return names.filter { $0.hasPrefix("tensorboard-") && !$0.hasSuffix(".new") }.map { "\(home)/gridless/\($0)" }
      .max { modified($0) < modified($1) }
  }()

  private static func modified(_ path: String) -> Date {
    (try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date) ?? .distantPast
  }

  struct ReaderError: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
  }
}
