import ArgumentParser
import CBenchLoops
import Foundation

/// What the subcommands share: the images that are measured on.
struct DataOptions: ParsableArguments {
  @Option(help: "A folder of JPEG files, one folder per class (default: flowers89 in ../shared, else synthetic files).")
  var data: String?

  @Option(help: "How many of them.")
  var images = 256

  /// Runs `body` with the folder; synthetic files are removed afterwards.
  func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    if let data { return try body(data) }
    let shared = ProcessInfo.processInfo.environment["GRIDLESS_SHARED"] ?? "../shared"
    let flowers = "\(shared)/data/flowers89/train"
    if FileManager.default.fileExists(atPath: flowers) { return try body(flowers) }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-bench-\(getpid())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeSyntheticImages(images, to: folder)
    return try body(folder.path)
  }
}

/// Writes JPEG files of flowers89's size, 192 × 256: waves with a little noise, about as hard to decode as photographs.
private func writeSyntheticImages(_ count: Int, to folder: URL) throws {
  let (height, width) = (192, 256)
  for index in 0..<count {
    let classFolder = folder.appendingPathComponent("class\(index % 2)")
    try FileManager.default.createDirectory(at: classFolder, withIntermediateDirectories: true)
    var pixels = [UInt8](repeating: 0, count: 3 * height * width)
    var state = UInt32(index + 1)
    for position in pixels.indices {
      state = state &* 1_664_525 &+ 1_013_904_223
      let (x, y) = (Double(position / 3 % width), Double(position / 3 / width))
      let wave = sin(x / 9 + Double(index)) * cos(y / 7) * 80 + Double(position % 3) * 20
      pixels[position] = UInt8(92 + wave + Double(state >> 27))
    }
    let path = classFolder.appendingPathComponent("\(index).jpg").path
    guard jpeg_loop_write(path, pixels, UInt32(height), UInt32(width)) == 0 else {
      throw BenchError.impossible("\(path): cannot be written.")
    }
  }
}

/// The first so many cores, as taskset takes them.
func firstCores(_ count: Int) -> String { "0-\(count - 1)" }

/// The path of this executable, which is also the worker's.
let ownPath = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]

/// A line on standard error, for whoever waits.
func say(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data("\(text)\n".utf8)) }
