/// Whose names the tensors of a checkpoint have.
public enum Naming: String, Sendable, Codable, CaseIterable {
  /// torchvision's, which are Gridless's own.
  case torchvision
  /// timm's (PyTorch Image Models).
  case timm
  /// Hugging Face's transformers, as its published checkpoints have them: those of `…ForImageClassification`.
  case huggingFace = "huggingface"
}

/// One line of a table of names: how a layer of torchvision's is called elsewhere.
///
/// A pattern is a name whose components may hold a `#`, which stands for a number, and whose last may be `*`, which
/// stands for the parameter or statistic of a layer. The numbers are the same on both sides, in their order.
struct NameRow: Sendable, Hashable {
  /// torchvision's pattern.
  let pattern: String
  /// The other's: one, or several where the tensor is cut into equal parts along its first side.
  let others: [String]
  /// The sides of 1 behind the others that the other's tensor has more than torchvision's; negative where it has fewer.
  let trailingOnes: Int

  init(_ pattern: String, _ others: String..., trailingOnes: Int = 0) {
    (self.pattern, self.others, self.trailingOnes) = (pattern, others, trailingOnes)
  }

  /// The other's names of a tensor, nil if the pattern is another's.
  func names(of name: String) -> [String]? {
    let (wanted, found) = (pattern.split(separator: "."), name.split(separator: "."))
    guard wanted.count == found.count else { return nil }
    var numbers: [Substring] = []
    for (pattern, component) in zip(wanted, found) where pattern != "*" {
      guard let mark = pattern.firstIndex(of: "#") else {
        guard pattern == component else { return nil }
        continue
      }
      let prefix = pattern[..<mark]
      let number = component.dropFirst(prefix.count)
      guard component.hasPrefix(prefix), !number.isEmpty, number.allSatisfy(\.isNumber) else { return nil }
      numbers.append(number)
    }
    let last = pattern.hasSuffix("*") ? found.last : nil
    return others.map { other in
      var rest = numbers[...]
      return other.split(separator: ".").map { component in
        if component == "*" { return String(last ?? "*") }
        return component == "#" ? String(rest.popFirst() ?? "#") : String(component)
      }.joined(separator: ".")
    }
  }
}

/// What a family of networks is called elsewhere; nil where there is no such network.
struct NameTables: Sendable {
  let timm: [NameRow]?
  let huggingFace: [NameRow]?

  static let none = NameTables(timm: nil, huggingFace: nil)

  subscript(naming: Naming) -> [NameRow]? {
    switch naming {
    case .torchvision: []
    case .timm: timm
    case .huggingFace: huggingFace
    }
  }
}
