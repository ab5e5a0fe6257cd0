import Foundation

/// A named, shaped run of numbers in their stored form, ready to be written.
public struct NamedArray: Equatable, Sendable {
  /// The name it is stored under.
  public var name: String
  /// The type of its elements.
  public var dtype: ScalarType
  /// Its sides, outermost first; empty for a scalar.
  public var shape: [Int]
  /// Its elements, little-endian, outermost side first.
  public var bytes: Data

  /// An array from its stored bytes; whether they fit the shape is checked when it is written.
  public init(name: String, dtype: ScalarType, shape: [Int], bytes: Data) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.bytes = bytes
  }

  /// An F32 array from its elements, outermost side first.
  public init(name: String, shape: [Int], _ values: [Float]) {
    self.init(name: name, dtype: .f32, shape: shape, bytes: values.withUnsafeBytes { Data($0) })
  }

  /// An F64 array from its elements, outermost side first.
  public init(name: String, shape: [Int], _ values: [Double]) {
    self.init(name: name, dtype: .f64, shape: shape, bytes: values.withUnsafeBytes { Data($0) })
  }

  /// An I64 array from its elements, outermost side first.
  public init(name: String, shape: [Int], _ values: [Int64]) {
    self.init(name: name, dtype: .i64, shape: shape, bytes: values.withUnsafeBytes { Data($0) })
  }
}
