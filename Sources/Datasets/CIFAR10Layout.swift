import Support

/// CIFAR-10's binary version: records of one label byte and 3 × 32 × 32 bytes, red, green and blue planes.
///
/// Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
enum CIFAR10Layout {
  static let side = 32
  private static let plane = side * side
  private static let record = 1 + 3 * plane

  /// The folder that holds the files: `root` itself or the folder the official archive makes.
  static func folder(in root: String) -> String? {
    [root, "\(root)/cifar-10-batches-bin"].first {
      FileKind("\($0)/data_batch_1.bin") == .file || FileKind("\($0)/test_batch.bin") == .file
    }
  }

  static func read(_ folder: String) throws(DatasetError) -> Listing {
    let names = "\(folder)/batches.meta.txt"
    let text = String(decoding: try present(names), as: UTF8.self)
    let classes = text.split(whereSeparator: \.isNewline).map(String.init)
    guard !classes.isEmpty, Set(classes).count == classes.count else {
      throw .malformed(path: names, line: nil, reason: "found no list of distinct class names. Fetch it again.")
    }
    var listing = Listing(layout: .cifar10)
    for (split, files) in [(Split.train, (1...5).map { "data_batch_\($0)" }), (.test, ["test_batch"])] {
      var examples: [Example] = []
      for file in files { examples += try records("\(folder)/\(file).bin", classes: classes.count) }
      listing.parts[split] = Listing.Part(classes: classes, examples: examples)
    }
    return listing
  }

  /// Decodes the planes that start at a byte offset.
  static func image(_ path: String, offset: Int) throws(DatasetError) -> RGBImage {
    let planes = try readFile(path, offset: offset, count: 3 * plane)
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * plane) { buffer, filled in
      for i in 0..<plane {
        for channel in 0..<3 { buffer[3 * i + channel] = planes[channel * plane + i] }
      }
      filled = 3 * plane
    }
    return RGBImage(height: side, width: side, pixels: pixels)
  }

  private static func records(_ path: String, classes: Int) throws(DatasetError) -> [Example] {
    let bytes = try present(path)
    guard !bytes.isEmpty, bytes.count % record == 0 else {
      throw .malformed(
        path: path, line: nil,
        reason: "\(bytes.count) bytes, expected a multiple of \(record). The file is truncated: fetch it again.")
    }
    var examples: [Example] = []
    for start in stride(from: 0, to: bytes.count, by: record) {
      let label = Int(bytes[start])
      guard label < classes else {
        throw .malformed(
          path: path, line: nil,
          reason: "label \(label) at byte \(start), expected 0 to \(classes - 1). The file is damaged: fetch it again.")
      }
      examples.append(Example(source: .cifar(path: path, offset: start + 1), label: label))
    }
    return examples
  }

  private static func present(_ path: String) throws(DatasetError) -> [UInt8] {
    guard FileKind(path) == .file else {
      throw .malformed(
        path: path, line: nil, reason: "missing. CIFAR-10 is data_batch_1 to 5, test_batch and batches.meta.")
    }
    return try readTable(path)
  }
}
