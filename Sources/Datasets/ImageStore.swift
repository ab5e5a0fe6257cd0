import Dispatch
import Foundation
import Support

/// The images of one split, decoded and resized once and kept as bytes, from which batches are written.
public final class ImageStore: Sendable {
  /// How a store is built.
  public struct Options: Sendable {
    /// Whether images that cannot be decoded are dropped, with a note, instead of ending in an error.
    public var skipUnreadable: Bool
    /// Whether every class must keep an image where some are dropped.
    public var keepsClasses: Bool
    /// How many threads decode and write batches; results do not depend on it.
    public var threads: Int
    /// Larger stores, in bytes, lie in a memory-mapped temporary file; by default a quarter of the physical memory.
    public var memoryLimit: Int
    /// Where that file is made; by default `${XDG_CACHE_HOME:-~/.cache}/gridless`.
    ///
    /// The file has no name once it is open, so it vanishes with the process.
    public var cacheFolder: String

    /// Creates options.
    public init(
      skipUnreadable: Bool = false, keepsClasses: Bool = false,
      threads: Int = ProcessInfo.processInfo.activeProcessorCount, memoryLimit: Int? = nil, cacheFolder: String? = nil
    ) {
      (self.skipUnreadable, self.keepsClasses) = (skipUnreadable, keepsClasses)
      self.threads = max(1, threads)
      self.memoryLimit = memoryLimit ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
      self.cacheFolder = cacheFolder ?? PixelStorage.defaultFolder
    }
  }

  /// How the images are preprocessed.
  public let preprocessing: Preprocessing
  /// The examples, without those that were skipped.
  public let examples: [Example]
  /// The label of each example; 0 in a regression data set.
  public let labels: [Int]
  /// The value of each example; nil where the data set has classes.
  public let values: [Double]?
  /// What the user should know: images that were skipped.
  public let notes: [String]

  private let storage: PixelStorage
  private let frames: [Frame]
  private let writer: InputWriter
  private let threads: Int

  /// Where an image lies in the storage.
  private struct Frame {
    var offset: Int
    var height: Int
    var width: Int
    var range: Range<Int> { offset..<offset + 3 * height * width }
  }

  /// Decodes and resizes all examples, in parallel.
  ///
  /// `progress` gets (done, total), from one thread at a time. Throws `DatasetError.unreadable` for the first example
  /// that cannot be decoded, unless such are skipped; `.nothingReadable` if skipping leaves none, and
  /// `.unreadableClass` if it leaves a class empty that must keep an image; `.cacheFull` or `.cacheUnusable` if the
  /// temporary file cannot be made; `.invalidPreprocessing`.
  public init(
    _ all: [Example], preprocessing: Preprocessing, options: Options = Options(),
    progress: (@Sendable (Int, Int) -> Void)? = nil
  ) throws(DatasetError) {
    try preprocessing.validate()
    let sizes: [Result<(height: Int, width: Int), DatasetError>]
    switch preprocessing.resize {
    case .square:
      sizes = all.map { _ in .success((preprocessing.resizeSize, preprocessing.resizeSize)) }
    case .shortest:
      sizes = try mapConcurrently(all.count, threads: options.threads) { index throws(DatasetError) in
        try options.attempt { () throws(DatasetError) in
          let source = all[index].source
          let size = try source.size()
          return try preprocessing.resizedSize(height: size.height, width: size.width, name: source.name)
        }
      }
    }
    var total = 0
    let planned = sizes.map { size in
      size.map { size in
        defer { total += 3 * size.height * size.width }
        return Frame(offset: total, height: size.height, width: size.width)
      }
    }
    let storage = try PixelStorage(
      count: max(total, 1), memoryLimit: options.memoryLimit, folder: options.cacheFolder)

    let decoded = try mapConcurrently(all.count, threads: options.threads, progress: progress) {
      index throws(DatasetError) in
      try options.attempt { () throws(DatasetError) in
        let frame = try planned[index].get()
        let source = all[index].source
        let image = try preprocessing.resized(try source.decode(), name: source.name)
        guard image.height == frame.height, image.width == frame.width else {
          throw DatasetError.unreadable(path: source.name, reason: "changed while it was being read")
        }
        _ = UnsafeMutableBufferPointer(rebasing: storage.bytes[frame.range]).update(from: image.pixels)
        return frame
      }
    }

    var (examples, frames, notes): ([Example], [Frame], [String]) = ([], [], [])
    for (example, result) in zip(all, decoded) {
      switch result {
      case .success(let frame):
        examples.append(example)
        frames.append(frame)
      case .failure(.unreadable(let path, let reason)): notes.append("skipped \(path): \(reason)")
      case .failure(let error): throw error
      }
    }
    let left = options.keepsClasses || examples.isEmpty ? Set(examples.map(\.label)) : Set(all.map(\.label))
    for (example, result) in zip(all, decoded) where !left.contains(example.label) {
      guard case .failure(.unreadable(let path, let reason)) = result else { continue }
      throw examples.isEmpty
        ? .nothingReadable(example: path, reason: reason) : .unreadableClass(example: path, reason: reason)
    }
    (self.preprocessing, self.examples, self.notes) = (preprocessing, examples, notes)
    (self.storage, self.frames, self.threads) = (storage, frames, options.threads)
    labels = examples.map(\.label)
    let values = examples.compactMap(\.value)
    self.values = values.count == examples.count && !examples.isEmpty ? values : nil
    writer = InputWriter(preprocessing)
  }

