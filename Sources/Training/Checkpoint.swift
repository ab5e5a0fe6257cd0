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
    /// Where the learning rates race, how far they have come.
    var race: RaceState?

    /// The names of the files that it refers to.
    var files: [String] { [best].compactMap(\.self) + (race?.kept ?? []).compactMap(\.self) }
  }

  /// What a learning rate's training changes, in the order of the network's layouts.
  struct Snapshot {
    /// The flat vectors of the posterior's mean and its velocity.
    var mean, velocity: [Float]
    var rho, rhoVelocity: Double
    var buffers: [[Float]]
  }

  var state: State
  /// Nil between two learning rates.
  var snapshot: Snapshot?

  /// A safetensors file with a checksum: tensors by name, and the state as JSON in its metadata.
  func write(to path: String, network: Network) throws {
    var arrays: [NamedArray] = []
    if let snapshot {
      arrays = Self.arrays("mean/", snapshot.mean, network) + Self.arrays("velocity/", snapshot.velocity, network)
      arrays += Self.arrays(ofBuffers: snapshot.buffers, network)
      arrays.append(NamedArray(name: "rho", shape: [], [snapshot.rho]))
      arrays.append(NamedArray(name: "rho_velocity", shape: [], [snapshot.rhoVelocity]))
    }
    try Safetensors.write(
      arrays, metadata: ["format": "gridless checkpoint 1", "state": try JSON.line(state)], checksum: true, to: path)
  }

  /// Reads what ``write(to:network:)`` wrote.
  ///
  /// Throws Weights' errors for a file that is damaged or does not fit the network.
  init(path: String, network: Network) throws {
    let file = try SafetensorsFile(path: path)
    try file.verifyChecksum()
    state = try Self.decode(State.self, "state", of: file)
    guard file.info("rho") != nil else { return }
    snapshot = Snapshot(
      mean: try Self.vector("mean/", file, network), velocity: try Self.vector("velocity/", file, network),
      rho: try Self.scalar("rho", file), rhoVelocity: try Self.scalar("rho_velocity", file),
      buffers: try Self.buffers(file, network))
  }

  init(state: State, snapshot: Snapshot?) { (self.state, self.snapshot) = (state, snapshot) }
}

/// The file of a learning rate that is done and the best so far: the posterior's mean, the statistics, the evidence.
struct BestCandidateFile {
  /// Writes a candidate, whole and with a checksum.
  static func write(_ candidate: Candidate, to path: String, network: Network) throws {
    let arrays =
      Checkpoint.arrays("mean/", try candidate.mean.floats(), network)
      + Checkpoint.arrays(ofBuffers: try candidate.buffers.map { try $0.floats() }, network)
    try Safetensors.write(
      arrays,
      metadata: [
        "format": "gridless candidate 1", "lr": try JSON.line(candidate.learningRate),
        "evidence": try JSON.line(candidate.evidence),
      ], checksum: true, to: path)
  }

  /// Reads a candidate to the model's device.
  ///
  /// Throws Weights' errors for a file that is damaged or does not fit the network.
  static func read(_ path: String, like model: Model) throws -> Candidate {
    let file = try SafetensorsFile(path: path)
    try file.verifyChecksum()
    let mean = try Checkpoint.vector("mean/", file, model.network)
    return Candidate(
      learningRate: try Checkpoint.decode(Double.self, "lr", of: file),
      evidence: try Checkpoint.decode(EvidenceEstimate.self, "evidence", of: file),
      mean: try Tensor(mean, shape: [mean.count]).to(device: model.device),
      buffers: try model.network.buffers.tensors(try Checkpoint.buffers(file, model.network), device: model.device))
  }
}

extension Checkpoint {
  fileprivate static func arrays(_ prefix: String, _ vector: [Float], _ network: Network) -> [NamedArray] {
    zip(network.layout.slices, network.layout.values(ofVector: vector)).map {
      NamedArray(name: prefix + $0.name, shape: $0.shape, $1)
    }
  }

  fileprivate static func arrays(ofBuffers buffers: [[Float]], _ network: Network) -> [NamedArray] {
    zip(network.buffers.slices, buffers).map { NamedArray(name: "buffer/" + $0.name, shape: $0.shape, $1) }
  }

  fileprivate static func vector(_ prefix: String, _ file: SafetensorsFile, _ network: Network) throws -> [Float] {
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

  private static func scalar(_ name: String, _ file: SafetensorsFile) throws -> Double {
    guard let value = try file.doubles(name).first else { throw WeightsError.noTensor(path: file.path, name: name) }
    return value
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
