import Datasets
import TestSupport
import Testing
import Torch
import Training

/// Batches that are made on the images' device, against those of the host.
@Suite struct ResidentImagesTests {
  private func store(_ preprocessing: Preprocessing) throws -> ImageStore {
    let examples = (0..<16).map { index in
      let bytes = Formula.hashes("image \(index)", count: 3 * 20 * 24).map { UInt8(truncatingIfNeeded: $0 >> 32) }
      return Example(source: .pixels(RGBImage(height: 20, width: 24, pixels: bytes)), label: index % 3)
    }
    return try ImageStore(examples, preprocessing: preprocessing)
  }

  /// Bit for bit: crops, mirrors, both orders of channels, and the middle crop of evaluation.
  @Test(arguments: [Preprocessing.ChannelOrder.rgb, .bgr], [Augmentation.Kind.cropAndFlip, .crop, nil])
  func equalTheHostsBatches(order: Preprocessing.ChannelOrder, kind: Augmentation.Kind?) throws {
    let store = try store(
      Preprocessing(
        size: 9, resizeSize: 13, channelOrder: order, scale: 255, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3]))
    let host = ExampleBatches(store, device: .cpu)
    var resident = host
    try resident.moveToDevice()
    #expect(resident.resident != nil)
    let items = (0..<store.count).flatMap { index in (0..<4).map { (index: store.count - 1 - index, epoch: $0) } }
    let augmentation = kind.map { Augmentation(seed: 7, kind: $0) }
    let (expected, labels) = try host.batch(items, augmentation: augmentation)
    let (found, foundLabels) = try resident.batch(items, augmentation: augmentation)
    #expect(found.shape == expected.shape)
    #expect(found.strides == expected.strides)
    #expect(try found.floats() == expected.floats())
    #expect(try foundLabels.int64s() == labels.int64s())
    // The images are not all the same, or the test would prove nothing.
    #expect(Set(try expected.floats()).count > 10)
  }

  @Test func imagesOfDifferentSizesStayOnTheHost() throws {
    var batches = ExampleBatches(try store(Preprocessing(size: 8, resize: .shortest)), device: .cpu)
    try batches.moveToDevice()
    #expect(batches.resident == nil)
  }
}
