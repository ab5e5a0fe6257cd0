/// Random crop and horizontal flip as a pure function of (seed, epoch, index).
///
/// The crop is uniform over all positions, the flip has probability ½: torchvision's `RandomCrop` and
/// `RandomHorizontalFlip`, as the method's papers use them. Which example an index means is fixed by the data set, so
/// the same seed gives the same pixels whatever the batch size or the number of threads.
public struct Augmentation: Equatable, Sendable {
  /// What is done to training images.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// Random crop and horizontal flip.
    case cropAndFlip = "crop-flip"
    /// Random crop only, for images that a mirror changes, such as digits.
    case crop
    /// The centre crop, as in evaluation.
    case none
  }

  /// Another seed gives other crops and flips.
  public var seed: UInt64
  /// Which of the two are done.
  public var kind: Kind

  /// Creates the augmentation of one seed.
  public init(seed: UInt64, kind: Kind = .cropAndFlip) { (self.seed, self.kind) = (seed, kind) }

  /// The crop of one example in one epoch: its top left corner, and whether it is mirrored.
  ///
  /// `height` and `width` are the image's, in pixels; `size` is the side of the square crop and at most either.
  package func crop(index: Int, epoch: Int, height: Int, width: Int, size: Int) -> Crop {
    guard kind != .none else { return .center(height: height, width: width, size: size) }
    let hash = CounterHash(.crop, seed, UInt64(epoch), UInt64(index))
    return Crop(
      top: hash.value(0, below: height - size + 1), left: hash.value(1, below: width - size + 1),
      mirrored: kind == .cropAndFlip && hash.value(2) >> 63 == 1)
  }
}

/// Which square of an image is taken.
package struct Crop: Equatable, Hashable, Sendable {
  package var top: Int
  package var left: Int
  package var mirrored: Bool

  package init(top: Int, left: Int, mirrored: Bool) {
    (self.top, self.left, self.mirrored) = (top, left, mirrored)
  }

  /// The middle of the image, as torchvision's `CenterCrop` rounds it: half to even.
  package static func center(height: Int, width: Int, size: Int) -> Crop {
    func offset(_ side: Int) -> Int { Int((Double(side - size) / 2).rounded(.toNearestOrEven)) }
    return Crop(top: offset(height), left: offset(width), mirrored: false)
  }
}
