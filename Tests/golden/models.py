"""The PyTorch model behind each of Gridless's backbone names: torchvision's where it has one, a small module here else."""

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

INPUT_SIDES = {"tf_mobilenet_v2": (64, 65, 70), "mobilenet_v2": (64, 65), "tf_efficientnet_b0": (64, 70),
               "vit_ti_16": (32, 48), "vit_s_16": (32,), "vit_b_16": (32,), "vit_l_16": (32,), "convnext_small": (32,),
               "convnext_base": (32,)}


class SamePadConv2d(nn.Conv2d):
    """TensorFlow's 'SAME' padding: the output side is ceil(side / stride), the odd pixel of padding goes to the end."""

    def forward(self, x):
        pads = []
        for side, kernel, stride in zip(reversed(x.shape[2:]), reversed(self.kernel_size), reversed(self.stride)):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def pad_as_tensorflow(model):
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and child.stride == (2, 2):
                conv = SamePadConv2d(child.in_channels, child.out_channels, child.kernel_size, 2, 0,
                                     groups=child.groups, bias=False)
                setattr(module, name, conv)
    return model


def tf_mobilenet_v2(classes):
    return pad_as_tensorflow(torchvision.models.mobilenet_v2(num_classes=classes))


def tf_efficientnet_b0(classes):
    model = pad_as_tensorflow(torchvision.models.efficientnet_b0(num_classes=classes))
    set_eps(model, 1e-3)
    return model


def resnet50_layer3(classes):
    """ResNet-50 cut after layer3, the stride in the 1x1 convolution (He et al. 2015, as Caffe and Keras have it)."""
    model = torchvision.models.resnet50(num_classes=classes)
    for stage in (model.layer2, model.layer3):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    model.layer4 = nn.Identity()
    model.fc = nn.Linear(1024, classes)
    set_eps(model, 1.001e-5)
    return model


def set_eps(model, eps):
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.eps = eps


class CIFARBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.extra = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        half = self.extra // 2
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))  # option A
        return F.relu(y + shortcut)


class CIFARResNet(nn.Module):
    """He et al. 2015, section 4.2: 6n + 2 layers, 16-32-64 channels, parameter-free shortcuts (option A)."""

    def __init__(self, depth, classes):
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        width = 16
        for stage in range(3):
            layers = []
            for block in range(blocks):
                outputs = 16 << stage
                layers.append(CIFARBlock(width, outputs, 2 if stage > 0 and block == 0 else 1))
                width = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


# Patch, blocks, heads, width. torchvision has no smaller ones: these two have timm's sizes (vit_tiny_patch16_224, ...).
SMALL_TRANSFORMERS = {"vit_ti_16": (16, 12, 3, 192), "vit_s_16": (16, 12, 6, 384)}
TRANSFORMERS = ["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32"]


def small_transformer(name, classes, side):
    patch, blocks, heads, width = SMALL_TRANSFORMERS[name]
    return torchvision.models.VisionTransformer(side, patch, blocks, heads, width, 4 * width, num_classes=classes)


def convnext_atto(classes):
    """timm's smallest ConvNeXt, as torchvision's class."""
    from torchvision.models.convnext import CNBlockConfig
    widths = (40, 80, 160, 320, None)
    blocks = [CNBlockConfig(widths[i], widths[i + 1], depth) for i, depth in enumerate((2, 2, 6, 2))]
    return torchvision.models.ConvNeXt(blocks, num_classes=classes)


TORCHVISION = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v2", "densenet121",
               "densenet169", "densenet201", "convnext_tiny", "convnext_small", "convnext_base", "efficientnet_b0"]
CIFAR = ["resnet8", "resnet20", "resnet32", "resnet44", "resnet56"]
NAMES = (TORCHVISION + ["resnet50_layer3", "tf_mobilenet_v2", "tf_efficientnet_b0"] + CIFAR + list(SMALL_TRANSFORMERS)
         + TRANSFORMERS + ["convnext_atto"])


def make(name: str, classes: int, side: int = 224) -> nn.Module:
    """The model, with random weights, for images of this side where it depends on it.

    Dropout and stochastic depth are off: the posterior's noise regularises in Gridless.
    """
    if name in TRANSFORMERS:
        model = getattr(torchvision.models, name)(num_classes=classes, image_size=side)
    elif name in SMALL_TRANSFORMERS:
        model = small_transformer(name, classes, side)
    elif name == "convnext_atto":
        model = convnext_atto(classes)
    elif name in TORCHVISION:
        model = getattr(torchvision.models, name)(num_classes=classes)
    elif name == "resnet50_layer3":
        model = resnet50_layer3(classes)
    elif name == "tf_mobilenet_v2":
        model = tf_mobilenet_v2(classes)
    elif name == "tf_efficientnet_b0":
        model = tf_efficientnet_b0(classes)
    elif name in CIFAR:
        model = CIFARResNet(int(name.removeprefix("resnet")), classes)
    else:
        raise SystemExit(f"{name}: no such model; one of {', '.join(NAMES)}")
    for module in model.modules():
        if isinstance(module, (nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    return model
