import Foundation
import Gridless
import TestSupport
import Testing

/// `--weights` left out: the network's official checkpoint.
@Suite struct OfficialWeightsTests {
  private static let options = [
    "--model", "mobilenet_v2", "--size", "32", "--batch-size", "4", "--device", "cpu", "--threads", "1",
  ]
  private static let finetune = ["finetune", "data"] + options + ["--steps", "2", "--lr", "0.01"]

  private func place() throws -> FetchPlace {
    let place = try FetchPlace()
    try place.place.writeData()
    try place.serveCheckpoint("mobilenet_v2")
    return place
  }

  @Test func itIsFetchedOnceAndNamed() throws {
    let place = try place()
    let path = place.place.absolute(try place.checkpoint("mobilenet_v2"))
    let first = try place.start(Self.finetune + ["--out", "run"]).end()
    #expect(first.status == 0, "\(first.errors)")
    for words in [
      "fetching \(place.server.url)/models/mobilenet_v2-7ebf99e0.pth to \(path)",
      "note: torchvision's mobilenet_v2, IMAGENET1K_V2: torchvision's (BSD-3-Clause)",
      "note: the weights are the official checkpoint \(path)",
    ] { #expect(first.errors.contains(words)) }
    #expect(try RunFolder(place.place.absolute("run")).readConfiguration().weights == path)

    // As if it had been named.
    let named = try place.start(Self.finetune + ["--out", "named", "--weights", path]).end()
    #expect(named.status == 0 && !named.errors.contains("official"))
    #expect(try place.place.contents("run/model.safetensors") == place.place.contents("named/model.safetensors"))
    #expect(try place.start(Self.finetune + ["--out", "run"]).end().output.contains("finished already"))
    #expect(place.server.requests.count == 1)
  }

  /// Any checkpoint that `fetch --list` names, unless a file has that name.
  @Test func anotherIsTakenByItsName() throws {
    let place = try place()
    try place.place.writeCheckpoint("mobilenet_v2", of: "mobilenet_v2")
    let data = try place.place.contents("mobilenet_v2")
    let (name, path) = ("mobilenet_v2_v1", try place.checkpoint("mobilenet_v2_v1"))
    try place.serve(name, [(path as NSString).lastPathComponent: data])
    let named = try place.start(Self.finetune + ["--out", "named", "--weights", name]).end()
    #expect(named.status == 0, "\(named.errors)")
    #expect(named.errors.contains("note: the weights are the official checkpoint \(place.place.absolute(path))"))
    #expect(try RunFolder(place.place.absolute("named")).readConfiguration().weights == place.place.absolute(path))
    #expect(place.server.requests.count == 1)

    let file = try place.start(Self.finetune + ["--out", "file", "--weights", "mobilenet_v2"]).end()
    #expect(file.status == 0 && !file.errors.contains("official"), "\(file.errors)")
    #expect(place.server.requests.count == 1)
  }

  @Test func studiesAndPriorsToo() throws {
    let place = try place()
    try place.place.write("grid.json", Data(#"{"lr": [0.01], "alpha": [0], "beta": [0]}"#.utf8))
    let studying = [
      "--steps", "2", "--methods", "map-grid", "--grid", "grid.json", "--parallel", "2", "--out", "study",
    ]
    let study = try place.start(["compare", "data"] + Self.options + studying).end()
    #expect(study.status == 0 && study.output.contains("map-grid"), "\(study.errors)")
    let averaging = ["--steps", "4", "--collect-every", "2", "--columns", "2", "--out", "p.safetensors"]
    let prior = try place.start(["prior", "data"] + Self.options + averaging).end()
    #expect(prior.status == 0, "\(prior.errors)")
    #expect(place.server.requests.count == 1)
  }

  @Test func nothingIsFetchedForDataThatIsNotThere() throws {
    let place = try place()
    let outcome = try place.gridless("finetune", "nowhere", "--model", "mobilenet_v2", "--out", "run")
    #expect(outcome.status == 1 && outcome.errors.contains("nowhere: no such file or folder"))
    #expect(place.server.requests.isEmpty)
  }

  @Test func withoutAConnectionNothingIsWritten() throws {
    let place = try place()
    let outcome = try place.start(
      Self.finetune + ["--out", "run"], [Fetcher.mirrorVariable: try LoopbackServer().url]
    ).end()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("no connection to 127.0.0.1: "))
    #expect(try !place.place.everything().keys.contains("run"))
  }

  @Test(arguments: ["finetune", "compare", "prior"]) func aNetworkWithoutOneSaysWhichHaveOne(_ command: String) throws {
    let place = try place()
    let more = command == "compare" ? ["--methods", "elbo"] : []
    let outcome = try place.start(
      [command, "data", "--model", "resnet8", "--out", "run"] + more, [Catalog.variable: ""]
    )
    .end()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("--weights is missing: name the checkpoint of resnet8"))
    #expect(outcome.errors.contains("To train from scratch, pass --weights none"))
    #expect(outcome.errors.contains("where --weights is left out, have resnet18, resnet34, resnet50"))
  }
}
