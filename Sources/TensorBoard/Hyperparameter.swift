import Protobuf

/// A hyperparameter's value, of the kinds that TensorBoard's HParams tab can filter by.
public enum Hyperparameter: Sendable, Equatable {
  /// A number.
  case number(Double)
  /// A word.
  case text(String)
  /// Yes or no.
  case flag(Bool)

  /// A message `google.protobuf.Value`.
  func encode(_ value: inout ProtobufMessage) {
    switch self {
    case .number(let number): value.add(2, number)
    case .text(let text): value.add(3, text)
    case .flag(let flag): value.add(4, flag)
    }
  }

  /// The number of its kind in `DataType`.
  var kind: Int {
    switch self {
    case .text: 1
    case .flag: 2
    case .number: 3
    }
  }
}

extension SummaryValue {
  /// What the HParams tab has columns for: hyperparameters, and the tags of scalars that tell how good a run is.
  public static func experiment(
    hyperparameters: [String: Hyperparameter], metrics: [(tag: String, name: String)]
  ) -> SummaryValue {
    plugin("_hparams_/experiment") { data in
      data.add(2) { experiment in
        for (name, value) in hyperparameters.sorted(by: { $0.key < $1.key }) {
          experiment.add(4) { info in
            info.add(1, name)
            info.add(4, value.kind)
          }
        }
        for metric in metrics {
          experiment.add(5) { info in
            info.add(1) { $0.add(2, metric.tag) }
            info.add(3, metric.name)
          }
        }
      }
    }
  }

  /// A run begins, with these hyperparameters; `time` in seconds since 1970.
  public static func sessionStart(hyperparameters: [String: Hyperparameter], time: Double) -> SummaryValue {
    plugin("_hparams_/session_start_info") { data in
      data.add(3) { start in
        for (name, value) in hyperparameters.sorted(by: { $0.key < $1.key }) {
          start.add(1) { entry in
            entry.add(1, name)
            entry.add(2, value.encode)
          }
        }
        start.add(5, time)
      }
    }
  }

  /// A run is done; `time` in seconds since 1970.
  public static func sessionEnd(time: Double) -> SummaryValue {
    plugin("_hparams_/session_end_info") { data in
      data.add(4) { end in
        end.add(1, 1)
        end.add(2, time)
      }
    }
  }

  /// What the plug-in `hparams` reads: it lies in the metadata, beside an empty tensor.
  private static func plugin(_ tag: String, _ build: (inout ProtobufMessage) -> Void) -> SummaryValue {
    SummaryValue(tag: tag) { value in
      value.add(8) { tensor in
        // float32, of shape [0].
        tensor.add(1, 1)
        tensor.add(2) { $0.add(2, []) }
      }
      value.add(9) { metadata in
        metadata.add(1) { plugin in
          plugin.add(1, "hparams")
          plugin.add(2, build)
        }
      }
    }
  }
}
