import Foundation
import TestSupport
import Testing

/// A file of `torch.save` that is wrong or hostile, and what the refusal says.
struct HostileCase: Sendable, CustomTestStringConvertible {
  let fault: String
  let bytes: Data
  var testDescription: String { fault }

  init(_ fault: String, bytes: Data) {
    (self.fault, self.bytes) = (fault, bytes)
  }

  /// A sound archive with a hostile pickle.
  init(_ fault: String, pickle: Data, storages: [String: Data] = ["0": Data(count: 16)]) {
    self.init(fault, bytes: ZipBuilder(pickle: Pickle.whole(pickle), storages: storages).data)
  }

  /// A sound pickle in a hostile archive.
  init(_ fault: String, _ change: (inout ZipBuilder) -> Void) {
    var builder = ZipBuilder(pickle: Pickle.whole(Pickle.tensor()))
    change(&builder)
    self.init(fault, bytes: builder.data)
  }
}
