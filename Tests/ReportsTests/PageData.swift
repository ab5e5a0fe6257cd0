import Foundation
import Reports
import Testing

extension Report {
  /// The page without its scripts and its style, which hold everybody's words.
  func body() throws -> String {
    let text = String(decoding: try html(), as: UTF8.self)
    let start = try #require(text.range(of: "<body>")?.upperBound)
    let end = try #require(text.range(of: "<noscript>")?.lowerBound)
    return String(text[start..<end])
  }

  /// The data of a figure in a page's body.
  static func figure(_ id: String, in body: String) throws -> [String: Any] {
    let block = try #require(body.components(separatedBy: #"<figure data-figure="\#(id)""#).dropFirst().first)
    let json = block.components(separatedBy: #"<script type="application/json">"#)[1].components(
      separatedBy: "</script>")[0]
    return try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }
}
