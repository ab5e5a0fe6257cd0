import CTorch
import Foundation

/// Records a device's operations once and does them again without the host's work for each.
package protocol GraphRecorder {
  /// Runs a body in which operations may be recorded, on a stream of its own; what it has begun is done at its end.
  func withStream<Result>(_ body: () throws -> Result) throws -> Result
  /// Records a body's operations, without doing them.
  ///
  /// - Returns: does them, on the memory that the body used.
  func record(_ body: @escaping () throws -> Void) throws -> () throws -> Void
}

/// CUDA graphs, by `libgridless_cuda.so`, which lies beside the executable.
package struct CUDAGraphs: GraphRecorder {
  /// Where the library is looked for.
  package static var libraryPath: String {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "."
    return URL(fileURLWithPath: executable).deletingLastPathComponent().appendingPathComponent("libgridless_cuda.so")
      .path
  }

  /// Loads the library; throws `dlerror`'s words where it does not load, as without libtorch's CUDA library.
  package init(library: String = Self.libraryPath) throws(TorchError) {
    guard FileManager.default.fileExists(atPath: library) else {
      throw TorchError("\(library) does not exist; make cuda builds it")
    }
    try check(ct_graph_load(library))
  }

  package func withStream<Result>(_ body: () throws -> Result) throws -> Result {
    try check(ct_stream_enter())
    let result = Swift.Result { try body() }
    try check(ct_stream_leave())
    return try result.get()
  }

  package func record(_ body: @escaping () throws -> Void) throws -> () throws -> Void {
    let graph = Graph()
    try check(ct_graph_begin(&graph.handle))
    try body()
    try check(ct_graph_end(graph.handle))
    return { try check(ct_graph_replay(graph.handle)) }
  }

  /// Owns a graph; one whose capture did not end is given up when it is released.
  private final class Graph {
    var handle: CTGraph?
    deinit { ct_graph_free(handle) }
  }
}
