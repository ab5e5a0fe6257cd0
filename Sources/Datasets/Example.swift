/// The parts of a data set.
public enum Split: String, Codable, CaseIterable, Sendable {
  /// What is trained on.
  case train
  /// Held out by the data set's makers; Gridless needs none, so it is unused unless asked for.
  case val
  /// What metrics are reported on.
  case test

  /// Reads a list such as `train,val`.
  ///
  /// Throws `DatasetError.unknownSplit`.
  public static func list(_ text: String) throws(DatasetError) -> [Split] {
    var splits: [Split] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      let name = String(name.filter { $0 != " " })
      guard let split = Split(rawValue: name) else { throw .unknownSplit(name) }
      if !splits.contains(split) { splits.append(split) }
    }
    return splits
  }
}

/// One image or text with what is to be predicted from it.
public struct Example: Equatable, Sendable {
  /// What is to be predicted.
  public enum Target: Equatable, Sendable {
    /// The index of the class in `Dataset.classes`.
    case label(Int)
    /// A finite number, in the data set's own unit.
    case value(Double)
  }

  /// Where an example's pixels or words are.
  public enum Source: Equatable, Sendable {
    /// An image file.
    case file(String)
    /// Three planes (red, green, blue) of 32 × 32 bytes in a CIFAR-10 binary file, `offset` bytes from its start.
    case cifar(path: String, offset: Int)
    /// Pixels at hand.
    case pixels(RGBImage)
    /// A text, and the row of the table that it is from.
    case text(String, file: String, line: Int)
  }

  /// Where the pixels or words are.
  public var source: Source
  /// What is to be predicted.
  public var target: Target

  /// Creates an example of a class.
  public init(source: Source, label: Int) { (self.source, target) = (source, .label(label)) }

  /// Creates an example of regression.
  public init(source: Source, value: Double) { (self.source, target) = (source, .value(value)) }

  /// The index of the class in `Dataset.classes`; 0 in a regression data set, where all examples are of one kind.
  public var label: Int { if case .label(let label) = target { label } else { 0 } }

  /// The number to predict; nil where the data set has classes.
  public var value: Double? { if case .value(let value) = target { value } else { nil } }
}

extension Example.Source {
  /// What error messages call it.
  package var name: String {
    switch self {
    case .file(let path): path
    case .cifar(let path, let offset): "\(path) (record at byte \(offset))"
    case .pixels: "inline pixels"
    case .text(_, let file, let line): "\(file):\(line)"
    }
  }

  /// The text, nil for an image.
  public var text: String? { if case .text(let text, _, _) = self { text } else { nil } }

  /// Decodes the pixels.
  ///
  /// Throws `DatasetError.unreadable`.
  public func decode() throws(DatasetError) -> RGBImage {
    switch self {
    case .file(let path): try RGBImage.decode(path: path)
    case .cifar(let path, let offset): try CIFAR10Layout.image(path, offset: offset)
    case .pixels(let image): image
    case .text: throw .unreadable(path: name, reason: "a text, expected an image")
    }
  }

  /// The decoded image's size.
  ///
  /// The whole file is read, as its orientation may stand behind the pixels, but none is decoded.
  func size() throws(DatasetError) -> (height: Int, width: Int) {
    switch self {
    case .file(let path): try RGBImage.size(of: try readFile(path), name: path)
    case .cifar: (CIFAR10Layout.side, CIFAR10Layout.side)
    case .pixels(let image): (image.height, image.width)
    case .text: throw .unreadable(path: name, reason: "a text, expected an image")
    }
  }
}
