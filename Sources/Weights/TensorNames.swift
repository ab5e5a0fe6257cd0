/// The tensors in what a pickle stands for, each under its path: keys and positions joined by dots.
struct TensorNames {
  /// In the pickle's order.
  private(set) var tensors: [(name: String, tensor: PickleTensor)] = []

  private let objects: [PickleObject]
  private var names = Set<String>()
  private var visits = 0

  // Containers may be shared or hold themselves, so what is walked is limited, and not only what is stored.
  private static let deepest = 32
  private static let mostVisits = 262_144
  private static let mostTensors = PickleMachine.mostTensors
  private static let longestName = 1024

  /// Walks through all that a machine's result holds.
  init(_ machine: borrowing PickleMachine) throws(PyTorchProblem) {
    objects = machine.objects
    try visit(machine.result, name: "", depth: 0)
  }

  private mutating func visit(_ value: PickleValue, name: String, depth: Int) throws(PyTorchProblem) {
    visits += 1
    guard visits <= Self.mostVisits else {
      throw PyTorchProblem("its containers hold more than \(Self.mostVisits) values")
    }
    guard case .object(let index) = value else { return }
    guard depth <= Self.deepest else { throw PyTorchProblem("its containers nest deeper than \(Self.deepest)") }
    switch objects[index] {
    case .tensor(let tensor):
      guard tensors.count < Self.mostTensors else {
        throw PyTorchProblem("it has more than \(Self.mostTensors) tensors")
      }
      guard names.insert(name).inserted else { throw PyTorchProblem("the name '\(name)' occurs twice") }
      tensors.append((name, tensor))
    case .list(let items), .tuple(let items):
      for (position, item) in items.enumerated() {
        try visit(item, name: join(name, "\(position)"), depth: depth + 1)
      }
    case .dictionary(let items):
      for (key, item) in items {
        switch key {
        case .text(let text): try visit(item, name: join(name, text), depth: depth + 1)
        case .integer(let number): try visit(item, name: join(name, "\(number)"), depth: depth + 1)
        default: continue
        }
      }
    case .storage: return
    }
  }

  private func join(_ prefix: String, _ key: String) throws(PyTorchProblem) -> String {
    guard prefix.utf8.count + key.utf8.count < Self.longestName else {
      throw PyTorchProblem("a name in it is longer than \(Self.longestName) bytes")
    }
    return prefix.isEmpty ? key : "\(prefix).\(key)"
  }
}
