"""Writes Tests/golden/naming/logits.json: logits of timm's and transformers' own networks, under their own names.

    python Tests/golden/naming/make.py        # torch 2.11.0, torchvision 0.26.0, timm 1.0.31, transformers 4.57.1

Each network is filled by formula.py by its own names, so that a wrong map between names gives other logits. In float64, in
evaluation mode, 5 classes, a batch of 2, input in [-1, 1). For mobilenet_v2, efficientnet_b0, ViT and ConvNeXt transformers is
set to torchvision's epsilon and padding. tf_mobilenet_v2 and tf_efficientnet_b0 are as published, google/mobilenet_v2_1.0_224 with
the epsilon that its config.json has.
"""

import json
import pathlib
import sys

import timm
import torch
import transformers
from torch import nn

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))
import formula  # noqa: E402

CLASSES, BATCH, SIDE = 5, 2, 64
TIMM = {
    "resnet50": "resnet50", "densenet121": "densenet121", "mobilenet_v2": "mobilenetv2_100",
    "efficientnet_b0": "efficientnet_b0", "vit_ti_16": "vit_tiny_patch16_224", "convnext_tiny": "convnext_tiny",
    "convnext_atto": "convnext_atto", "tf_efficientnet_b0": "tf_efficientnet_b0",
}


def resnet(**options):
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=CLASSES, **options))


def mobilenet_v2(**options):
    return transformers.MobileNetV2ForImageClassification(transformers.MobileNetV2Config(num_labels=CLASSES, **options))


def tf_efficientnet_b0(**options):
    return transformers.EfficientNetForImageClassification(transformers.EfficientNetConfig(
        num_labels=CLASSES, width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280, **options))


def efficientnet_b0():
    model = tf_efficientnet_b0(batch_norm_eps=1e-5, depthwise_padding=list(range(16)))
    model.efficientnet.embeddings.padding = nn.ZeroPad2d(1)
    return model


def vit_ti_16():
    config = transformers.ViTConfig(
        num_labels=CLASSES, image_size=SIDE, hidden_size=192, num_attention_heads=3, intermediate_size=768,
        layer_norm_eps=1e-6)
    return transformers.ViTForImageClassification(config)


def convnext_tiny():
    return transformers.ConvNextForImageClassification(
        transformers.ConvNextConfig(num_labels=CLASSES, layer_norm_eps=1e-6))


HUGGING_FACE = {
    "resnet18": lambda: resnet(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512]),
    "resnet50": resnet, "mobilenet_v2": lambda: mobilenet_v2(tf_padding=False, layer_norm_eps=1e-5),
    "tf_mobilenet_v2": mobilenet_v2, "tf_efficientnet_b0": tf_efficientnet_b0, "efficientnet_b0": efficientnet_b0,
    "vit_ti_16": vit_ti_16, "convnext_tiny": convnext_tiny,
}


def case(model, naming, network):
    network = network.double().eval()
    formula.fill(network)
    x = torch.from_numpy(formula.uniform("input", (BATCH, 3, SIDE, SIDE), -1, 1))
    with torch.no_grad():
        output = network(x)
    logits = output if naming == "timm" else output.logits
    print(model, naming, logits.norm().item())
    eps = {module.eps for module in network.modules() if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm))}
    return {"model": model, "naming": naming, "eps": min(eps), "tensors": len(network.state_dict()),
            "logits": [float(f"{value:.13g}") for value in logits.flatten().tolist()]}


cases = []
for name, timm_name in TIMM.items():
    size = {"img_size": SIDE} if name.startswith("vit") else {}
    cases.append(case(name, "timm", timm.create_model(timm_name, num_classes=CLASSES, **size)))
for name, make in HUGGING_FACE.items():
    cases.append(case(name, "huggingface", make()))
text = json.dumps({"classes": CLASSES, "batch": BATCH, "side": SIDE, "cases": cases})
(here / "logits.json").write_text(text.replace('{"model"', '\n{"model"') + "\n")
