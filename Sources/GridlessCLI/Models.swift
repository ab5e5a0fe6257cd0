import ArgumentParser
import Gridless

/// `gridless models`.
struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the networks that can be fine-tuned.")

  @Flag(help: "Print one JSON object per line.")
  var json = false

  func run() throws {
    if json {
      for backbone in Backbone.all { print(try JSON.line(Entry(backbone))) }
      return
    }
    let header = ["name", "parameters", "input", "features", "weights"]
    print(
      table(
        [header]
          + Backbone.all.map {
            [$0.name, "\($0.parameterCount)", "\($0.inputSize)", "\($0.featureWidth)", $0.weightsHint]
          }))
  }

  private struct Entry: Encodable {
    var event = "model"
    var name: String
    var parameters: Int
    var inputSize: Int
    var featureWidth: Int
    var weights: String

    init(_ backbone: Backbone) {
      name = backbone.name
      parameters = backbone.parameterCount
      inputSize = backbone.inputSize
      featureWidth = backbone.featureWidth
      weights = backbone.weightsHint
    }
  }
}
