import Datasets
import Foundation
import Synchronization
import Testing

@Suite struct ImageStoreTests {
  private let files = Golden.index.decoded.map(\.file)
  private var examples: [Example] {
    files.enumerated().map { Example(source: .file(Golden.path($1)), label: $0 % 3) }
  }

  private func batch(
    _ store: ImageStore, _ items: [(index: Int, epoch: Int)], augmentation: Augmentation? = nil
  ) -> [Float] {
    let size = store.preprocessing.size
    var values = [Float](repeating: .nan, count: items.count * size * size * 3)
    values.withUnsafeMutableBufferPointer { store.writeBatch(items, augmentation: augmentation, into: $0) }
    return values
  }

  @Test("a batch equals each image preprocessed alone", arguments: Preprocessing.Resize.allCases)
  func centerCrops(_ resize: Preprocessing.Resize) throws {
    let preprocessing = Preprocessing(size: 15, resize: resize, channelOrder: .bgr)
    let store = try ImageStore(examples, preprocessing: preprocessing)
    #expect(store.labels == examples.map(\.label))
    #expect(store.count == files.count)
    let values = batch(store, files.indices.map { ($0, 0) })
    let expected = try files.flatMap { try preprocessing.apply(RGBImage.decode(path: Golden.path($0))) }
    #expect(values == expected)
  }

  @Test func augmentedBatchesAreTheCropsAsked() throws {
    let preprocessing = Preprocessing(size: 9, resizeSize: 14, scale: 1, mean: [0, 0, 0], std: [1, 1, 1])
    let store = try ImageStore(examples, preprocessing: preprocessing)
    let augmentation = Augmentation(seed: 11)
    let items = [(index: 4, epoch: 0), (index: 7, epoch: 3), (index: 4, epoch: 1)]
    let values = batch(store, items, augmentation: augmentation)
    for (position, item) in items.enumerated() {
      let image = try RGBImage.decode(path: Golden.path(files[item.index])).resized(height: 14, width: 14)
      let crop = augmentation.crop(index: item.index, epoch: item.epoch, height: 14, width: 14, size: 9)
      for row in 0..<9 {
        for column in 0..<9 {
          let x = crop.left + (crop.mirrored ? 8 - column : column)
          for channel in 0..<3 {
            let pixel = image.pixels[((crop.top + row) * 14 + x) * 3 + channel]
            #expect(values[((position * 9 + row) * 9 + column) * 3 + channel] == Float(pixel))
          }
        }
      }
    }
  }

