extension Backbone {
  /// Every backbone that Gridless knows.
  public static let all: [Backbone] =
    [
      resNet("resnet18", [2, 2, 2, 2], bottleneck: false),
      resNet("resnet34", [3, 4, 6, 3], bottleneck: false),
      resNet("resnet50", [3, 4, 6, 3], bottleneck: true),
      resNet("resnet101", [3, 4, 23, 3], bottleneck: true),
      resNet("resnet152", [3, 8, 36, 3], bottleneck: true),
      resNet50Layer3,
      mobileNetV2("mobilenet_v2", normalization: .imageNet),
      mobileNetV2(
        "tf_mobilenet_v2", padsAsTensorFlow: true, normalization: .tensorFlow,
        weights:
          "TensorFlow's MobileNetV2 1.0, or google/mobilenet_v2_1.0_224 with its config.json, pretrained on ImageNet"),
      denseNet("densenet121", [6, 12, 24, 16]),
      denseNet("densenet169", [6, 12, 32, 32]),
      denseNet("densenet201", [6, 12, 48, 32]),
    ] + [8, 20, 32, 44, 56].map(cifarResNet) + visionTransformers + convNeXts + efficientNets + berts

  private static func resNet(_ name: String, _ blocks: [Int], bottleneck: Bool) -> Backbone {
    let configuration = ResNet.Configuration(blocks: blocks, bottleneck: bottleneck)
    return Backbone(
      name, featureWidth: configuration.featureWidth, head: "fc",
      transformers: TransformersTraits(modelType: "resnet", activation: "relu"), names: .resNet
    ) {
      ResNet(configuration, classes: $0, builder: &$1)
    }
  }

  /// ResNet-50 up to `layer3`, as Caffe and Keras have it: strides in the 1×1 convolutions, BGR input, another ε.
  private static var resNet50Layer3: Backbone {
    let configuration = ResNet.Configuration(blocks: [3, 4, 6], bottleneck: true, strideInFirst: true)
    return Backbone(
      "resnet50_layer3", featureWidth: configuration.featureWidth, normalization: .caffe, head: "fc",
      weights: "Keras's ResNet-50 up to layer3 under torchvision's names, pretrained on ImageNet", eps: 1.001e-5
    ) {
      ResNet(configuration, classes: $0, builder: &$1)
    }
  }

  private static func mobileNetV2(
    _ name: String, padsAsTensorFlow: Bool = false, normalization: InputNormalization, weights: String? = nil
  ) -> Backbone {
    Backbone(
      name, featureWidth: MobileNetV2.featureWidth, normalization: normalization, head: "classifier.1",
      weights: weights, padsAsTensorFlow: padsAsTensorFlow,
      transformers: TransformersTraits(
        modelType: "mobilenet_v2", activation: "relu6", epsKey: "layer_norm_eps", defaultEps: 1e-3),
      names: .mobileNetV2
    ) {
      MobileNetV2(stridedPadding: padsAsTensorFlow ? .same : nil, classes: $0, builder: &$1)
    }
  }

  /// ε is torchvision's 1e-5.
  ///
  /// Weights trained by Keras, with 1.001e-5, serve as well: DenseNet-169's features move by
  /// 4e-5 relative on photographs, less than by rounding the weights to fp16 (1e-3).
  private static func denseNet(_ name: String, _ layers: [Int]) -> Backbone {
    Backbone(name, featureWidth: DenseNet.featureWidth(layers), head: "classifier", fan: .input, names: .denseNet) {
      DenseNet(layers: layers, classes: $0, builder: &$1)
    }
  }

  private static func cifarResNet(depth: Int) -> Backbone {
    Backbone(
      "resnet\(depth)", featureWidth: CIFARResNet.featureWidth, inputSize: 32, normalization: .cifar10, head: "linear",
      weights:
        "a CIFAR ResNet-\(depth) with option-A shortcuts and a head named linear, for pixels by CIFAR-10's mean and std",
      fan: .input
    ) {
      CIFARResNet(depth: depth, classes: $0, builder: &$1)
    }
  }

  private static var berts: [Backbone] {
    [
      bert("bert", depth: 12, heads: 12, width: 768, published: "bert-base-uncased"),
      bert("bert-mini", depth: 4, heads: 4, width: 256, published: "BERT-Mini (google/bert_uncased_L-4_H-256_A-4)"),
      bert("bert-tiny", depth: 2, heads: 2, width: 128, published: "BERT-Tiny (google/bert_uncased_L-2_H-128_A-2)"),
    ]
  }

