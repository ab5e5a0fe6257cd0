import Foundation
import Gridless
import TestSupport
import Testing

/// `gridless fetch`, against a server on loopback.
@Suite struct FetchTests {
  private let data = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) })
  private let name = "resnet18-f37072fd.pth"

  private func place(faults: [LoopbackServer.Fault] = []) throws -> FetchPlace {
    let place = try FetchPlace()
    try place.serve("resnet18", [name: data], faults: faults)
    return place
  }

  private func expectWhole(_ place: FetchPlace) throws {
    #expect(try place.place.contents(place.checkpoint("resnet18")) == data)
    let folder = place.place.absolute("torch/hub/checkpoints")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [name])
  }

  @Test func aCheckpointGoesToTorchHubsCache() throws {
    let place = try place()
    let outcome = try place.gridless("fetch", "resnet18")
    #expect(outcome.status == 0)
    #expect(outcome.output == "resnet18: \(place.place.absolute(try place.checkpoint("resnet18")))\n")
    #expect(outcome.errors.contains("note: torchvision's resnet18, IMAGENET1K_V1: torchvision's (BSD-3-Clause)"))
    #expect(outcome.errors.contains("fetching \(place.server.url)/models/\(name) to "))
    try expectWhole(place)
    let again = try place.gridless("fetch", "resnet18", "--json")
    let line = try again.result()
    #expect(Set(line.keys) == ["event", "name", "path", "was_there"])
    #expect(line["event"] as? String == "fetched" && line["was_there"] as? Bool == true)
    #expect(again.errors.isEmpty)
    #expect(place.server.requests.count == 1)
  }

  /// A fetch that hangs in the middle, with a megabyte on the disk.
  private func hanging() throws -> (FetchPlace, RunningCommand) {
    let place = try place(faults: [.silence(after: 1_000_000)])
    let run = try place.start(["fetch", "resnet18"])
    let part = place.place.absolute(try place.checkpoint("resnet18") + ".part")
    try run.wait { (FileManager.default.contents(atPath: part)?.count ?? 0) == 1_000_000 }
    return (place, run)
  }

  @Test(arguments: [SIGKILL, SIGINT, SIGTERM]) func itGoesOnAfterASignal(_ signal: Int32) throws {
    let (place, run) = try hanging()
    run.send(signal)
    let outcome = try run.end()
    if signal == SIGKILL {
      #expect(outcome.status == -SIGKILL)
    } else {
      #expect(outcome.status == 128 + signal)
      #expect(outcome.errors.contains("interrupted; what has come is kept, as .part. To go on: "))
      #expect(outcome.errors.hasSuffix("gridless fetch resnet18\n"))
    }
    #expect(try place.gridless("fetch", "resnet18").status == 0)
    #expect(place.server.requests.map { $0.headers["range"] } == [nil, "bytes=1000000-"])
    try expectWhole(place)
  }

  @Test func theSecondOfTwoWaitsAndTakesOver() throws {
    let (place, first) = try hanging()
    let second = try place.start(["fetch", "resnet18"])
    try second.wait { second.errorsSoFar.contains("another process fetches \(name); waiting for it") }
    first.send(SIGKILL)
    _ = try first.end()
    #expect(try second.end().status == 0)
    #expect(place.server.requests.map { $0.headers["range"] } == [nil, "bytes=1000000-"])
    try expectWhole(place)
  }

  /// tar goes on where the command is killed, and nobody may unpack beside it.
  @Test func theTarOfAKilledCommandIsWaitedFor() throws {
    let place = try FetchPlace()
    let bin = place.place.absolute("bin")
    try place.place.write("cifar-10-batches-bin/test_batch.bin", Data("records".utf8))
    try place.serve("cifar10", ["cifar-10-binary.tar.gz": place.archive("cifar-10-batches-bin")])
    let tar = "#!/bin/sh\ntouch '\(bin)/begun'\nwhile [ ! -e '\(bin)/go' ]; do sleep 0.05; done\nexec /bin/tar \"$@\"\n"
    try place.place.write("bin/tar", Data(tar.utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(bin)/tar")
    let first = try place.start(["fetch", "cifar10"], ["PATH": "\(bin):/usr/bin:/bin"])
    try first.wait { FileManager.default.fileExists(atPath: "\(bin)/begun") }
    first.send(SIGKILL)
    _ = try first.end()
    let second = try place.start(["fetch", "cifar10"])
    try second.wait { second.errorsSoFar.contains("another process fetches data/cifar10; waiting for it") }
    try place.place.write("bin/go", Data())
    #expect(try second.end().status == 0)
    let file = "data/cifar10/cifar-10-batches-bin/test_batch.bin"
    #expect(try place.place.contents(file) == Data("records".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.place.absolute("data")) == ["cifar10"])
  }

  @Test func ofTwoAtOnceOneFetches() throws {
    let place = try place()
    let runs = try (0..<2).map { _ in try place.start(["fetch", "resnet18", "--json"]) }
    let results = try runs.map { try $0.end().result()["was_there"] as? Bool }
    #expect(results.filter { $0 == false }.count == 1)
    #expect(place.server.requests.count == 1)
    try expectWhole(place)
  }

  @Test func wrongBytesAreRefused() throws {
    let place = try place()
    place.server.serve("/models/\(name)", LoopbackServer.File(data.dropLast()))
    let outcome = try place.gridless("fetch", "resnet18")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("\(name): what came from \(place.server.url)/models/\(name) has sha256:"))
    let folder = place.place.absolute("torch/hub/checkpoints")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test func theWayOutIsNamedWhereTheFileIsNot() throws {
    let place = try place()
    let file = place.place.absolute(try place.checkpoint("resnet18"))
    let elsewhere = try LoopbackServer()
    let missing = try place.start(["fetch", "resnet18", "--mirror", elsewhere.url]).end()
    #expect(missing.status == 1)
    #expect(missing.errors.contains("\(elsewhere.url)/models/\(name): the server answers 404, expected 200"))
    let dead = try LoopbackServer().url
    let offline = try place.start(["fetch", "resnet18", "--mirror", dead]).end()
    #expect(offline.status == 1)
    #expect(offline.errors.contains("no connection to 127.0.0.1: "))
    #expect(offline.errors.contains("Fetch \(dead)/models/\(name) on another machine and put it at \(file)"))
  }

  @Test func mistakesAreTold() throws {
    let place = try place()
    for (arguments, words) in [
      ([], "nothing to fetch: name it, or pass --list"), (["resnet18", "--list"], "pass one of them"),
      (["resnet19"], "'resnet19': nothing of that name can be fetched. Expected one of resnet18."),
      (["resnet18", "--out", "there"], "a checkpoint goes to torch hub's cache"),
      (["resnet18", "resnet18", "--out", "there"], "is the folder of one data set"),
      (["resnet18", "--mirror", "there"], "mirror 'there': expected an address"),
    ] {
      let outcome = try place.start(["fetch"] + arguments).end()
      #expect(outcome.status == 64)
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    #expect(place.server.requests.isEmpty)
  }

  @Test func theListTellsWhatThereIs() throws {
    let place = try place()
    _ = try place.gridless("fetch", "resnet18")
    // The official one.
    let official = [Catalog.variable: ""]
    let table = try place.start(["fetch", "--list"], official).end()
    #expect(table.status == 0)
    let rows = table.lines.map { $0.split(separator: " ").joined(separator: " ") }
    #expect(rows.contains { $0.hasPrefix("resnet18 47 MB yes torchvision's resnet18, IMAGENET1K_V1 ") })
    #expect(rows.contains { $0.hasPrefix("pets 811 MB no Oxford-IIIT Pet, ") && $0.contains("CC BY-SA 4.0") })
    let objects = try place.start(["fetch", "--list", "--json"], official).end().objects()
    #expect(objects.count == table.lines.count - 1)
    for object in objects {
      #expect(Set(object.keys) == ["event", "name", "title", "terms", "bytes", "path", "is_there", "files"])
    }
    // Each checkpoint is of a network that there is.
    let names = try Catalog(environment: [:]).checkpointNames
    for name in names { _ = try Backbone.named(name.hasSuffix("_v1") ? String(name.dropLast(3)) : name) }
    #expect(names.count == 21)
  }

  @Test func theBarStaysWithinOneLine() throws {
    let place = try place()
    var file = LoopbackServer.File(data)
    file.pause = 1
    place.server.serve("/models/\(name)", file)
    let shown = try Terminal.output(columns: 60, ["fetch", "resnet18"], in: place.place, place.environment)
    let bars = shown.components(separatedBy: "\r\u{1B}[2K").filter { $0.contains("█") || $0.contains("░") }
    #expect(bars.contains { $0.hasPrefix("\(name) ") && $0.contains("3/3 MB") })
    for bar in bars { #expect(!bar.contains("\n") && bar.count < 60) }
  }

  // MARK: Data sets as they are published, and a tiny run on each

  private func expectRun(
    _ place: FetchPlace, _ name: String, n: Int, classes: Int, _ arguments: [String] = [], model: String = "resnet8"
  ) throws {
    let fetched = try place.gridless("fetch", name)
    #expect(fetched.status == 0 && fetched.output == "\(name): data/\(name)\n", "\(fetched.errors)")
    #expect(try place.gridless("fetch", name).output == "\(name): data/\(name), there already\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.place.absolute("data")) == [name])
    let run = try Command.run(
      Workplace.tiny("data/\(name)", ["--model", model, "--json"] + arguments), in: place.place.path)
    let result = try run.result()
    #expect(result["n"] as? Int == n)
    let configuration = try RunFolder(place.place.absolute("run")).readConfiguration()
    #expect(configuration.data == "data/\(name)")
    let test = try #require(result["test"] as? [String: Any])
    #expect((test["classes"] as? [String])?.count == classes, "\(test.keys)")
  }

  @Test func flowers102() throws {
    let place = try FetchPlace()
    for image in 1...15 {
      let number = image < 10 ? "0000\(image)" : "000\(image)"
      try place.place.write("jpg/image_\(number).jpg", Workplace.picture(image).bytes)
    }
    let golden = Golden.packageRoot.appending(path: "Tests/golden/mat/flowers")
    func list(_ name: String) throws -> Data { try Data(contentsOf: golden.appending(path: name)) }
    try place.serve(
      "flowers102",
      [
        "102flowers.tgz": place.archive("jpg"), "imagelabels.mat": list("imagelabels.mat"),
        "setid.mat": list("setid.mat"),
      ])
    try expectRun(place, "flowers102", n: 9, classes: 3, ["--train-splits", "train,val"])
  }

  @Test func pets() throws {
    let place = try FetchPlace()
    let (trainval, test) = (
      ["Abyssinian_1 1 1 1", "Abyssinian_2 1 1 1", "yorkshire_terrier_1 37 2 25", "yorkshire_terrier_2 37 2 25"],
      ["Abyssinian_3 1 1 1", "yorkshire_terrier_3 37 2 25"]
    )
    for (index, row) in (trainval + test).enumerated() {
      try place.place.write("images/\(row.prefix { $0 != " " }).jpg", Workplace.picture(index).bytes)
    }
    for (name, rows) in [("trainval", trainval), ("test", test), ("list", ["#Image CLASS-ID SPECIES BREED ID"])] {
      try place.place.write("annotations/\(name).txt", Data((rows.joined(separator: "\n") + "\n").utf8))
    }
    try place.serve(
      "pets", ["images.tar.gz": place.archive("images"), "annotations.tar.gz": place.archive("annotations")])
    try expectRun(place, "pets", n: 4, classes: 2)
  }

  @Test func cifar10() throws {
    let place = try FetchPlace()
    let folder = "cifar-10-batches-bin"
    func records(_ labels: [UInt8]) -> Data {
      Data(labels.flatMap { label in [label] + (0..<3072).map { UInt8(truncatingIfNeeded: $0 &* (Int(label) + 3)) } })
    }
    for batch in 1...5 { try place.place.write("\(folder)/data_batch_\(batch).bin", records([0, 1])) }
    try place.place.write("\(folder)/test_batch.bin", records([1, 0]))
    try place.place.write("\(folder)/batches.meta.txt", Data("airplane\nautomobile\n\n".utf8))
    try place.serve("cifar10", ["cifar-10-binary.tar.gz": place.archive(folder)])
    try expectRun(place, "cifar10", n: 10, classes: 2)
  }

  @Test func agNews() throws {
    let place = try FetchPlace()
    let rows = (1...8).map { #""\#($0 % 4 + 1)","Title \#($0)","words of class \#($0 % 4) and more""# }
    let table = Data((rows.joined(separator: "\n") + "\n").utf8)
    try place.serve("ag_news", ["train.csv": table, "test.csv": table])
    let fetched = try place.gridless("fetch", "ag_news", "--out", "news/here/")
    #expect(fetched.output == "ag_news: news/here\n")
    let run = try place.gridless(
      "finetune", "news/here", "--model", "bert-tiny", "--weights", "none", "--steps", "3", "--batch-size", "4", "--lr",
      "0.01", "--device", "cpu", "--threads", "1", "--max-tokens", "16", "--out", "run", "--json")
    #expect(try run.result()["n"] as? Int == 8)
  }
}
