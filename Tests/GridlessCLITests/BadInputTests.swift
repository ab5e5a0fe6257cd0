import Foundation
import Gridless
import Testing

/// A mistake that ends `finetune` before anything is written, and what the message must say.
struct BadInput: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var data = "data"
  var arguments: [String] = []
  var status: Int32 = 1
  var says: [String]
  /// Spoils the good data set `data`, or adds files.
  var arrange: @Sendable (Workplace) throws -> Void = { _ in }

  init(
    _ description: String, data: String = "data", _ arguments: [String] = [], status: Int32 = 1, says: [String],
    arrange: @escaping @Sendable (Workplace) throws -> Void = { _ in }
  ) {
    testDescription = description
    (self.data, self.arguments, self.status, self.says, self.arrange) = (data, arguments, status, says, arrange)
  }
}

@Suite struct BadInputTests {
  /// CUDA's library is loaded by `start`; before that no GPU is ever found.
  private static let hasGPU: Bool = {
    try? Runtime.start()
    return (try? Runtime.cudaDeviceCount()) ?? 0 > 0
  }()

  static let data = [
    BadInput("missing folder", data: "nowhere", says: ["nowhere: no such file or folder", "Check the path"]),
    BadInput("empty class folder", says: ["data/train/vide: a class folder without images", "remove the folder"]) {
      try $0.makeFolder("data/train/vide")
    },
    BadInput("one class only", data: "lone", says: ["lone: found one class only (rose)", "at least two"]) {
      try $0.writeImages("lone", classes: ["rose"], count: 2)
    },
    BadInput("folder without classes", data: "bare", says: ["bare: not a data set", "train/<class>/<image>"]) {
      try $0.makeFolder("bare")
    },
    BadInput(
      "neither folder nor table", data: "words.txt", says: ["words.txt: not a data set", "path (of images) or text"]
    ) {
      try $0.write("words.txt", Data("some words\n".utf8))
    },
    BadInput(
      "text file named .jpg", says: ["data/train/red 赤/note.jpg: not an image (found text", "--skip-unreadable"]
    ) {
      try $0.write("data/train/red 赤/note.jpg", Data("not a picture\n".utf8))
    },
    BadInput(
      "truncated JPEG", says: ["data/train/red 赤/half.jpg: JPEG is truncated", "Remove it, or pass --skip-unreadable"]
    ) {
      let whole = try Workplace.picture(1).bytes
      try $0.write("data/train/red 赤/half.jpg", whole.prefix(whole.count * 2 / 3))
    },
    BadInput("0-byte PNG", says: ["data/test/red 赤/nothing.png: empty file (0 bytes)", "Remove it"]) {
      try $0.write("data/test/red 赤/nothing.png", Data())
    },
    BadInput(
      "train and test of different classes",
      says: ["data: training and test examples have different classes", "only in test: verde", "the same classes"]
    ) {
      try $0.writeImages("data/test", classes: ["verde"], count: 1)
    },
    BadInput(
      "subset larger than the set", ["--n", "9"], status: 64, says: ["--n 9 is larger", "8 examples", "leave --n out"]),
    BadInput(
      "subset smaller than the classes", ["--n", "1"], status: 64,
      says: ["--n 1 is smaller", "classes (2)", "at least 2"]),
    BadInput("split that is not there", ["--train-splits", "train,val"], says: ["data: no val split", "train, test"]),
    BadInput(
      "class that is not there", ["--classes", "red 赤,mauve"], status: 64,
      says: ["no such class: mauve", "bleu été"]),
    BadInput(
      "batch larger than the set", ["--batch-size", "9"], status: 64,
      says: ["--batch-size 9", "8 training", "Leave it out"]),
    BadInput(
      "numbers as classes", data: "values.csv", ["--likelihood", "categorical"], status: 64,
      says: ["--likelihood categorical: values.csv has a column value", "call the column label"]
    ) { try $0.writeValues() },
    BadInput(
      "classes as numbers", ["--likelihood", "gaussian"], status: 64,
      says: ["--likelihood gaussian: data has classes", "columns path and value"]),
    BadInput(
      "noise of classes", ["--noise", "2"], status: 64, says: ["--noise 2.0: data has classes", "Leave it out"]),
    BadInput(
      "classes of numbers", data: "values.csv", ["--classes", "1,2"],
      says: ["values.csv: its column value holds numbers", "leave --classes out"]
    ) { try $0.writeValues() },
    BadInput("a value that is no number", data: "some.csv", says: ["some.csv:3: value 'much', expected a finite"]) {
      try $0.write("some.csv", Data("path,value\na.png,1\nb.png,much\n".utf8))
    },
    BadInput("label and value", data: "some.csv", says: ["some.csv:1: both a label and a value column"]) {
      try $0.write("some.csv", Data("path,value,label\na.png,1,x\n".utf8))
    },
    BadInput("equal values", data: "some.csv", says: ["some.csv: found the value 4.0 for all 2", "different values"]) {
      try $0.write("some.csv", Data("path,value\na.png,4\nb.png,4\n".utf8))
    },
    BadInput(
      "images too small for the network", ["--model", "densenet121"], status: 64,
      says: ["--size 16: densenet121", "Pass a larger --size"]),
    BadInput(
      "images that cannot be cut into patches", ["--model", "vit_ti_16", "--size", "40"], status: 64,
      says: ["--size 40: vit_ti_16 cuts images into patches of 16 pixels", "Pass a multiple of 16"]),
  ]

