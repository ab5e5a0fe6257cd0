import Foundation
import TensorBoard
import TestSupport
import Testing

/// What is written is what TensorBoard itself reads.
@Suite struct EventTests {
  /// The PNG file of a white pixel.
  private static let pixel =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"

  @Test(.enabled(if: TensorBoardContent.missing == nil, "\(TensorBoardContent.missing ?? "")"))
  func tensorBoardReadsEverything() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "events-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let png = [UInt8](try #require(Data(base64Encoded: Self.pixel)))
    let told: [String: Hyperparameter] = ["lr": .number(0.125), "größe": .text("klein <é>"), "flip": .flag(true)]
    let scalars = [1.5, -2.25, 0, 3.0e-38, 1e30, -7.125]
    var bytes = Event.fileVersion(wallTime: 1.25).record
    bytes +=
      Event(
        wallTime: 2, step: 0,
        values: [
          .experiment(hyperparameters: told, metrics: [(tag: "test/nll", name: "test NLL")]),
          .sessionStart(hyperparameters: told, time: 1_700_000_000.5),
        ]
      ).record
    for (index, value) in scalars.enumerated() {
      // Steps whose varints have one to five bytes.
      let step = [0, 127, 128, 300, 70_000, 2_000_000_000][index]
      let values = [SummaryValue.scalar("train/loss", value), .scalar("ünïcode λ", -value)]
      bytes += Event(wallTime: 100.5 + Double(index), step: step, values: values).record
    }
    bytes += Event(wallTime: 200, step: 7, values: [.image("test/picture", png: png, width: 1, height: 1)]).record
    bytes += Event(wallTime: 201, step: 7, values: [.sessionEnd(time: 1_700_000_001.5)]).record
    try Data(bytes).write(to: folder.appending(path: "events.out.tfevents.gridless"))

    let content = try TensorBoardContent(folder: folder.path)
    #expect(Set(content.scalars.keys) == ["train/loss", "ünïcode λ"])
    for (tag, sign) in [("train/loss", 1.0), ("ünïcode λ", -1)] {
      let found = try #require(content.scalars[tag])
      #expect(found.map { $0[0] } == [0, 127, 128, 300, 70_000, 2_000_000_000])
      #expect(found.map { Float($0[1]) } == scalars.map { Float(sign * $0) })
      #expect(found.map { $0[2] } == [100.5, 101.5, 102.5, 103.5, 104.5, 105.5])
    }
    let image = try #require(content.images["test/picture"]?.first)
    #expect(image.step == 7 && image.width == 1 && image.height == 1 && image.png == Data(png))
    let start = try #require(content.hparams["start"] as? [String: Any])
    #expect(Set(start.keys) == ["lr", "größe", "flip"])
    #expect(start["lr"] as? Double == 0.125 && start["größe"] as? String == "klein <é>")
    #expect(start["flip"] as? Bool == true)
    #expect(content.hparams["start_time"] as? Double == 1_700_000_000.5)
    #expect(content.hparams["end_time"] as? Double == 1_700_000_001.5)
    #expect(content.hparams["end_status"] as? Int == 1)
    #expect(content.hparams["columns"] as? [String: Int] == ["lr": 3, "größe": 1, "flip": 2])
    #expect(content.hparams["metrics"] as? [String: String] == ["test/nll": "test NLL"])
  }

  @Test func aRecordsSizeIsAMatterOfStepAndTags() {
    let sizes = [(1.0, 0.5), (1_763_999_999.123, -1e-30)].map { time, value in
      Event(wallTime: time, step: 300, values: [.scalar("train/loss", value)]).record.count
    }
    #expect(sizes[0] == sizes[1])
  }
}
