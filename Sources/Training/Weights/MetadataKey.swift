/// Keys of the metadata in files of weights that Gridless writes.
///
/// The values of ``classes``, ``lambda``, ``tau``, ``sigma``, ``sigmaByLayer``, ``kappa``, ``train``, ``preprocessing``,
/// ``tokenizer`` and ``normalization`` are JSON.
enum MetadataKey {
  /// `pt`, without which transformers loads no file; a prior's says that it is one.
  static let format = "format"
  /// The backbone's name.
  static let model = "model"
  /// The library whose names the tensors have, a `Naming`.
  static let naming = "naming"
  /// Class names in the order of the logits; none where numbers are predicted.
  static let classes = "classes"
  /// The learned scales: λ and τ where there are such, σ, and κ.
  static let (lambda, tau, sigma, kappa) = ("lambda", "tau", "sigma", "kappa")
  /// σ of each tensor, where they differ.
  static let sigmaByLayer = "sigma_by_layer"
  /// The posterior's family.
  static let posterior = "posterior"
  /// Which part was trained, a `TrainedPart`.
  static let train = "train"
  /// The likelihood's name.
  static let likelihood = "likelihood"
  /// The objective's name.
  static let objective = "objective"
  /// Of a Gaussian likelihood: the training targets' mean and standard deviation, and its noise, in the targets' unit.
  static let (targetMean, targetStd, noise) = ("target_mean", "target_std", "noise")
  /// How images become the network's input, a `Preprocessing`; or how texts do.
  static let (preprocessing, tokenizer) = ("preprocessing", "tokenizer")
  /// The ε of the normalisation layers, where it is not the backbone's usual one.
  static let eps = "norm_eps"
  /// How the weights want their pixels, where it is not as usual for the backbone: an ``InputNormalization``.
  static let normalization = "normalization"
  /// K, a prior's number of deviations.
  static let columns = "columns"
}
