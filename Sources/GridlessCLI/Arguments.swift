import ArgumentParser
import Foundation
import Gridless

/// A number, or `auto`.
enum AutoOr: ExpressibleByArgument, Equatable {
  case auto
  case value(Double)

  init?(argument: String) {
    if argument == "auto" {
      self = .auto
    } else if let value = Double(argument) {
      self = .value(value)
    } else {
      return nil
    }
  }

  /// The number, nil for `auto`.
  var value: Double? { if case .value(let value) = self { value } else { nil } }
}

/// A number, or `none`.
struct NoneOr: ExpressibleByArgument, Equatable {
  /// The number, nil for `none`.
  var value: Double?

  init?(argument: String) {
    value = Double(argument)
    if value == nil && argument != "none" { return nil }
  }
}

/// Runs `body`; the errors of a wrong option become errors of usage, which end with exit code 64.
///
/// Those of the data stay what they are, but for those of an option that chooses among the data: `--classes` and the
/// like, or where a subcommand `choosesSplit` in place of classes, `--split`.
func asUsage<Result>(choosesSplit: Bool = false, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch TrainingError.invalidOption(let message) {
    throw ValidationError(message)
  } catch StudyError.invalidOption(let message) {
    throw ValidationError(message)
  } catch let error as GridError {
    throw ValidationError(error.description)
  } catch let error as UnknownBackbone {
    throw ValidationError(error.description)
  } catch let error as UnknownLayer {
    throw ValidationError(error.description)
  } catch let error as FetchError {
    switch error {
    case .unknown, .badMirror: throw ValidationError(error.description)
    default: throw error
    }
  } catch let error as DatasetError {
    switch error {
    case .unknownSplit, .subsetTooLarge, .subsetTooSmall: throw ValidationError(error.description)
    case .unknownClasses where !choosesSplit, .missingSplit where choosesSplit: throw ValidationError(error.description)
    default: throw error
    }
  }
}

extension DeviceChoice: ExpressibleByArgument {}
extension Preprocessing.Resize: ExpressibleByArgument {}
extension Augmentation.Kind: ExpressibleByArgument {}
extension Split: ExpressibleByArgument {}
extension SigmaUpdate: ExpressibleByArgument {}
extension DrawStatistics: ExpressibleByArgument {}
extension HeadInitialization: ExpressibleByArgument {}
extension ObjectiveKind: ExpressibleByArgument {}
extension Recipe: ExpressibleByArgument {}
extension PriorKind: ExpressibleByArgument {}
extension Prior.Scales: ExpressibleByArgument {}
extension GaussianPosterior.Family: ExpressibleByArgument {}
extension LikelihoodChoice: ExpressibleByArgument {}
extension PrecisionChoice: ExpressibleByArgument {}

extension LearningRateChoice: ExpressibleByArgument {
  /// As ``LearningRateChoice`` reads it.
  public init?(argument: String) { self.init(argument) }
}

extension TrainedPart: ExpressibleByArgument {
  /// As ``TrainedPart`` reads it.
  public init?(argument: String) { self.init(argument) }
}

extension CheckpointInterval: ExpressibleByArgument {
  /// As ``CheckpointInterval`` reads it.
  public init?(argument: String) { self.init(argument) }
}

/// Options that several subcommands share.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON object per line to standard output.")
  var json = false

  @Flag(help: "Print neither progress nor notes.")
  var quiet = false
}

/// Refuses numbers of threads that no machine of this platform has, and of which libgomp ends the process.
func checkThreads(_ count: Int) throws {
  guard count >= 1 else { throw ValidationError("--threads \(count): expected at least 1.") }
  guard count <= 1024 else { throw ValidationError("--threads \(count): expected at most 1024.") }
}

/// Where and with how many threads to compute.
struct ComputeOptions: ParsableArguments {
  @Option(help: "Where to compute; auto takes the GPU if there is one.")
  var device = DeviceChoice.auto

  @Option(help: "Threads for libtorch's operations (default: one per core).")
  var threads: Int?

  func validate() throws {
    if let threads { try checkThreads(threads) }
  }

  /// Starts libtorch and resolves the device.
  func start() throws -> Device {
    try Runtime.start(threads: threads)
    return try device.resolved()
  }
}

/// The arguments with the home folder in place of a leading `~`, also behind the `=` of an option, where shells leave it as
/// it is and Foundation expands it in some places only; but for the text of `--text`.
func expandingTildes(_ arguments: [String]) -> [String] {
  let home = ProcessInfo.processInfo.environment["HOME"] ?? NSHomeDirectory()
  return arguments.indices.map { place in
    let argument = arguments[place]
    if argument.hasPrefix("--text=") || (place > 0 && arguments[place - 1] == "--text") { return argument }
    let start =
      argument.hasPrefix("--") ? argument.firstIndex(of: "=").map(argument.index(after:)) : argument.startIndex
    guard let start, argument[start...] == "~" || argument[start...].hasPrefix("~/") else { return argument }
    return argument[..<start] + home + argument[start...].dropFirst()
  }
}
