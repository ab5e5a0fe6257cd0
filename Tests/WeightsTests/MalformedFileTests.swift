import Foundation
import Testing
import Weights

/// Every way in which a file can be wrong is refused, with a message that names the file and the fault.
struct MalformedFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let fault: String
    let bytes: Data
    var testDescription: String { fault }

    init(_ fault: String, _ bytes: Data) {
      self.fault = fault
      self.bytes = bytes
    }

    init(_ fault: String, header: String, data: Int = 0) {
      self.init(fault, safetensors(header, data: data))
    }
  }

  static func entry(_ name: String, _ dtype: String, _ shape: String, _ offsets: String) -> String {
    "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }
  static let two = "{\(entry("a", "F32", "[2]", "[0,8]")),"

  static let cases = [
    Case("0 bytes", Data()),
    Case("7 bytes", Data(count: 7)),
    Case("header of 1152921504606846976 bytes", safetensors("{}", length: 1 << 60)),
    Case("header of 18446744073709551615 bytes", safetensors("{}", length: .max)),
    Case("header of 100000001 bytes", safetensors("{}", length: 100_000_001)),
    Case("claims a header of 100000000 bytes", safetensors("{}", length: 100_000_000)),
    Case("claims a header of 3 bytes", safetensors("{}", length: 3)),
    Case("zip archive", Data("PK\u{3}\u{4}".utf8) + Data(count: 100)),
    Case("does not start with '{'", header: ""),
    Case("does not start with '{'", header: " {}"),
    Case("does not start with '{'", header: "[]"),
    Case("text after the header's last brace", header: "{}x"),
    Case("the header's end inside a value", header: "{\"a"),
    Case("no ':'", header: "{\"a\" 1}"),
    Case("no '\"'", header: "{a:1}"),
    Case("no '{'", header: "{\"a\":1}"),
    Case("no '}'", header: "{\"a\":{\"dtype\":\"F32\""),
    Case("no '\"'", header: "{\"__metadata__\":{\"a\":1}}"),
    Case("unknown or repeated key 'a'", header: String(repeating: "{\"a\":", count: 100_000)),
    Case("no non-negative whole number", header: "{\"a\":{\"shape\":" + String(repeating: "[", count: 100_000)),
    Case("control character", header: "{\"a\nb\":{}}"),
    Case("unknown escape", header: "{\"\\x\":{}}"),
    Case("half a surrogate pair", header: "{\"\\ud83c\":{}}"),
    Case("half a surrogate pair", header: "{\"\\ud83c\\u0041\":{}}"),
    Case("without four hexadecimal digits", header: "{\"\\u00g0\":{}}"),
    Case("not UTF-8", Data([4, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22])),
    Case("lacks one of", header: "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", data: 4),
    Case("unknown or repeated key 'extra'", header: "{\"a\":{\"extra\":1}}"),
    Case("unknown or repeated key 'shape'", header: "{\"a\":{\"shape\":[1],\"shape\":[1]}}"),
    Case("unknown dtype 'F31'", header: "{\(entry("a", "F31", "[1]", "[0,4]"))}", data: 4),
    Case("no non-negative whole number", header: "{\(entry("a", "F32", "[-1]", "[0,4]"))}", data: 4),
    Case("no ']'", header: "{\(entry("a", "F32", "[1.0]", "[0,4]"))}", data: 4),
    Case("no ']'", header: "{\(entry("a", "F32", "[1e0]", "[0,4]"))}", data: 4),
    Case("no non-negative whole number", header: "{\(entry("a", "F32", "[01]", "[0,4]"))}", data: 4),
    Case("beyond 2^63", header: "{\(entry("a", "F32", "[9223372036854775808]", "[0,4]"))}", data: 4),
    Case("overflows", header: "{\(entry("a", "U8", "[4294967296,4294967296]", "[0,0]"))}"),
    Case("overflows", header: "{\(entry("a", "F64", "[1152921504606846976]", "[0,0]"))}"),
    Case("overflows", header: "{\(entry("a", "F32", "[4611686018427387904,0]", "[0,0]"))}"),
    Case("overflows", header: "{\(entry("a", "F32", "[1099511627776,0,1099511627776]", "[0,0]"))}"),
    Case("needs 4 bytes but spans 8", header: "{\(entry("a", "F32", "[]", "[0,8]"))}", data: 8),
    Case("needs 8 bytes but spans 4", header: "{\(entry("a", "F32", "[2]", "[0,4]"))}", data: 4),
    Case("expected [begin, end]", header: "{\(entry("a", "F32", "[1]", "[4,0]"))}", data: 4),
    Case("expected [begin, end]", header: "{\(entry("a", "F32", "[1]", "[4]"))}", data: 4),
    Case("the name 'a' occurs twice", header: "\(two)\(entry("a", "F32", "[1]", "[8,12]"))}", data: 12),
    Case("the name 'a' occurs twice", header: "\(two)\(entry("\\u0061", "F32", "[1]", "[8,12]"))}", data: 12),
    Case("metadata key 'k' occurs twice", header: "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"),
    Case("a hole of 4 bytes before tensor 'a'", header: "{\(entry("a", "F32", "[1]", "[4,8]"))}", data: 8),
    Case("a hole of 4 bytes before tensor 'b'", header: "\(two)\(entry("b", "F32", "[1]", "[12,16]"))}", data: 16),
    Case("4 bytes overlap in tensor 'b'", header: "\(two)\(entry("b", "F32", "[1]", "[4,8]"))}", data: 8),
    Case("it is truncated", header: "\(two)\(entry("b", "F32", "[1]", "[8,12]"))}", data: 11),
    Case("1 bytes belong to no tensor", header: "\(two)\(entry("b", "F32", "[1]", "[8,12]"))}", data: 13),
  ]

  @Test(arguments: cases)
  func isRefused(_ malformed: Case) throws {
    try withTemporaryFile { path in
      try malformed.bytes.write(to: URL(fileURLWithPath: path))
      let error = try #require(throws: WeightsError.self) { try SafetensorsFile(path: path) }
      guard case .malformed = error else {
        Issue.record("\(error)")
        return
      }
      #expect("\(error)".hasPrefix("\(path): "))
      #expect("\(error)".contains(malformed.fault), "\(error)")
    }
  }

  @Test func everyTruncationOfASoundFileIsRefused() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: ReferenceFileTests.path))
    try withTemporaryFile { path in
      for length in 0..<whole.count {
        try whole.prefix(length).write(to: URL(fileURLWithPath: path))
        #expect(throws: WeightsError.self, "\(length) bytes") { try SafetensorsFile(path: path) }
      }
    }
  }

  /// A header byte that changes is refused or still describes the whole data: no crash, no read beyond the file.
  @Test func everyChangedHeaderByteIsRefusedOrHarmless() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: ReferenceFileTests.path))
    try withTemporaryFile { path in
      for index in 0..<whole.count - 148 {
        var changed = whole
        changed[index] ^= UInt8(1 << (index % 8))
        try changed.write(to: URL(fileURLWithPath: path))
        guard let file = try? SafetensorsFile(path: path) else { continue }
        #expect(file.tensors.last?.byteRange.upperBound == 148)
        for tensor in file.tensors { _ = try file.doubles(tensor.name) }
      }
    }
  }

  @Test func spaceAndEscapesInAHeaderAreNoFault() throws {
    let header =
      "{ \"\\ud83c\\udf37\\/\" : { \"shape\" : [ 1 , 1 ] ,\n\"dtype\":\"U8\",\t\"data_offsets\":[ 0, 1 ] } } \r\n "
    try withTemporaryFile { path in
      try safetensors(header, data: 1).write(to: URL(fileURLWithPath: path))
      let file = try SafetensorsFile(path: path)
      #expect(file.tensors.map(\.name) == ["🌷/"])
      #expect(try file.doubles("🌷/") == [0])
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    try withTemporaryFile { path in
      #expect(throws: WeightsError.unreadable(path: path, reason: "No such file or directory")) {
        try SafetensorsFile(path: path)
      }
      try #require(mkfifo(path, 0o600) == 0)
      #expect(throws: WeightsError.unreadable(path: path, reason: "not a regular file")) {
        try SafetensorsFile(path: path)
      }
    }
    #expect(throws: WeightsError.self) { try SafetensorsFile(path: "/") }
  }

  @Test func anAbsentTensorIsNamed() throws {
    let file = try SafetensorsFile(path: ReferenceFileTests.path)
    #expect(throws: WeightsError.noTensor(path: ReferenceFileTests.path, name: "fc.weight")) {
      try file.floats("fc.weight")
    }
    #expect(file.info("fc.weight") == nil)
  }

  /// A 4 GB file (sparse) whose header is refused costs no memory, whatever it claims.
  ///
  /// Each is opened in a process of its own, as the most memory that a process has held never falls.
  @Test func aHostileFileAllocatesNothing() throws {
    struct Line: Decodable {
      var error: String?
      var kilobytes: Int
    }
    try withTemporaryFile { path in
      let file = URL(fileURLWithPath: path)
      func open() throws -> Line {
        let output = try Tool.run(["open", file.lastPathComponent], in: file.deletingLastPathComponent().path)
        return try JSONDecoder().decode(Line.self, from: Data(output.utf8))
      }
      try safetensors("{").write(to: file)
      let before = try open().kilobytes
      for header in [safetensors("", length: 100_000_000), safetensors("{\"a\":{\"shape\":[4294967296]}}")] {
        try header.write(to: file)
        try #require(truncate(path, 4 << 30) == 0)
        let line = try open()
        #expect(line.error?.contains("not a sound safetensors file") == true, "\(line.error ?? "read")")
        #expect(line.kilobytes - before < 4096)
      }
    }
  }
}
