// Hostile and mutated files against the readers of `Weights`, which see nothing of libtorch; see CONTRIBUTING.md.
//
//   weights-fuzz open FILE…          opens each and prints what it found, memory and processor time, a line of JSON each
//   weights-fuzz run COUNT [FIRST [SEED [FOLDER]]]
//                                    reads COUNT mutated inputs from number FIRST on; FOLDER has more sound files
//   weights-fuzz write FILE NUMBER [SEED [FOLDER]]
//                                    writes the mutated input of that number
import Foundation
import Weights

let arguments = CommandLine.arguments
func number(_ index: Int, _ other: Int) -> Int { arguments.count > index ? Int(arguments[index]) ?? other : other }
func folder(_ index: Int) -> String? { arguments.count > index ? arguments[index] : nil }

switch arguments.dropFirst().first {
case "open": Opening.run(arguments.dropFirst(2))
case "run":
  try Fuzzing(seed: number(4, 1), folder: folder(5)).run(count: number(2, 1000), from: number(3, 0))
case "write":
  try Fuzzing(seed: number(4, 1), folder: folder(5)).write(number(3, 0), to: arguments[2])
default:
  print("usage: weights-fuzz open FILE… | run COUNT [FIRST [SEED [FOLDER]]] | write FILE NUMBER [SEED [FOLDER]]")
  exit(64)
}
