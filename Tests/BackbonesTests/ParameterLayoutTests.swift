import Backbones
import Testing
import Torch

@Suite struct ParameterLayoutTests {
  @Test(arguments: Backbone.all.map(\.name)) func slicesAreAlignedAndDoNotOverlap(name: String) throws {
    let layout = try Backbone.named(name).makeNetwork(classes: 7).layout
    var end = 0
    var logicalEnd = 0
    for slice in layout.slices {
      #expect(slice.offset % 16 == 0)
      #expect(slice.offset >= end && slice.offset - end < 16)
      #expect(slice.logicalOffset == logicalEnd)
      #expect(slice.count == slice.shape.reduce(1, *))
      #expect((slice.group == .head ? layout.headRange : layout.backboneRange).contains(slice.offset))
      end = slice.range.upperBound
      logicalEnd += slice.count
    }
    #expect(layout.count == logicalEnd)
    #expect(layout.count == layout.backboneCount + layout.headCount)
    #expect(layout.paddedCount >= end && layout.paddedCount % 16 == 0)
    #expect(layout.backboneRange.lowerBound == 0)
    #expect(layout.backboneRange.upperBound == layout.headRange.lowerBound)
    #expect(Set(layout.slices.map(\.name)).count == layout.slices.count)
    #expect(layout.slices.suffix(2).map(\.name) == (try Backbone.named(name).headParameterNames))
  }

  @Test func fourDimensionalWeightsAreStoredOutputHeightWidthInput() throws {
    let layout = try Backbone.named("resnet20").makeNetwork(classes: 5).layout
    let conv = try #require(layout.slices.first)
    #expect(conv.shape == [16, 3, 3, 3])
    let logical = (0..<conv.count).map(Float.init)
    let stored = conv.pack(logical)
    for (o, i, h, w) in [(0, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1), (5, 2, 1, 0), (15, 2, 2, 2)] {
      #expect(stored[((o * 3 + h) * 3 + w) * 3 + i] == logical[((o * 3 + i) * 3 + h) * 3 + w])
    }
    #expect(conv.unpack(stored) == logical)
  }

  @Test(arguments: ["resnet18", "mobilenet_v2", "densenet121"]) func vectorAndValuesAreInverse(name: String) throws {
    let layout = try Backbone.named(name).makeNetwork(classes: 3).layout
    let values = layout.slices.map { slice in (0..<slice.count).map { Float(slice.logicalOffset + $0 + 1) } }
    let vector = layout.vector(values)
    #expect(vector.count == layout.paddedCount)
    #expect(layout.values(ofVector: vector) == values)
    #expect(vector.count { $0 == 0 } == layout.paddedCount - layout.count, "padding is zero, nothing else")
  }

  @Test(arguments: ["resnet18", "mobilenet_v2"]) func viewsShareMemoryAndAreChannelsLast(name: String) throws {
    let layout = try Backbone.named(name).makeNetwork(classes: 3).layout
    let values = layout.slices.map { slice in (0..<slice.count).map { Double(slice.logicalOffset + $0) } }
    let flat = try Tensor(layout.vector(values), shape: [layout.paddedCount])
    let views = try layout.views(of: flat)
    let base = try #require(try flat.address())
    for (slice, (view, logical)) in zip(layout.slices, zip(views, values)) {
      #expect(view.shape == slice.shape)
      #expect(try view.address() == base + slice.offset * 8)
      #expect(try view.doubles() == logical)
      if slice.shape.count == 4 {
        let (inputs, height, width) = (slice.shape[1], slice.shape[2], slice.shape[3])
        #expect(view.strides == [height * width * inputs, 1, width * inputs, inputs])
      }
    }
    try flat.zero_()
    #expect(try views.allSatisfy { try $0.doubles().allSatisfy { $0 == 0 } })
  }

  @Test func viewsOfAPartOfALargerTensorStartThere() throws {
    let layout = try Backbone.named("resnet20").makeNetwork(classes: 3).layout
    let two = try Tensor.zeros([2 * layout.paddedCount])
    let second = try two.narrow(dim: 0, start: layout.paddedCount, length: layout.paddedCount)
    let view = try #require(try layout.views(of: second).first)
    #expect(try view.address() == (try second.address()))
  }

  @Test func aShortVectorIsRefused() throws {
    let layout = try Backbone.named("resnet20").makeNetwork(classes: 3).layout
    #expect(throws: TorchError.self) { try layout.views(of: Tensor.zeros([100])) }
  }
}