  private static func bert(_ name: String, depth: Int, heads: Int, width: Int, published: String) -> Backbone {
    let configuration = BERT.Configuration(depth: depth, heads: heads, width: width)
    return Backbone(
      name, featureWidth: width, inputSize: BERT.positions, head: "classifier",
      weights: "Hugging Face's \(published), with its vocab.txt", modality: .texts, eps: 1e-12,
      transformers: TransformersTraits(modelType: "bert", activation: "gelu", heads: heads, epsKey: "layer_norm_eps"),
      names: NameTables(timm: nil, huggingFace: [])
    ) {
      BERT(configuration, classes: $0, builder: &$1)
    }
  }

  private static var visionTransformers: [Backbone] {
    [
      visionTransformer("vit_ti_16", patch: 16, depth: 12, heads: 3, width: 192, timm: "vit_tiny_patch16_224"),
      visionTransformer("vit_s_16", patch: 16, depth: 12, heads: 6, width: 384, timm: "vit_small_patch16_224"),
      visionTransformer("vit_b_16", patch: 16, depth: 12, heads: 12, width: 768),
      visionTransformer("vit_b_32", patch: 32, depth: 12, heads: 12, width: 768),
      visionTransformer("vit_l_16", patch: 16, depth: 24, heads: 16, width: 1024),
      visionTransformer("vit_l_32", patch: 32, depth: 24, heads: 16, width: 1024),
    ]
  }

  /// Where torchvision has none of this size, timm's weights serve, which want pixels from −1 to 1.
  private static func visionTransformer(
    _ name: String, patch: Int, depth: Int, heads: Int, width: Int, timm: String? = nil
  ) -> Backbone {
    let configuration = VisionTransformer.Configuration(patch: patch, depth: depth, heads: heads, width: width)
    return Backbone(
      name, featureWidth: width, normalization: timm == nil ? .imageNet : .tensorFlow, head: "heads.head",
      weights: timm.map { "timm's \($0) under torchvision's names, pretrained on ImageNet" },
      eps: 1e-6,
      transformers: TransformersTraits(modelType: "vit", activation: "gelu", heads: heads, epsKey: "layer_norm_eps"),
      names: .visionTransformer
    ) {
      VisionTransformer(configuration, classes: $0, builder: &$1)
    }
  }

  private static var convNeXts: [Backbone] {
    [
      convNeXt("convnext_atto", [2, 2, 6, 2], [40, 80, 160, 320], dropProbability: 0, timm: "convnext_atto"),
      convNeXt("convnext_tiny", [3, 3, 9, 3], [96, 192, 384, 768], dropProbability: 0.1),
      convNeXt("convnext_small", [3, 3, 27, 3], [96, 192, 384, 768], dropProbability: 0.4),
      convNeXt("convnext_base", [3, 3, 27, 3], [128, 256, 512, 1024], dropProbability: 0.5),
    ]
  }

  private static func convNeXt(
    _ name: String, _ depths: [Int], _ widths: [Int], dropProbability: Double, timm: String? = nil
  ) -> Backbone {
    let configuration = ConvNeXt.Configuration(depths: depths, widths: widths, dropProbability: dropProbability)
    return Backbone(
      name, featureWidth: widths[widths.count - 1], head: "classifier.2",
      weights: timm.map { "timm's \($0) under torchvision's names, pretrained on ImageNet" },
      eps: 1e-6, stochasticDepth: dropProbability > 0,
      transformers: TransformersTraits(modelType: "convnext", activation: "gelu"),
      names: .convNeXt(perceptronOnes: timm == nil ? 0 : 2)
    ) {
      ConvNeXt(configuration, classes: $0, builder: &$1)
    }
  }

  private static var efficientNets: [Backbone] {
    [
      efficientNetB0("efficientnet_b0"),
      efficientNetB0(
        "tf_efficientnet_b0", padsAsTensorFlow: true, eps: 1e-3,
        weights: "timm's tf_efficientnet_b0 or google/efficientnet-b0, pretrained on ImageNet"),
    ]
  }

  /// transformers pads as TensorFlow does on even sides only: on all sides of 32k pixels it is the same function.
  private static func efficientNetB0(
    _ name: String, padsAsTensorFlow: Bool = false, eps: Double = 1e-5, weights: String? = nil
  ) -> Backbone {
    Backbone(
      name, featureWidth: EfficientNet.featureWidth, head: "classifier.1", weights: weights, eps: eps,
      padsAsTensorFlow: padsAsTensorFlow, stochasticDepth: true,
      transformers: TransformersTraits(
        modelType: "efficientnet", activation: "swish", epsKey: "batch_norm_eps", defaultEps: 1e-3),
      names: .efficientNetB0
    ) {
      EfficientNet(stridedPadding: padsAsTensorFlow ? .same : nil, classes: $0, builder: &$1)
    }
  }
}
