import Foundation

/// A headless Chromium, steered through the DevTools protocol on two pipes.
final class Browser {
  /// What the page did that it should not: errors on the console, exceptions, requests.
  private(set) var errors: [String] = []
  private(set) var requests: [String] = []

  /// Where it is, nil if there is none; `Scripts/test-tools.sh` installs it.
  static let path = ["/usr/bin/chromium", "/usr/bin/chromium-headless-shell"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  static let missing =
    path == nil ? "no /usr/bin/chromium (Scripts/test-tools.sh installs it): reports are not opened in a browser" : nil

  private let process = Process()
  private let folder: URL
  private let input: Int32
  private let output: Int32
  private var buffer = Data()
  private var number = 0
  private var session: String?

  struct Failure: Error, CustomStringConvertible { let description: String }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "browser-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let (to, from) = (folder.appending(path: "to").path, folder.appending(path: "from").path)
    guard mkfifo(to, 0o600) == 0, mkfifo(from, 0o600) == 0 else { throw Failure(description: "no pipes") }
    // Opened for both ways, so that neither side waits for the other.
    (input, output) = (open(to, O_RDWR | O_CLOEXEC), open(from, O_RDWR | O_CLOEXEC))
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", #"exec "$0" "$@" 3<"$TO" 4>"$FROM""#, Self.path ?? "", "--headless", "--no-sandbox", "--disable-gpu",
      "--remote-debugging-pipe", "--user-data-dir=\(folder.path)/profile", "--disable-background-networking",
      "--disable-component-update", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(["TO": to, "FROM": from]) { $1 }
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    let target = try send("Target.createTarget", ["url": "about:blank"])
    let attached = try send("Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true])
    session = attached["sessionId"] as? String
    for domain in ["Page", "Runtime", "Log", "Network"] { try send("\(domain).enable") }
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
    close(input)
    close(output)
    try? FileManager.default.removeItem(at: folder)
  }

  /// Opens a file at a width in CSS pixels, in light or dark.
  func visit(_ file: String, width: Int, dark: Bool) throws {
    try send(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600])
    let scheme = ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"]
    try send("Emulation.setEmulatedMedia", ["features": [scheme]])
    (errors, requests) = ([], [])
    try send("Page.navigate", ["url": URL(fileURLWithPath: file).absoluteString])
  }

  /// Waits until an expression is true, at most 30 seconds.
  func wait(for expression: String) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try evaluate(expression) as? Bool != true {
      guard ContinuousClock.now < deadline else { throw Failure(description: "never true: \(expression); \(errors)") }
      usleep(50_000)
    }
  }

  /// The value of an expression, as JSON has it.
  func evaluate(_ expression: String) throws -> Any? {
    let answer = try send("Runtime.evaluate", ["expression": expression, "returnByValue": true])
    if let details = answer["exceptionDetails"] as? [String: Any] {
      throw Failure(description: "\(expression): \(details)")
    }
    return (answer["result"] as? [String: Any])?["value"]
  }

  /// The whole page as a PNG file's bytes.
  func screenshot() throws -> Data {
    let size = try evaluate("[innerWidth, document.documentElement.scrollHeight]") as? [Double] ?? [800, 900]
    let clip: [String: Any] = ["x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1]
    let answer = try send(
      "Page.captureScreenshot", ["format": "png", "captureBeyondViewport": true, "clip": clip])
    return (answer["data"] as? String).flatMap { Data(base64Encoded: $0) } ?? Data()
  }

  @discardableResult
  private func send(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
    number += 1
    var message: [String: Any] = ["id": number, "method": method, "params": parameters]
    if let session { message["sessionId"] = session }
    var bytes = try JSONSerialization.data(withJSONObject: message)
    bytes.append(0)
    let written = bytes.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
    guard written == bytes.count else { throw Failure(description: "\(method): cannot be sent") }
    while true {
      let answer = try receive()
      if answer["id"] as? Int == number {
        if let error = answer["error"] as? [String: Any] { throw Failure(description: "\(method): \(error)") }
        return answer["result"] as? [String: Any] ?? [:]
      }
      note(answer)
    }
  }

  private func receive() throws -> [String: Any] {
    while true {
      if let end = buffer.firstIndex(of: 0) {
        let message = buffer[buffer.startIndex..<end]
        buffer = Data(buffer[(end + 1)...])
        return try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
      }
      var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 60_000) > 0 else { throw Failure(description: "Chromium does not answer") }
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(output, &chunk, chunk.count)
      guard count > 0 else { throw Failure(description: "Chromium has ended") }
      buffer += chunk[..<count]
    }
  }

  private func note(_ event: [String: Any]) {
    let details = event["params"] as? [String: Any] ?? [:]
    switch event["method"] as? String {
    case "Runtime.exceptionThrown": errors.append("\(details)")
    case "Runtime.consoleAPICalled":
      if ["error", "warning", "assert"].contains(details["type"] as? String) {
        errors.append("\(details["args"] ?? "")")
      }
    case "Log.entryAdded":
      if let entry = details["entry"] as? [String: Any], entry["level"] as? String != "verbose" {
        errors.append("\(entry["text"] ?? "")")
      }
    case "Network.requestWillBeSent":
      if let request = details["request"] as? [String: Any], let url = request["url"] as? String {
        requests.append(url)
      }
    default: break
    }
  }
}
