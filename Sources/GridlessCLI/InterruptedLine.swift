import Foundation
import Gridless

/// What `--json` prints last where a signal ended the command before its result.
struct InterruptedLine: Encodable {
  var event = "interrupted"
  /// The folder that the same command goes on with; of a study the run that was in training, nil between two.
  var run: String?
  /// How far the run is, nil before training.
  var progress: RunProgress?
  var signal: Int32

  private enum CodingKeys: CodingKey { case event, run, progress, signal }

  /// Writes what is nil, too, so that every line has the same keys.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(event, forKey: .event)
    try container.encode(run, forKey: .run)
    try container.encode(progress, forKey: .progress)
    try container.encode(signal, forKey: .signal)
  }

  /// Writes the line to standard output; that nobody reads it any more ends nothing.
  func print() {
    try? FileHandle.standardOutput.write(contentsOf: Data((JSON.line(self) + "\n").utf8))
  }
}
