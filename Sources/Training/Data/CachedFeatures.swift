import Datasets
import Foundation
import Torch

/// What the frozen stages of a network make of every example of a split, computed once, on the device.
package struct CachedFeatures {
  /// `[N, H, W, C]`, or `[N, featureWidth]` of the whole backbone.
  private let features: Tensor
  /// int64 labels or float64 values `[N]`.
  private let labels: Tensor

  /// Computes them with evaluation preprocessing, in batches.
  init(of images: ExampleBatches, by model: Model, batchSize: Int) throws {
    let shape = try Self.shape(of: model, images)
    let features = try Tensor.empty([images.count] + shape, device: model.device)
    var done = 0
    try withoutGrad {
      try images.forEachEvaluationBatch(atMost: batchSize) { batch, _ in
        let rows = batch.shape[0]
        try features.narrow(dim: 0, start: done, length: rows).copy_(Self.channelsLast(model.frozenFeatures(batch)))
        done += rows
      }
    }
    if images.lengths == nil {
      self.features = features
    } else {
      // Texts came in the order of their lengths.
      let places = images.inDataOrder((0..<images.count).map(Double.init)).map { Int64($0) }
      self.features = try features.indexSelect(Tensor(places, shape: [images.count]).to(device: model.device))
    }
    let labels =
      try images.values.map { values throws(TorchError) in try Tensor(values, shape: [images.count]) }
      ?? Tensor(images.labels.map(Int64.init), shape: [images.count])
    self.labels = try labels.to(device: model.device)
  }

  /// The shape of an example's features.
  static func shape(of model: Model, _ examples: ExampleBatches) throws -> [Int] {
    let input = try examples.batch([(index: 0, epoch: 0)], augmentation: nil).inputs
    return try withoutGrad { try Array(channelsLast(model.frozenFeatures(input)).shape.dropFirst()) }
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

  package func batch(_ items: Tensor) throws(TorchError) -> Batch {
    let index = try items.reshape([items.count])
    let rows = try features.indexSelect(index)
    return (rows.shape.count == 4 ? try rows.permute([0, 3, 1, 2]) : rows, try labels.indexSelect(index))
  }
}

extension FineTuner {
  /// Makes the network's input of all splits that of its first stage that is trained, where that cannot change between
  /// epochs and the features fit a quarter of the memory.
  ///
  /// All or none: the model has one first stage.
  func cacheFeatures(
    of data: inout RunData, model: Model, configuration: FineTuneConfiguration,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws {
    if configuration.augmentation != options.augmentation, data.training.lengths == nil {
      try onEvent(.note("augmentation is off: with --train head the features of every image are computed once"))
    }
    guard configuration.augmentation == .none, model.network.frozenStageCount > 0 else { return }
    let (kind, count) = (data.training.lengths == nil ? "images" : "texts", data.count)
    let shape = try CachedFeatures.shape(of: model, data.training)
    guard data.training.lengths == nil || shape.count == 1 else {
      return try onEvent(
        .note("the frozen part's output is computed anew in every step: it is as long as a batch's longest text"))
    }
    let needed = 4 * count * shape.reduce(1, *)
    let limit = options.featureMemory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
    guard needed <= limit else {
      try onEvent(
        .note(
          "the frozen part's output is computed anew in every step: for \(count) \(kind) it has \(needed) bytes, more than a quarter of the memory (\(limit) bytes)"
        ))
      return
    }
    do {
      var cached = data
      try cached.training.cacheFeatures(of: model, batchSize: configuration.batchSize)
      try cached.heldOut?.cacheFeatures(of: model, batchSize: configuration.batchSize)
      try cached.test?.cacheFeatures(of: model, batchSize: configuration.batchSize)
      data = cached
    } catch let error as TorchError where model.device.isCUDA && error.message.contains("out of memory") {
      return try onEvent(
        .note(
          "the frozen part's output is computed anew in every step: for \(count) \(kind) it has \(needed) bytes, which the GPU does not take (\(error.message))"
        ))
    }
    model.firstStage = model.network.frozenStageCount
  }
}
