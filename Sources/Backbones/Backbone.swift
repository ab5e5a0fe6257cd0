/// An architecture that can be fine-tuned, with all that its weights expect of their input.
public struct Backbone: Sendable {
  /// The name on the command line, and the key of torchvision's model where it has one.
  public let name: String
  /// The width of the features that the head sees.
  public let featureWidth: Int
  /// What it reads.
  public let modality: Modality
  /// The side of the square images that it was made for, in pixels; others work too.
  ///
  /// Of a network of texts, the most tokens that it has positions for.
  public let inputSize: Int
  /// How its weights want their pixels.
  public let normalization: InputNormalization
  /// The head's name in the state dict, such as `fc`.
  public let headName: String
  /// Which weights fit, in words.
  public let weightsHint: String

  /// The ε of its normalisation layers; weights may have been trained with another, which their files tell.
  public var eps: Double
  /// Whether convolutions of stride 2 are padded as TensorFlow pads them ('SAME'), and not by half their kernel.
  public let padsAsTensorFlow: Bool
  /// Whether it was made to drop residual branches in training, which ``BranchDrops`` asks for.
  public let hasStochasticDepth: Bool

  /// What transformers' `config.json` says of such a network and its tensors' shapes do not tell; nil where
  /// transformers has none.
  public let transformers: TransformersTraits?

  let names: NameTables
  let fan: Initialization.Fan
  let makeArchitecture: @Sendable (_ classes: Int, inout LayoutBuilder) -> any Architecture

  init(
    _ name: String, featureWidth: Int, inputSize: Int = 224, normalization: InputNormalization = .imageNet,
    head: String, weights: String? = nil, modality: Modality = .images, fan: Initialization.Fan = .output,
    eps: Double = 1e-5, padsAsTensorFlow: Bool = false, stochasticDepth: Bool = false,
    transformers: TransformersTraits? = nil, names: NameTables = .none,
    make: @escaping @Sendable (_ classes: Int, inout LayoutBuilder) -> any Architecture
  ) {
    self.name = name
    self.featureWidth = featureWidth
    self.inputSize = inputSize
    self.modality = modality
    self.normalization = normalization
    headName = head
    weightsHint = weights ?? "torchvision's \(name), pretrained on ImageNet"
    hasStochasticDepth = stochasticDepth
    self.transformers = transformers
    self.names = names
    self.fan = fan
    self.eps = eps
    self.padsAsTensorFlow = padsAsTensorFlow
    makeArchitecture = make
  }

  /// A network in the words of transformers' `config.json`.
  public struct TransformersTraits: Sendable, Hashable {
    /// `model_type`.
    public let modelType: String
    /// `hidden_act`.
    public let activation: String
    /// `num_attention_heads`, where there is attention.
    public var heads: Int?
    /// The key of the ε of all normalisation layers; nil where it is PyTorch's usual one, or not that of all.
    public var epsKey: String?
    /// transformers' default, where the key is absent.
    public var defaultEps = 1e-12
  }

  /// What a network reads.
  public enum Modality: String, Sendable {
    /// Pixels.
    case images
    /// Tokens.
    case texts
  }

  /// Whether a number can be the ε of a normalisation layer: above 0, and far below the variances that it is added to.
  package static func isEps(_ eps: Double) -> Bool { eps > 0 && eps < 1 }

  /// ``eps`` where it is not that of the backbone of this name.
  package var unusualEps: Double? {
    Self.all.first { $0.name == name }?.eps == eps ? nil : eps
  }

  /// The number of tokens of `bert-base-uncased`.
  public static let publishedVocabularySize = 30522

  /// The number of trainable parameters, without the head; of a network of texts with the published vocabulary.
  public var parameterCount: Int { makeNetwork(classes: 1).layout.backboneCount }

  /// The names of the head's parameters.
  public var headParameterNames: [String] { ["\(headName).weight", "\(headName).bias"] }

  /// The backbone with a head for so many classes (at least 1), for square images of a side of `size` pixels,
  /// ``inputSize`` if it is nil.
  ///
  /// Only embeddings depend on these numbers: there is one for each patch of an image, and in a network of texts one
  /// for each of so many tokens, the published number if `vocabulary` is nil.
  public func makeNetwork(classes: Int, size: Int? = nil, vocabulary: Int? = nil) -> Network {
    var builder = LayoutBuilder()
    builder.imageSize = size ?? inputSize
    if let vocabulary { builder.vocabularySize = vocabulary }
    builder.fan = fan
    builder.eps = eps
    let architecture = makeArchitecture(classes, &builder)
    let (layout, buffers) = builder.layouts
    return Network(backbone: self, classes: classes, layout: layout, buffers: buffers, architecture: architecture)
  }

  /// The backbone with a head for so many classes, of which only a part is trained.
  ///
  /// What stands before that part, in the order of the state dict, is frozen. Throws ``UnknownLayer`` with the nearest
  /// names if the part begins at a layer that is not there.
  public func makeNetwork(
    classes: Int, size: Int? = nil, vocabulary: Int? = nil, training part: TrainedPart
  ) throws(UnknownLayer) -> Network {
    let network = makeNetwork(classes: classes, size: size, vocabulary: vocabulary)
    return network.freezing(try part.frozenSliceCount(of: network))
  }

  /// The backbone of that name.
  ///
  /// Throws ``UnknownBackbone`` with the nearest names if there is none.
  public static func named(_ name: String) throws(UnknownBackbone) -> Backbone {
    guard let backbone = all.first(where: { $0.name == name }) else { throw UnknownBackbone(name) }
    return backbone
  }
}

/// A name that no backbone has.
public struct UnknownBackbone: Error, Equatable, CustomStringConvertible {
  /// The name that was asked for.
  public let name: String
  /// The three names nearest to it, by edit distance.
  public let nearest: [String]

  init(_ name: String) {
    self.name = name
    let distances = Backbone.all.map { (name: $0.name, distance: editDistance($0.name, name.lowercased())) }
    nearest = distances.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
  }

  /// What was asked for, what is near, and where the whole list is.
  public var description: String {
    "model '\(name)': no such backbone. Did you mean \(nearest.joined(separator: ", "))? `gridless models` lists all."
  }
}

/// The fewest insertions, deletions and replacements of a character that turn `a` into `b` (Levenshtein).
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, character) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let replaced = diagonal + (b[j] == character ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
