import Foundation
import Weights

/// Opens files and tells what it costs.
enum Opening {
  private struct Line: Encodable {
    var file: String
    /// Nil where the file was read.
    var error: String?
    var tensors: Int?
    /// The most memory so far above the start's.
    var kilobytes: Int
    var seconds: Double
  }

  static func run(_ files: ArraySlice<String>) {
    let encoder = JSONEncoder()
    let start = peakKilobytes()
    for file in files {
      let before = processorSeconds()
      var line = Line(file: file, kilobytes: 0, seconds: 0)
      do {
        let source = try TensorFile.open(file)
        for (name, _) in source.shapes { _ = try source.floats(name) }
        line.tensors = source.shapes.count
      } catch {
        line.error = "\(error)"
      }
      line.seconds = processorSeconds() - before
      line.kilobytes = peakKilobytes() - start
      // Unbuffered, so that a crash shows the file before.
      if let text = try? encoder.encode(line) {
        try? FileHandle.standardOutput.write(contentsOf: text + Data("\n".utf8))
      }
    }
  }

  /// The most memory that this process has held so far; what getrusage says counts the parent's before exec, too.
  static func peakKilobytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return Int(line?.filter(\.isNumber) ?? "") ?? 0
  }
}
