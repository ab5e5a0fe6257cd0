import Foundation

/// Indices of shards that are wrong or hostile, and what the refusal says.
enum HostileIndices {
  private static func map(_ members: String) -> String { "{\"weight_map\":{\(members)}}" }

  static let all: [(fault: String, text: String)] = [
    ("no weight_map", "{}      "),
    ("no weight_map", "{\"metadata\":{\"total_size\":8}}"),
    ("weight_map is empty", map("")),
    ("no '{'", "{\"weight_map\":[]}"),
    ("no '\"'", map("\"a\":1")),
    ("the index's end inside a value", "{\"weight_map\":{\"a\":\"b"),
    ("text after the index's last brace", map("\"a\":\"b.safetensors\"") + "x"),
    ("the tensor 'a' occurs twice", map("\"a\":\"b.safetensors\",\"a\":\"c.safetensors\"")),
    ("the key 'weight_map' occurs twice", "{\"weight_map\":{\"a\":\"b\"},\"weight_map\":{\"a\":\"c\"}}"),
    ("'../secret.safetensors' is no name", map("\"a\":\"../secret.safetensors\"")),
    ("'/etc/passwd' is no name", map("\"a\":\"/etc/passwd\"")),
    ("'..' is no name", map("\"a\":\"..\"")),
    ("'' is no name", map("\"a\":\"\"")),
    ("is no name of a file", map("\"a\":\"b\\u0000.safetensors\"")),
    ("is no name of a file", map("\"a\":\"..\\\\b.safetensors\"")),
    ("its shard 'absent.safetensors' (1 of 1) is missing", map("\"a\":\"absent.safetensors\"")),
    ("nest deeper than 32", "{\"x\":" + String(repeating: "[", count: 100_000)),
    ("nest deeper than 32", "{\"x\":" + String(repeating: "{\"x\":", count: 100_000)),
    ("no value", "{\"x\":,\"weight_map\":{}}"),
    ("no ']'", "{\"x\":[1 2],\"weight_map\":{}}"),
    ("a string of more than 1024 bytes", map("\"\(String(repeating: "n", count: 2000))\":\"b\"")),
    (
      "more than 65536 tensors",
      map((0..<70000).map { "\"\($0)\":\"b\"" }.joined(separator: ","))
    ),
    (
      "more than 1024 shards",
      map((0..<2000).map { "\"\($0)\":\"\($0).bin\"" }.joined(separator: ","))
    ),
    ("more than 64 keys", "{" + (0..<100).map { "\"\($0)\":0" }.joined(separator: ",") + "}"),
    ("16000000 bytes of an index", "{" + String(repeating: " ", count: 17_000_000)),
  ]
}
