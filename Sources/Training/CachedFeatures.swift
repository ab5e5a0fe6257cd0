import Datasets
import Foundation
import Torch

/// What the frozen stages of a network make of every image of a split, computed once, on the device.
package struct CachedFeatures {
  /// `[N, H, W, C]`, or `[N, featureWidth]` of the whole backbone.
  private let features: Tensor
  /// int64 labels or float64 values `[N]`.
  private let labels: Tensor

  /// Computes them with evaluation preprocessing, in batches.
  init(of images: ImageBatches, by model: Model, batchSize: Int) throws {
    let shape = try Self.shape(of: model, size: images.images.preprocessing.size)
    let features = try Tensor.empty([images.count] + shape, device: model.device)
    var done = 0
    try withoutGrad {
      try images.forEachEvaluationBatch(atMost: batchSize) { batch, _ in
        let rows = batch.shape[0]
        try features.narrow(dim: 0, start: done, length: rows).copy_(Self.channelsLast(model.frozenFeatures(batch)))
        done += rows
      }
    }
    self.features = features
    let labels =
      try images.images.values.map { values throws(TorchError) in try Tensor(values, shape: [images.count]) }
      ?? Tensor(images.images.labels.map(Int64.init), shape: [images.count])
    self.labels = try labels.to(device: model.device)
  }

  /// The bytes that an image's features take.
  static func bytesPerImage(of model: Model, size: Int) throws -> Int {
    try 4 * shape(of: model, size: size).reduce(1, *)
  }

  private static func shape(of model: Model, size: Int) throws -> [Int] {
    let image = try Tensor.zeros([1, 3, size, size], device: model.device)
    return try withoutGrad { try Array(channelsLast(model.frozenFeatures(image)).shape.dropFirst()) }
  }

  /// The order in which convolutions want them, so that no step reorders them.
  private static func channelsLast(_ features: Tensor) throws(TorchError) -> Tensor {
    features.shape.count == 4 ? try features.permute([0, 2, 3, 1]) : features
  }
}

extension CachedFeatures: DeviceBatches {
  package var itemWidth: Int { 1 }

  /// The example of each item; its epoch changes nothing.
  package func items(_ items: [(index: Int, epoch: Int)], augmentation: Augmentation?) -> [Int64] {
    items.map { Int64($0.index) }
  }

  package func batch(_ items: Tensor) throws(TorchError) -> (images: Tensor, labels: Tensor) {
    let index = try items.reshape([items.count])
    let rows = try features.rows(index)
    return (rows.shape.count == 4 ? try rows.permute([0, 3, 1, 2]) : rows, try labels.rows(index))
  }
}

extension FineTuner {
  /// Makes the network's input of all splits that of its first stage that is trained, where that cannot change between
  /// epochs and the features fit a quarter of the memory.
  ///
  /// All or none: the model has one first stage.
  func cacheFeatures(
    _ train: inout ImageBatches, _ heldOut: inout ImageBatches?, _ test: inout ImageBatches?, model: Model,
    configuration: FineTuneConfiguration,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws {
    if configuration.augmentation != options.augmentation {
      try onEvent(.note("augmentation is off: with --train head the features of every image are computed once"))
    }
    guard configuration.augmentation == .none, model.network.frozenStageCount > 0 else { return }
    let count = train.count + (heldOut?.count ?? 0) + (test?.count ?? 0)
    let needed = try count * CachedFeatures.bytesPerImage(of: model, size: configuration.size)
    let limit = options.featureMemory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
    guard needed <= limit else {
      try onEvent(
        .note(
          "the frozen part's output is computed anew in every step: for \(count) images it has \(needed) bytes, more than a quarter of the memory (\(limit) bytes)"
        ))
      return
    }
    try train.cacheFeatures(of: model, batchSize: configuration.batchSize)
    try heldOut?.cacheFeatures(of: model, batchSize: configuration.batchSize)
    try test?.cacheFeatures(of: model, batchSize: configuration.batchSize)
    model.firstStage = model.network.frozenStageCount
  }
}
