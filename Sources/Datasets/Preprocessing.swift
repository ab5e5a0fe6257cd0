import CImageCodecs

/// How pixels become a network's input; saved with the model as JSON and used again to predict.
///
/// An image is resized (bilinear, antialiased) to `resizeSize`, cropped to `size` × `size` (at random to train, in the
/// middle to evaluate), its channels are put in order, and each becomes (pixel / scale − mean) / std.
public struct Preprocessing: Codable, Equatable, Sendable {
  /// What resizing does with images that are not square.
  public enum Resize: String, Codable, Sendable, CaseIterable {
    /// To `resizeSize` × `resizeSize` whatever the shape, as the method's papers do.
    case square
    /// The shorter side to `resizeSize`, the shape kept, as torchvision's `Resize(int)` does.
    case shortest
  }

  /// The order of the channels in the network's input.
  public enum ChannelOrder: String, Codable, Sendable, CaseIterable {
    /// Red, green, blue: torchvision's networks.
    case rgb
    /// Blue, green, red: networks converted from Caffe.
    case bgr
  }

  /// The side of the crop, in pixels.
  public var size: Int
  /// The side (or shorter side) before cropping, in pixels; at least `size`.
  public var resizeSize: Int
  /// What resizing does with images that are not square.
  public var resize: Resize
  /// The order of the channels in the network's input.
  public var channelOrder: ChannelOrder
  /// What pixels 0…255 are divided by first: 255 or 1.
  public var scale: Double
  /// The mean of each channel in units of pixel / scale, in the network's channel order.
  public var mean: [Double]
  /// The standard deviation of each channel in units of pixel / scale, in the network's channel order.
  public var std: [Double]

  /// Creates preprocessing; by default ImageNet's, as torchvision normalizes it.
  ///
  /// `resizeSize` is round(size · 256 / 224) unless given, the proportion of the published training.
  public init(
    size: Int, resizeSize: Int? = nil, resize: Resize = .square, channelOrder: ChannelOrder = .rgb,
    scale: Double = 255, mean: [Double] = [0.485, 0.456, 0.406], std: [Double] = [0.229, 0.224, 0.225]
  ) {
    self.size = size
    self.resizeSize = resizeSize ?? Int((Double(size) * 256 / 224).rounded())
    self.resize = resize
    self.channelOrder = channelOrder
    self.scale = scale
    self.mean = mean
    self.std = std
  }

  /// Checks the numbers, which may come from a file.
  ///
  /// Throws `DatasetError.invalidPreprocessing`.
  public func validate() throws(DatasetError) {
    guard (1...16_384).contains(size), (size...16_384).contains(resizeSize) else {
      throw .invalidPreprocessing("size \(size) and resize \(resizeSize). Expected 1 ≤ size ≤ resize ≤ 16384.")
    }
    guard mean.count == 3, std.count == 3, mean.allSatisfy(\.isFinite), std.allSatisfy({ $0.isFinite && $0 > 0 }),
      scale.isFinite, scale > 0
    else {
      throw .invalidPreprocessing(
        "mean \(mean), std \(std), scale \(scale). Expected three finite numbers each, std and scale above 0.")
    }
  }

  /// The size that an image of this size is resized to; the longer side is rounded down, as torchvision does.
  ///
  /// Throws `DatasetError.unreadable` if a long thin image would become larger than the decoders' limit.
  func resizedSize(height: Int, width: Int, name: String) throws(DatasetError) -> (height: Int, width: Int) {
    guard resize == .shortest else { return (resizeSize, resizeSize) }
    let size =
      height <= width ? (resizeSize, resizeSize * width / height) : (resizeSize * height / width, resizeSize)
    guard size.0 * size.1 <= Int(IMAGE_CODECS_MAX_PIXELS) else {
      throw .unreadable(
        path: name, reason: "\(width) × \(height) pixels are too long and thin to resize by the shorter side")
    }
    return size
  }

  /// Resizes an image as these settings say.
  func resized(_ image: RGBImage, name: String) throws(DatasetError) -> RGBImage {
    let size = try resizedSize(height: image.height, width: image.width, name: name)
    return image.resized(height: size.height, width: size.width)
  }
}
