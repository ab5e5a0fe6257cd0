/// A table of a page.
struct Table {
  /// A cell: its text, and what stands small below it.
  struct Cell: ExpressibleByStringLiteral {
    var text: String
    var note: String?

    init(_ text: String, note: String? = nil) { (self.text, self.note) = (text, note) }
    init(stringLiteral value: String) { text = value }

    fileprivate var html: HTML {
      let below: HTML = note.map { "<small>\($0)</small>" } ?? ""
      return "\(text)\(below)"
    }
  }

  var caption: String
  var head: [String]
  var rows: [[Cell]] = []
  /// The columns of words, from the first.
  var words = 1
  /// The rows that stand out.
  var marked: Set<Int> = []

  /// The table in a frame that scrolls sideways where it is too wide.
  var html: HTML {
    func kind(_ column: Int) -> HTML { HTML(trusted: column < words ? " class=\"words\"" : "") }
    let head = head.enumerated().map { column, name -> HTML in #"<th scope="col"\#(kind(column))>\#(name)</th>"# }
    let body = rows.enumerated().map { index, row -> HTML in
      let cells = row.enumerated().map { column, cell -> HTML in
        column == 0 ? #"<th scope="row">\#(cell.html)</th>"# : "<td\(kind(column))>\(cell.html)</td>"
      }
      let mark = HTML(trusted: marked.contains(index) ? " class=\"ours\"" : "")
      return "<tr\(mark)>\(cells)</tr>"
    }
    return #"""
      <div class="card"><div class="scroll" tabindex="0" role="region" aria-label="\#(caption)"><table>
      <caption>\#(caption)</caption>
      <thead><tr>\#(head)</tr></thead>
      <tbody>\#(body)</tbody>
      </table></div></div>
      """#
  }
}
