import CReportAssets
import Foundation

/// A report's page: one HTML file that asks for nothing from outside.
struct Page {
  /// What stands above the title.
  var kicker: String
  /// The result in words.
  var title: String
  /// A sentence or two more.
  var lead: String
  /// The most important numbers: name, number, and what is said of it.
  var tiles: [(name: String, value: String, note: String)] = []
  /// What the reader should know, such as what is missing.
  var notes: [String] = []
  /// The sections in order.
  var sections: [Section] = []

  /// A heading with what stands below it.
  struct Section {
    var title: String
    var text = ""
    var figures: [Figure] = []
    /// What stands among the figures, behind them.
    var beside: [HTML] = []
    var content: [HTML] = []

    /// Whether there is nothing to show.
    var isEmpty: Bool { figures.isEmpty && content.isEmpty }
  }

  /// The file's bytes.
  func html() throws -> Data {
    let body = try sections.filter { !$0.isEmpty }.map { try $0.html() }
    let figures = tiles.map { tile -> HTML in
      let note: HTML = tile.note.isEmpty ? "" : "<small>\(tile.note)</small>"
      return "<div><dt>\(tile.name)</dt><dd>\(tile.value)\(note)</dd></div>"
    }
    let notes = notes.map { note -> HTML in "<li>\(note)</li>" }
    let list: HTML = notes.isEmpty ? "" : #"<ul class="notes" aria-label="Notes">\#(notes)</ul>"#
    let page: HTML = #"""
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:">
      <meta name="color-scheme" content="light dark">
      <title>\#(title)</title>
      <link rel="icon" href="data:,">
      <style>\#(HTML(trusted: Self.text(report_asset_style())))</style>
      </head>
      <body>
      <header>
      <p class="kicker">\#(kicker)</p>
      <h1>\#(title)</h1>
      <p class="lead">\#(lead)</p>
      </header>
      <main>
      <dl class="tiles">\#(figures)</dl>
      \#(list)
      \#(body)
      </main>
      <footer>
      <p>Made by gridless report. This page holds all that it shows and asks for nothing from the network.</p>
      <p>Charts: Apache ECharts, Apache License 2.0.</p>
      </footer>
      <noscript><p>The charts need JavaScript; their numbers are in the page's source, and in the folder's files.</p></noscript>
      <script>\#(HTML(trusted: Self.text(report_asset_charts())))</script>
      <script>\#(HTML(trusted: Self.text(report_asset_script())))</script>
      </body>
      </html>

      """#
    return Data(page.markup.utf8)
  }

  private static func text(_ asset: report_asset) -> String {
    String(decoding: UnsafeBufferPointer(start: asset.bytes, count: asset.size), as: UTF8.self)
  }
}

extension Page.Section {
  func html() throws -> HTML {
    let drawn = try figures.map { try $0.html() } + beside
    let grid: HTML = drawn.isEmpty ? "" : #"<div class="figures">\#(drawn)</div>"#
    let words: HTML = text.isEmpty ? "" : "<p>\(text)</p>"
    return "<section>\n<h2>\(title)</h2>\n\(words)\(grid)\n\(content)\n</section>"
  }
}
