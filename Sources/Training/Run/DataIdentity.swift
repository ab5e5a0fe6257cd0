import Backbones
import Datasets
import Foundation
import Support
import Weights

/// What a run was trained on, so that it goes on with nothing else: the content of `data.json`.
struct DataIdentity: Codable, Equatable {
  /// The examples of a split, in their order.
  struct Part: Codable, Equatable {
    var split: Split
    /// Paths relative to the data folder.
    var names: [String]
    var labels: [Int]
    /// The values of a regression data set, whose labels are all 0; nil for classes.
    var values: [Double]?
    /// The CRC-32 of each example's decoded, resized pixels or of its token numbers; nil for those that were skipped,
    /// and before decoding.
    var pixels: [UInt32?]
  }

  var classes: [String]
  var parts: [Part]
  /// The CRC-32 of the pretrained weights' file, or of an index's files; nil without one.
  var weights: UInt32?
  /// The ε of the normalisation layers, where the files beside the weights say another than usual for the network.
  var eps: Double?
  /// How the weights want their pixels; nil without weights, for texts, and in runs of older versions.
  var normalization: InputNormalization?
  /// The CRC-32 of the prior's file; nil without one.
  var prior: UInt32?
  /// The CRC-32 of the vocabulary; nil for images.
  var vocabulary: UInt32?

  /// A data set as it is listed, not yet decoded.
  init(_ dataset: Dataset, weights: PretrainedWeights?, prior: PriorFile? = nil) {
    classes = dataset.classes
    self.weights = weights?.file.checksum()
    eps = weights?.backbone.unusualEps
    normalization = weights.flatMap { $0.backbone.modality == .images ? $0.normalization : nil }
    self.prior = prior?.checksum()
    let roots = [dataset.path, parentFolder(of: dataset.path)].map { root in
      root.hasSuffix("/") || root.isEmpty ? root : root + "/"
    }
    parts = Split.allCases.compactMap { split in
      dataset.splits[split].map { examples in
        let names = examples.map { example in
          let name = example.source.name
          return roots.first { !$0.isEmpty && name.hasPrefix($0) }.map { String(name.dropFirst($0.count)) } ?? name
        }
        return Part(
          split: split, names: names, labels: examples.map(\.label),
          values: dataset.targets == .values ? examples.compactMap(\.value) : nil,
          pixels: Array(repeating: nil, count: names.count))
      }
    }
  }

  /// Adds the pixels or tokens of a split, whose examples are those listed, some left out.
  mutating func add(_ store: ExampleBatches.Store, of split: Split, listed: [Example]) throws {
    guard let part = parts.firstIndex(where: { $0.split == split }) else { return }
    let (examples, checksums) =
      switch store {
      case .images(let images): (images.examples, try images.checksums())
      case .texts(let texts): (texts.examples, texts.checksums())
      }
    var decoded = zip(examples, checksums).makeIterator()
    var next = decoded.next()
    for (index, example) in listed.enumerated() where next?.0 == example {
      parts[part].pixels[index] = next?.1
      next = decoded.next()
    }
  }

  /// What examples are called.
  private var kind: String { vocabulary == nil ? "images" : "texts" }

  /// Lines that say what differs from a run's data as it was listed then: classes, examples, labels, weights.
  func listedDifferences(from there: DataIdentity) -> [String] {
    var lines: [String] = []
    if classes != there.classes {
      let (gone, new) = (Set(there.classes).subtracting(classes), Set(classes).subtracting(there.classes))
      lines.append(
        "classes: \(there.classes.count) there, \(classes.count) now"
          + (gone.isEmpty ? "" : "; gone: \(gone.sorted().joined(separator: ", "))")
          + (new.isEmpty ? "" : "; new: \(new.sorted().joined(separator: ", "))"))
    }
    for split in Split.allCases {
      let (then, now) = (there.part(split), part(split))
      let place = zip(then.names, now.names).enumerated().first { $1.0 != $1.1 }?.offset
      if then.names != now.names {
        let index = place ?? min(then.names.count, now.names.count)
        func name(_ part: Part) -> String { part.names.indices.contains(index) ? part.names[index] : "none" }
        lines.append(
          "\(split): \(then.names.count) \(kind) there, \(now.names.count) now; first difference: \(name(then)) there, \(name(now)) now"
        )
      } else if let index = zip(then.labels, now.labels).enumerated().first(where: { $1.0 != $1.1 })?.offset,
        classes == there.classes
      {
        lines.append(
          "\(split): \(now.names[index]) is \(classes[then.labels[index]]) there, \(classes[now.labels[index]]) now")
      } else if let (index, (before, after)) = zip(then.values ?? [], now.values ?? []).enumerated()
        .first(where: { $1.0 != $1.1 }).map({ ($0.offset, $0.element) })
      {
        lines.append("\(split): \(now.names[index]) is \(before) there, \(after) now")
      }
    }
    func text(_ checksum: UInt32?) -> String { checksum.map { "checksum " + String($0, radix: 16) } ?? "none" }
    let files = [
      ("weights", there.weights, weights), ("prior", there.prior, prior), ("vocabulary", there.vocabulary, vocabulary),
    ]
    for (file, then, now) in files where then != now {
      lines.append("\(file): \(text(then)) there, \(text(now)) now")
    }
    if eps != there.eps {
      func text(_ eps: Double?) -> String { eps.map { "\($0)" } ?? "the usual one" }
      lines.append("the ε of the normalisation layers: \(text(there.eps)) there, \(text(eps)) now")
    }
    if let then = there.normalization, let now = normalization, then != now {
      lines.append(
        "normalization of pixels: mean \(then.mean) std \(then.std) there, mean \(now.mean) std \(now.std) now")
    }
    return lines
  }

  /// Lines that say which pixels or tokens of some splits differ from a run's; both have the same examples.
  func pixelDifferences(from there: DataIdentity, of splits: [Split]) -> [String] {
    let content = vocabulary == nil ? "pixels" : "tokens"
    return splits.compactMap { split in
      let (then, now) = (there.part(split), part(split))
      let changed = zip(then.pixels, now.pixels).enumerated().filter { $1.0 != $1.1 }.map(\.offset)
      guard let first = changed.first else { return nil }
      return
        "\(split): \(changed.count) of \(now.names.count) \(kind) have other \(content) now; first: \(now.names[first])"
    }
  }

  private func part(_ split: Split) -> Part {
    parts.first { $0.split == split } ?? Part(split: split, names: [], labels: [], pixels: [])
  }
}
