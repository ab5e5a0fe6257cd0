import Datasets
import Torch

/// The images of a split as bytes on a device, where batches are cropped, mirrored and normalised.
///
/// Crops and mirrors are ``Augmentation``'s and normalisation is by ImageStore's table, so that a batch has the bits of
/// the host's.
package struct ResidentImages: DeviceBatches {
  /// The numbers of an item: image, top, left, mirrored, label.
  package let itemWidth = 5

  private let store: ImageStore
  /// uint8 `[M, side, side, 3]`.
  private let pixels: Tensor
  /// float32 `[3, 256]`.
  private let table: Tensor

  /// Copies all images to a device; nil where they differ in size, having been resized with their shape kept.
  package init?(_ store: ImageStore, device: Device) throws(TorchError) {
    self.store = store
    let pixels = try store.withSquareBytes { bytes, side throws(TorchError) in
      let image = 3 * side * side
      // A store of no images has one byte.
      let count = bytes.count / image
      return try Tensor(
        bytes: UnsafeRawBufferPointer(rebasing: bytes[..<(count * image)]), shape: [count, side, side, 3],
        device: device)
    }
    guard let pixels else { return nil }
    self.pixels = pixels
    table = try Tensor(store.normalization, shape: [3, 256]).to(device: device)
  }

  package func items(_ items: [(index: Int, epoch: Int)], augmentation: Augmentation?) -> [Int64] {
    items.flatMap { item in
      let crop = store.crop(item, augmentation: augmentation)
      return [
        Int64(store.slot(item.index)), Int64(crop.top), Int64(crop.left), crop.mirrored ? 1 : 0,
        Int64(store.labels[item.index]),
      ]
    }
  }

  /// Images `[N, 3, S, S]`, channels-last, and labels `[N]`, of an int64 tensor `[N, itemWidth]` on the device.
  package func batch(_ items: Tensor) throws(TorchError) -> Batch {
    let images = try pixels.crops(
      items, table: table, size: store.preprocessing.size, reversed: store.preprocessing.channelOrder == .bgr)
    let labels = try items.narrow(dim: 1, start: 4, length: 1).reshape([items.shape[0]])
    return (images, labels)
  }
}
