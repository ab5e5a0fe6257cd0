import Foundation
import Testing

/// A terminal for standard error.
enum Terminal {
  /// What a command that succeeds writes to a terminal of so many columns.
  static func output(
    columns: Int, _ arguments: [String], in place: Workplace, _ environment: [String: String] = [:]
  ) throws -> String {
    var (master, slave): (Int32, Int32) = (-1, -1)
    var window = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    try #require(openpty(&master, &slave, nil, nil, &window) == 0)
    let terminal = FileHandle(fileDescriptor: slave)
    defer { close(master) }

    // Little enough to lie in the terminal's buffer until it is read.
    let status = try Command.start(
      arguments, in: place.path, output: .nullDevice, errors: terminal, environment: environment)
    #expect(status == 0)
    try terminal.close()
    var (bytes, piece) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    // Ends with an error (EIO), as the other side is closed.
    while case let count = read(master, &piece, piece.count), count > 0 { bytes += piece[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What a terminal shows while a run goes on.
@Suite struct TerminalTests {
  @Test(arguments: [40, 80, 200]) func theBarStaysWithinOneLine(_ columns: Int) throws {
    let place = try Workplace()
    try place.writeData()
    let shown = try Terminal.output(columns: columns, Workplace.tiny("data", ["--json"]), in: place)

    // A bar is what stands between two clearings of the line.
    let bars = shown.components(separatedBy: "\r\u{1B}[2K").filter { $0.contains("█") || $0.contains("░") }
    #expect(!bars.isEmpty)
    for bar in bars {
      #expect(!bar.contains("\n"))
      #expect(bar.count < columns)
    }
    #expect(bars.contains { $0.hasPrefix("decoding train ████") })
    let steps = try #require(bars.last { $0.hasPrefix("lr 0.01 ████") })
    #expect(steps.contains("3/3"))
    if columns >= 80 { #expect(steps.contains("left") && steps.contains("loss ") && steps.contains("= NLL ")) }
    if columns == 200 { for name in ["KL ", "λ ", "τ ", "σ "] { #expect(steps.contains(name)) } }
  }
}
