import Foundation
import Gridless
import Testing

/// What programs read: standard output under `--json`, and the run folder.
@Suite struct MachineOutputTests {
  private static let rates = [0.1, 0.01, 0.001, 0.0001]
  private static let keys: Set<String> = [
    "event", "run", "model", "n", "d", "kappa", "lambda", "tau", "sigma", "lr", "lr_candidates", "steps", "seconds",
    "elbo", "log_likelihood", "kl", "loss", "likelihood", "objective", "alpha", "beta", "training_seconds",
    "trained_steps",
  ]

  /// What one run printed and wrote, for all tests here.
  private struct Search {
    var output: String
    var lines: [JSONObject]
    var files: [String: Data]
    /// Where it ran; the folder is gone.
    var place: String

    init() throws {
      let place = try Workplace()
      try place.writeData()
      let outcome = try place.finetune("data", "--lr", "grid", "--json", "--quiet")
      output = outcome.output
      lines = try outcome.objects().map { JSONObject($0) }
      files = try place.everything()
      self.place = place.path
    }

    func file(_ name: String) throws -> Data { try #require(files[name]) }
  }
  private static let search = Result { try Search() }

  /// Members of a JSON object by their kind.
  private struct JSONObject: @unchecked Sendable {
    let members: [String: Any]
    init(_ members: [String: Any]) { self.members = members }
    func double(_ key: String) throws -> Double { try #require(members[key] as? Double, "\(key)") }
    func string(_ key: String) throws -> String { try #require(members[key] as? String, "\(key)") }
  }

  private func result() throws -> JSONObject { try #require(Self.search.get().lines.last) }

  @Test func theLastLineHasExactlyThePromisedKeys() throws {
    let result = try result()
    #expect(Set(result.members.keys) == Self.keys.union(["test"]))
    #expect(try result.string("event") == "result")
    #expect(try result.string("run") == "run")
    #expect(try result.string("model") == "resnet8")
    #expect(try result.double("n") == 8)
    #expect(try result.double("steps") == 3)
    #expect(try result.double("trained_steps") == 12)
    #expect(try result.double("seconds") > 0)
    let test = JSONObject(try #require(result.members["test"] as? [String: Any]))
    let numbers: Set = ["accuracy", "balanced_accuracy", "nll", "ece", "brier"]
    #expect(
      Set(test.members.keys) == numbers.union(["reliability", "classes", "per_class_accuracy", "confusion"]))
    for key in ["accuracy", "balanced_accuracy", "ece"] { #expect(try (0...1).contains(test.double(key))) }
    #expect(try test.double("nll") > 0 && (0...2).contains(test.double("brier")))
    let bins = try #require(test.members["reliability"] as? [[String: Any]])
    #expect(bins.count == 15)
    for bin in bins { #expect(Set(bin.keys) == ["count", "confidence", "accuracy"]) }
    #expect(bins.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == 4)
    #expect(bins[0]["confidence"] is NSNull)
    #expect(test.members["classes"] as? [String] == Workplace.classes)
    let perClass = try #require(test.members["per_class_accuracy"] as? [String: Double])
    #expect(Set(perClass.keys) == Set(Workplace.classes))
    let confusion = try #require(test.members["confusion"] as? [[Int]])
    #expect(confusion.map { $0.reduce(0, +) } == [2, 2])
    for (row, name) in Workplace.classes.enumerated() { #expect(perClass[name] == Double(confusion[row][row]) / 2) }
  }

  @Test func withoutATestSplitThereAreNoTestMetrics() throws {
    let place = try Workplace()
    try place.writeImages("flat", count: 4)
    let outcome = try place.finetune("flat", "--json")
    #expect(try Set(outcome.result().keys) == Self.keys)
    #expect(outcome.errors.contains("no test split"))
  }

  @Test func theTermsAddUp() throws {
    let result = try result()
    let (kappa, n) = (try result.double("kappa"), try result.double("n"))
    let (elbo, kl) = (try result.double("elbo"), try result.double("kl"))
    let logLikelihood = try result.double("log_likelihood")
    // D/N is above the limit here.
    #expect(try result.double("d") / n > 5000)
    #expect(kappa == 5000)
    #expect(abs(elbo - (kappa * logLikelihood - kl)) < 1e-9 * abs(elbo))
    #expect(try abs(result.double("loss") + elbo / (kappa * n)) < 1e-9)
    #expect(logLikelihood < 0 && kl > 0)
    #expect(try result.double("d") == Double(Backbone.named("resnet8").makeNetwork(classes: 2).layout.count))
    for key in ["lambda", "tau", "sigma"] { #expect(try result.double(key) > 0) }
  }

  @Test func theCandidateOfTheLowestLossIsTaken() throws {
    let lines = try Self.search.get().lines
    let result = try result()
    let candidates = try #require(result.members["lr_candidates"] as? [[String: Double]])
    for candidate in candidates { #expect(Set(candidate.keys) == ["lr", "loss", "seconds"]) }
    #expect(candidates.map { $0["lr"] } == Self.rates)
    let best = try #require(candidates.min { ($0["loss"] ?? .nan) < ($1["loss"] ?? .nan) })
    #expect(try best["lr"] == result.double("lr"))
    #expect(try best["loss"] == result.double("loss"))
    // Told one by one as well.
    let told = lines.dropLast()
    #expect(told.map { $0.members["event"] as? String } == Array(repeating: "candidate", count: 4))
    #expect(told.map { $0.members["loss"] as? Double } == candidates.map { $0["loss"] })
  }

  @Test func metricsHaveOneLinePerStepWithoutGaps() throws {
    let search = try Self.search.get()
    let text = String(decoding: try search.file("run/metrics.jsonl"), as: UTF8.self)
    #expect(text.hasSuffix("\n"))
    let records = try text.split(separator: "\n").map { line in
      JSONObject(try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]))
    }
    let steps = try records.filter { try $0.string("event") == "step" }
    #expect(try steps.map { try $0.double("candidate_lr") } == Self.rates.flatMap { [$0, $0, $0] })
    #expect(try steps.map { try $0.double("step") } == Self.rates.flatMap { _ in [1, 2, 3] })
    for step in steps {
      for key in ["loss", "nll", "kl", "lambda", "tau", "sigma", "gradient_norm", "lr"] {
        #expect(try step.double(key) > 0)
      }
    }
    let candidates = try records.filter { try $0.string("event") == "candidate" }
    #expect(try candidates.map { try $0.double("loss") } == search.lines.dropLast().map { try $0.double("loss") })
    #expect(records.count == steps.count + candidates.count)
  }

  @Test func theFoldersFilesSayTheSame() throws {
    let search = try Self.search.get()
    func object(_ name: String) throws -> NSDictionary {
      try #require(try JSONSerialization.jsonObject(with: search.file(name)) as? NSDictionary)
    }
    #expect(try object("run/summary.json") == result().members as NSDictionary)
    let configuration = JSONObject(try #require(try object("run/config.json") as? [String: Any]))
    #expect(try configuration.string("data") == "data")
    #expect(try configuration.string("model") == "resnet8")
    #expect(try configuration.string("weights") == "none")
    #expect(try configuration.string("train") == "all")
    #expect(try configuration.double("size") == 16)
    #expect(try configuration.double("batch_size") == 4)
    #expect(try configuration.double("seed") == 0)
    #expect(configuration.members["learning_rates"] as? [Double] == Self.rates)
  }

  @Test func theModelCarriesWhatBelongsToIt() throws {
    let search = try Self.search.get()
    let place = try Workplace()
    try place.write("model.safetensors", search.file("run/model.safetensors"))
    let file = try SafetensorsFile(path: place.absolute("model.safetensors"))
    let expected: Set = [
      "format", "model", "classes", "preprocessing", "lambda", "tau", "sigma", "kappa", "likelihood", "posterior",
      "train", "objective", "naming",
    ]
    #expect(Set(file.metadata.keys) == expected)
    for key in ["lambda", "tau", "sigma", "kappa"] {
      let value = try #require(file.metadata[key])
      #expect(search.output.contains("\"\(key)\":\(value),"))
    }
    #expect(file.metadata["model"] == "resnet8")
    #expect(file.metadata["format"] == "pt")
    #expect(file.metadata["likelihood"] == "categorical")
    #expect(file.metadata["train"] == "\"all\"")
    #expect(try JSON.decode([String].self, from: Data((file.metadata["classes"] ?? "").utf8)) == Workplace.classes)
    let preprocessing = try JSON.decode(Preprocessing.self, from: Data((file.metadata["preprocessing"] ?? "").utf8))
    #expect(preprocessing.size == 16)
    // Neither paths nor hosts nor times.
    let all = file.metadata.values.joined(separator: "\n")
    #expect(!all.contains(search.place) && !all.contains(ProcessInfo.processInfo.hostName))
    #expect(!all.contains(Calendar.current.component(.year, from: Date()).description + "-"))
  }
}
