extension NameTables {
  /// ResNet: timm has torchvision's names.
  static let resNet = NameTables(
    timm: [],
    huggingFace: [
      NameRow("conv1.*", "resnet.embedder.embedder.convolution.*"),
      NameRow("bn1.*", "resnet.embedder.embedder.normalization.*"),
      NameRow("fc.*", "classifier.1.*"),
    ]
      + (1...4).flatMap { stage -> [NameRow] in
        let block = "resnet.encoder.stages.\(stage - 1).layers.#"
        return [
          NameRow("layer\(stage).#.downsample.0.*", "\(block).shortcut.convolution.*"),
          NameRow("layer\(stage).#.downsample.1.*", "\(block).shortcut.normalization.*"),
        ]
          + (1...3).flatMap { layer in
            [
              NameRow("layer\(stage).#.conv\(layer).*", "\(block).layer.\(layer - 1).convolution.*"),
              NameRow("layer\(stage).#.bn\(layer).*", "\(block).layer.\(layer - 1).normalization.*"),
            ]
          }
      })

  /// DenseNet: timm has torchvision's names, transformers has no DenseNet.
  static let denseNet = NameTables(timm: [], huggingFace: nil)
}
