import Foundation
import TestSupport

/// Hostile files that stay below every limit and are refused at their end, so that the reader builds all that it may.
enum CostlyFiles {
  private static func ascii(_ text: String) -> Data { Data(text.utf8) }

  private static func entry(_ name: String, _ shape: String) -> String {
    MalformedFileTests.entry(name, "U8", shape, "[0,0]")
  }

  /// Headers of nearly 16 MB.
  static var safetensors: [Data] {
    let many = (0..<131_000).map { entry("tensor number \($0) of many", "[0]") }
    let wide = (0..<70000).map {
      entry("tensor number \($0) of many", "[\(Array(repeating: "0", count: 16).joined(separator: ","))]")
    }
    let keys = (0..<16000).map { "\"key \($0)\":\"\(String(repeating: "v", count: 900))\"" }
    let values = (0..<3).map { "\"\($0)\":\"\(String(repeating: "v", count: 3_990_000))\"" }
    let texts = [
      "{" + many.joined(separator: ",") + ",\"x\":1}",
      "{" + wide.joined(separator: ",") + ",\"x\":1}",
      "{\"__metadata__\":{" + keys.joined(separator: ",") + "},\"x\":1}",
      "{\"__metadata__\":{" + values.joined(separator: ",") + "},\"x\":1}",
      "{\"\(String(repeating: "n", count: 15_900_000))",
      "{\"a\":{\"shape\":[" + String(repeating: "1,", count: 7_900_000),
      "{" + String(repeating: " ", count: 15_900_000),
    ]
    return texts.map { WeightsTests.safetensors($0) }
  }

  /// Pickles of up to 8 MB; none ends well.
  static var pickles: [Data] {
    let text = String(repeating: "t", count: 100)
    let texts = Data(repeatElement(ascii("X") + Data([100, 0, 0, 0]) + ascii(text + "a"), count: 70000).joined())
    let lists = Data(repeatElement(ascii("](NNNea"), count: 100_000).joined())
    let dictionaries = Data(repeatElement(ascii("}(NNua"), count: 100_000).joined())
    let values = Data(repeatElement(ascii("Na"), count: 520_000).joined())
    let tuples = Data(repeatElement(ascii("NNN") + Data([0x87]) + ascii("a"), count: 120_000).joined())
    return [
      ascii("]") + texts + ascii("X"),
      ascii("]") + lists + ascii("X"),
      ascii("]") + dictionaries + ascii("X"),
      ascii("]") + values + HostilePickles.memo(131_000) + ascii("X"),
      ascii("]") + tuples + ascii("X"),
      HostilePickles.tensors(16000, sides: 16) + ascii("X"),
      // Lists of one list that is named again and again: long names, each walked.
      ascii("]") + Pickle.tensor() + ascii("a") + ascii(String(repeating: "q\u{0}0](h\u{0}h\u{0}e", count: 25)),
    ]
  }

  /// An archive of as many entries as its directory may have, whose last one is compressed.
  static var archive: Data {
    let padding = String(repeating: "n", count: 400)
    var builder = ZipBuilder(pickle: Pickle.whole(Pickle.tensor()))
    builder.entries += (0..<32000).map { ("x/\(padding)/\($0)", Data(count: 16)) }
    builder.entries.append(("x/data.pkl", Data()))
    return builder.data
  }

  /// An index of as many tensors as may be, whose shards are not there.
  static var index: Data {
    let padding = String(repeating: "n", count: 200)
    let members = (0..<65000).map { "\"\(padding)\($0)\":\"\($0 % 1000).bin\"" }
    return ascii("{\"weight_map\":{\(members.joined(separator: ","))}}")
  }
}
