import Foundation
import TestSupport
import Testing
import Weights

/// Every way in which a PyTorch file can be wrong or hostile is refused, with the reason.
struct HostilePyTorchTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let fault: String
    let bytes: Data
    var testDescription: String { fault }

    init(_ fault: String, pickle: Data, storages: [String: Data] = ["0": Data(count: 16)]) {
      (self.fault, bytes) = (fault, ZipBuilder(pickle: Pickle.whole(pickle), storages: storages).data)
    }

    init(_ fault: String, _ change: (inout ZipBuilder) -> Void) {
      var builder = ZipBuilder(pickle: Pickle.whole(Pickle.tensor()))
      change(&builder)
      (self.fault, bytes) = (fault, builder.data)
    }
  }

  private static func ascii(_ text: String) -> Data { Data(text.utf8) }
  private static let none = ascii("N")

  static let pickles = [
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
    Case("more than 500000 objects", pickle: ascii(String(repeating: "]0", count: 600_000)) + none),
    Case("more than 500000 values", pickle: ascii(String(repeating: "N", count: 600_000))),
    Case("more than 500000 marks", pickle: ascii(String(repeating: "(", count: 600_000))),
    Case(
      "nest deeper than 32",
      pickle: ascii(String(repeating: "]", count: 100_000) + String(repeating: "a", count: 99_999))),
    Case("nest deeper than 32", pickle: ascii("]q\0h\0a")),
    // Thirty lists of twice the list before: a billion values.
    Case(
      "more than 1000000 values",
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
    Case("overflow", pickle: Pickle.tensor(shape: [2, 3], strides: [.max, .max])),
    Case("overflow", pickle: Pickle.tensor(offset: .max, shape: [2], strides: [1])),
    Case("more elements than its storage", pickle: Pickle.tensor(shape: [1 << 40], strides: [0])),
    Case("without a storage", pickle: Pickle.tensor(none)),
  ]

  static let archives = [
    Case("the two records that end its zip archive disagree") {
      $0.isZip64 = true
      $0.smallSize = { _ in 46 }
    },
    Case("compressed") { $0.method = 8 },
    Case("encrypted") { $0.flags = 1 },
    Case("occurs twice in the zip archive") { $0.entries.append($0.entries[2]) },
    Case("header that disagrees") { $0.localName = { $0.replacingOccurrences(of: "x/", with: "y/") } },
    Case("reaches into the zip directory") { $0.claimedSize = { $0 + 10_000 } },
    Case("not where the zip directory says") { $0.claimedPosition = { $0 + 1 } },
    Case("zip entry 'x/data.pkl' would start at byte") { $0.claimedPosition = { $0 + 1_000_000 } },
    Case("the length 18446744073709551615") {
      $0.isZip64 = true
      $0.claimedPosition = { _ in -1 }
      $0.claimedSize = { $0 }
    },
    Case("claims 60000 entries") { $0.claimedCount = 60000 },
    Case("bytes more than its entries need") { $0.claimedCount = 3 },
    Case("checksum of data.pkl differs") { $0.checksum = { $0 ^ 1 } },
    Case("big-endian") { $0.entries[1].bytes = Data("big".utf8) },
    Case("0 files data.pkl") { $0.entries[0].name = "x/data.txt" },
    Case("0 files data.pkl") { $0.entries[0].name = "/etc/../data.pkl" },
    Case("2 files data.pkl") { $0.entries.append(("y/data.pkl", Data())) },
    Case("TorchScript") { $0.entries.append(("x/constants.pkl", Data())) },
  ]

  @Test(arguments: pickles + archives)
  func isRefused(_ hostile: Case) throws {
    try withTemporaryFile("file.pt") { path in
      try hostile.bytes.write(to: URL(fileURLWithPath: path))
      let error = try #require(throws: WeightsError.self) { try PyTorchFile(path: path) }
      guard case .pyTorch = error else {
        Issue.record("\(error)")
        return
      }
      #expect("\(error)".hasPrefix("\(path): "))
      #expect("\(error)".contains(hostile.fault), "\(error)")
    }
  }

  @Test func damagedNumbersAreToldWhenTheyAreRead() throws {
    var bytes = ZipBuilder(pickle: Pickle.whole(Pickle.tensor())).data
    let place = try #require(bytes.range(of: Data(count: 16)))
    bytes[place.lowerBound] ^= 1
    try withTemporaryFile("file.pt") { path in
      try bytes.write(to: URL(fileURLWithPath: path))
      let file = try PyTorchFile(path: path)
      let error = try #require(throws: WeightsError.self) { try file.floats("") }
      #expect("\(error)".contains("the checksum of 'x/data/0' differs"))
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: "\(PyTorchFileTests.folder)/parameter.pt"))
    for length in 8..<whole.count {
      #expect(throws: WeightsError.self, "\(length) bytes") { try PyTorchFile(bytes: whole.prefix(length), path: "x") }
    }
    for length in 0..<8 {
      try withTemporaryFile("file.pt") { path in
        try whole.prefix(length).write(to: URL(fileURLWithPath: path))
        #expect(throws: WeightsError.self, "\(length) bytes") { try PyTorchFile(path: path) }
      }
    }
  }

  /// Whatever a pickle claims or repeats, it costs little memory and time.
  @Test func aHostilePickleAllocatesLittle() throws {
    for hostile in Self.pickles where hostile.bytes.count > 100_000 || hostile.fault.contains("values") {
      let before = try peakResidentKilobytes()
      let seconds = ContinuousClock().measure {
        #expect(throws: WeightsError.self) { try PyTorchFile(bytes: hostile.bytes, path: "hostile.pt") }
      }
      #expect(try peakResidentKilobytes() - before < 64 << 10, "\(hostile.fault)")
      #expect(seconds < .seconds(2), "\(hostile.fault)")
    }
  }

  /// Mutated archives, and mutated pickles in archives whose checksums are right: refused or harmless, never a crash.
  @Test func mutationsCrashNothing() throws {
    var state: UInt64 = 20_260_101
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    func mutate(_ bytes: inout Data) {
      for _ in 0...random(3) {
        let index = random(bytes.count)
        switch random(5) {
        case 0: bytes[index] ^= 1 << random(8)
        case 1: bytes[index] = UInt8(random(256))
        case 2: bytes[index] = [0, 0xFF, 0x7F, 0x80][random(4)]
        case 3: bytes.remove(at: index)
        default:
          let length = random(min(9, bytes.count - index)) + 1
          bytes.insert(contentsOf: bytes[index..<min(index + length, bytes.count)], at: random(bytes.count))
        }
      }
    }
    let storage = Data((0..<48).map { UInt8($0) })
    let pickle = Pickle.whole(
      Pickle.dictionary([
        ("a", Pickle.tensor(Pickle.storage(count: 12), offset: 1, shape: [2, 3], strides: [1, 2])),
        ("b", Pickle.dictionary([("c", Pickle.tensor(Pickle.storage(count: 12), shape: [12]))])),
      ]))
    let archive = try Data(contentsOf: URL(fileURLWithPath: "\(PyTorchFileTests.folder)/nested.pt"))
    var read = 0
    for round in 0..<100_000 {
      var bytes: Data
      if round.isMultiple(of: 2) {
        bytes = archive
        mutate(&bytes)
      } else {
        var changed = pickle
        mutate(&changed)
        bytes = ZipBuilder(pickle: changed, storages: ["0": storage]).data
      }
      do {
        let file = try PyTorchFile(bytes: bytes, path: "mutated.pt")
        for tensor in file.tensors { #expect(try file.doubles(tensor.name).count == tensor.count) }
        read += 1
      } catch is WeightsError {
        continue
      }
    }
    // Some mutations are harmless: a byte that nothing reads, a name, a location.
    #expect(read > 1000 && read < 90_000)
  }
}
