extension NameTables {
  /// Vision Transformer: timm packs queries, keys and values in one matrix as torchvision does; transformers has them
  /// apart.
  static let visionTransformer: NameTables = {
    let block = "encoder.layers.encoder_layer_#"
    let other = "vit.encoder.layer.#"
    func projections(_ kind: String) -> NameRow {
      let names = ["query", "key", "value"].map { "\(other).attention.attention.\($0).\(kind)" }
      return NameRow("\(block).self_attention.in_proj_\(kind)", names[0], names[1], names[2])
    }
    return NameTables(
      timm: [
        NameRow("class_token", "cls_token"), NameRow("encoder.pos_embedding", "pos_embed"),
        NameRow("conv_proj.*", "patch_embed.proj.*"), NameRow("encoder.ln.*", "norm.*"),
        NameRow("heads.head.*", "head.*"), NameRow("\(block).ln_1.*", "blocks.#.norm1.*"),
        NameRow("\(block).self_attention.in_proj_weight", "blocks.#.attn.qkv.weight"),
        NameRow("\(block).self_attention.in_proj_bias", "blocks.#.attn.qkv.bias"),
        NameRow("\(block).self_attention.out_proj.*", "blocks.#.attn.proj.*"),
        NameRow("\(block).ln_2.*", "blocks.#.norm2.*"), NameRow("\(block).mlp.0.*", "blocks.#.mlp.fc1.*"),
        NameRow("\(block).mlp.3.*", "blocks.#.mlp.fc2.*"),
      ],
      huggingFace: [
        NameRow("class_token", "vit.embeddings.cls_token"),
        NameRow("encoder.pos_embedding", "vit.embeddings.position_embeddings"),
        NameRow("conv_proj.*", "vit.embeddings.patch_embeddings.projection.*"),
        NameRow("encoder.ln.*", "vit.layernorm.*"), NameRow("heads.head.*", "classifier.*"),
        NameRow("\(block).ln_1.*", "\(other).layernorm_before.*"), projections("weight"), projections("bias"),
        NameRow("\(block).self_attention.out_proj.*", "\(other).attention.output.dense.*"),
        NameRow("\(block).ln_2.*", "\(other).layernorm_after.*"),
        NameRow("\(block).mlp.0.*", "\(other).intermediate.dense.*"),
        NameRow("\(block).mlp.3.*", "\(other).output.dense.*"),
      ])
  }()

  /// ConvNeXt: layer scales are vectors elsewhere.
  ///
  /// timm's smallest has its perceptrons as 1×1 convolutions, `perceptronOnes` 2.
  static func convNeXt(perceptronOnes: Int = 0) -> NameTables {
    var timm = [
      NameRow("features.0.0.*", "stem.0.*"), NameRow("features.0.1.*", "stem.1.*"),
      NameRow("classifier.0.*", "head.norm.*"), NameRow("classifier.2.*", "head.fc.*"),
    ]
    var huggingFace = [
      NameRow("features.0.0.*", "convnext.embeddings.patch_embeddings.*"),
      NameRow("features.0.1.*", "convnext.embeddings.layernorm.*"),
      NameRow("classifier.0.*", "convnext.layernorm.*"), NameRow("classifier.2.*", "classifier.*"),
    ]
    for stage in 0..<4 {
      let block = "features.\(2 * stage + 1).#"
      let (timmBlock, otherStage) = ("stages.\(stage).blocks.#", "convnext.encoder.stages.\(stage)")
      if stage > 0 {
        for layer in 0...1 {
          timm.append(NameRow("features.\(2 * stage).\(layer).*", "stages.\(stage).downsample.\(layer).*"))
          huggingFace.append(
            NameRow("features.\(2 * stage).\(layer).*", "\(otherStage).downsampling_layer.\(layer).*"))
        }
      }
      timm += [
        NameRow("\(block).layer_scale", "\(timmBlock).gamma", trailingOnes: -2),
        NameRow("\(block).block.0.*", "\(timmBlock).conv_dw.*"), NameRow("\(block).block.2.*", "\(timmBlock).norm.*"),
        NameRow("\(block).block.3.weight", "\(timmBlock).mlp.fc1.weight", trailingOnes: perceptronOnes),
        NameRow("\(block).block.5.weight", "\(timmBlock).mlp.fc2.weight", trailingOnes: perceptronOnes),
        NameRow("\(block).block.3.bias", "\(timmBlock).mlp.fc1.bias"),
        NameRow("\(block).block.5.bias", "\(timmBlock).mlp.fc2.bias"),
      ]
      huggingFace += [
        NameRow("\(block).layer_scale", "\(otherStage).layers.#.layer_scale_parameter", trailingOnes: -2),
        NameRow("\(block).block.0.*", "\(otherStage).layers.#.dwconv.*"),
        NameRow("\(block).block.2.*", "\(otherStage).layers.#.layernorm.*"),
        NameRow("\(block).block.3.*", "\(otherStage).layers.#.pwconv1.*"),
        NameRow("\(block).block.5.*", "\(otherStage).layers.#.pwconv2.*"),
      ]
    }
    return NameTables(timm: timm, huggingFace: huggingFace)
  }
}
