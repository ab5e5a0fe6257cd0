import ArgumentParser
import Gridless

/// What a study compares, and what its searches may spend.
struct SearchOptions: ParsableArguments {
  @Option(help: "The methods to compare, separated by commas.")
  var methods: String?

  @Option(
    help: ArgumentHelp(
      "The grid of map-grid: a JSON object of the lists lr, alpha and beta (default: the published 144 runs).",
      valueName: "file"))
  var grid: String?

  @Option(parsing: .unconditional, help: "How many points of the grid are tried, drawn for each seed (default: all).")
  var configs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What each search may spend for each seed: 24runs, 90m or 2h (default: 12runs, and the whole grid).",
      valueName: "budget"))
  var budget: StudyBudget?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Also make the κ sweep: numbers, or 1, N, D/N, D, separated by commas.", valueName: "list"))
  var kappas: String?

  @Option(
    help: "Also make the two runs of a figure: selection shows which run the ELBO prefers, and which the DE-ELBO.")
  var figure: Figure?

  /// The figures that need runs of their own.
  enum Figure: String, ExpressibleByArgument, CaseIterable {
    case selection
  }

  /// The words of `kappas`.
  var kappaWords: [String] { kappas.map { $0.split(separator: ",").map(String.init) } ?? [] }

  /// The methods by name.
  var methodList: [StudyMethod] {
    get throws {
      try (methods ?? "").split(separator: ",").map { name in
        guard let method = StudyMethod.named.first(where: { $0.rawValue == name }) else {
          throw StudyError.invalidOption(
            "--methods \(name): expected some of \(StudyMethod.named.map(\.rawValue).joined(separator: ", ")).")
        }
        return method
      }
    }
  }

  /// The grid's file, where one was given.
  func readGrid() throws -> HyperparameterGrid? { try grid.map { try HyperparameterGrid(path: $0) } }

  /// Puts the choices into the study's configuration.
  func apply(to configuration: inout StudyConfiguration) throws {
    configuration.configs = configs
    configuration.budget = budget
    configuration.showsSelection = figure == .selection
    // Their values follow from the data; here they say that there is something to do.
    configuration.kappas = kappaWords.isEmpty ? [] : [1]
  }
}

extension StudyBudget: ExpressibleByArgument {
  /// As ``StudyBudget`` reads it.
  public init?(argument: String) { self.init(argument) }
}
