import Backbones
import Foundation
import Torch
import Weights

/// All that a run needs to go on as if it had never stopped: what a file in `checkpoints` holds.
///
/// Noise, batch order and augmentation are functions of (seed, step), so of them nothing is stored.
struct Checkpoint {
  /// How far the run has come.
  struct State: Codable, Equatable {
    /// The index of the learning rate in training; their number when all are done.
    var candidate: Int
    /// Its steps that are done.
    var step: Int
    /// Wall time so far, in seconds: of the run, and of this learning rate.
    var seconds, candidateSeconds: Double
    /// The learning rates that are done.
    var reports: [LearningRateCandidate]
    /// The best of them: the name of its file.
    var best: String?
    /// The length of `metrics.jsonl`.
    var metricsBytes: Int
    /// That of the events' file; nil in checkpoints of older versions.
    var eventsBytes: Int?
    /// Where the learning rates race, how far they have come.
    var race: RaceState?
    /// Wall time of the steps alone, in seconds.
    var trainingSeconds: Double?
    /// The steps so far, of all learning rates; nil in checkpoints of older versions.
    var trainedSteps: Int?

    /// The names of the files that it refers to.
    var files: [String] { [best].compactMap(\.self) + (race?.kept ?? []).compactMap(\.self) }
  }

  /// What a learning rate's training changes, in the order of the network's layouts.
  struct Snapshot {
    var posterior, velocity: PosteriorValues
    var buffers: [[Float]]
    /// s² of a Gaussian likelihood.
    var noise: Double?
    /// LA-LML's search for its precisions.
    var precisions: [Double]?
  }

  var state: State
  /// Nil between two learning rates.
  var snapshot: Snapshot?
  /// Whether a version wrote it in which each gradient of ρ was clipped, and not its step.
  private(set) var clipsRhoGradients = false

  private static let format = "gridless checkpoint 3"

  /// A safetensors file with a checksum: tensors by name, and the state as JSON in its metadata.
  func write(to path: String, network: Network) throws {
    var arrays: [NamedArray] = []
    if let snapshot {
      arrays =
        Self.arrays(snapshot.posterior, network: network)
        + Self.arrays(snapshot.velocity, "velocity/", network: network)
      arrays += Self.arrays(ofBuffers: snapshot.buffers, network)
      if let noise = snapshot.noise { arrays.append(NamedArray(name: "noise", shape: [], [noise])) }
      if let numbers = snapshot.precisions {
        arrays.append(NamedArray(name: "precisions", shape: [numbers.count], numbers))
      }
    }
    try Safetensors.write(
      arrays, metadata: ["format": Self.format, "state": try JSON.line(state)], checksum: true, to: path)
  }

  /// Reads what ``write(to:network:)`` wrote.
  ///
  /// Throws Weights' errors for a file that is damaged or does not fit the network.
  init(path: String, network: Network) throws {
    let file = try SafetensorsFile(path: path)
    try file.verifyChecksum()
    state = try Self.decode(State.self, "state", of: file)
    clipsRhoGradients = file.metadata["format"] != Self.format
    guard file.info("rho") != nil else { return }
    snapshot = Snapshot(
      posterior: try Self.values(file, network: network),
      velocity: try Self.values(file, "velocity/", network: network),
      buffers: try Self.buffers(file, network),
      noise: file.info("noise") == nil ? nil : try file.doubles("noise").first,
      precisions: file.info("precisions") == nil ? nil : try file.doubles("precisions"))
  }

  init(state: State, snapshot: Snapshot?) { (self.state, self.snapshot) = (state, snapshot) }
}

