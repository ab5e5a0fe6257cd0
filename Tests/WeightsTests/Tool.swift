import Foundation

/// The program `weights-fuzz`, beside the test bundle.
enum Tool {
  /// A program that failed.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs it in `folder` and returns its standard output.
  static func run(_ arguments: [String], in folder: String) throws -> String {
    let process = Process()
    process.executableURL = Bundle.main.bundleURL.appending(path: "weights-fuzz")
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(
        description:
          "weights-fuzz \(arguments.prefix(2)): status \(process.terminationStatus)\n\(String(decoding: data, as: UTF8.self))"
      )
    }
    return String(decoding: data, as: UTF8.self)
  }
}
