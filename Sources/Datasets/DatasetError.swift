import Support

/// What can be wrong with a data set: each message says what was found, what was expected and what to do.
public enum DatasetError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nothing lies at the path.
  case notFound(path: String)
  /// Something lies at the path, but in none of the layouts.
  case unrecognized(path: String, found: String)
  /// A class folder without a single image.
  case emptyClass(path: String)
  /// A data set with fewer than two classes.
  case tooFewClasses(path: String, classes: [String])
  /// Training and test examples are not of the same classes.
  case classMismatch(path: String, onlyInTraining: [String], onlyInTest: [String])
  /// A training split was asked for that the data set lacks.
  case missingSplit(path: String, split: Split, found: [Split])
  /// A split name other than train, val and test.
  case unknownSplit(String)
  /// A class was asked for that the data set lacks.
  case unknownClasses([String], known: [String])
  /// None of a model's classes is one of the data set's.
  case otherClasses(path: String, found: [String], expected: [String])
  /// The asked training subset is larger than the training set.
  case subsetTooLarge(n: Int, available: Int)
  /// The asked training subset is smaller than the number of classes.
  case subsetTooSmall(n: Int, classes: Int)
  /// A regression data set where one with classes is needed.
  case valuesForClasses(path: String)
  /// A data set with classes where one with values is needed.
  case classesForValues(path: String)
  /// Training values from which nothing can be learned.
  case unusableValues(path: String, found: String)
  /// A table or record file that breaks its format.
  case malformed(path: String, line: Int?, reason: String)
  /// An image that cannot be read or decoded.
  case unreadable(path: String, reason: String)
  /// With unreadable images skipped, none is left; `example` is the first, `reason` what is wrong with it.
  case nothingReadable(example: String, reason: String)
  /// No image of a class that is to be trained on can be read; `example` is its first, `reason` what is wrong with
  /// that.
  case unreadableClass(example: String, reason: String)
  /// The disk lacks space for the decoded images.
  case cacheFull(folder: String, needed: Int, available: Int)
  /// The cache folder cannot be used.
  case cacheUnusable(folder: String, reason: String)
  /// Preprocessing whose numbers make no sense.
  case invalidPreprocessing(String)

  /// The message for the user: the culprit, what was expected, and the remedy.
  ///
  /// Control characters, which names of files and classes may have, are escaped.
  public var description: String { printable(text) }

  private var text: String {
    switch self {
    case .notFound(let path):
      "\(path): no such file or folder. Check the path of the data set."
    case .unrecognized(let path, let found):
      "\(path): not a data set (found \(found)). Expected train/<class>/<image>, <class>/<image>, a CSV or TSV file "
        + "with the columns path (of images) or text, and label (or value, a number), a folder with such a train.csv, or "
        + "CIFAR-10's binary files, Oxford's 102 flowers or Oxford-IIIT Pet as they are published."
    case .emptyClass(let path):
      "\(path): a class folder without images (expected .jpg, .jpeg, .png or .webp). Add images, or remove the folder."
    case .tooFewClasses(let path, let classes):
      "\(path): found \(classes.isEmpty ? "no class" : "one class only (\(classes[0]))"), expected at least two. "
        + "Give each class a folder (or label) of its own."
    case .classMismatch(let path, let onlyInTraining, let onlyInTest):
      "\(path): training and test examples have different classes ("
        + [("only in training", onlyInTraining), ("only in test", onlyInTest)].filter { !$0.1.isEmpty }
        .map { "\($0.0): \(Self.list($0.1))" }.joined(separator: "; ")
        + "). Make both hold the same classes."
    case .missingSplit(let path, let split, let found):
      "\(path): no \(split.rawValue) split (found \(found.isEmpty ? "none" : Self.list(found.map(\.rawValue)))). "
        + "Add it (of images, in class folders), or choose one that is there (--split, in training --train-splits)."
    case .unknownSplit(let name):
      "unknown split '\(name)'. Expected train, val or test, separated by commas."
    case .unknownClasses(let names, let known):
      "no such class: \(Self.list(names)). The data set has \(Self.list(known))."
    case .otherClasses(let path, let found, let expected):
      "\(path): holds none of the model's classes (found \(Self.list(found)), expected some of \(Self.list(expected))). "
        + "Pass data with the classes that the model was trained on."
    case .subsetTooLarge(let n, let available):
      "--n \(n) is larger than the training set (\(available) examples). Pass at most \(available), or leave --n out."
    case .subsetTooSmall(let n, let classes):
      "--n \(n) is smaller than the number of classes (\(classes)). Pass at least \(classes), one example per class."
    case .valuesForClasses(let path):
      "\(path): its column value holds numbers, but classes are expected. Pass data with classes; in training, leave "
        + "--classes out."
    case .classesForValues(let path):
      "\(path): holds classes, but numbers are expected. Pass a CSV or TSV file with the column value."
    case .unusableValues(let path, let found):
      "\(path): found \(found), expected at least two training examples with different values."
    case .malformed(let path, let line, let reason):
      "\(path)\(line.map { ":\($0)" } ?? ""): \(reason)"
    case .unreadable(let path, let reason):
      "\(path): \(reason). Remove it, or pass --skip-unreadable."
    case .nothingReadable(let example, let reason):
      "\(example): \(reason). None of the images can be read: replace them."
    case .unreadableClass(let example, let reason):
      "\(example): \(reason), and no image of its class can be read. Replace the images, or remove the class."
    case .cacheFull(let folder, let needed, let available):
      "\(folder): the decoded images need \(Self.gigabytes(needed)) GB, \(Self.gigabytes(available)) GB are free. "
        + "Free some, set XDG_CACHE_HOME to another disk, or pass a smaller --size or --n."
    case .cacheUnusable(let folder, let reason):
      "\(folder): cannot hold the decoded images (\(reason)). Set XDG_CACHE_HOME to a folder that can be written."
    case .invalidPreprocessing(let reason):
      "invalid preprocessing: \(reason)"
    }
  }

  /// At most ten names, then how many more there are.
  private static func list(_ names: [String]) -> String {
    names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
  }

  private static func gigabytes(_ bytes: Int) -> Double { (Double(bytes) / 1e8).rounded(.up) / 10 }
}
