extension NameTables {
  /// MobileNetV2: torchvision numbers the blocks through, timm counts them within each stage, and transformers has
  /// the first one in its stem.
  static let mobileNetV2: NameTables = {
    var timm = [
      NameRow("features.0.0.*", "conv_stem.*"), NameRow("features.0.1.*", "bn1.*"),
      NameRow("features.18.0.*", "conv_head.*"), NameRow("features.18.1.*", "bn2.*"),
      NameRow("classifier.1.*", "classifier.*"),
    ]
    var huggingFace =
      rows("features.0.0", "features.0.1", "mobilenet_v2.conv_stem.first_conv")
      + rows("features.18.0", "features.18.1", "mobilenet_v2.conv_1x1") + [NameRow("classifier.1.*", "classifier.*")]
    var number = 1
    for (stage, count) in [1, 2, 3, 4, 3, 3, 1].enumerated() {
      for index in 0..<count {
        let (from, to) = ("features.\(number).conv", "blocks.\(stage).\(index)")
        let layers = number == 1 ? [("dw", 0), ("pw", 1)] : [("pw", 0), ("dw", 1), ("pwl", 2)]
        let block = number == 1 ? "mobilenet_v2.conv_stem" : "mobilenet_v2.layer.\(number - 2)"
        for (layer, position) in layers {
          let isLast = position == layers.count - 1
          let (conv, norm) = (
            "\(from).\(position)\(isLast ? "" : ".0")", "\(from).\(isLast ? "\(position + 1)" : "\(position).1")"
          )
          timm += [
            NameRow("\(conv).*", "\(to).conv_\(layer).*"), NameRow("\(norm).*", "\(to).bn\(position + 1).*"),
          ]
          huggingFace += rows(
            conv, norm, "\(block).\(isLast ? "reduce_1x1" : layer == "dw" ? "conv_3x3" : "expand_1x1")")
        }
        number += 1
      }
    }
    return NameTables(timm: timm, huggingFace: huggingFace)
  }()

  private static func rows(_ conv: String, _ norm: String, _ other: String) -> [NameRow] {
    [NameRow("\(conv).*", "\(other).convolution.*"), NameRow("\(norm).*", "\(other).normalization.*")]
  }

  /// EfficientNet-B0: transformers numbers the blocks through.
  static let efficientNetB0: NameTables = {
    var timm = [
      NameRow("features.0.0.*", "conv_stem.*"), NameRow("features.0.1.*", "bn1.*"),
      NameRow("features.8.0.*", "conv_head.*"), NameRow("features.8.1.*", "bn2.*"),
      NameRow("classifier.1.*", "classifier.*"),
    ]
    var huggingFace = [
      NameRow("features.0.0.*", "efficientnet.embeddings.convolution.*"),
      NameRow("features.0.1.*", "efficientnet.embeddings.batchnorm.*"),
      NameRow("features.8.0.*", "efficientnet.encoder.top_conv.*"),
      NameRow("features.8.1.*", "efficientnet.encoder.top_bn.*"), NameRow("classifier.1.*", "classifier.*"),
    ]
    var number = 0
    for (stage, count) in [1, 2, 2, 3, 3, 4, 1].enumerated() {
      for index in 0..<count {
        let (from, to) = ("features.\(stage + 1).\(index).block", "blocks.\(stage).\(index)")
        let block = "efficientnet.encoder.blocks.\(number)"
        // The first block does not widen.
        let first = stage == 0 ? 0 : 1
        if first == 1 {
          timm += [NameRow("\(from).0.0.*", "\(to).conv_pw.*"), NameRow("\(from).0.1.*", "\(to).bn1.*")]
          huggingFace += [
            NameRow("\(from).0.0.*", "\(block).expansion.expand_conv.*"),
            NameRow("\(from).0.1.*", "\(block).expansion.expand_bn.*"),
          ]
        }
        timm += [
          NameRow("\(from).\(first).0.*", "\(to).conv_dw.*"), NameRow("\(from).\(first).1.*", "\(to).bn\(first + 1).*"),
          NameRow("\(from).\(first + 1).fc1.*", "\(to).se.conv_reduce.*"),
          NameRow("\(from).\(first + 1).fc2.*", "\(to).se.conv_expand.*"),
          NameRow("\(from).\(first + 2).0.*", "\(to).\(first == 0 ? "conv_pw" : "conv_pwl").*"),
          NameRow("\(from).\(first + 2).1.*", "\(to).bn\(first + 2).*"),
        ]
        huggingFace += [
          NameRow("\(from).\(first).0.*", "\(block).depthwise_conv.depthwise_conv.*"),
          NameRow("\(from).\(first).1.*", "\(block).depthwise_conv.depthwise_norm.*"),
          NameRow("\(from).\(first + 1).fc1.*", "\(block).squeeze_excite.reduce.*"),
          NameRow("\(from).\(first + 1).fc2.*", "\(block).squeeze_excite.expand.*"),
          NameRow("\(from).\(first + 2).0.*", "\(block).projection.project_conv.*"),
          NameRow("\(from).\(first + 2).1.*", "\(block).projection.project_bn.*"),
        ]
        number += 1
      }
    }
    return NameTables(timm: timm, huggingFace: huggingFace)
  }()
}
