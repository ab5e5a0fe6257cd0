import Backbones
import Foundation
import Weights

/// The pretrained weights of a network, whatever the file's format, and whosever names it has.
///
/// ```swift
/// let weights = try PretrainedWeights(path: "checkpoint.pth", of: backbone)
/// let state = try network.loadStateDict(weights.tensors, head: .fresh(seed: 0))
/// ```
public struct PretrainedWeights: Sendable {
  /// The backbone that they are for, with the ε that they were trained with.
  public let backbone: Backbone
  /// The file as it is stored.
  public let file: any StoredTensors
  /// Its tensors without what wraps them, under the names of ``naming``.
  public let unwrapped: Unwrapping
  /// Its tensors under Gridless's names, which may still not fit the network.
  public let tensors: any TensorSource
  /// Whose names the file has; torchvision's where no known naming fits.
  public let naming: Naming
  /// How they want their pixels, where something beside them says so, and else as the backbone's usual weights.
  public let normalization: InputNormalization
  /// What was chosen, unwrapped and renamed, in sentences.
  public let notes: [String]
  /// ``normalization`` where it is not as usual for the backbone.
  var unusualNormalization: InputNormalization? { normalization == backbone.normalization ? nil : normalization }

  /// Opens the file, index or folder at `path` and finds the tensors of a backbone in it.
  ///
  /// A `config.json` beside it, as the Hugging Face Hub has it, must describe that backbone.
  /// Throws `WeightsError`.
  public init(path: String, of backbone: Backbone) throws {
    let file = try TensorFile.open(path)
    self.file = file
    let head = Set(backbone.headParameterNames)
    let statistics = Set(backbone.makeNetwork(classes: 1).buffers.counterNames)
    let maps = Naming.allCases.filter { $0.has(backbone) }.compactMap(backbone.nameMap)
    func wanted(_ map: NameMap) -> [String] {
      map.entries.filter { !head.contains($0.name) && !statistics.contains($0.name) }.flatMap(\.others)
    }
    let spellings = maps.map { Unwrapping.Spelling(wanted($0)) }
    let unwrapped = try Unwrapping(
      file, wanting: spellings + maps.flatMap { Self.variants(of: $0, wanted: wanted($0)) })
    let names = Set(unwrapped.shapes.map(\.name))
    let map = maps.first { wanted($0).allSatisfy(names.contains) }
    naming = map?.naming ?? maps.first?.naming ?? .torchvision
    self.unwrapped = unwrapped
    let renaming = map.flatMap { $0.changesNothing ? nil : $0 }
    tensors = renaming.map { RenamedSource(unwrapped, $0) } ?? unwrapped

    var notes = file.path == path ? [] : ["\(path): its file \(Self.relative(file.path, to: path)) is read"]
    notes += [unwrapped.note].compactMap { $0 }
    if renaming != nil { notes.append("\(file.path): its names are those of \(naming.title)") }
    let configuration = try CheckpointConfiguration(beside: file)
    try configuration.check(backbone)
    var trained = backbone
    if let (eps, source) = try configuration.eps(of: backbone), eps != backbone.eps {
      trained.eps = eps
      notes.append(
        "\(source): the ε of the normalisation layers is \(eps), not \(backbone.eps) as usual for \(backbone.name)")
    }
    self.backbone = trained
    let found = backbone.modality == .images ? try configuration.normalization() : nil
    normalization = found?.0 ?? backbone.normalization
    if let found, found.0 != backbone.normalization {
      notes.append(
        "\(found.source): pixels are normalised with mean \(found.0.mean) and std \(found.0.std), not as usual for "
          + backbone.name)
    }
    self.notes = notes
  }

  /// Other names that a library's published files have.
  ///
  /// Hugging Face's files of a model without a head lack the model's name in front, and old ones have TensorFlow's
  /// names of LayerNorm's parameters; torchvision's DenseNets have older names than its code (`denselayer1.norm.1` for
  /// `denselayer1.norm1`).
  private static func variants(of map: NameMap, wanted: [String]) -> [Unwrapping.Spelling] {
    let all = map.entries.flatMap(\.others)
    func spelling(_ change: (String) -> String) -> [Unwrapping.Spelling] {
      let changed = wanted.map(change)
      if changed == wanted { return [] }
      return [
        Unwrapping.Spelling(
          changed, renamed: Dictionary(all.map { (change($0), $0) }, uniquingKeysWith: { first, _ in first }))
      ]
    }
    switch map.naming {
    case .torchvision:
      return spelling { name in
        guard name.contains(".denselayer") else { return name }
        return name.split(separator: ".").map { part in
          ["norm1", "norm2", "conv1", "conv2"].contains(part) ? "\(part.dropLast()).\(part.suffix(1))" : String(part)
        }.joined(separator: ".")
      }
    case .huggingFace:
      guard let base = wanted.first?.prefix(while: { $0 != "." }), wanted.allSatisfy({ $0.hasPrefix("\(base).") })
      else {
        return []
      }
      func bare(_ name: String) -> String { name.hasPrefix("\(base).") ? String(name.dropFirst(base.count + 1)) : name }
      func older(_ name: String) -> String {
        name.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
          .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
      }
      return spelling(bare) + spelling(older) + spelling { bare(older($0)) }
    case .timm: return []
    }
  }

  /// The rest of the path of a file in a folder.
  private static func relative(_ file: String, to folder: String) -> String {
    let start = folder.hasSuffix("/") ? folder : folder + "/"
    return file.hasPrefix(start) ? String(file.dropFirst(start.count)) : file
  }
}

extension Naming {
  /// Whether the library has a backbone at all; Gridless's own names of networks of texts are Hugging Face's.
  func has(_ backbone: Backbone) -> Bool {
    (self != .torchvision || backbone.modality == .images) && backbone.nameMap(self) != nil
  }

  /// The library whose names a backbone has where no file gives others.
  static func usual(of backbone: Backbone) -> Naming { allCases.first { $0.has(backbone) } ?? .torchvision }

  /// The library as sentences name it.
  var title: String {
    switch self {
    case .torchvision: "torchvision"
    case .timm: "timm"
    case .huggingFace: "Hugging Face's transformers"
    }
  }
}
