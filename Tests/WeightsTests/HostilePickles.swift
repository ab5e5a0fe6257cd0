import Foundation
import TestSupport

/// Pickles that want what tensors do not need, lie, or cost too much.
enum HostilePickles {
  private typealias Case = HostileCase

  private static func ascii(_ text: String) -> Data { Data(text.utf8) }
  private static let none = ascii("N")
  private static let pair = Data([0x86])

  /// A value under so many numbers.
  static func memo(_ count: UInt32) -> Data {
    var pickle: [UInt8] = []
    for number in 0..<count {
      pickle.append(UInt8(ascii: "r"))
      withUnsafeBytes(of: number.littleEndian) { pickle.append(contentsOf: $0) }
    }
    return Data(pickle)
  }

  /// A list of so many tensors, made again and again from the same arguments.
  static func tensors(_ count: Int, sides: Int) -> Data {
    let ones = Pickle.tuple(Array(repeating: Pickle.integer(1), count: sides))
    let arguments = Pickle.tuple([Pickle.storage(), Pickle.integer(0), ones, ones, Data([0x89]), none])
    let start = Pickle.global("torch._utils", "_rebuild_tensor_v2") + ascii("q\u{0}0") + arguments + ascii("q\u{1}0]")
    return start + Data(repeatElement(ascii("h\u{0}h\u{1}Ra"), count: count).joined())
  }

