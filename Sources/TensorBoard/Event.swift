import Protobuf

/// One record of an event file: what TensorBoard shows for a step.
///
/// An event file is a row of ``record``s, the first of which is ``fileVersion(wallTime:)``. TensorBoard reads every
/// file whose name contains `tfevents`, also while it grows. The messages are TensorFlow's `event.proto` and
/// `summary.proto`.
public struct Event: Sendable {
  /// Seconds since 1970.
  public var wallTime: Double
  /// The step, at least 0.
  public var step: Int
  /// What is shown.
  public var values: [SummaryValue]
  private var isVersion = false

  /// An event with these values.
  public init(wallTime: Double, step: Int, values: [SummaryValue]) {
    (self.wallTime, self.step, self.values) = (wallTime, step, values)
  }

  /// What an event file begins with.
  public static func fileVersion(wallTime: Double) -> Event {
    var event = Event(wallTime: wallTime, step: 0, values: [])
    event.isVersion = true
    return event
  }

  /// The event as a TFRecord: its length, the length's checksum, the message, the message's checksum.
  ///
  /// Its size depends on the step and on tags, texts and images, and not on times and numbers.
  public var record: [UInt8] {
    let content = message.bytes
    let length = LittleEndian.bytes(UInt64(content.count))
    return length + LittleEndian.bytes(CRC32C.masked(length)) + content + LittleEndian.bytes(CRC32C.masked(content))
  }

  private var message: ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, wallTime)
    message.add(2, step)
    if isVersion {
      message.add(3, "brain.Event:2")
    } else {
      message.add(5) { summary in
        for value in values { summary.add(1, value.message.bytes) }
      }
    }
    return message
  }
}
