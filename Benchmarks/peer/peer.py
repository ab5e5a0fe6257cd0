"""The peer: training steps of plain PyTorch, timed on request.

Three modes. `elbo` does per step what published research code for this method does: fp32, contiguous NCHW, every layer's
weights sampled on their own (cat, noise, split), all parameters flattened again for the KL, autograd through both,
torch.optim.SGD, a DataLoader with Python transforms and no workers, metrics copied to the host. `map` is the same code
without noise and KL, with weight decay. `careful` is a plain step by somebody who knows PyTorch: channels-last, bfloat16
where the processor computes in it, foreach SGD, images prepared as one tensor, no metrics.

Reads one JSON object per line: {"model", "size", "batch", "mode", "warmup", "steps", "threads"}. Answers each with one:
{"seconds": [one per step], "peakBytes", "precision", "loss"}. usage: peer.py DATA IMAGES
"""

import contextlib
import glob
import json
import math
import os
import sys
import time

import torch
import torchvision
from PIL import Image
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torchvision import transforms

CLASSES = 100
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, MAX_NORM, INITIAL_SIGMA = 0.01, 0.9, 1e-4, 1.0, 1e-4


class Images(torch.utils.data.Dataset):
    """Pillow images, resized beforehand, transformed one by one."""

    def __init__(self, root, count, size):
        side = round(size * 256 / 224)
        self.images = []
        for path in sorted(glob.glob(os.path.join(root, "*", "*.jpg")))[:count]:
            with Image.open(path) as image:
                self.images.append(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
        self.transform = transforms.Compose([
            transforms.RandomCrop(size), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
            transforms.Normalize(MEAN, STD)])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), index % CLASSES


def endless(loader):
    while True:
        yield from loader


def make_network(name):
    torch.manual_seed(0)
    return getattr(torchvision.models, name.removeprefix("tf_"))(num_classes=CLASSES).train()


class PublishedStep:
    """A step of research code, with the variational layers (`elbo`) or without (`map`)."""

    precision = "fp32"

    def __init__(self, command, images):
        self.variational = command["mode"] == "elbo"
        self.network = make_network(command["model"])
        self.examples = len(images)
        self.batches = endless(torch.utils.data.DataLoader(
            images, batch_size=command["batch"], shuffle=True, drop_last=True, num_workers=0))
        # Each layer with parameters of its own: their names, and they.
        self.layers = []
        for prefix, module in self.network.named_modules():
            own = dict(module.named_parameters(recurse=False))
            if own:
                names = [f"{prefix}.{name}" if prefix else name for name in own]
                self.layers.append((names, list(own.values())))
        named = list(self.network.named_parameters())
        self.head = [p for name, p in named if name.startswith(("fc.", "classifier."))]
        self.backbone = [p for name, p in named if not name.startswith(("fc.", "classifier."))]
        self.center = torch.cat([p.detach().reshape(-1) for p in self.backbone])
        self.parameters = [p for _, p in named]
        if self.variational:
            self.rho = nn.Parameter(torch.tensor(math.log(math.expm1(INITIAL_SIGMA))))
            self.parameters.append(self.rho)
        self.optimizer = torch.optim.SGD(
            self.parameters, lr=LEARNING_RATE, momentum=MOMENTUM, nesterov=True,
            weight_decay=0 if self.variational else WEIGHT_DECAY)

    def sample(self, sigma):
        sampled = {}
        for names, means in self.layers:
            mean = torch.cat([p.view(-1) for p in means])
            values = mean + sigma * torch.randn_like(mean)
            for name, p, part in zip(names, means, values.split([p.numel() for p in means])):
                sampled[name] = part.view(p.shape)
        return sampled

    def divergence(self, sigma):
        """KL(q ‖ p) at the best λ and τ, by autograd through the general form; and the two."""
        kl, scales = 0.0, []
        for parameters, center in ((self.backbone, self.center), (self.head, None)):
            flat = torch.cat([p.view(-1) for p in parameters])
            count = flat.numel()
            distance = (flat if center is None else flat - center).square().sum()
            variance = sigma.square()
            scale = ((distance + count * variance) / count).detach()
            kl = kl + 0.5 * (distance / scale + count * variance / scale - count
                             + count * scale.log() - count * variance.log())
            scales.append(scale)
        return kl, scales

    def __call__(self):
        images, labels = next(self.batches)
        self.optimizer.zero_grad()
        if self.variational:
            sigma = functional.softplus(self.rho)
            logits = functional_call(self.network, self.sample(sigma), (images,))
            nll = functional.cross_entropy(logits, labels)
            kl, scales = self.divergence(sigma)
            # κN = D, the number of trainable parameters.
            loss = nll + kl / (sum(p.numel() for p in self.parameters) - 1)
        else:
            logits = self.network(images)
            loss = nll = functional.cross_entropy(logits, labels)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, MAX_NORM)
        self.optimizer.step()
        metrics = [loss, nll, norm, (logits.argmax(1) == labels).float().mean()]
        if self.variational:
            metrics += [kl, sigma, *scales]
        return [metric.item() for metric in metrics][0]


class CarefulStep:
    """A plain step with what PyTorch offers for speed."""

    def __init__(self, command, images):
        # Elsewhere bfloat16 is emulated and slower than float32.
        with open("/proc/cpuinfo") as file:
            self.precision = "bf16" if "avx512_bf16" in (text := file.read()) or "amx_bf16" in text else "fp32"
        self.network = make_network(command["model"]).to(memory_format=torch.channels_last)
        crop = transforms.Compose([
            transforms.CenterCrop(command["size"]), transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
        self.images = torch.stack([crop(image) for image in images.images]).to(memory_format=torch.channels_last)
        self.labels = torch.arange(len(self.images)) % CLASSES
        self.batch, self.start = command["batch"], 0
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.SGD(
            self.parameters, lr=LEARNING_RATE, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY, foreach=True)

    def __call__(self):
        if self.start + self.batch > len(self.images):
            self.start = 0
        part = slice(self.start, self.start + self.batch)
        self.start += self.batch
        autocast = torch.autocast("cpu", torch.bfloat16) if self.precision == "bf16" else contextlib.nullcontext()
        with autocast:
            loss = functional.cross_entropy(self.network(self.images[part]).float(), self.labels[part])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, MAX_NORM, foreach=True)
        self.optimizer.step()
        return loss.detach()


def peak_bytes():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def main(root, count):
    stores, steps, case = {}, {}, None
    for line in sys.stdin:
        command = json.loads(line)
        torch.set_num_threads(command["threads"])
        asked = (command["model"], command["size"], command["batch"])
        if asked != case:
            steps, case = {}, asked
        if (size := command["size"]) not in stores:
            stores = {size: Images(root, count, size)}
        mode = command["mode"]
        if mode not in steps:
            steps[mode] = (CarefulStep if mode == "careful" else PublishedStep)(command, stores[size])
        step = steps[mode]
        for _ in range(command["warmup"]):
            step()
        seconds = []
        for _ in range(command["steps"]):
            start = time.perf_counter()
            loss = step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "peakBytes": peak_bytes(), "precision": step.precision,
                          "loss": float(loss)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
