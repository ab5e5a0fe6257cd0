import Foundation
import Testing

/// What `predict` shows of folders of images, and of more than the most probable class.
@Suite struct PredictTests {
  private static let classes = ["iris", "rose", "tulipTree"]

  /// A place with a run of three classes.
  private func finished() throws -> Workplace {
    let place = try Workplace()
    try place.writeImages("data/train", classes: Self.classes, count: 2)
    #expect(try place.finetune("data", "--quiet").status == 0)
    return place
  }

  @Test func aFolderStandsForItsImages() throws {
    let place = try finished()
    let bytes = try Workplace.picture(0).bytes
    for name in ["b.png", "a é.PNG", "Z.png", "deep/er/c.png", ".hidden.png", ".folder/d.png", "deep/.e.png"] {
      try place.write("new/\(name)", bytes)
    }
    try place.write("new/notes.txt", Data("not a picture\n".utf8))
    let outcome = try place.gridless("predict", "run", "new/b.png", "new/", "new/deep", "--json", "--threads", "1")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let found = try outcome.objects().compactMap { $0["image"] as? String }
    #expect(
      found == ["new/b.png", "new/Z.png", "new/a é.PNG", "new/b.png", "new/deep/er/c.png", "new/deep/er/c.png"])
    let table = try place.gridless("predict", "run", "new", "--threads", "1")
    #expect(table.lines.count == 4 && table.lines[0].hasPrefix("new/Z.png "))
  }

  @Test(arguments: [[], ["--average", "2"]]) func unreadableImagesAreLeftOutOnRequest(_ options: [String]) throws {
    let place = try finished()
    for name in ["a.png", "c\n.png"] { try place.write("new/\(name)", try Workplace.picture(0).bytes) }
    try place.write("new/b.png", Data("not a picture\n".utf8))
    #expect(try Command.run(["predict", "run", "new"] + options, in: place.path).status == 1)
    let outcome = try Command.run(
      ["predict", "run", "new", "--skip-unreadable", "--threads", "1"] + options, in: place.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("note: skipped new/b.png: not an image (found text"), "\(outcome.errors)")
    try place.write("bad/b.png", Data("not a picture\n".utf8))
    let none = try Command.run(["predict", "run", "bad", "--skip-unreadable"] + options, in: place.path)
    #expect(none.status == 1 && none.errors.contains("bad/b.png: not an image (found text"), "\(none.errors)")
    #expect(none.errors.contains("None of the images can be read"))
    // A name's line feed begins no line.
    #expect(outcome.lines.count == 2, "\(outcome.output)")
    #expect(outcome.lines.first?.hasPrefix("new/a.png ") == true)
    #expect(outcome.lines.last?.hasPrefix("new/c\\u{a}.png ") == true)
  }

  /// More images than are in memory at a time, at the mean and on average: each has the numbers that it has alone.
  @Test func manyImagesKeepTheirOrder() throws {
    let place = try finished()
    let names = (0..<130).map { "many/\(String(format: "%03d", $0)).png" }
    for (index, name) in names.enumerated() {
      try place.write(name, PNG.gray((0..<256).map { UInt8(($0 * (index + 1)) % 251) }, width: 16, height: 16))
    }
    for options in [["--json"], ["--json", "--average", "2"]] {
      func predict(_ files: [String]) throws -> [(image: String, logits: [Double])] {
        let arguments = ["predict", "run"] + files + ["--threads", "1", "--device", "cpu"] + options
        var found: [(image: String, logits: [Double])] = []
        for object in try Command.run(arguments, in: place.path).objects() {
          let image = try #require(object["image"] as? String)
          found.append((image, try #require(object["logits"] as? [Double])))
        }
        return found
      }
      let all = try predict(["many"])
      try #require(all.map { $0.image } == names)
      let chosen = [0, 63, 64, 129]
      for (alone, index) in zip(try predict(chosen.map { names[$0] }), chosen) {
        #expect(alone.image == all[index].image)
        for (one, other) in zip(alone.logits, all[index].logits) { #expect(abs(one - other) < 1e-6) }
      }
    }
  }

  @Test func theMostProbableClasses() throws {
    let place = try finished()
    let image = "data/train/rose/photo é 0.\(try Workplace.picture(1).suffix)"
    let arguments = ["predict", "run", image, "--threads", "1", "--device", "cpu"]
    let outcome = try Command.run(arguments + ["--top", "3", "--json"], in: place.path)
    let prediction = try outcome.result()
    let probabilities = try #require(prediction["probabilities"] as? [String: Double])
    #expect(Set(probabilities.keys) == Set(Self.classes))
    #expect(abs(probabilities.values.reduce(0, +) - 1) < 1e-9)
    let logits = try #require(prediction["logits"] as? [Double])
    let sum = logits.reduce(0) { $0 + exp($1) }
    for (name, logit) in zip(Self.classes, logits) {
      #expect(abs((probabilities[name] ?? 0) - exp(logit) / sum) < 1e-9)
    }
    let top = try #require(prediction["top"] as? [[String: Any]])
    let names = top.compactMap { $0["class"] as? String }
    #expect(names.sorted() == Self.classes && names.first == prediction["class"] as? String)
    #expect(top.map { $0["probability"] as? Double } == names.map { probabilities[$0] })
    #expect(names.compactMap { probabilities[$0] } == probabilities.values.sorted(by: >))
    // Equal calls print equal bytes.
    #expect(try Command.run(arguments + ["--top", "3", "--json"], in: place.path).output == outcome.output)

    // Of one image there is no progress to tell.
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")

    let table = try Command.run(arguments + ["--top", "2"], in: place.path)
    let expected = names.prefix(2).map { [image, $0, String(format: "%.4f", probabilities[$0] ?? Double.nan)] }
    let cells = table.lines.map { line in
      line.components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
    #expect(cells == expected)
    let one = try Command.run(arguments, in: place.path)
    #expect(one.lines.count == 1 && one.output.contains("  \(names.first ?? "")  "))
  }
}
