import Foundation
import Gridless
import Reports
import Testing

/// The command that a report prints is one that the command line takes, for the same run.
@Suite struct ReproducingCommandTests {
  @Test(
    arguments: [
      [], ["--recipe", "published"], ["--objective", "map", "--alpha", "0.001", "--hold-out", "0.4"],
      ["--objective", "map", "--recipe", "published"], ["--objective", "la-lml", "--head-init", "zero"],
      ["--model", "efficientnet_b0", "--size", "32", "--stochastic-depth"], ["--prior", "none"],
      ["--prior", "none", "--recipe", "published"],
      ["--prior", "none", "--recipe", "published", "--head-init", "zero"],
      ["--kappa", "3", "--recipe", "published"], ["--sigma", "0.01", "--recipe", "published"],
      ["--lr", "auto", "--finalists", "3"],
      ["--kappa", "3", "--samples", "2", "--antithetic", "--posterior", "layerwise"], ["--train", "all", "--n", "4"],
      ["--classes", "\"bleu été\",red 赤"],
    ])
  func itFindsTheFinishedRun(_ options: [String]) throws {
    let place = try Workplace()
    try place.writeData()
    #expect(try Command.run(Workplace.tiny("data", options), in: place.path).status == 0)
    let run = RunFolder(place.absolute("run"))
    let command = ReproducingCommand(try run.readConfiguration(), out: "run")
    let outcome = try Command.run(Array(command.arguments.dropFirst()), in: place.path)
    #expect(outcome.status == 0, "\(command.text): \(outcome.errors)")
    #expect(outcome.output.contains("finished already, with these arguments"))
  }
}
