/// A kind of file that people take for weights, told by its first bytes.
struct ForeignFormat {
  /// What it is.
  let problem: String
  /// What to do.
  let advice: String

  private static let kinds: [(start: String, problem: String, advice: String)] = [
    (
      "version https://git-lfs", "it is a pointer of Git LFS and not the file itself",
      "Run git lfs pull in its repository."
    ),
    ("<!DOCTYPE", "it is a web page", "Fetch the file again by its direct address."),
    ("<!doctype", "it is a web page", "Fetch the file again by its direct address."),
    ("<html", "it is a web page", "Fetch the file again by its direct address."),
    (
      "GGUF", "it is a GGUF file, which quantises the weights",
      "Pass the safetensors or PyTorch file that it was made from."
    ),
    ("\u{93}NUMPY", "it is a NumPy array", "Save the network's tensors as safetensors."),
    ("\u{89}HDF", "it is an HDF5 file, as Keras writes", "Convert it to safetensors under PyTorch's names."),
    ("\u{1F}\u{8B}", "it is compressed by gzip", "Unpack it with gunzip."),
    ("7z\u{BC}\u{AF}", "it is compressed by 7-Zip", "Unpack it."),
    ("BZh", "it is compressed by bzip2", "Unpack it with bunzip2."),
    ("\u{FD}7zXZ", "it is compressed by xz", "Unpack it with unxz."),
  ]

  /// The kind of a file that begins with these bytes, nil for one that is not known.
  init?(_ start: [UInt8]) {
    // The table's characters are the bytes of their numbers.
    guard
      let kind = Self.kinds.first(where: { start.starts(with: $0.start.unicodeScalars.map { UInt8($0.value) }) })
    else { return nil }
    (problem, advice) = (kind.problem, kind.advice)
  }
}
