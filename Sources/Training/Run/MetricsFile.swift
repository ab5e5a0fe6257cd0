import Foundation

/// Appends one JSON object per line to a run's `metrics.jsonl`: no times, so that equal runs write equal files.
final class MetricsFile {
  private let file: AppendedFile

  /// Opens the file and cuts it to its first `bytes`, which it has.
  ///
  /// Throws `AtomicFileError`, as the other methods do.
  init(path: String, keeping bytes: Int = 0) throws { file = try AppendedFile(path: path, keeping: bytes) }

  /// The file's length.
  var bytes: Int { file.bytes }

  /// Appends a line; a line that does not fit the disk is cut off when the run goes on.
  func append(_ line: MetricsLine) throws { try file.append(Data((try JSON.line(line) + "\n").utf8)) }

  /// Forces the file to disk, as a checkpoint refers to its length.
  func sync() throws { try file.sync() }
}
