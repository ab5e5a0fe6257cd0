import Foundation
import Gridless

/// One contender's times at one case and number of threads.
struct Measured {
  var benchCase: Case
  var contender: Contender
  var threads: Int
  var precision = ""
  /// Seconds: turns, and the steps within each.
  var turns: [[Double]] = []
  var peakBytes: Int?

  /// A repeat's time is the median of its steps.
  private var repeats: [Double] { turns.map { Spread($0).median } }

  /// The table of all, in the order in which they were measured.
  static func table(_ all: [Measured]) -> String {
    let rows = all.map { measured in
      let time = Spread(measured.repeats.map { 1000 * $0 })
      return [
        measured.benchCase.model, "\(measured.benchCase.size)", "\(measured.benchCase.batch)", "\(measured.threads)",
        measured.contender.name, measured.precision, time.text(digits: 0),
        fixed(1000 * Double(measured.benchCase.batch) / time.median, 1),
        measured.peakBytes.map { fixed(Double($0) / 1e6, 0) } ?? "–",
      ]
    }
    return markdown(
      [["model", "size", "batch", "threads", "step", "precision", "ms per step", "images/s", "peak MB"]] + rows)
  }

  /// The ratios that are aimed at, each with its spread.
  static func ratios(_ all: [Measured]) -> String {
    var rows = [
      [
        "model", "threads", "precision", "peer ELBO / DE-ELBO", "DE-ELBO / MAP", "DE-ELBO / careful MAP",
        "MAP / careful MAP",
        "parameters", "memory, DE-ELBO − MAP",
      ]
    ]
    for own in all where own.contender.side == .gridless && own.contender.mode == .elbo {
      func other(_ side: Contender.Side, _ mode: Mode) -> Measured? {
        all.first {
          $0.benchCase == own.benchCase && $0.threads == own.threads
            // The peer chooses its precision itself.
            && $0.contender
              == Contender(side: side, mode: mode, precision: side == .peer ? "fp32" : own.contender.precision)
        }
      }
      func ratio(_ a: Measured?, _ b: Measured?) -> String {
        guard let a, let b else { return "–" }
        return Spread(zip(a.repeats, b.repeats).map { $0 / $1 }).text(digits: 2)
      }
      let (map, careful) = (other(.gridless, .map), other(.peer, .careful))
      let vector = own.benchCase.parameterBytes
      let memory = zip(own.peakBytes, map?.peakBytes).flatMap { peaks in
        vector.map { "\(fixed(Double(peaks.0 - peaks.1) / Double($0), 1)) vectors" }
      }
      rows.append([
        own.benchCase.model, "\(own.threads)", own.precision, ratio(other(.peer, .elbo), own), ratio(own, map),
        ratio(own, careful),
        ratio(map, careful), vector.map { "\(fixed(Double($0) / 1e6, 0)) MB" } ?? "–", memory ?? "–",
      ])
    }
    return markdown(rows)
  }

  /// Every measured step.
  static func csv(_ all: [Measured]) -> String {
    var lines = ["model,size,batch,threads,side,mode,precision,repeat,step,seconds"]
    for measured in all {
      let (own, contender) = (measured.benchCase, measured.contender)
      for (turn, seconds) in measured.turns.enumerated() {
        for (step, time) in seconds.enumerated() {
          lines.append(
            "\(own.model),\(own.size),\(own.batch),\(measured.threads),\(contender.side),\(contender.mode),"
              + "\(measured.precision),\(turn + 1),\(step + 1),\(time)")
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Case {
  /// The size of one parameter vector: weights, gradients and momentum are one each.
  var parameterBytes: Int? {
    (try? Backbone.named(model)).map { 4 * $0.makeNetwork(classes: Workload.classes).layout.paddedCount }
  }
}

/// Both, or nothing.
private func zip<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
  guard let a, let b else { return nil }
  return (a, b)
}

/// What /proc tells of this machine.
enum Processor {
  /// The model's name.
  static var name: String { value("model name") ?? "unknown processor" }
  /// The features that the kernel reports.
  static var features: Set<Substring> { Set((value("flags") ?? "").split(separator: " ")) }
  /// The load average of the last minute, by which a busy machine is told from a quiet one.
  static var load: String {
    (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.split(separator: " ").first.map(String.init) ?? "–"
  }

  private static func value(_ key: String) -> String? {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
    return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
