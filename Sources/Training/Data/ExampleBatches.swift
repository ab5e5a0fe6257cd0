import Datasets
import Torch

/// What a network reads, `[N, …]`, and what it is to say of that, `[N]`: labels of int64 or values of float64.
public typealias Batch = (inputs: Tensor, targets: Tensor)

/// Examples as tensors: the bridge from decoded images and tokenized texts to networks.
public struct ExampleBatches {
  /// What batches are made of.
  public enum Store: Sendable {
    /// Decoded images.
    case images(ImageStore)
    /// Tokenized texts.
    case texts(TextStore)
  }

  /// The examples in memory, with their labels or values.
  public let store: Store
  /// Where batches are put.
  public let device: Device
  /// The images on the device, nil where each batch is made by the host.
  package private(set) var resident: ResidentImages?
  /// The examples that batches for evaluation are made of, nil for all.
  private var selection: [Int]?
  /// What the frozen part of a network makes of every example, nil where batches are of the examples themselves.
  package private(set) var features: CachedFeatures?
  /// Whether batches are to be made on the device, as far as that is possible.
  private var isOnDevice = false
  /// Where it is requested, ``forEachEvaluationBatch(atMost:shuffled:_:)`` throws before its next batch.
  var interruption: Interruption?

  /// Batches of a split.
  public init(_ store: Store, device: Device) { (self.store, self.device) = (store, device) }

  /// Batches of a decoded split.
  public init(_ images: ImageStore, device: Device) { self.init(.images(images), device: device) }

  /// Batches of a tokenized split.
  public init(_ texts: TextStore, device: Device) { self.init(.texts(texts), device: device) }

  /// The number of examples.
  public var count: Int { selection?.count ?? labels.count }

  /// The examples, without those that were skipped.
  package var examples: [Example] {
    switch store {
    case .images(let images): images.examples
    case .texts(let texts): texts.examples
    }
  }

  /// The label of each example; 0 in a regression data set.
  public var labels: [Int] {
    switch store {
    case .images(let images): images.labels
    case .texts(let texts): texts.labels
    }
  }

  /// The value of each example; nil where the data set has classes.
  public var values: [Double]? {
    switch store {
    case .images(let images): images.values
    case .texts(let texts): texts.values
    }
  }

  /// The tokens of each text; nil where batches are not of texts.
  var lengths: [Int]? {
    guard features == nil, case .texts(let texts) = store else { return nil }
    return texts.lengths
  }

  /// What makes batches on the device, nil where steps take them from the host.
  package var deviceBatches: (any DeviceBatches)? { isOnDevice ? source : nil }

  /// What makes batches in place of the host.
  private var source: (any DeviceBatches)? {
    if let features { return features }
    return resident
  }

  /// Images `[N, 3, S, S]`, channels-last in memory, or token numbers `[N, T]` of int64, T the longest text's, −1
  /// behind the end of shorter ones; and int64 labels or float64 values `[N]`.
  ///
  /// Each item is an example's index and its epoch; with `augmentation` nil the crop is the centre. In place of these
  /// it may be features `[N, C, H, W]` or `[N, C]` that were computed once.
  public func batch(
    _ items: [(index: Int, epoch: Int)], augmentation: Augmentation?
  ) throws(TorchError) -> Batch {
    if let values {
      let targets = try Tensor(items.map { values[$0.index] }, shape: [items.count]).to(device: device)
      return (try inputs(items, augmentation: augmentation), targets)
    }
    if let source { return try source.batch(items, augmentation: augmentation, device: device) }
    let all = self.labels
    let labels = try Tensor(items.map { Int64(all[$0.index]) }, shape: [items.count])
    return (try inputs(items, augmentation: augmentation), try labels.to(device: device))
  }

  private func inputs(
    _ items: [(index: Int, epoch: Int)], augmentation: Augmentation?
  ) throws(TorchError) -> Tensor {
    if let source { return try source.batch(items, augmentation: augmentation, device: device).inputs }
    switch store {
    case .images(let images):
      let size = images.preprocessing.size
      let nhwc = try Tensor.empty([items.count, size, size, 3])
      try nhwc.withMutableFloats { images.writeBatch(items, augmentation: augmentation, into: $0) }
      return try nhwc.permute([0, 3, 1, 2]).to(device: device)
    case .texts(let texts):
      let (numbers, width) = texts.batch(items.map(\.index))
      return try Tensor(numbers, shape: [items.count, width]).to(device: device)
    }
  }

  /// Puts the images on the device, where batches are then made; does nothing for texts, and where images differ in
  /// size.
  ///
  /// Throws PyTorch's error if they do not fit.
  package mutating func moveToDevice() throws(TorchError) {
    isOnDevice = true
    guard case .images(let images) = store else { return }
    resident = try ResidentImages(images, device: device)
  }

