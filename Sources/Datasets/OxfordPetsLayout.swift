import Support

/// Oxford-IIIT Pet as it is published: `images/Abyssinian_1.jpg` and on, and in `annotations/trainval.txt` and
/// `test.txt` a line for each: name, class, species and breed.
///
/// Source: https://www.robots.ox.ac.uk/~vgg/data/pets/.
enum OxfordPetsLayout {
  /// The folder that holds the files: `root` itself or the one that torchvision makes.
  static func folder(in root: String) -> String? {
    [root, "\(root)/oxford-iiit-pet"].first { FileKind("\($0)/annotations/trainval.txt") == .file }
  }

  /// Reads the lists; classes are in the order of their numbers, and called as the images are: `Abyssinian`.
  static func read(_ folder: String) throws(DatasetError) -> Listing {
    guard FileKind("\(folder)/annotations/test.txt") == .file, FileKind("\(folder)/images") == .folder else {
      throw .malformed(
        path: folder, line: nil,
        reason: "annotations/trainval.txt is there, but not test.txt and images/, which the data set is made of too.")
    }
    var names: [Int: String] = [:]
    var rows: [Split: [(path: String, number: Int)]] = [:]
    for (split, list) in [(Split.train, "trainval"), (.test, "test")] {
      rows[split] = try read("\(folder)/annotations/\(list).txt", naming: &names).map {
        ("\(folder)/images/\($0.image).jpg", $0.number)
      }
    }
    let numbers = names.keys.sorted()
    let labels = Dictionary(uniqueKeysWithValues: zip(numbers, numbers.indices))
    var listing = Listing(layout: .oxfordPets)
    listing.parts = rows.mapValues { rows in
      Listing.Part(
        classes: numbers.compactMap { names[$0] },
        examples: rows.compactMap { row in labels[row.number].map { Example(source: .file(row.path), label: $0) } })
    }
    return listing
  }

  private static func read(
    _ path: String, naming names: inout [Int: String]
  ) throws(DatasetError) -> [(image: String, number: Int)] {
    var rows: [(image: String, number: Int)] = []
    let lines = String(decoding: try readTable(path), as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() where !line.isEmpty && !line.hasPrefix("#") {
      let fields = line.split(separator: " ")
      guard fields.count == 4, let number = Int(fields[1]), let end = fields[0].lastIndex(of: "_"),
        !fields[0].contains("/")
      else {
        throw .malformed(
          path: path, line: index + 1,
          reason: "expected a name such as Abyssinian_1, and three numbers. Fetch it again.")
      }
      let name = String(fields[0][..<end])
      guard names.updateValue(name, forKey: number) ?? name == name else {
        throw .malformed(
          path: path, line: index + 1, reason: "class \(number) is \(name) here, and another before. Fetch it again.")
      }
      rows.append((String(fields[0]), number))
    }
    guard !rows.isEmpty else { throw .malformed(path: path, line: nil, reason: "no image is listed. Fetch it again.") }
    return rows
  }
}
