"""Writes Tests/golden/backbones/<model>.json: logits and updated running statistics of every backbone, from PyTorch.

    python Tests/golden/backbones/make.py [MODEL ...]        # torch 2.11.0, torchvision 0.26.0, numpy

All in float64, weights and inputs by formula.py, 5 classes, a batch of 3 (input in [-1, 1)). Per case: the side, the
logits in evaluation mode and in training mode (row by row), and after the training pass (momentum 0.1), per running
statistic in the state dict's order, its L2 norm and two random-sign projections.
"""

import json
import pathlib
import sys

import torch

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))
import formula  # noqa: E402
import models  # noqa: E402

CLASSES, BATCH, MOMENTUM = 5, 3, 0.1


def rounded(values):
    return [float(f"{value:.13g}") for value in values]


def case(name, side):
    model = models.make(name, CLASSES).double()
    formula.fill(model)
    x = torch.from_numpy(formula.uniform("input", (BATCH, 3, side, side), -1, 1))
    with torch.no_grad():
        evaluation = model.eval()(x)
        training = model.train()(x)
    statistics = {}
    for key, value in model.state_dict().items():
        if "running_" in key:
            array = value.numpy()
            statistics[key] = rounded([(array**2).sum() ** 0.5, *formula.projections(key, array, 2)])
    spread = (evaluation.std(0).norm() / evaluation.norm() * BATCH**0.5).item()
    print(f"{name} {side}: |logits| {evaluation.norm():.3g} {training.norm():.3g}, spread over the batch {spread:.2g}")
    return {
        "side": side,
        "evaluation": rounded(evaluation.flatten().tolist()),
        "training": rounded(training.flatten().tolist()),
        "statistics": statistics,
    }


for name in sys.argv[1:] or models.NAMES:
    sides = models.INPUT_SIDES.get(name, (32,) if name in models.CIFAR else (64,))
    golden = {
        "model": name,
        "classes": CLASSES,
        "batch": BATCH,
        "momentum": MOMENTUM,
        "cases": [case(name, side) for side in sides],
    }
    text = json.dumps(golden).replace('"cases"', '\n"cases"').replace(', "', ',\n"')
    (here / f"{name}.json").write_text(text + "\n")
