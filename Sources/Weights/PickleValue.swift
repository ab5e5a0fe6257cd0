/// What a pickle of tensors may mention by name; nothing of it is ever called.
enum PickleGlobal: Equatable {
  case orderedDict
  case rebuildTensor
  case rebuildTensorOfType
  case rebuildParameter
  case rebuildParameterWithState
  case size
  /// `torch.FloatStorage` and the like.
  case storage(ScalarType)
  /// `torch.storage.UntypedStorage`: bytes.
  case untypedStorage
  /// `torch.float32` and the like.
  case type(ScalarType)

  /// The global of a module, or nil where it is not on the list.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDict
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorOfType
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch._utils", "_rebuild_parameter_with_state"): self = .rebuildParameterWithState
    case ("torch", "Size"): self = .size
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .untypedStorage
    case ("torch", _):
      if let type = Self.storages[name] {
        self = .storage(type)
      } else if let type = Self.types[name] {
        self = .type(type)
      } else {
        return nil
      }
    default: return nil
    }
  }

  private static let storages: [String: ScalarType] = [
    "FloatStorage": .f32, "DoubleStorage": .f64, "HalfStorage": .f16, "BFloat16Storage": .bf16, "LongStorage": .i64,
    "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8, "BoolStorage": .bool,
  ]

  private static let types: [String: ScalarType] = [
    "float32": .f32, "float64": .f64, "float16": .f16, "bfloat16": .bf16, "int64": .i64, "int32": .i32, "int16": .i16,
    "int8": .i8, "uint8": .u8, "uint16": .u16, "uint32": .u32, "uint64": .u64, "bool": .bool,
  ]
}

/// A run of numbers in the archive, as a pickle's persistent id names it.
struct PickleStorage: Equatable {
  /// The name of its file below `data/`.
  var key: String
  /// Nil for bytes.
  var dtype: ScalarType?
  /// Elements, or bytes where there is no type.
  var count: Int
}

/// A strided view of a storage; nothing of it is believed before ``StridedTensor`` has checked it.
struct PickleTensor: Equatable {
  var storage: PickleStorage
  var dtype: ScalarType
  var offset: Int
  var shape: [Int]
  var strides: [Int]
}

/// A value on the pickle machine's stack.
///
/// Containers are indices into ``PickleObject``s, so that nothing nests in memory, however deep a pickle nests.
enum PickleValue: Equatable {
  case none
  case boolean(Bool)
  case integer(Int)
  /// A number that does not fit 64 bits.
  case hugeInteger
  case real(Double)
  case text(String)
  case bytes
  case global(PickleGlobal)
  case object(Int)
}

/// What can hold other values, or is too large for the stack.
enum PickleObject {
  case list([PickleValue])
  case tuple([PickleValue])
  /// In the order of insertion; a key may be repeated.
  case dictionary([(key: PickleValue, value: PickleValue)])
  // Boxed, so that a hostile pickle's many small objects stay small.
  indirect case storage(PickleStorage)
  indirect case tensor(PickleTensor)
}