  /// The number of images.
  public var count: Int { frames.count }

  /// Whether the pixels lie in a temporary file rather than in memory.
  public var isMemoryMapped: Bool { storage.isFile }

  /// The CRC-32 of each image's decoded, resized pixels, in the order of `examples`.
  package func checksums() throws(DatasetError) -> [UInt32] {
    try mapConcurrently(count, threads: threads) { index in
      CRC32.of(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: storage.bytes[frames[index].range])))
    }
  }

  /// Writes a batch of shape `[items, size, size, 3]` (NHWC), each image cropped, put in channel order and normalized.
  ///
  /// With an augmentation the crop and the mirroring are those of (seed, epoch, index); without, the crop is the middle
  /// one. `buffer` holds exactly the batch. Works on all threads at once; the values do not depend on how many.
  public func writeBatch(
    _ items: [(index: Int, epoch: Int)], augmentation: Augmentation?,
    into buffer: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(
      buffer.count == items.count * writer.count,
      "expected a buffer of \(items.count) × \(writer.count) values, found \(buffer.count)")
    // Each item writes its own part of the batch, so the threads may share the bare pointers.
    guard let outputStart = buffer.baseAddress, let bytesStart = storage.bytes.baseAddress else { return }
    nonisolated(unsafe) let (output, bytes) = (outputStart, UnsafePointer(bytesStart))
    let workers = min(threads, items.count)
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      for position in worker * items.count / workers..<(worker + 1) * items.count / workers {
        let item = items[position]
        let (frame, crop) = (frames[item.index], crop(item, augmentation: augmentation))
        writer.write(bytes + frame.offset, width: frame.width, crop: crop, to: output + position * writer.count)
      }
    }
  }
}

extension ImageStore {
  /// The crop of an item: that of (seed, epoch, index), or without an augmentation the middle one.
  package func crop(_ item: (index: Int, epoch: Int), augmentation: Augmentation?) -> Crop {
    let (frame, size) = (frames[item.index], preprocessing.size)
    return augmentation?.crop(
      index: item.index, epoch: item.epoch, height: frame.height, width: frame.width, size: size)
      ?? Crop.center(height: frame.height, width: frame.width, size: size)
  }

  /// Lends the bytes of all images `[M, side, side, 3]`, in which example i is image ``slot(_:)`` of i.
  ///
  /// M counts skipped images, too. Nil if the images are not square.
  package func withSquareBytes<Result, Failure: Error>(
    _ body: (_ bytes: UnsafeRawBufferPointer, _ side: Int) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    let side = preprocessing.resizeSize
    guard preprocessing.resize == .square else { return nil }
    return try body(UnsafeRawBufferPointer(storage.bytes), side)
  }

  /// Where an example lies among square images.
  package func slot(_ index: Int) -> Int { frames[index].offset / (3 * frames[index].height * frames[index].width) }

  /// `[3, 256]`: the normalized value of each byte, per channel of the network.
  package var normalization: [Float] { writer.table }
}

extension ImageStore.Options {
  /// Runs `body`; that an image is unreadable is a result if such are skipped, and otherwise thrown.
  fileprivate func attempt<Value>(
    _ body: () throws(DatasetError) -> Value
  ) throws(DatasetError) -> Result<Value, DatasetError> {
    do throws(DatasetError) {
      return .success(try body())
    } catch {
      guard skipUnreadable, case .unreadable = error else { throw error }
      return .failure(error)
    }
  }
}
