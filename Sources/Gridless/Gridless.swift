// The whole of Gridless behind one import: the finetuner, priors, backbones and data sets, and what they are made of.
@_exported import Backbones
@_exported import Baselines
@_exported import Datasets
@_exported import Evidence
@_exported import Fetching
@_exported import Reports
@_exported import Studies
@_exported import Torch
@_exported import Training
@_exported import Weights

/// The version of this package.
public let gridlessVersion = "0.1.0"