  /// Some of the examples, of each class about its share; for evaluation only.
  ///
  /// They come in an order in which every batch has about all classes. Which they are is a function of the seed.
  package func balanced(_ count: Int, seed: UInt64) -> ExampleBatches {
    let labels = self.labels
    let all = selection ?? Array(labels.indices)
    var order = BatchOrder(count: all.count, seed: seed)
    var members: [Int: [Int]] = [:]
    for place in order.permutation(0) { members[labels[all[place]], default: []].append(all[place]) }
    let placed = members.values.flatMap { indices in
      indices.enumerated().map { (place: (Double($0) + 0.5) / Double(indices.count), index: $1) }
    }
    var result = self
    result.selection = placed.sorted { ($0.place, $0.index) < ($1.place, $1.index) }.prefix(count).map(\.index)
    return result
  }

  /// Computes what the frozen stages of a model make of every example; batches are of that from then on.
  ///
  /// They are for a model whose first stage is the one behind those.
  package mutating func cacheFeatures(of model: Model, batchSize: Int) throws {
    features = try CachedFeatures(of: self, by: model, batchSize: batchSize)
    resident = nil
  }

  /// The examples in the order in which they are evaluated: the data set's own, or texts by length, so that little is
  /// padded.
  private var evaluationOrder: [Int] {
    let chosen = selection ?? Array(0..<count)
    guard let lengths else { return chosen }
    return chosen.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
  }

  /// Rows of numbers, one for each example in the order of ``forEachEvaluationBatch(atMost:shuffled:_:)``, in the data
  /// set's.
  func inDataOrder(_ rows: [Double]) -> [Double] {
    guard lengths != nil, selection == nil, count > 0 else { return rows }
    let width = rows.count / count
    var result = rows
    for (place, index) in evaluationOrder.enumerated() {
      result.replaceSubrange(index * width..<(index + 1) * width, with: rows[place * width..<(place + 1) * width])
    }
    return result
  }

  /// All examples once with evaluation preprocessing, in batches whose sizes differ by at most one.
  ///
  /// Images in the data set's order, texts in that of their lengths, or both in the random one of `shuffled`. Equal
  /// sizes because a last batch of one example has no batch variance; for the same reason one of `batchSize` 2 may have
  /// three.
  public func forEachEvaluationBatch(
    atMost batchSize: Int, shuffled seed: UInt64? = nil, _ body: (_ inputs: Tensor, _ targets: Tensor) throws -> Void
  ) throws {
    var order = seed.map { BatchOrder(count: count, seed: $0) }
    let chosen = seed == nil ? evaluationOrder : selection ?? Array(0..<count)
    let items =
      order?.indices(step: 0, batchSize: count).map { (index: chosen[$0.index], epoch: $0.epoch) }
      ?? chosen.map { (index: $0, epoch: 0) }
    let most = batchSize == 1 ? count : max(1, count / 2)
    let batches = min((count + batchSize - 1) / batchSize, most)
    for part in 0..<batches {
      try interruption?.check()
      let (inputs, targets) = try batch(
        Array(items[count * part / batches..<count * (part + 1) / batches]), augmentation: nil)
      try body(inputs, targets)
    }
  }
}

extension ExampleBatches {
  /// Puts the images on the device; tells it where examples stay on the host.
  mutating func moveToDevice(_ name: String, onEvent: (FineTuneEvent) throws -> Void) throws {
    if case .texts = store {
      return try onEvent(.note("the \(name) texts stay on the host, which makes their batches"))
    }
    var reason = "with --resize shortest they differ in size"
    do { try moveToDevice() } catch { reason = error.message }
    guard resident == nil else { return }
    try onEvent(
      .note("the \(name) images stay on the host, which makes their batches: slower (\(reason))"))
  }
}

extension ImageStore {
  /// Decodes a split, or what else has the name, telling the progress; what was skipped is told as notes.
  static func decode(
    _ examples: [Example], preprocessing: Preprocessing, skipUnreadable: Bool = false, keepsClasses: Bool = false,
    name: String, onEvent: (FineTuneEvent) throws -> Void
  ) throws -> ImageStore {
    let store = try withoutActuallyEscaping(onEvent) { onEvent in
      // The store calls from one thread at a time, and no more once it is made.
      nonisolated(unsafe) let report = onEvent
      nonisolated(unsafe) var failure: (any Error)?
      let store = try ImageStore(
        examples, preprocessing: preprocessing,
        options: Options(skipUnreadable: skipUnreadable, keepsClasses: keepsClasses)
      ) { done, total in
        do { try report(.decoding(split: name, done: done, total: total)) } catch { failure = error }
      }
      if let failure { throw failure }
      return store
    }
    for note in store.notes { try onEvent(.note(note)) }
    return store
  }
}
