import Datasets
import Torch

/// Examples on a device, where batches are made of numbers that the host sent ahead.
package protocol DeviceBatches {
  /// The numbers of an item.
  var itemWidth: Int { get }

  /// What the device needs to know of examples and their epochs, ``itemWidth`` numbers for each.
  func items(_ items: [(index: Int, epoch: Int)], augmentation: Augmentation?) -> [Int64]

  /// The network's input and labels `[N]`, of an int64 tensor `[N, itemWidth]` on the device.
  func batch(_ items: Tensor) throws(TorchError) -> Batch
}

extension DeviceBatches {
  /// A batch whose numbers are sent now.
  func batch(
    _ items: [(index: Int, epoch: Int)], augmentation: Augmentation?, device: Device
  ) throws(TorchError) -> Batch {
    let numbers = try Tensor(self.items(items, augmentation: augmentation), shape: [items.count, itemWidth])
    return try batch(numbers.to(device: device))
  }
}
