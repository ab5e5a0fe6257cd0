import Foundation
import Gridless

// Fine-tunes the network of Examples/digits, which knows the digits 0–4, on ten labels each of the digits 5–9.
guard CommandLine.arguments.count == 4 else {
  print("usage: Consumer digits.csv resnet8-digits-0-4.safetensors RUN")
  exit(64)
}
var options = FineTuneOptions(
  data: CommandLine.arguments[1], model: "resnet8", weights: CommandLine.arguments[2], out: CommandLine.arguments[3])
options.classes = ["5", "6", "7", "8", "9"]
options.n = 50
options.size = 16
options.augmentation = .crop
options.steps = 200
options.learningRate = .fixed(0.03)
options.initialSigma = 2e-3
options.seed = 1

let result = try FineTuner(options).run { event in
  if case .note(let text) = event { print("note: \(text)") }
}
print(
  "λ \(result.lambda ?? .nan), τ \(result.tau ?? .nan), σ \(result.sigma), test accuracy \(result.test?.accuracy ?? .nan)"
)
