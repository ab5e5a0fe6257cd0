"""Writes Tests/golden/backbones/<model>.json: logits, updated running statistics and gradients of every backbone, from PyTorch.

    python Tests/golden/backbones/make.py [MODEL ...]        # torch 2.11.0, torchvision 0.26.0, numpy

All in float64, weights and inputs by formula.py, 5 classes, a batch of 3 (input in [-1, 1)). Per case: the side, the
logits in evaluation mode and in training mode (row by row), and after the training pass (momentum 0.1), per running
statistic in the state dict's order, its L2 norm and two random-sign projections. Of the training pass's mean cross-entropy
(target i = hash i of "targets" mod classes) the gradient: for each parameter, in the order of named_parameters(), its L2
norm and two projections. A gradient below 1e-12 of the whole one's norm is rounding noise around an exact zero (a shift
that the next normalisation takes out again), and stored as zeros.

The largest models (LARGE) have logits in evaluation mode only.

positions.json has embeddings of positions at other sizes, by torchvision's interpolate_embeddings in float32: for each
case the sides of the two grids, and of the result its L2 norm and eight projections.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.models.vision_transformer import interpolate_embeddings

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))
import formula  # noqa: E402
import models  # noqa: E402

CLASSES, BATCH, MOMENTUM = 5, 3, 0.1
LARGE = ("vit_l_16", "vit_l_32")


def rounded(values, digits=13):
    return [float(f"{value:.{digits}g}") for value in values]


def digest(name, array, projections=2, digits=13):
    return rounded([(array**2).sum() ** 0.5, *formula.projections(name, array, projections)], digits)


def gradients(model):
    parameters = dict(model.named_parameters())
    total = torch.stack([p.grad.norm() for p in parameters.values()]).norm().item()
    digests = []
    for name, parameter in parameters.items():
        gradient = parameter.grad.numpy()
        if np.sqrt((gradient**2).sum()) < 1e-12 * total:
            gradient = np.zeros_like(gradient)
        digests.append(digest(name, gradient, digits=10))
    return digests


def case(name, side):
    model = models.make(name, CLASSES, side).double()
    formula.fill(model)
    x = torch.from_numpy(formula.uniform("input", (BATCH, 3, side, side), -1, 1))
    targets = torch.from_numpy((formula.hashes("targets", BATCH) % np.uint64(CLASSES)).astype(np.int64))
    with torch.no_grad():
        evaluation = model.eval()(x)
    spread = (evaluation.std(0).norm() / evaluation.norm() * BATCH**0.5).item()
    print(f"{name} {side}: |logits| {evaluation.norm():.3g}, spread over the batch {spread:.2g}")
    result = {"side": side, "evaluation": rounded(evaluation.flatten().tolist())}
    if name in LARGE:
        return result
    training = model.train()(x)
    F.cross_entropy(training, targets).backward()
    statistics = {key: digest(key, value.numpy()) for key, value in model.state_dict().items() if "running_" in key}
    return result | {
        "training": rounded(training.flatten().tolist()),
        "statistics": statistics,
        "gradients": gradients(model),
    }


def positions(width=192, patch=16):
    cases = []
    for found, wanted in ((2, 3), (4, 3), (14, 2), (3, 8)):
        shape = (1, 1 + found**2, width)
        state = {"encoder.pos_embedding": torch.from_numpy(formula.state("encoder.pos_embedding", shape)).float()}
        array = interpolate_embeddings(wanted * patch, patch, state)["encoder.pos_embedding"].double().numpy()
        cases.append({"found": found, "wanted": wanted, "digest": digest("encoder.pos_embedding", array, 8)})
    (here / "positions.json").write_text(json.dumps({"width": width, "cases": cases}).replace("}, ", "},\n") + "\n")


if len(sys.argv) == 1:
    positions()
for name in sys.argv[1:] or models.NAMES:
    if name == "positions":
        positions()
        continue
    sides = models.INPUT_SIDES.get(name, (32,) if name in models.CIFAR else (64,))
    golden = {
        "model": name,
        "classes": CLASSES,
        "batch": BATCH,
        "momentum": MOMENTUM,
        "cases": [case(name, side) for side in sides],
    }
    text = json.dumps(golden).replace('"cases"', '\n"cases"').replace(', "', ',\n"').replace("], [", "],\n[")
    (here / f"{name}.json").write_text(text + "\n")
