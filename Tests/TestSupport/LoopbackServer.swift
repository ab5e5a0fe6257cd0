import Foundation
import Synchronization

/// A web server on 127.0.0.1 with files in memory, which can be told to misbehave.
package final class LoopbackServer: Sendable {
  /// A file, and how it is served.
  package struct File: Sendable {
    package var body: Data
    package var etag: String? = "\"1\""
    package var lastModified: String?
    package var hasRanges = true
    /// Where the file is really, as a path on this server.
    package var location: String?
    /// Milliseconds before every 4,096 bytes.
    package var pause: UInt32 = 0
    /// What goes wrong in the next answers, one after the other.
    package var faults: [Fault] = []

    package init(_ body: Data) { self.body = body }
  }

  /// What goes wrong in one answer.
  package enum Fault: Sendable {
    /// The connection ends after so many bytes.
    case cut(after: Int)
    /// Nothing comes after so many bytes, until the other side leaves.
    case silence(after: Int)
    /// Another status, without the file.
    case status(Int)
  }

  /// What was asked for.
  package struct Request: Equatable, Sendable {
    package var path: String
    /// By names in lower case.
    package var headers: [String: String]
  }

  private final class State: Sendable {
    let files = Mutex<[String: File]>([:])
    let requests = Mutex<[Request]>([])
  }

  private let state = State()
  private let socket: Int32
  /// `http://127.0.0.1:PORT`.
  package let url: String

  package init() throws {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && listen(socket, 16) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    guard isBound else { throw CocoaError(.featureUnsupported) }
    (self.socket, url) = (socket, "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
    Thread.detachNewThread { [state] in
      while case let connection = accept(socket, nil, nil), connection >= 0 {
        Thread.detachNewThread {
          Self.answer(on: connection, state)
          close(connection)
        }
      }
    }
  }

  deinit {
    shutdown(socket, Int32(SHUT_RDWR))
    close(socket)
  }

  /// Serves a file at a path such as `/models/a.pth`, in place of another.
  package func serve(_ path: String, _ file: File) { state.files.withLock { $0[path] = file } }

  /// What was asked for so far.
  package var requests: [Request] { state.requests.withLock { $0 } }

  private static func answer(on connection: Int32, _ state: State) {
    guard let request = read(from: connection) else { return }
    state.requests.withLock { $0.append(request) }
    let file = state.files.withLock { files in
      let file = files[request.path]
      if file?.faults.isEmpty == false { files[request.path]?.faults.removeFirst() }
      return file
    }
    func send(_ status: Int, _ headers: [String], _ body: Data = Data()) {
      let lines = ["HTTP/1.1 \(status) X", "Connection: close", "Content-Length: \(body.count)"] + headers
      _ = write(Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8), to: connection)
    }
    guard let file else { return send(404, []) }
    if let location = file.location { return send(302, ["Location: \(location)"]) }
    if case .status(let status)? = file.faults.first { return send(status, []) }
    var headers = [file.etag.map { "ETag: \($0)" }, file.lastModified.map { "Last-Modified: \($0)" }].compactMap { $0 }
    var (status, start) = (200, 0)
    let condition = request.headers["if-range"]
    if file.hasRanges, let range = request.headers["range"], let first = Int(range.dropFirst(6).dropLast()),
      condition == nil || [file.etag, file.lastModified].contains(condition)
    {
      guard first < file.body.count else { return send(416, ["Content-Range: bytes */\(file.body.count)"]) }
      (status, start) = (206, first)
      headers.append("Content-Range: bytes \(first)-\(file.body.count - 1)/\(file.body.count)")
    }
    let body = file.body.dropFirst(start)
    send(status, headers, body)
    switch file.faults.first {
    case .cut(let count)?: _ = write(body.prefix(count), to: connection)
    case .silence(let count)?:
      _ = write(body.prefix(count), to: connection)
      var byte: UInt8 = 0
      _ = recv(connection, &byte, 1, 0)
    default: _ = write(body, to: connection, pause: file.pause)
    }
  }

  private static func read(from connection: Int32) -> Request? {
    var (bytes, byte) = ([UInt8](), UInt8(0))
    while !bytes.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
      guard recv(connection, &byte, 1, 0) == 1 else { return nil }
      bytes.append(byte)
    }
    let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return Request(path: String(words[1]), headers: headers)
  }

  /// Whether the other side took everything.
  private static func write(_ data: Data, to connection: Int32, pause: UInt32 = 0) -> Bool {
    var rest = data[...]
    while !rest.isEmpty {
      if pause > 0 { usleep(pause * 1000) }
      let piece = Array(rest.prefix(pause > 0 ? 4096 : 1 << 20))
      let count = Glibc.send(connection, piece, piece.count, Int32(MSG_NOSIGNAL))
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
