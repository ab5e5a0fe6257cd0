import Support

/// Labelled images or texts on disk: what is predicted, and which example belongs to which split.
///
/// Nothing is decoded yet; `ImageStore` and `TextStore` do that.
public struct Dataset: Equatable, Sendable {
  /// The way a data set lies on disk.
  public enum Layout: String, Codable, Sendable {
    /// `ROOT/train/<class>/…`, optionally `val` and `test`: torchvision's `ImageFolder`.
    case imageFolder
    /// `ROOT/<class>/…`, all of it training data.
    case flatFolder
    /// A CSV or TSV file with the columns `path` or `text`, `label` or `value`, and optionally `split`.
    case table
    /// A folder of such files: `train.csv`, optionally `val.csv` and `test.csv`, or with `.tsv`.
    case tableFolder
    /// Rows of a class number and texts, without a header, as AG News comes: one file, or `train.csv` and `test.csv`.
    case classRows
    /// The binary version of CIFAR-10.
    case cifar10
    /// Oxford's 102 flowers as published.
    case flowers102
    /// Oxford-IIIT Pet as published.
    case oxfordPets
    /// The UCI handwritten digits as scikit-learn ships them.
    case digits
  }

  /// What is predicted from an example.
  public enum Targets: Equatable, Sendable {
    /// One of these classes.
    case classes([String])
    /// A number: regression.
    case values
  }

  /// What to take from a data set.
  public struct Options: Equatable, Sendable {
    /// The splits that are trained on, merged in this order.
    ///
    /// Empty means for evaluation: every split stays as it is.
    public var trainSplits: [Split]
    /// Only these classes; nil for all.
    ///
    /// For evaluation, labels index this list even where a class has no example. A regression data set has none.
    public var classes: [String]?
    /// The size of a subset of the training examples, stratified by class; nil for all.
    public var n: Int?
    /// Picks the subset.
    ///
    /// With the same seed a smaller subset lies within a larger one.
    public var seed: UInt64

    /// Creates options; by default the whole training split.
    public init(trainSplits: [Split] = [.train], classes: [String]? = nil, n: Int? = nil, seed: UInt64 = 0) {
      (self.trainSplits, self.classes, self.n, self.seed) = (trainSplits, classes, n, seed)
    }
  }

  /// The folder or file, as given.
  public let path: String
  /// How it lies on disk.
  public let layout: Layout
  /// Whether classes or numbers are predicted.
  public let targets: Targets
  /// The examples of each split that has any.
  ///
  /// `.train` holds the merged training splits.
  public let splits: [Split: [Example]]
  /// What the user should know: splits left unused, files ignored.
  public let notes: [String]

  /// The class names; an example's label is an index into them; none in a regression data set.
  ///
  /// Sorted by UTF-8 bytes, as Python sorts; those of CIFAR-10, Flower-102 and Pet in the order of their own lists.
  public var classes: [String] { if case .classes(let classes) = targets { classes } else { [] } }

  /// Whether its examples are texts rather than images.
  public var holdsTexts: Bool { splits.values.contains { $0.first?.source.text != nil } }

  /// Opens a data set, recognising its layout.
  ///
  /// - `ROOT/train/<class>/…` with optional `val` and `test`; images may lie in folders below the class's.
  /// - `ROOT/<class>/…`: all training data, no test split.
  /// - A CSV or TSV file whose header has `path`, `label` and optionally `split` (train, val, test); paths are relative
  ///   to the file; quotes as in RFC 4180. With `value` in place of `label` it is a regression data set.
  /// - The same with `text` in place of `path`, for texts.
  /// - A CSV file without a header, a class number and one or more texts per row, as AG News:
  ///   `class,title,description`. The texts are joined by a space, spaces at both ends removed.
  /// - A folder with such a table as `train.csv` (or `.tsv`) and optionally `val.csv` and `test.csv`; the images may
  ///   lie in its subfolders, if none of them is called `train`, `val` or `test`.
  /// - CIFAR-10's binary files, in the folder or in `cifar-10-batches-bin` inside it.
  /// - Oxford's 102 flowers, `jpg`, `imagelabels.mat` and `setid.mat`, there or in `flowers-102`; and Oxford-IIIT Pet,
  ///   `images` and `annotations`, there or in `oxford-iiit-pet`.
  /// - scikit-learn's digits CSV: 64 numbers 0…16 and a label per row; the first half is `train`, the second `test`.
  ///
  /// Among class folders a run's, a study's or a checkpoint's is no class, and `val` or `test` with images but no class
  /// folder is left out; notes say so.
  ///
  /// Throws `DatasetError` if the layout is none of these, a class folder is empty, fewer than two classes are left,
  /// training and test classes differ, the subset asked for does not fit, or a regression data set's training values
  /// are all the same.
  public static func open(_ path: String, options: Options = Options()) throws(DatasetError) -> Dataset {
    let root = withoutTrailingSlashes(path)
    var listing: Listing
    switch FileKind(root) {
    case .missing: throw .notFound(path: path)
    case .other: throw .unrecognized(path: path, found: "a special file")
    case .file: listing = try TableLayout.read(root)
    case .folder:
      if let folder = CIFAR10Layout.folder(in: root) {
        listing = try CIFAR10Layout.read(folder)
      } else if let folder = Flowers102Layout.folder(in: root) {
        listing = try Flowers102Layout.read(folder)
      } else if let folder = OxfordPetsLayout.folder(in: root) {
        listing = try OxfordPetsLayout.read(folder)
      } else if TableFolderLayout.isOne(root) {
        listing = try TableFolderLayout.read(root)
      } else {
        listing = try FolderLayout.read(root)
      }
    }
    return try listing.resolved(path: path, options: options)
  }
}
