import Foundation
import FoundationNetworking
import Synchronization

/// One GET, whose parts are taken by the thread that asked for it.
final class Transfer {
  /// What the server says before the file.
  struct Head: Sendable {
    var status: Int
    /// The length of what follows, if it is known.
    var length: Int?
    /// The first byte of a part and the whole file's length, of `Content-Range`; the start is nil in `bytes */1000`.
    var range: (start: Int?, total: Int?)?
    /// What identifies this state of the file: a strong ETag, else when it was changed.
    var validator: String?
    /// How what follows is compressed on its way; nil where it comes as it is.
    var encoding: String?
  }

  /// The connection failed; what came before is good.
  struct Dropped: Error {
    var reason: String
    /// Where nothing was heard of the server before, there is no connection, and another attempt would not help now.
    var isOffline = false
  }

  private let receiver = Receiver()
  private let session: URLSession

  /// Begins; a connection that is silent for `stall` seconds is given up.
  init(_ request: URLRequest, stall: Double) {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = stall
    configuration.urlCache = nil
    configuration.httpCookieStorage = nil
    session = URLSession(configuration: configuration, delegate: receiver, delegateQueue: nil)
    session.dataTask(with: request).resume()
  }

  /// Ends it, wherever it is.
  func cancel() { session.invalidateAndCancel() }

  /// The server's answer.
  func head() throws(Dropped) -> Head {
    switch receiver.next() {
    case .head(let head): return head
    case .data: throw Dropped(reason: "data without an answer")
    case .end(let failure): throw failure ?? Dropped(reason: "no answer")
    }
  }

  /// The next bytes, nil behind the last ones.
  func data() throws(Dropped) -> Data? {
    switch receiver.next() {
    case .data(let data): return data
    case .head, .end(nil): return nil
    case .end(let failure?): throw failure
    }
  }
}

/// Hands what URLSession tells to the thread that waits.
private final class Receiver: NSObject, URLSessionDataDelegate {
  enum Event: Sendable {
    case head(Transfer.Head)
    case data(Data)
    case end(Transfer.Dropped?)
  }

  private let events = Mutex<(waiting: [Event], taken: ArraySlice<Event>)>(([], []))
  private let available = DispatchSemaphore(value: 0)

  func next() -> Event {
    available.wait()
    return events.withLock { events in
      if events.taken.isEmpty { (events.taken, events.waiting) = (events.waiting[...], []) }
      return events.taken.popFirst() ?? .end(nil)
    }
  }

  private func tell(_ event: Event) {
    events.withLock { $0.waiting.append(event) }
    available.signal()
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    tell(.head(Transfer.Head(response)))
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) { tell(.data(data)) }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    tell(.end(error.map { Transfer.Dropped($0) }))
  }
}

extension Transfer.Dropped {
  fileprivate init(_ error: any Error) {
    let offline: [URLError.Code] = [
      .timedOut, .cannotFindHost, .cannotConnectToHost, .dnsLookupFailed, .notConnectedToInternet, .unsupportedURL,
      .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
      .serverCertificateHasUnknownRoot,
    ]
    reason = error.localizedDescription.trimmingCharacters(in: ["."])
    isOffline = (error as? URLError).map { offline.contains($0.code) } ?? false
  }
}

extension Transfer.Head {
  fileprivate init(_ response: URLResponse) {
    let http = response as? HTTPURLResponse
    status = http?.statusCode ?? 0
    length = response.expectedContentLength >= 0 ? Int(response.expectedContentLength) : nil
    range = http?.value(forHTTPHeaderField: "Content-Range").flatMap(Self.range)
    // A weak ETag (W/"…") is no ground to join two parts (RFC 9110, 13.1.5).
    let tag = http?.value(forHTTPHeaderField: "ETag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
    validator = tag ?? http?.value(forHTTPHeaderField: "Last-Modified")
    let coding = http?.value(forHTTPHeaderField: "Content-Encoding")?.trimmingCharacters(in: .whitespaces).lowercased()
    encoding = coding.flatMap { $0.isEmpty || $0 == "identity" ? nil : $0 }
  }

  /// Reads `bytes 100-199/1000`, `bytes 100-199/*` or `bytes */1000`.
  private static func range(_ text: String) -> (start: Int?, total: Int?)? {
    guard let match = text.wholeMatch(of: /bytes (?:([0-9]+)-[0-9]+|\*)\/([0-9]+|\*)/) else { return nil }
    return (match.1.flatMap { Int($0) }, Int(match.2))
  }
}