  static let weights = [
    BadInput("missing weights", ["--weights", "none.pth"], says: ["none.pth: cannot be read (No such file", "Check"]),
    BadInput(
      "a folder as weights", ["--weights", "data"], says: ["data: the folder has no weights", "model.safetensors"]),
    BadInput(
      "weights of another architecture", ["--weights", "other.safetensors"],
      says: [
        "other.safetensors: these weights do not fit", "unexpected (72)", "layer1.1.bn1.num_batches_tracked", "--model",
      ]
    ) {
      try $0.writeCheckpoint("other.safetensors", of: "resnet20")
    },
    BadInput(
      "weights that fit in no way", ["--weights", "other.safetensors"],
      says: [
        "missing (", "bn1.weight", "unexpected (1):\n    surprise", "wrong shape (1):",
        "conv1.weight: found [2], expected [16, 3, 3, 3]",
      ]
    ) {
      try Safetensors.write(
        [
          NamedArray(name: "conv1.weight", shape: [2], [1, 2] as [Float]),
          NamedArray(name: "surprise", shape: [], [1] as [Float]),
        ],
        to: $0.absolute("other.safetensors"))
    },
    BadInput(
      "truncated safetensors", ["--weights", "half.safetensors"], says: ["half.safetensors:", "truncated", "Fetch"]
    ) {
      try $0.writeCheckpoint("whole.safetensors")
      let whole = try $0.contents("whole.safetensors")
      try $0.write("half.safetensors", whole.prefix(whole.count / 2))
    },
    BadInput(
      "a header that claims 2^60 bytes", ["--weights", "huge.safetensors"],
      says: ["huge.safetensors:", "1152921504606846976 bytes", "at most 16000000"]
    ) {
      try $0.writeCheckpoint("huge.safetensors")
      let whole = try $0.contents("huge.safetensors")
      let claim = withUnsafeBytes(of: (UInt64(1) << 60).littleEndian) { Data($0) }
      try $0.write("huge.safetensors", claim + whole.dropFirst(8))
    },
    BadInput(
      "NaN in the weights", ["--weights", "nan.safetensors"],
      says: ["nan.safetensors: layer1.0.conv1.weight[7] is nan", "expected finite numbers"]
    ) {
      try $0.writeCheckpoint("nan.safetensors") { network, state in
        for (index, slice) in network.layout.slices.enumerated() where slice.name == "layer1.0.conv1.weight" {
          state.parameters[index][7] = .nan
        }
      }
    },
  ]

