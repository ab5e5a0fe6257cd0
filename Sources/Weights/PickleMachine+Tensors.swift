/// What tensors are made of: storages, and the few functions on the list, whose results are described, never computed.
extension PickleMachine {
  /// The most dimensions of a tensor.
  private static let mostDimensions = 16

  /// `('storage', type, key, location, count)`.
  func storage(_ id: PickleValue) throws(PyTorchProblem) -> PickleStorage {
    guard let parts = tuple(id), parts.count == 5, parts[0] == .text("storage"), case .global(let type) = parts[1],
      case .text(let key) = parts[2], case .integer(let count) = parts[4]
    else { throw PyTorchProblem("its pickle refers to something else than a storage") }
    switch type {
    case .storage(let dtype): return PickleStorage(key: key, dtype: dtype, count: count)
    case .untypedStorage: return PickleStorage(key: key, dtype: nil, count: count)
    default: throw PyTorchProblem("its pickle refers to a storage of no type")
    }
  }

  /// Does what the few functions on the list would do.
  mutating func reduce() throws(PyTorchProblem) {
    let values = try pop(2)
    guard case .global(let function) = values[0], let arguments = tuple(values[1]) else {
      throw PyTorchProblem("its pickle calls what is not a function", advice: Self.advice)
    }
    switch function {
    case .orderedDict where arguments.isEmpty: try push(.dictionary([]))
    case .size where arguments.count == 1 && tuple(arguments[0]) != nil: try push(arguments[0])
    case .rebuildTensor where (5...7).contains(arguments.count):
      try push(.tensor(tensor(arguments, type: nil)))
    case .rebuildTensorOfType where (7...8).contains(arguments.count):
      guard case .global(.type(let type)) = arguments[6] else { throw PyTorchProblem("a tensor has no type") }
      try push(.tensor(tensor(arguments, type: type)))
    case .rebuildParameter where arguments.count == 3, .rebuildParameterWithState where arguments.count == 4:
      guard case .object(let index) = arguments[0], case .tensor = objects[index] else {
        throw PyTorchProblem("its pickle has a parameter without a tensor")
      }
      try push(arguments[0])
    default:
      throw PyTorchProblem("its pickle calls \(function) with \(arguments.count) arguments", advice: Self.advice)
    }
  }

  private mutating func tensor(_ arguments: [PickleValue], type: ScalarType?) throws(PyTorchProblem) -> PickleTensor {
    tensors += 1
    guard tensors <= Self.mostTensors else { throw PyTorchProblem("it has more than \(Self.mostTensors) tensors") }
    let metadata = arguments.dropFirst(type == nil ? 6 : 7).first ?? PickleValue.none
    guard isPlain(metadata) else {
      throw PyTorchProblem(
        "its pickle has a tensor that is stored negated or conjugated",
        advice: "Call .resolve_neg().resolve_conj() on it before torch.save.")
    }
    guard case .object(let index) = arguments[0], case .storage(let storage) = objects[index],
      case .integer(let offset) = arguments[1], let shape = integers(arguments[2]),
      let strides = integers(arguments[3]), let dtype = type ?? storage.dtype
    else {
      throw PyTorchProblem(
        "its pickle has a tensor without a storage, an offset, a shape or strides of at most \(Self.mostDimensions) sides"
      )
    }
    return PickleTensor(storage: storage, dtype: dtype, offset: offset, shape: shape, strides: strides)
  }

  /// Whether a tensor's last argument says nothing of its numbers: none, or a dictionary of what is false.
  private func isPlain(_ metadata: PickleValue) -> Bool {
    if metadata == PickleValue.none { return true }
    guard case .object(let index) = metadata, case .dictionary(let items) = objects[index] else { return false }
    return items.allSatisfy { $0.value == .boolean(false) }
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard let items = tuple(value), items.count <= Self.mostDimensions else { return nil }
    let numbers = items.compactMap { if case .integer(let number) = $0 { number } else { nil } }
    return numbers.count == items.count ? numbers : nil
  }

  /// Attributes of a dictionary (a state dict's `_metadata`) are of no interest; nothing else has any.
  mutating func build() throws(PyTorchProblem) {
    _ = try pop()
    guard case .object(let index)? = stack.last, stack.count > marks.last ?? 0, case .dictionary = objects[index]
    else { throw PyTorchProblem("its pickle sets attributes of what is not a dictionary", advice: Self.advice) }
  }
}
