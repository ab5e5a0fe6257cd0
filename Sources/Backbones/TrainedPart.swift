/// Which parameters are trained; all others keep their pretrained values.
public enum TrainedPart: Sendable, Hashable {
  /// Every parameter.
  case all
  /// The classification head: linear probing.
  case head
  /// A layer and all that stands behind it, in the order of the state dict.
  ///
  /// The layer is a dotted prefix of parameter names, such as `layer3`, `layer3.0` or `features.denseblock4`.
  case from(String)
}

extension TrainedPart: LosslessStringConvertible {
  /// Reads `all`, `head` and `from:<layer>`; nil for anything else.
  public init?(_ text: String) {
    switch text {
    case "all": self = .all
    case "head": self = .head
    default:
      guard text.hasPrefix("from:"), text != "from:" else { return nil }
      self = .from(String(text.dropFirst("from:".count)))
    }
  }

  /// `all`, `head` or `from:<layer>`.
  public var description: String {
    switch self {
    case .all: "all"
    case .head: "head"
    case .from(let layer): "from:\(layer)"
    }
  }
}

extension TrainedPart: Codable {
  /// Reads the text that ``description`` is.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let part = TrainedPart(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "train is '\(text)', expected all, head or from:<layer>")
    }
    self = part
  }

  /// Writes ``description``.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension TrainedPart {
  /// How many of a network's first parameters are not trained.
  func frozenSliceCount(of network: Network) throws(UnknownLayer) -> Int {
    let slices = network.layout.slices
    switch self {
    case .all: return 0
    case .head: return slices.count { $0.group != .head }
    case .from(let layer):
      guard let first = slices.firstIndex(where: { $0.name.hasPrefix(layer + ".") }) else {
        throw UnknownLayer(layer, of: network)
      }
      return first
    }
  }
}

/// A name that no layer of a network has.
public struct UnknownLayer: Error, Equatable, CustomStringConvertible {
  /// The backbone's name.
  public let model: String
  /// The layer that was asked for.
  public let layer: String
  /// The three names of layers nearest to it, by edit distance.
  public let nearest: [String]
  /// The outermost layers, from the input to the output.
  public let available: [String]

  init(_ layer: String, of network: Network) {
    (model, self.layer) = (network.backbone.name, layer)
    let names = network.layout.slices.filter { $0.group != .head }.map { $0.name.split(separator: ".").dropLast() }
    let distances = Set(names.flatMap { name in name.indices.map { name[...$0].joined(separator: ".") } })
      .map { (name: $0, distance: editDistance($0, layer)) }
    nearest = distances.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    // MobileNetV2 and DenseNet have all of their backbone in `features`, ViT most of it in `encoder.layers`.
    let outermost = (1...3).map { depth in
      names.filter { !$0.isEmpty }.map { $0.prefix(depth).joined(separator: ".") }
        .reduce(into: [String]()) { found, name in if found.last != name { found.append(name) } }
    }
    available = (outermost.first { $0.count > 4 } ?? outermost[2]) + [network.backbone.headName]
  }

  /// What was asked for, what is near, and what there is.
  public var description: String {
    "train from:\(layer): \(model) has no such layer. Did you mean \(nearest.joined(separator: ", "))? "
      + "From input to output it has \(available.joined(separator: ", ")); their parts can be named, too."
  }
}
