import Foundation
import Support

/// The texts of one split, tokenized once, from which batches are written.
public final class TextStore: Sendable {
  /// How texts become numbers.
  public let tokenizer: WordPieceTokenizer
  /// The examples.
  public let examples: [Example]
  /// The label of each example; 0 in a regression data set.
  public let labels: [Int]
  /// The value of each example; nil where the data set has classes.
  public let values: [Double]?
  /// The numbers of each text, `[CLS]` and `[SEP]` included.
  private let numbers: [[Int32]]

  /// What stands behind a text's end in a batch of longer ones; no token has this number.
  public static let padding: Int64 = -1

  /// Tokenizes all examples, in parallel.
  ///
  /// Throws `DatasetError.malformed` for an example that is not a text.
  public init(
    _ examples: [Example], tokenizer: WordPieceTokenizer,
    threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) throws(DatasetError) {
    (self.examples, self.tokenizer) = (examples, tokenizer)
    numbers = try mapConcurrently(examples.count, threads: threads) { index throws(DatasetError) in
      guard case .text(let text, _, _) = examples[index].source else {
        throw .malformed(path: examples[index].source.name, line: nil, reason: "an image, expected a text.")
      }
      return tokenizer.encode(text)
    }
    labels = examples.map(\.label)
    let values = examples.compactMap(\.value)
    self.values = values.count == examples.count && !examples.isEmpty ? values : nil
  }

  /// The number of texts.
  public var count: Int { numbers.count }

  /// The tokens of each text, `[CLS]` and `[SEP]` included.
  public var lengths: [Int] { numbers.map(\.count) }

  /// The CRC-32 of each text's numbers, in the order of `examples`.
  package func checksums() -> [UInt32] {
    numbers.map { $0.withUnsafeBytes { CRC32.of($0) } }
  }

  /// The numbers of some texts as `[indices, width]`, row by row: the width is the longest text's, and shorter ones end
  /// in ``padding``.
  public func batch(_ indices: [Int]) -> (numbers: [Int64], width: Int) {
    Self.padded(indices.map { numbers[$0] })
  }

  /// Rows of numbers as one rectangle.
  package static func padded(_ rows: [[Int32]]) -> (numbers: [Int64], width: Int) {
    let width = rows.map(\.count).max() ?? 0
    return (
      rows.flatMap { row in row.map(Int64.init) + [Int64](repeating: padding, count: width - row.count) }, width
    )
  }
}