/// The file of a learning rate that is done and the best so far: the posterior's mean, the statistics, the evidence.
struct BestCandidateFile {
  /// Writes a candidate, whole and with a checksum.
  static func write(_ candidate: Candidate, to path: String, network: Network) throws {
    let arrays =
      Checkpoint.arrays(candidate.posterior, network: network)
      + Checkpoint.arrays(ofBuffers: try candidate.buffers.map { try $0.floats() }, network)
      + DrawsFile.arrays(candidate.drawBuffers, network)
    try Safetensors.write(
      arrays,
      metadata: [
        "format": "gridless candidate 2", "lr": try JSON.line(candidate.learningRate),
        "evidence": try JSON.line(candidate.evidence),
      ], checksum: true, to: path)
  }

  /// Reads a candidate to the model's device.
  ///
  /// Throws Weights' errors for a file that is damaged or does not fit the network.
  static func read(_ path: String, like model: Model) throws -> Candidate {
    let file = try SafetensorsFile(path: path)
    try file.verifyChecksum()
    return Candidate(
      learningRate: try Checkpoint.decode(Double.self, "lr", of: file),
      evidence: try Checkpoint.decode(EvidenceEstimate.self, "evidence", of: file),
      posterior: try Checkpoint.values(file, network: model.network),
      buffers: try model.network.buffers.tensors(try Checkpoint.buffers(file, model.network), device: model.device),
      drawBuffers: try DrawsFile.buffers(file, model.network))
  }
}

extension Checkpoint {
  /// The mean under the parameters' names, `rho`, and in the diagonal family `rho/` and a name.
  fileprivate static func arrays(
    _ values: PosteriorValues, _ prefix: String = "", network: Network
  ) -> [NamedArray] {
    arrays(vector: values.mean, prefix + "mean/", network)
      + [NamedArray(name: prefix + "rho", shape: [values.rho.count], values.rho)]
      + (values.rhoVector.map { arrays(vector: $0, prefix + "rho/", network) } ?? [])
  }

  fileprivate static func values(
    _ file: SafetensorsFile, _ prefix: String = "", network: Network
  ) throws -> PosteriorValues {
    let hasVector = network.layout.slices.first.map { file.info(prefix + "rho/" + $0.name) != nil } ?? false
    return PosteriorValues(
      mean: try vector(prefix + "mean/", file, network), rho: try file.doubles(prefix + "rho"),
      rhoVector: hasVector ? try vector(prefix + "rho/", file, network) : nil)
  }

  private static func arrays(vector: [Float], _ prefix: String, _ network: Network) -> [NamedArray] {
    zip(network.layout.slices, network.layout.values(ofVector: vector)).map {
      NamedArray(name: prefix + $0.name, shape: $0.shape, $1)
    }
  }

  fileprivate static func arrays(ofBuffers buffers: [[Float]], _ network: Network) -> [NamedArray] {
    zip(network.buffers.slices, buffers).map { NamedArray(name: "buffer/" + $0.name, shape: $0.shape, $1) }
  }

  private static func vector(_ prefix: String, _ file: SafetensorsFile, _ network: Network) throws -> [Float] {
    network.layout.vector(try network.layout.slices.map { try floats(prefix + $0.name, shape: $0.shape, file) })
  }

  fileprivate static func buffers(_ file: SafetensorsFile, _ network: Network) throws -> [[Float]] {
    try network.buffers.slices.map { try floats("buffer/" + $0.name, shape: $0.shape, file) }
  }

  private static func floats(_ name: String, shape: [Int], _ file: SafetensorsFile) throws -> [Float] {
    if let found = file.info(name), found.shape != shape {
      throw WeightsError.malformed(path: file.path, problem: "'\(name)' has shape \(found.shape), expected \(shape)")
    }
    return try file.floats(name)
  }

  fileprivate static func decode<Value: Decodable>(
    _ type: Value.Type, _ key: String, of file: SafetensorsFile
  ) throws -> Value {
    guard let text = file.metadata[key], let value = try? JSON.decode(type, from: Data(text.utf8)) else {
      throw WeightsError.malformed(path: file.path, problem: "no readable \(key) in its metadata")
    }
    return value
  }
}
