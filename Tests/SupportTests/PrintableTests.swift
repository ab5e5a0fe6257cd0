import Support
import Testing

@Suite struct PrintableTests {
  @Test func whatATerminalWouldObeyIsEscaped() {
    #expect(printable("a/\u{1B}]0;title\u{7}\u{202E}y") == "a/\\u{1b}]0;title\\u{7}\\u{202e}y")
    #expect(printable("\u{9B}2J\r\u{7F}") == "\\u{9b}2J\\u{d}\\u{7f}")
    #expect(printable("é 赤\nζ") == "é 赤\nζ")
  }
}
