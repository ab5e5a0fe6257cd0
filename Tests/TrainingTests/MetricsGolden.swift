import TestSupport

/// What Tests/golden/metrics/make.py computed with numpy.
struct MetricsGolden: Decodable {
  struct Classification: Decodable {
    struct Bin: Decodable {
      var count: Int
      var confidence, accuracy: Double?
    }
    var name: String
    var classes: Int
    var scale: Double
    var absent: Int?
    var accuracy, balancedAccuracy, nll, brier, ece: Double
    var reliability: [Bin]
    var perClass: [Double?]
    var confusion: [[Int]]
  }

  struct Regression: Decodable {
    var name: String
    var offset, spread, rmse, mae, r2, nll: Double
  }

  static let count = 200

  var classification: [Classification]
  var regression: [Regression]

  static func load() throws -> MetricsGolden { try Golden.load("metrics/metrics.json") }
}
