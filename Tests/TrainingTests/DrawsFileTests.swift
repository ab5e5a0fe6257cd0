import Backbones
import Foundation
import TestSupport
import Testing
import Training
import Weights

/// A run's `posterior.safetensors` is read as it was written, and one that is damaged is refused.
@Suite struct DrawsFileTests {
  private let folder = ScratchFolder()
  private var path: String { folder.path("posterior.safetensors") }

  private func network(_ name: String = "resnet8") throws -> Network {
    try Backbone.named(name).makeNetwork(classes: 3)
  }

  private func statistics(_ network: Network, draws: Int) -> [[[Float]]] {
    (0..<draws).map { draw in
      network.buffers.slices.map { Formula.state($0.name, shape: $0.shape).map { Float($0) + Float(draw) } }
    }
  }

  @Test(arguments: [0, 1, 12], [false, true]) func itIsReadAsItWasWritten(draws: Int, hasSigma: Bool) throws {
    let network = try network()
    let sigma = network.layout.vector(
      network.layout.slices.map { slice in Formula.uniform(slice.name, count: slice.count, 1e-4, 1).map(Float.init) })
    let written = DrawsFile(
      buffers: statistics(network, draws: draws), seed: .max - 3, sigma: hasSigma ? sigma : nil)
    try written.write(to: path, network: network)
    let read = try DrawsFile(path: path, network: network)
    #expect(read.buffers == written.buffers && read.seed == written.seed && read.sigma == written.sigma)
    // Under PyTorch's names, in logical order.
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.count == draws * network.buffers.slices.count + (hasSigma ? network.layout.slices.count : 0))
    if draws > 0 { #expect(file.info("draw-0/bn1.running_mean")?.shape == [16]) }
    if hasSigma {
      let slice = try #require(network.layout.slices.first { $0.name == "layer2.0.conv1.weight" })
      #expect(file.info("sigma/layer2.0.conv1.weight")?.shape == slice.shape)
      #expect(
        try file.floats("sigma/layer2.0.conv1.weight")
          == Formula.uniform(slice.name, count: slice.count, 1e-4, 1).map(Float.init))
    }
  }

  @Test func whatIsDamagedIsRefused() throws {
    let network = try network()
    try DrawsFile(buffers: statistics(network, draws: 2), seed: 1, sigma: nil).write(to: path, network: network)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for part in [0, 7, whole.count / 2, whole.count - 1] {
      try whole.prefix(part).write(to: URL(fileURLWithPath: path))
      let error = try #require(throws: WeightsError.self) { try DrawsFile(path: path, network: network) }
      #expect(error.description.contains(path))
    }
    #expect(throws: WeightsError.self) { try DrawsFile(path: folder.path("absent"), network: network) }
    try Safetensors.write([], metadata: ["format": "pt"], to: path)
    let error = try #require(throws: WeightsError.self) { try DrawsFile(path: path, network: network) }
    #expect(error.description.contains("no readable seed in its metadata"))
  }

  /// Statistics or a σ of another network have other names or shapes.
  @Test(arguments: [false, true]) func anotherNetworksIsRefused(hasSigma: Bool) throws {
    let (small, large) = (try network(), try network("resnet20"))
    let sigma = [Float](repeating: 1, count: small.layout.paddedCount)
    try DrawsFile(buffers: statistics(small, draws: 1), seed: 1, sigma: hasSigma ? sigma : nil)
      .write(to: path, network: small)
    #expect(throws: WeightsError.self) { try DrawsFile(path: path, network: large) }
    // The names agree, the shapes do not.
    let file = try SafetensorsFile(path: path)
    let changed = hasSigma ? "sigma/layer1.0.conv1.weight" : "draw-0/layer1.0.bn1.running_mean"
    try Safetensors.write(
      file.tensors.map { info in
        let values = try file.floats(info.name)
        return info.name == changed
          ? NamedArray(name: info.name, shape: [values.count - 1], Array(values.dropLast()))
          : NamedArray(name: info.name, shape: info.shape, values)
      }, metadata: file.metadata, to: path)
    let error = try #require(throws: WeightsError.self) { try DrawsFile(path: path, network: small) }
    #expect(error.description.contains(changed))
  }
}
