/// A line of `--json`: what happened, and by `event` what kind of thing that was.
struct EventLine<Content: Encodable>: Encodable {
  let event: String
  let content: Content

  private enum Key: CodingKey { case event }

  func encode(to encoder: any Encoder) throws {
    try content.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(event, forKey: .event)
  }
}
