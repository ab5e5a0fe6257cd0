import ArgumentParser

/// What a step is taken on: a network, the side of its images and the batch, written `resnet50@224x16`.
struct Case: Codable, Hashable, CustomStringConvertible, ExpressibleByArgument {
  var model: String
  var size: Int
  var batch: Int

  /// The issue's three.
  static let standard = [
    Case(model: "resnet50", size: 224, batch: 16), Case(model: "mobilenet_v2", size: 128, batch: 32),
    Case(model: "densenet169", size: 192, batch: 16),
  ]

  init(model: String, size: Int, batch: Int) { (self.model, self.size, self.batch) = (model, size, batch) }

  init?(argument: String) {
    let parts = argument.split(separator: "@")
    guard let numbers = parts.last?.split(separator: "x").compactMap({ Int($0) }), parts.count == 2, numbers.count == 2,
      numbers[0] >= 32, numbers[1] >= 2
    else { return nil }
    self.init(model: String(parts[0]), size: numbers[0], batch: numbers[1])
  }

  var description: String { "\(model)@\(size)x\(batch)" }
}
