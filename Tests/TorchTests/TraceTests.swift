import Testing
import Torch

@Suite struct TraceTests {
  @Test func operationsAreRecordedInOrder() throws {
    let trace = Trace()
    let (x, weight) = (try Tensor.ones([2, 3]), try Tensor.ones([4, 3]))
    try trace.name(x, "x")
    try trace.name(weight, "weight")
    let y = try x.linear(weight).relu()
    let z = try Tensor.cat([y, y], dim: 1)
    #expect(trace.values.map(\.operation) == [.named("x"), .named("weight"), .linear, .relu, .cat(dim: 1)])
    #expect(trace.values.map(\.inputs) == [[], [], [0, 1, nil], [2], [3, 3]])
    #expect(trace.values.map(\.shape) == [[2, 3], [4, 3], [2, 4], [2, 4], [2, 8]])
    #expect(trace.index(of: z) == 4)
    #expect(Trace().index(of: z) == nil)
  }

  @Test func whatTheTraceDoesNotKnowIsRefused() throws {
    let trace = Trace()
    let x = try Tensor.ones([2, 3])
    try trace.name(x, "x")
    #expect(throws: TorchError.self) { try x + Tensor.ones([2, 3]) }
    #expect(throws: TorchError.self) { try x.add_(.ones([2, 3])) }
    #expect(throws: TorchError.self) { try x.normal_() }
    #expect(throws: TorchError.self) { try trace.name(x, "again") }
    // A use that is not followed has no place in the record.
    #expect(try trace.index(of: x.logSoftmax(dim: 1)) == nil)
  }

  @Test func otherTensorsAreNotRecorded() throws {
    let trace = Trace()
    try trace.name(.ones([1]), "x")
    _ = try Tensor.ones([2]).relu()
    #expect(trace.values.count == 1)
  }
}
