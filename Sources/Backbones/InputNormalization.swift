/// How a backbone wants its pixels: (value / divisor − mean) / std per channel, for values 0…255.
public struct InputNormalization: Sendable, Hashable, Codable {
  /// The order of the three channels.
  public enum ChannelOrder: String, Sendable, Hashable, Codable {
    /// Red, green, blue.
    case rgb
    /// Blue, green, red, as OpenCV and Caffe.
    case bgr
  }

  /// The order of the channels, for the network's input and for `mean` and `std`.
  public let channelOrder: ChannelOrder
  /// What pixel values are divided by first: 255 or 1.
  public let divisor: Float
  /// Subtracted after the division.
  public var mean: [Float]
  /// Divided by last.
  public var std: [Float]

  /// A normalisation; `mean` and `std` have a number for each of three channels.
  public init(channelOrder: ChannelOrder, divisor: Float, mean: [Float], std: [Float]) {
    (self.channelOrder, self.divisor, self.mean, self.std) = (channelOrder, divisor, mean, std)
  }

  /// Whether there are three finite means and three deviations above 0, as one that was read may lack.
  package var isSound: Bool {
    mean.count == 3 && std.count == 3 && (mean + std + [divisor]).allSatisfy(\.isFinite) && std.allSatisfy { $0 > 0 }
      && divisor > 0
  }

  /// ImageNet's mean and standard deviation, as torchvision's models.
  public static let imageNet = InputNormalization(
    channelOrder: .rgb, divisor: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
  /// ImageNet's mean only, on BGR 0…255, as the first ResNets (Caffe, Keras).
  public static let caffe = InputNormalization(
    channelOrder: .bgr, divisor: 1, mean: [103.939, 116.779, 123.68], std: [1, 1, 1])
  /// To −1…1, as TensorFlow's MobileNets.
  public static let tensorFlow = InputNormalization(
    channelOrder: .rgb, divisor: 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5])
  /// CIFAR-10's mean and standard deviation over the training pixels.
  public static let cifar10 = InputNormalization(
    channelOrder: .rgb, divisor: 255, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616])
}
