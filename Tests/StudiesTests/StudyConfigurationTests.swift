import Backbones
import Foundation
import Studies
import Testing
import Training

/// What a study finds out about its data and network before it begins.
@Suite struct StudyConfigurationTests {
  /// A table of one image for each of two classes; resolving reads the listing alone.
  private func table(in scratch: Scratch) throws -> String {
    let path = scratch.path + "/images.csv"
    try Data("path,label\na.png,x\nb.png,y\n".utf8).write(to: URL(fileURLWithPath: path))
    for name in ["a.png", "b.png"] { try Data().write(to: URL(fileURLWithPath: scratch.path + "/" + name)) }
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
      data: try table(in: scratch), model: "resnet8", weights: nil, methods: [.mapGrid])
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
}
