extension Catalog {
  /// torchvision 0.26.0's ImageNet-1k weights: a network's name means those that torchvision takes by default, `_v1`
  /// its first ones where there are two.
  ///
  /// Names, digits of SHA-256 (within the names) and sizes are those of its `WeightsEnum`s.
  static let officialCheckpoints: [Asset] = [
    checkpoint("resnet18", "resnet18-f37072fd", megabytes: 44.661),
    checkpoint("resnet34", "resnet34-b627a593", megabytes: 83.275),
    checkpoint("resnet50", "resnet50-11ad3fa6", megabytes: 97.790, "IMAGENET1K_V2"),
    checkpoint("resnet50_v1", "resnet50-0676ba61", megabytes: 97.781),
    checkpoint("resnet101", "resnet101-cd907fc2", megabytes: 170.530, "IMAGENET1K_V2"),
    checkpoint("resnet101_v1", "resnet101-63fe2227", megabytes: 170.511),
    checkpoint("resnet152", "resnet152-f82ba261", megabytes: 230.474, "IMAGENET1K_V2"),
    checkpoint("resnet152_v1", "resnet152-394f9c45", megabytes: 230.434),
    checkpoint("mobilenet_v2", "mobilenet_v2-7ebf99e0", megabytes: 13.598, "IMAGENET1K_V2"),
    checkpoint("mobilenet_v2_v1", "mobilenet_v2-b0353104", megabytes: 13.555),
    checkpoint("densenet121", "densenet121-a639ec97", megabytes: 30.845),
    checkpoint("densenet169", "densenet169-b2777c0a", megabytes: 54.708),
    checkpoint("densenet201", "densenet201-c1103571", megabytes: 77.373),
    checkpoint("vit_b_16", "vit_b_16-c867db91", megabytes: 330.285),
    checkpoint("vit_b_32", "vit_b_32-d86f8d99", megabytes: 336.604),
    checkpoint("vit_l_16", "vit_l_16-852ce7e3", megabytes: 1161.023),
    checkpoint("vit_l_32", "vit_l_32-c7638314", megabytes: 1169.449),
    checkpoint("convnext_tiny", "convnext_tiny-983f1562", megabytes: 109.119),
    checkpoint("convnext_small", "convnext_small-0c510722", megabytes: 191.703),
    checkpoint("convnext_base", "convnext_base-6075fbad", megabytes: 338.064),
    checkpoint("efficientnet_b0", "efficientnet_b0_rwightman-7f5810bc", megabytes: 20.451),
  ]

  /// `megabytes` are torchvision's, of 2²⁰ bytes.
  private static func checkpoint(
    _ name: String, _ file: String, megabytes: Double, _ weights: String = "IMAGENET1K_V1"
  ) -> Asset {
    Asset(
      name: name, title: "torchvision's \(name.replacing("_v1", with: "")), \(weights)",
      terms:
        "torchvision's (BSD-3-Clause), trained on ImageNet-1k, whose terms (non-commercial research) may bear on it",
      files: [
        RemoteFile(
          url: "https://download.pytorch.org/models/\(file).pth", bytes: Int(megabytes * 1_048_576),
          checksum: .sha256(String(file.suffix(8))))
      ],
      kind: .checkpoint)
  }

  /// MD5 as torchvision and torchtext check them; CIFAR-10's is on its page.
  static let officialDatasets: [Asset] = [
    Asset(
      name: "cifar10", title: "CIFAR-10, binary version (Krizhevsky, 2009)",
      terms: "no licence is stated; its authors ask to be cited: https://www.cs.toronto.edu/~kriz/cifar.html",
      files: [
        RemoteFile(
          url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", bytes: 170_052_171,
          checksum: .md5("c32a1d4ab5d03f1284b67883e8d87530"))
      ],
      kind: .dataset(contents: ["cifar-10-batches-bin"])),
    Asset(
      name: "flowers102", title: "Oxford 102 Flower (Nilsback and Zisserman, 2008)",
      terms:
        "no licence is stated, the photographs are their owners': https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
      files: [
        RemoteFile(
          url: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz", bytes: 344_862_509,
          checksum: .md5("52808999861908f626f3c1f4e79d11fa")),
        RemoteFile(
          url: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat", bytes: 502,
          checksum: .md5("e0620be6f572b9609742df49c70aed4d")),
        RemoteFile(
          url: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/setid.mat", bytes: 14_989,
          checksum: .md5("a5357ecc9cb78c4bef273ce3793fc85c")),
      ],
      kind: .dataset(contents: ["jpg", "imagelabels.mat", "setid.mat"])),
    Asset(
      name: "pets", title: "Oxford-IIIT Pet, 37 breeds (Parkhi et al., 2012)",
      terms: "CC BY-SA 4.0, the photographs are their owners': https://www.robots.ox.ac.uk/~vgg/data/pets/",
      files: [
        RemoteFile(
          url: "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", bytes: 791_918_971,
          checksum: .md5("5c4f3ee8e5d25df40f4fd59a7f44e54c")),
        RemoteFile(
          url: "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", bytes: 19_173_078,
          checksum: .md5("95a8c909bbe2e81eed6a22bccdf3f68f")),
      ],
      kind: .dataset(contents: ["images", "annotations"])),
    Asset(
      name: "ag_news", title: "AG News (Zhang, Zhao and LeCun, 2015)",
      terms:
        "for research and other non-commercial use: http://groups.di.unipi.it/~gulli/AG_corpus_of_news_articles.html",
      files: [
        RemoteFile(
          url: "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/train.csv",
          bytes: 29_470_338, checksum: .md5("b1a00f826fdfbd249f79597b59e1dc12")),
        RemoteFile(
          url: "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv",
          bytes: 1_857_427, checksum: .md5("d52ea96a97a2d943681189a97654912d")),
      ],
      kind: .dataset(contents: ["train.csv", "test.csv"])),
  ]
}
