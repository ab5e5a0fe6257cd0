import Foundation
import Testing
import Torch

@Suite struct TensorTests {
  @Test func roundTripsValuesAndShape() throws {
    let tensor = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(tensor.shape == [2, 3])
    #expect(tensor.strides == [3, 1])
    #expect(try tensor.permute([1, 0]).floats() == [1, 4, 2, 5, 3, 6])
    #expect(try Tensor([1.5, 2.5] as [Double], shape: [2]).doubles() == [1.5, 2.5])
    #expect(try Tensor([7, -8] as [Int64], shape: [2]).int64s() == [7, -8])
  }

  @Test func everyCppErrorBecomesASwiftThrowWithPyTorchsMessage() throws {
    let a = try Tensor.zeros([2, 3])
    let b = try Tensor.zeros([4, 5])
    #expect {
      try a + b
    } throws: { error in
      (error as? TorchError)?.message.contains("must match the size of tensor b") == true
    }
    #expect(throws: TorchError.self) { try a.view([7]) }
    #expect(throws: TorchError.self) { try Tensor([1, 2, 3] as [Float], shape: [2]) }
    #expect(throws: TorchError.self) { try a.item() }
    #expect(throws: TorchError.self) { try a.linear(b) }
  }

  @Test func memoryIsFlatOver100000Operations() throws {
    func residentKilobytes() throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
      return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }
    let a = try Tensor.ones([1000])
    // The message names every side, so that a leaked one is seen.
    let refused = [Int](repeating: 1, count: 500) + [7]
    #expect {
      try a.view(refused)
    } throws: { error in
      ((error as? TorchError)?.message.utf8.count ?? 0) > 1_000
    }
    func work(_ count: Int) throws {
      for i in 0..<count {
        let b = try a + a
        if i % 2 == 0 { _ = try b.relu() } else { #expect(throws: TorchError.self) { try b.view(refused) } }
      }
    }
    try work(5_000)
    let before = try residentKilobytes()
    try work(50_000)  // Two operations each.
    // One leaked tensor of 4 kB per round would be 200 MB, one message in every other round 37 MB.
    #expect(try residentKilobytes() - before < 8_000)
  }
}

@Suite struct AutogradTests {
  @Test func gradientsLandInTheGivenMemory() throws {
    let vector = try Tensor([1, 2, 3, 4] as [Float], shape: [4])
    let gradients = try Tensor.zeros([4])
    let leaf = try vector.narrow(dim: 0, start: 1, length: 2).detach()
    try leaf.setRequiresGrad(true)
    let slice = try gradients.narrow(dim: 0, start: 1, length: 2)
    try leaf.setGrad(slice)
    for _ in 0..<2 { try (leaf * leaf).sum().backward() }
    #expect(try gradients.floats() == [0, 8, 12, 0])  // Accumulated twice: 2 · 2w.
    #expect(try leaf.grad()?.address() == slice.address())
  }

  @Test func withoutGradRecordsNothing() throws {
    let leaf = try Tensor.ones([1])
    try leaf.setRequiresGrad(true)
    #expect(try withoutGrad { try leaf * 2 }.requiresGrad == false)
    #expect(try (leaf * 2).requiresGrad)
  }
}