  @Test func neitherThreadsNorTheFileChangeTheValues() throws {
    let scratch = try Scratch()
    let preprocessing = Preprocessing(size: 12, resize: .shortest)
    let items = (0..<40).map { (index: $0 % files.count, epoch: $0) }
    func values(_ options: ImageStore.Options, isMemoryMapped: Bool) throws -> [Float] {
      let store = try ImageStore(examples, preprocessing: preprocessing, options: options)
      #expect(store.isMemoryMapped == isMemoryMapped)
      return batch(store, items, augmentation: Augmentation(seed: 2))
    }
    let one = try values(.init(threads: 1), isMemoryMapped: false)
    #expect(try values(.init(threads: 5), isMemoryMapped: false) == one)
    let folder = "\(scratch.path)/deep/cache"
    #expect(try values(.init(threads: 3, memoryLimit: 1000, cacheFolder: folder), isMemoryMapped: true) == one)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }

  @Test func progressRisesByOneToTheTotal() throws {
    let seen = Mutex<[Int]>([])
    let total = files.count
    _ = try ImageStore(examples, preprocessing: Preprocessing(size: 8), options: .init(threads: 4)) { done, all in
      #expect(all == total)
      seen.withLock { $0.append(done) }
    }
    #expect(seen.withLock { $0 } == Array(1...total))
  }

  @Test("the first unreadable image is named, or skipped", arguments: Preprocessing.Resize.allCases)
  func unreadable(_ resize: Preprocessing.Resize) throws {
    let scratch = try Scratch()
    let jpeg = try Golden.contents("rgb_420.jpg")
    try scratch.write("ok.jpg", jpeg)
    try scratch.write("text.jpg", "not a picture")
    try scratch.write("cut.jpg", Array(jpeg[..<(jpeg.count / 2)]))
    try scratch.write("empty.png", [])
    let names = ["ok.jpg", "text.jpg", "cut.jpg", "ok.jpg", "empty.png", "none.jpg"]
    let examples = names.enumerated().map { Example(source: .file("\(scratch.path)/\($1)"), label: $0 % 2) }
    let preprocessing = Preprocessing(size: 8, resize: resize)
    let error = #expect(throws: DatasetError.self) { try ImageStore(examples, preprocessing: preprocessing) }
    #expect(error?.description.contains("/text.jpg: not an image (found text") == true)

    let options = ImageStore.Options(skipUnreadable: true)
    let store = try ImageStore(examples, preprocessing: preprocessing, options: options)
    #expect(store.labels == [0, 1])
    #expect(store.examples == [examples[0], examples[3]])
    #expect(store.notes.count == 4)
    #expect(store.notes[0].hasPrefix("skipped \(scratch.path)/text.jpg: not an image"))
    #expect(try batch(store, [(1, 0)]) == preprocessing.apply(RGBImage.decode(path: Golden.path("rgb_420.jpg"))))

    // Where no image of a class is left, that matters for training only.
    let lost = Array(examples[..<3])
    #expect(try ImageStore(lost, preprocessing: preprocessing, options: options).labels == [0])
    let keeping = ImageStore.Options(skipUnreadable: true, keepsClasses: true)
    let lostClass = #expect(throws: DatasetError.self) {
      try ImageStore(lost, preprocessing: preprocessing, options: keeping)
    }
    guard case .unreadableClass("\(scratch.path)/text.jpg", _) = lostClass else {
      Issue.record("\(String(describing: lostClass))")
      return
    }
    let none = #expect(throws: DatasetError.self) {
      try ImageStore(Array(examples[1..<3]), preprocessing: preprocessing, options: options)
    }
    #expect(
      none?.description.hasSuffix("None of the images can be read: replace them.") == true
        && none?.description.contains("/text.jpg: not an image (found text") == true)
  }

  @Test func aDiskWithoutSpaceIsNamed() throws {
    let scratch = try Scratch()
    // 10¹⁰ pixels are not decoded: the space is asked for first.
    let image = RGBImage(height: 1, width: 1, pixels: [0, 0, 0])
    let examples = [Example](repeating: Example(source: .pixels(image), label: 0), count: 200_000)
    let preprocessing = Preprocessing(size: 16_384, resizeSize: 16_384)
    let options = ImageStore.Options(cacheFolder: scratch.path)
    let error = #expect(throws: DatasetError.self) {
      try ImageStore(examples, preprocessing: preprocessing, options: options)
    }
    guard case .cacheFull(scratch.path, 161_061_273_600_000, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    try scratch.write("file", "")
    let blocked = ImageStore.Options(memoryLimit: 0, cacheFolder: "\(scratch.path)/file")
    let unusable = #expect(throws: DatasetError.self) {
      try ImageStore(Array(examples[..<1]), preprocessing: Preprocessing(size: 8), options: blocked)
    }
    #expect(unusable?.description.hasSuffix("Set XDG_CACHE_HOME to a folder that can be written.") == true)
  }

  @Test(.enabled(if: Shared.hasFlowers)) func flowersDecode() throws {
    let dataset = try Dataset.open(Shared.flowers, options: .init(n: 178))
    let examples = try #require(dataset.splits[.train])
    let clock = ContinuousClock()
    let start = clock.now
    let store = try ImageStore(examples, preprocessing: Preprocessing(size: 128))
    print("decoded \(store.count) flowers in \(clock.now - start)")
    let values = batch(store, (0..<32).map { ($0, 0) }, augmentation: Augmentation(seed: 1))
    #expect(values.allSatisfy { abs($0) < 3 })
    #expect(Set(values).count > 200)
  }
}
