import Support

/// Oxford's 102 flowers as they are published: `jpg/image_00001.jpg` and on, a class for each in `imagelabels.mat`, and
/// the numbers of each split's images in `setid.mat`.
///
/// Source: https://www.robots.ox.ac.uk/~vgg/data/flowers/102/.
enum Flowers102Layout {
  /// The folder that holds the files: `root` itself or the one that torchvision makes.
  static func folder(in root: String) -> String? {
    [root, "\(root)/flowers-102"].first { FileKind("\($0)/imagelabels.mat") == .file }
  }

  /// Reads the lists; a class's name is its number there, from 1.
  static func read(_ folder: String) throws(DatasetError) -> Listing {
    let (labelsPath, splitsPath) = ("\(folder)/imagelabels.mat", "\(folder)/setid.mat")
    guard FileKind(splitsPath) == .file, FileKind("\(folder)/jpg") == .folder else {
      throw .malformed(
        path: folder, line: nil,
        reason: "imagelabels.mat is there, but not setid.mat and jpg/, which the data set is made of too.")
    }
    let labels = try numbers("labels", in: try MATFile(path: labelsPath), labelsPath)
    guard let largest = labels.max(), Set(labels).count == largest else {
      throw .malformed(path: labelsPath, line: nil, reason: "labels without gaps from 1 were expected. Fetch it again.")
    }
    let splits = try MATFile(path: splitsPath)
    var (listing, seen) = (Listing(layout: .flowers102), Set<Int>())
    for (split, name) in [(Split.train, "trnid"), (.val, "valid"), (.test, "tstid")] {
      let images = try numbers(name, in: splits, splitsPath)
      for image in images {
        guard image <= labels.count, seen.insert(image).inserted else {
          throw .malformed(
            path: splitsPath, line: nil,
            reason: "image \(image) in \(name), expected numbers up to \(labels.count), each once. Fetch it again.")
        }
      }
      listing.parts[split] = Listing.Part(
        classes: (1...largest).map(String.init),
        examples: images.map { image in
          let digits = String(image)
          let name = "image_" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".jpg"
          return Example(source: .file("\(folder)/jpg/\(name)"), label: labels[image - 1] - 1)
        })
    }
    return listing
  }

  /// A row of whole numbers from 1.
  private static func numbers(_ name: String, in file: MATFile, _ path: String) throws(DatasetError) -> [Int] {
    guard let matrix = file.matrices[name] else {
      throw .malformed(
        path: path, line: nil,
        reason: "no matrix \(name) (found \(file.matrices.keys.sorted().joined(separator: ", "))). Fetch it again.")
    }
    let numbers = matrix.values.compactMap { Int(exactly: $0) }.filter { $0 >= 1 }
    guard numbers.count == matrix.values.count, !numbers.isEmpty else {
      throw .malformed(path: path, line: nil, reason: "\(name) holds other than whole numbers from 1. Fetch it again.")
    }
    return numbers
  }
}