  static let all: [HostileCase] = [
    Case(
      "it wants 'os.system'", pickle: Pickle.global("os", "system") + Pickle.tuple([Pickle.text("true")]) + ascii("R")),
    Case(
      "it wants 'builtins.eval'", pickle: Pickle.text("builtins") + Pickle.text("eval") + Data([0x93])),
    Case("it wants 'torch.load'", pickle: Pickle.global("torch", "load")),
    Case("it wants 'torch.storage._load_from_bytes'", pickle: Pickle.global("torch.storage", "_load_from_bytes")),
    Case(
      "it wants 'torch._utils._rebuild_sparse_tensor'", pickle: Pickle.global("torch._utils", "_rebuild_sparse_tensor")),
    Case(
      "it wants 'numpy.core.multiarray._reconstruct'", pickle: Pickle.global("numpy.core.multiarray", "_reconstruct")),
    Case("a name of over 256 bytes", pickle: Pickle.global(String(repeating: "a", count: 300), "b")),
    Case("by something else than text", pickle: none + none + Data([0x93])),
    Case("calls what is not a function", pickle: none + ascii(")R")),
    Case("calls storage", pickle: Pickle.global("torch", "FloatStorage") + ascii(")R")),
    Case("calls orderedDict", pickle: Pickle.global("collections", "OrderedDict") + Pickle.tuple([none]) + ascii("R")),
    Case(
      "a parameter without a tensor",
      pickle: Pickle.global("torch._utils", "_rebuild_parameter") + Pickle.tuple([none, none, none]) + ascii("R")),
    Case("the instruction 0x81", pickle: Pickle.global("collections", "OrderedDict") + ascii(")") + Data([0x81])),
    Case("the instruction 0x69", pickle: ascii("(ios\nsystem\n")),
    Case("the instruction 0x6f", pickle: ascii("(o")),
    Case("the instruction 0x82", pickle: Data([0x82, 1])),
    Case("the instruction 0x50", pickle: ascii("Pid\n")),
    Case("refers to something else than a storage", pickle: none + ascii("Q")),
    Case("a storage of no type", pickle: Pickle.storage(type: Pickle.global("torch", "Size"))),
    Case("sets attributes of what is not", pickle: Pickle.tensor() + none + ascii("b")),
    Case("from an empty stack", pickle: ascii("0")),
    Case("from an empty stack", pickle: none + ascii("(0")),
    Case("needs a mark", pickle: ascii("t")),
    Case("no memo entry 7", pickle: ascii("h\u{7}")),
    Case("appends to what is not a list", pickle: none + none + ascii("a")),
    Case("appends to what is not a list", pickle: ascii("](Na")),
    Case("sets an item of what is not a dictionary", pickle: ascii("]NNs")),
    Case("a key without a value", pickle: ascii("}(Nu")),
    Case("ends with 2 values", pickle: none + none),
    Case("ends with 0 values", pickle: Data()),
    Case("not UTF-8", pickle: Data([0x8C, 1, 0xFF])),
    Case("needs 4294967295 bytes", pickle: ascii("X") + Data(repeating: 0xFF, count: 4)),
    Case("the length 18446744073709551615", pickle: Data([0x8D]) + Data(repeating: 0xFF, count: 8)),
    Case("the length -1", pickle: Data([0x8B]) + Data(repeating: 0xFF, count: 4)),
    Case("protocol 9", pickle: Data([0x80, 9]) + none),
    Case("more than 131072 objects", pickle: ascii(String(repeating: "]0", count: 600_000)) + none),
    Case("more than 131072 values on its stack", pickle: ascii(String(repeating: "N", count: 600_000))),
    Case("more than 524288 values", pickle: ascii("]" + String(repeating: "Na", count: 600_000))),
    Case("more than 131072 marks", pickle: ascii(String(repeating: "(", count: 600_000))),
    Case(
      "more than 131072 memo entries",
      pickle: none + memo(140_000)),
    Case("more than 16384 tensors", pickle: tensors(17000, sides: 1)),
    Case(
      "nest deeper than 32",
      pickle: ascii(String(repeating: "]", count: 40_000) + String(repeating: "a", count: 39_999))),
    Case("nest deeper than 32", pickle: ascii("]q\0h\0a")),
    // Thirty lists of twice the list before: a billion values.
    Case(
      "hold more than 262144 values",
      pickle: ascii("N") + (0..<30).map { _ in Data([0x71, 0]) + ascii("0](h\0h\0e") }.reduce(Data(), +)),
    Case(
      "the name 'a.b' occurs twice",
      pickle: Pickle.dictionary([("a.b", Pickle.tensor()), ("a", Pickle.dictionary([("b", Pickle.tensor())]))])),
    Case("the name 'a' occurs twice", pickle: Pickle.dictionary([("a", Pickle.tensor()), ("a", Pickle.tensor())])),
    Case(
      "a name in it is longer",
      pickle: (0..<6).reduce(Pickle.tensor()) { inner, _ in
        Pickle.dictionary([(String(repeating: "n", count: 250), inner)])
      }),
    Case("which is missing", pickle: Pickle.tensor(Pickle.storage("1"))),
    Case("which is missing", pickle: Pickle.tensor(Pickle.storage("../version"))),
    Case("5 elements of 4 bytes are claimed", pickle: Pickle.tensor(Pickle.storage(count: 5))),
    Case("4611686018427387904 elements", pickle: Pickle.tensor(Pickle.storage(count: 1 << 62))),
    Case("elements of 4 bytes are claimed", pickle: Pickle.tensor(Pickle.storage(count: -4))),
    Case("reaches element 4 of a storage of 4", pickle: Pickle.tensor(offset: 1)),
    Case("reaches element 6 of a storage of 4", pickle: Pickle.tensor(strides: [2])),
    Case("the offset -1", pickle: Pickle.tensor(offset: -1)),
    Case("has the strides [-1]", pickle: Pickle.tensor(strides: [-1])),
    Case("has the strides", pickle: Pickle.tensor(shape: [-4])),
    Case("has the strides", pickle: Pickle.tensor(shape: [2, 2])),
    Case("overflows", pickle: Pickle.tensor(shape: [1 << 40, 1 << 40], strides: [0, 0])),
    Case("overflows", pickle: Pickle.tensor(shape: [1 << 62, 0], strides: [0, 0])),
    Case("overflow", pickle: Pickle.tensor(shape: [2, 3], strides: [.max, .max])),
    Case("overflow", pickle: Pickle.tensor(offset: .max, shape: [2], strides: [1])),
    Case("more elements than its storage", pickle: Pickle.tensor(shape: [1 << 40], strides: [0])),
    Case("without a storage", pickle: Pickle.tensor(none)),
    Case("it wants 'posix.system'", pickle: Pickle.global("posix", "system") + Pickle.tuple([Pickle.text("id")])),
    Case("it wants 'builtins.exec'", pickle: Pickle.global("builtins", "exec")),
    Case("it wants 'torch.hub.load'", pickle: Pickle.global("torch.hub", "load")),
    Case("it wants 'subprocess.Popen'", pickle: Pickle.global("subprocess", "Popen")),
    Case("it wants 'torch.nn.modules.linear.Linear'", pickle: Pickle.global("torch.nn.modules.linear", "Linear")),
    Case("it wants 'argparse.Namespace'", pickle: Pickle.global("argparse", "Namespace")),
    Case("calls size", pickle: Pickle.global("torch", "Size") + Pickle.tuple([none]) + ascii("R")),
    Case("calls untypedStorage", pickle: Pickle.global("torch", "UntypedStorage") + ascii(")R")),
    Case("calls what is not a function", pickle: Pickle.tensor() + ascii(")R")),
    Case("calls what is not a function", pickle: Pickle.global("collections", "OrderedDict") + none + ascii("R")),
    Case(
      "calls rebuildTensor with 2",
      pickle: Pickle.global("torch._utils", "_rebuild_tensor_v2") + ascii("NN") + pair + ascii("R")),
    Case("the instruction 0x92", pickle: Data([0x92])),
    Case("the instruction 0x84", pickle: Data([0x84, 1, 0, 0, 0])),
    Case("the instruction 0x8f", pickle: Data([0x8F])),
    Case("the instruction 0x96", pickle: Data([0x96]) + Data(repeating: 0xFF, count: 8)),
    Case("the instruction 0x49", pickle: ascii("I1\n")),
    Case("the instruction 0x70", pickle: none + ascii("p0\n")),
    Case("needs 4294967295 bytes", pickle: ascii("B") + Data(repeating: 0xFF, count: 4)),
    Case("the length 18446744073709551615", pickle: Data([0x8E]) + Data(repeating: 0xFF, count: 8)),
    Case("needs 2147483647 bytes", pickle: Data([0x8B, 0xFF, 0xFF, 0xFF, 0x7F])),
    Case("needs 255 bytes", pickle: Data([0x8A, 0xFF])),
    Case("no memo entry 4294967295", pickle: ascii("j") + Data(repeating: 0xFF, count: 4)),
    Case("from an empty stack", pickle: ascii("q\u{0}")),
    Case("from an empty stack", pickle: ascii("]0a")),
    Case("sets attributes of what is not", pickle: ascii("]}b")),
    Case("stored negated", pickle: Pickle.tensor(metadata: Pickle.dictionary([("neg", Data([0x88]))]))),
    Case("stored negated", pickle: Pickle.tensor(metadata: Pickle.integer(1))),
    Case(
      "at most 16 sides",
      pickle: Pickle.tensor(shape: Array(repeating: 1, count: 17), strides: Array(repeating: 1, count: 17))),
    Case("without a storage", pickle: Pickle.tensor(Pickle.text("0"))),
    Case("at most 8388608 are read", pickle: ascii(String(repeating: "N0", count: 5 << 20))),
  ]
}