  static let usage = [
    BadInput("κ of 0", ["--kappa", "0"], status: 64, says: ["--kappa 0.0: expected a positive number", "auto"]),
    BadInput("κ below 0", ["--kappa", "-1"], status: 64, says: ["--kappa -1.0: expected a positive number"]),
    BadInput(
      "a limit of κ of 0", ["--kappa-limit", "0"], status: 64,
      says: ["--kappa-limit 0.0: expected a positive number", "none"]
    ),
    BadInput("κ that is no number", ["--kappa", "nan"], status: 64, says: ["--kappa nan: expected a positive number"]),
    BadInput("learning rate of 0", ["--lr", "0"], status: 64, says: ["--lr 0.0: expected a positive number"]),
    BadInput("learning rate below 0", ["--lr", "-0.1"], status: 64, says: ["--lr -0.1: expected a positive number"]),
    BadInput("learning rate in words", ["--lr", "fast"], status: 64, says: ["'fast' is invalid for '--lr <lr>'"]),
    BadInput(
      "initial σ of 0", ["--initial-sigma", "0"], status: 64, says: ["--initial-sigma 0.0: expected a positive"]),
    BadInput("noise of 0", ["--noise", "0"], status: 64, says: ["--noise 0.0: expected a positive number", "auto"]),
    BadInput(
      "noise of a categorical likelihood", ["--noise", "1", "--likelihood", "categorical"], status: 64,
      says: ["--noise 1.0: a categorical likelihood has no noise"]),
    BadInput(
      "unknown likelihood", ["--likelihood", "poisson"], status: 64, says: ["'poisson' is invalid for '--likelihood"]),
    BadInput("no steps", ["--steps", "0"], status: 64, says: ["--steps 0: expected at least 1"]),
    BadInput("endless steps", ["--steps", "\(Int.max)"], status: 64, says: ["--steps \(Int.max): expected at most"]),
    BadInput("endless draws", ["--evidence-samples", "\(Int.max)"], status: 64, says: ["expected at most 100000"]),
    BadInput("endless samples", ["--samples", "\(Int.max)"], status: 64, says: ["expected at most 10000"]),
    BadInput(
      "endless threads", ["--threads", "\(Int.max)"], status: 64, says: ["--threads", "expected at most 1024"]),
    BadInput("batch of one", ["--batch-size", "1"], status: 64, says: ["--batch-size 1: expected at least 2"]),
    BadInput("size 0", ["--size", "0"], status: 64, says: ["--size 0: expected 8 to 14336 pixels"]),
    BadInput("size beyond the decoder", ["--size", "20000"], status: 64, says: ["--size 20000: expected 8 to"]),
    BadInput("negative seed", ["--seed", "-1"], status: 64, says: ["'-1' is invalid for '--seed <seed>'"]),
    BadInput("no threads", ["--threads", "0"], status: 64, says: ["--threads 0: expected at least 1"]),
    BadInput(
      "unknown split", ["--train-splits", "trian"], status: 64, says: ["unknown split 'trian'", "train, val or test"]),
    BadInput(
      "unknown model", ["--model", "resnet5"], status: 64,
      says: ["model 'resnet5'", "Did you mean resnet50, resnet56", "gridless models"]),
    BadInput(
      "unknown layer", data: "nowhere", ["--weights", "none.pth", "--train", "from:layer9"], status: 64,
      says: ["train from:layer9: resnet8 has no such layer", "Did you mean layer1, layer2, layer3", "conv1, bn1"]),
    BadInput("a part that is none", ["--train", "tail"], status: 64, says: ["'tail' is invalid for '--train <part>'"]),
    BadInput(
      "a frozen random network", data: "nowhere", ["--train", "head"], status: 64,
      says: ["--train head: without pretrained weights", "--train all"]),
    BadInput("unknown device", ["--device", "tpu"], status: 64, says: ["'tpu' is invalid for '--device", "'cuda'"]),
    BadInput("unknown option", ["--weight-decay", "1"], status: 64, says: ["Unknown option '--weight-decay'"]),
    BadInput("empty output folder name", ["--out", ""], status: 64, says: ["--out is empty", "name the run folder"]),
  ]

  @Test(arguments: data + weights + usage + method + withoutPrior + objective)
  func endsBeforeAnythingIsWritten(_ input: BadInput) throws {
    let place = try Workplace()
    try place.writeData()
    try input.arrange(place)
    let before = try place.everything()

    let outcome = try Command.run(Workplace.tiny(input.data, input.arguments), in: place.path)

    #expect(outcome.status == input.status)
    #expect(outcome.output.isEmpty)
    for text in input.says { #expect(outcome.errors.contains(text)) }
    // Wrong usage that is found only while it runs tells the usage, too.
    #expect(
      (input.status == 64) == outcome.errors.contains("See 'gridless finetune --help' for more information."),
      "\(outcome.errors)")
    #expect(try place.everything() == before)
  }

  /// Decoding a large data set takes minutes.
  @Test func aSizeIsRefusedBeforeImagesAreDecoded() throws {
    let place = try Workplace()
    try place.writeData()
    let outcome = try place.gridless(
      "finetune", "data", "--model", "vit_ti_16", "--weights", "none", "--size", "40", "--lr", "0.1", "--out", "run")
    #expect(outcome.errors.contains("Pass a multiple of 16"))
    #expect(!outcome.errors.contains("decoded"))
  }

  @Test func omittedWeightsNameTheFileToSupply() throws {
    let place = try Workplace()
    let outcome = try place.gridless("finetune", "data", "--model", "tf_mobilenet_v2", "--out", "run")
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("--weights is missing"))
    #expect(
      outcome.errors.contains("TensorFlow's MobileNetV2 1.0, or google/mobilenet_v2_1.0_224 with its config.json"))
    #expect(outcome.errors.contains("--weights none"))
  }

  @Test(.enabled(if: !hasGPU, "there is a GPU here"))
  func cudaWithoutAGPU() throws {
    let place = try Workplace()
    try place.writeData()
    let outcome = try place.finetune("data", "--device", "cuda")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("--device cuda: no GPU found"))
    #expect(outcome.errors.contains("Pass --device cpu"))
    #expect(try !place.everything().keys.contains("run"))
  }
}
