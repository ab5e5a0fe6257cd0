import Backbones
import Foundation
import Studies
import Testing
import Training

/// What a study finds out about its data and network before it begins.
@Suite struct StudyConfigurationTests {
  /// A table of images to train on, of two classes in turn, and one to test on of each; resolving reads the listing
  /// alone.
  private func table(in scratch: Scratch, images: Int = 2) throws -> String {
    let path = scratch.path + "/images-\(images).csv"
    let names = (0..<images).map { "\($0).png" }
    let rows = names.enumerated().map { "\($1),\($0 % 2 == 0 ? "x" : "y"),train" } + ["0.png,x,test", "1.png,y,test"]
    try Data((["path,label,split"] + rows).joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
    for name in names { try Data().write(to: URL(fileURLWithPath: scratch.path + "/" + name)) }
    return path
  }

  /// A Vision Transformer has a parameter per patch, so that D, and with it the κ of a sweep, depends on the size.
  @Test func theNumberOfParametersIsThatOfTheSize() throws {
    let scratch = try Scratch()
    var configuration = StudyConfiguration(
      data: try table(in: scratch), model: "vit_ti_16", weights: nil, methods: [.deELBO])
    configuration.size = 32
    try configuration.resolve(kappaWords: ["D"])
    let expected = try Backbone.named("vit_ti_16").makeNetwork(classes: 2, size: 32).layout.count
    #expect(configuration.parameters == expected)
    #expect(configuration.kappas == [Double(expected)])
    #expect(configuration.examples == 2)
    // A sweep that is given in numbers stays.
    configuration.kappas = [1, 100]
    try configuration.resolve()
    #expect(configuration.kappas == [1, 100])
  }

  @Test(arguments: [(Recipe.default, HeadInitialization.zero), (.published, .uniform)])
  func theHeadStartsAsTheRecipeSays(_ recipe: Recipe, _ expected: HeadInitialization) throws {
    let scratch = try Scratch()
    var configuration = StudyConfiguration(
      data: try table(in: scratch, images: 10), model: "resnet8", weights: nil, methods: [.mapGrid])
    configuration.recipe = recipe
    try configuration.resolve()
    #expect(configuration.headInitialization == expected)
  }

  @Test func imagesForANetworkOfTextsAreRefused() throws {
    let scratch = try Scratch()
    var configuration = StudyConfiguration(
      data: try table(in: scratch), model: "bert-tiny", weights: nil, methods: [.deELBO])
    #expect { try configuration.resolve() } throws: { "\($0)".contains("bert-tiny: reads texts, but") }
  }

  @Test func aStopBetweenTwoTrialsEndsTheWork() throws {
    let scratch = try Scratch()
    var configuration = StudyConfiguration(
      data: try table(in: scratch), model: "vit_ti_16", weights: nil, methods: [.deELBO])
    configuration.size = 32
    try configuration.resolve()
    let study = try Study(configuration, in: StudyFolder(scratch.path + "/study"))
    let interruption = Interruption()
    interruption.request()
    #expect(throws: StudyError.interrupted(path: scratch.path + "/study")) {
      try study.work(interruption: interruption)
    }
    #expect(try study.folder.records().isEmpty)
  }

  @Test func weightsThatAreNotThereAreToldFirst() throws {
    let scratch = try Scratch()
    var configuration = StudyConfiguration(
      data: try table(in: scratch), model: "resnet8", weights: scratch.path + "/none.pth", methods: [.deELBO])
    #expect { try configuration.resolve() } throws: { "\($0)".contains("none.pth") }
  }

  /// A low-rank prior's λ is the variance that the backbone's penalty α = 1/(λN) comes from, with the N that the run
  /// trains on; the head has the backbone's unless the grid says otherwise.
  @Test(arguments: [nil, 0.5]) func aGridOfVariancesBecomesPenalties(_ beta: Double?) throws {
    let scratch = try Scratch()
    var configuration = StudyConfiguration(
      data: try table(in: scratch, images: 10), model: "resnet8", weights: nil, methods: [.mapGrid], prior: .ptyl)
    configuration.priorFile = "prior.safetensors"
    try configuration.resolve()
    for (stage, examples) in [(TrialRecord.Stage.search, 8.0), (.final, 10)] {
      var trial = TrialRecord(
        id: "", method: "map-grid", seed: 0, stage: stage, values: ["lr": 0.1, "lambda": 4], steps: 10)
      trial.values["beta"] = beta
      let options = try configuration.options(of: trial, out: "")
      #expect(options.alpha == 1 / (4 * examples))
      #expect(options.beta == beta ?? 1 / (4 * examples))
    }
  }

  /// Told before the first method is trained, and not after it.
  @Test func aSearchNeedsEnoughToHoldSomeOut() throws {
    let scratch = try Scratch()
    let data = try table(in: scratch, images: 10)
    func resolve(_ methods: [StudyMethod], batchSize: Int?) throws {
      var configuration = StudyConfiguration(data: data, model: "resnet8", weights: nil, methods: methods)
      configuration.batchSize = batchSize
      try configuration.resolve()
    }
    #expect { try resolve([.deELBO, .mapGrid, .mapBO], batchSize: 9) } throws: {
      "\($0)".hasPrefix("--methods map-grid,map-bo: of the 10 training examples a search trains on 8")
    }
    try resolve([.deELBO], batchSize: 9)
    try resolve([.mapGrid], batchSize: 8)
    var two = StudyConfiguration(data: try table(in: scratch), model: "resnet8", weights: nil, methods: [.mapASHA])
    #expect { try two.resolve() } throws: { "\($0)".contains("too few for 2 classes") }
  }

  @Test func theMachineIsPinnedForAllThatGoOn() throws {
    var first = configuration([.deELBO])
    first.device = .cpu
    try first.pinMachine(as: nil, processes: 1000)
    #expect(first.threads == 1 && first.device == .cpu && first.precision != .auto)
    // A study goes on as it began, whatever this machine would choose; what was given stays.
    (first.threads, first.precision) = (7, first.precision == .bfloat16 ? .float32 : .bfloat16)
    var second = configuration([.deELBO])
    try second.pinMachine(as: first, processes: 1)
    #expect(second.threads == 7 && second.device == .cpu && second.precision == first.precision)
    second.threads = 2
    try second.pinMachine(as: first, processes: 1)
    #expect(second.threads == 2)
  }

  @Test func whatChangesNothingIsTold() throws {
    let idle = configuration([.deELBO, .mapBO]) { ($0.configs, $0.grid) = (4, .ptyl) }.idleOptions
    #expect(idle.map { $0.prefix { $0 != " " } } == ["--configs", "--grid"])
    #expect(configuration([.mapGrid]) { ($0.budget, $0.initialSigma) = (.runs(3), 1e-3) }.idleOptions.count == 1)
    #expect(configuration([.mapGrid, .deELBO]) { ($0.configs, $0.budget) = (4, .runs(3)) }.idleOptions.isEmpty)
    #expect(configuration([.mapGrid]) { $0.configs = 144 }.idleOptions.isEmpty)
    #expect(
      configuration([.mapGrid]) { $0.configs = 145 }.idleOptions == [
        "--configs 145: the grid has 144 points, all of which are tried"
      ])
  }
}
