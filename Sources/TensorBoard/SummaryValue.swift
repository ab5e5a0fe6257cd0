import Protobuf

/// A named value of an event: a scalar, an image, or what the HParams tab reads.
public struct SummaryValue: Sendable {
  let message: ProtobufMessage

  /// A value; `build` adds to the message `Summary.Value` behind its tag.
  init(tag: String, _ build: (inout ProtobufMessage) -> Void) {
    var message = ProtobufMessage()
    message.add(1, tag)
    build(&message)
    self.message = message
  }

  /// A number, kept as float32.
  ///
  /// TensorBoard groups tags by what stands before their first slash.
  public static func scalar(_ tag: String, _ number: Double) -> SummaryValue {
    SummaryValue(tag: tag) { $0.add(2, Float(number)) }
  }

  /// An RGB image, as a PNG file's bytes.
  public static func image(_ tag: String, png: [UInt8], width: Int, height: Int) -> SummaryValue {
    SummaryValue(tag: tag) { value in
      value.add(4) { image in
        image.add(1, height)
        image.add(2, width)
        image.add(3, 3)
        image.add(4, png)
      }
    }
  }
}
