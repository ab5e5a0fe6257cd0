import Foundation

/// What TensorBoard itself reads out of a folder's event file.
public struct TensorBoardContent {
  /// Steps, values and times by tag.
  public var scalars: [String: [[Double]]]
  /// Step, width, height and PNG bytes by tag.
  public var images: [String: [(step: Int, width: Int, height: Int, png: Data)]]
  /// What the plug-in `hparams` would show.
  public var hparams: [String: Any]

  /// Why there is no TensorBoard here, nil where there is.
  public static var missing: String? { PythonPackages.tensorBoard.missing }

  /// Reads a folder with TensorBoard's `EventAccumulator`.
  public init(folder: String) throws {
    let json = try PythonPackages.tensorBoard.run("tensorboard/read.py", [folder])
    guard let scalars = json["scalars"] as? [String: [[Double]]], let images = json["images"] as? [String: [[Any]]],
      let hparams = json["hparams"] as? [String: Any]
    else { throw PythonPackages.Failure(description: "TensorBoard could not read \(folder)") }
    (self.scalars, self.hparams) = (scalars, hparams)
    self.images = images.mapValues { events in
      events.compactMap { event in
        guard let step = event[0] as? Int, let width = event[1] as? Int, let height = event[2] as? Int,
          let png = (event[3] as? String).flatMap({ Data(base64Encoded: $0) })
        else { return nil }
        return (step, width, height, png)
      }
    }
  }
}
