import Torch

/// Which of the two priors a parameter is under, if any.
public enum ParameterGroup: String, Sendable, Hashable, CaseIterable {
  /// What is not trained: it keeps its pretrained values, and has neither noise nor a prior.
  case frozen
  /// w: everything below the classifier that is trained.
  case backbone
  /// V: the classifier's weights and biases.
  case head
}

/// One parameter's place in the parameter vector.
///
/// Its logical order is row-major over `shape`, as in PyTorch and in files. In the vector, 4-D weights `[O, I, H, W]`
/// are stored O,H,W,I, so that their logical view is channels-last and no step reorders them.
public struct ParameterSlice: Sendable, Hashable {
  /// The name in PyTorch's state dict.
  public let name: String
  /// PyTorch's logical shape: `[O, I, H, W]` for convolutions.
  public let shape: [Int]
  /// Frozen, backbone or head.
  public let group: ParameterGroup
  /// How it starts where no checkpoint sets it.
  public let initialization: Initialization
  /// The first element in the vector: a multiple of ``ParameterLayout/alignment``.
  public let offset: Int
  /// The number of elements, without padding.
  public let count: Int
  /// The elements of all slices before this one, without padding: the same whatever the layout.
  public let logicalOffset: Int

  /// The elements in the vector, without the padding behind them.
  public var range: Range<Int> { offset..<offset + count }

  /// Whether it is a convolution's kernel or a matrix, not a vector, a token, a layer's scale or embeddings of
  /// positions.
  var isKernelOrMatrix: Bool { (shape.count == 4 || shape.count == 2) && !name.hasSuffix("_embeddings.weight") }

  /// The slice's elements in the vector's order, from their logical order.
  @inlinable
  public func pack<Element>(_ logical: [Element]) -> [Element] {
    guard let (outer, inner, middle) = transposition else { return logical }
    return Self.transpose(logical, outer: outer, rows: inner, columns: middle)
  }

  /// The slice's elements in logical order, from the vector's order.
  @inlinable
  public func unpack<Element>(_ stored: [Element]) -> [Element] {
    guard let (outer, inner, middle) = transposition else { return stored }
    return Self.transpose(stored, outer: outer, rows: middle, columns: inner)
  }

  /// (O, I, H·W) where the two orders differ.
  @inlinable var transposition: (outer: Int, inner: Int, middle: Int)? {
    guard shape.count == 4, shape[1] > 1, shape[2] * shape[3] > 1 else { return nil }
    return (shape[0], shape[1], shape[2] * shape[3])
  }

  @inlinable
  static func transpose<Element>(_ values: [Element], outer: Int, rows: Int, columns: Int) -> [Element] {
    values.withUnsafeBufferPointer { source in
      Array(unsafeUninitializedCapacity: source.count) { target, count in
        for block in 0..<outer {
          let start = block * rows * columns
          for column in 0..<columns {
            for row in 0..<rows {
              target.initializeElement(at: start + column * rows + row, to: source[start + row * columns + column])
            }
          }
        }
        count = source.count
      }
    }
  }
}

/// Where every parameter lies in one flat vector: first what is frozen, then the backbone's, then the head's.
///
/// Slices start at multiples of 64 bytes of fp32. What lies between them is padding, which never counts in D.
public struct ParameterLayout: Sendable, Hashable {
  /// Elements to whose multiples slices are aligned: 64 bytes of fp32.
  public static let alignment = 16

  /// The parameters, in the vector's order.
  public let slices: [ParameterSlice]
  /// How many of the first slices are frozen.
  public let frozenSliceCount: Int
  /// The frozen parameters without padding, which D does not count.
  public let frozenCount: Int
  /// D_w, the backbone's trained parameters without padding.
  public let backboneCount: Int
  /// D_V, the head's parameters without padding.
  public let headCount: Int
  /// The frozen elements of the vector, padding included.
  public let frozenRange: Range<Int>
  /// The backbone's trained elements of the vector, padding included.
  public let backboneRange: Range<Int>
  /// The head's elements of the vector, padding included.
  public let headRange: Range<Int>

  /// D = D_w + D_V, all trained parameters without padding.
  public var count: Int { backboneCount + headCount }
  /// All parameters without padding, frozen ones included.
  public var totalCount: Int { frozenCount + count }
  /// The length of the vector.
  public var paddedCount: Int { headRange.upperBound }

  /// Places parameters one after the other, the head's last.
  package init(_ parameters: [(name: String, shape: [Int], group: ParameterGroup, initialization: Initialization)]) {
    var slices: [ParameterSlice] = []
    var offset = 0
    var logicalOffset = 0
    var (ranges, counts) = ([Range<Int>](), [Int]())
    for group in ParameterGroup.allCases {
      let (start, logicalStart) = (offset, logicalOffset)
      for parameter in parameters where parameter.group == group {
        let count = parameter.shape.reduce(1, *)
        slices.append(
          ParameterSlice(
            name: parameter.name, shape: parameter.shape, group: group, initialization: parameter.initialization,
            offset: offset, count: count, logicalOffset: logicalOffset))
        offset += (count + Self.alignment - 1) / Self.alignment * Self.alignment
        logicalOffset += count
      }
      ranges.append(start..<offset)
      counts.append(logicalOffset - logicalStart)
    }
    self.slices = slices
    frozenSliceCount = slices.count { $0.group == .frozen }
    (frozenCount, backboneCount, headCount) = (counts[0], counts[1], counts[2])
    (frozenRange, backboneRange, headRange) = (ranges[0], ranges[1], ranges[2])
  }

  /// The same layout, whose first slices are frozen: nothing moves, and ε keeps its indices.
  func freezing(_ sliceCount: Int) -> ParameterLayout {
    ParameterLayout(
      slices.enumerated().map { index, slice in
        (slice.name, slice.shape, index < sliceCount ? .frozen : slice.group, slice.initialization)
      })
  }

  /// Each parameter as a view of the flat vector: PyTorch's shape, channels-last strides where 4-D.
  ///
  /// `flat` has `paddedCount` elements, of any dtype and device. Views share its memory and its version counter.
  /// Throws PyTorch's error if it is too short.
  public func views(of flat: Tensor) throws(TorchError) -> [Tensor] {
    var views: [Tensor] = []
    for slice in slices {
      let part = try flat.narrow(dim: 0, start: slice.offset, length: slice.count)
      let shape = slice.shape
      views.append(
        shape.count == 4
          ? try part.view([shape[0], shape[2], shape[3], shape[1]]).permute([0, 3, 1, 2]) : try part.view(shape))
    }
    return views
  }

  /// The vector, zeros in its padding, from each parameter's elements in logical order.
  @inlinable
  public func vector<Element: BinaryFloatingPoint>(_ values: [[Element]]) -> [Element] {
    var vector = [Element](repeating: 0, count: paddedCount)
    for (slice, logical) in zip(slices, values) { vector.replaceSubrange(slice.range, with: slice.pack(logical)) }
    return vector
  }

  /// Each parameter's elements in logical order, from the vector.
  @inlinable
  public func values<Element>(ofVector vector: [Element]) -> [[Element]] {
    slices.map { $0.unpack(Array(vector[$0.range])) }
  }
}
