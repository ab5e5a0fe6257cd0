"""Writes laplace.json: the Laplace evidence as the PyPI package laplace-torch computes it.

A small CIFAR ResNet and a head alone, with formula weights in evaluation mode (see ../formula.py), float64, a diagonal
empirical Fisher. Needs torch, laplace-torch 0.3 and its dependencies:

    pip install laplace-torch==0.3 backpack-for-pytorch curvlinops-for-pytorch
    python Tests/golden/laplace/make.py
"""

import json
import pathlib
import sys

import torch
from laplace import DiagLaplace
from laplace.curvature import CurvlinopsEF

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import formula  # noqa: E402
import models  # noqa: E402

CLASSES, COUNT, SIDE = 3, 12, 16
PRECISIONS = [[1.0, 1.0], [0.01, 0.01], [25.0, 0.4], [1e-3, 300.0], [1e5, 1e-2]]
# Adam's path from precision 1, as laplace-torch's marglik_training takes it, with the published rate and number of steps.
STEPS, RATE, EPOCHS = 100, 1.0, 2


def evidence(center_shift: float) -> dict:
    torch.set_default_dtype(torch.float64)
    model = models.make("resnet8", CLASSES)
    formula.fill(model)
    model.eval()
    x = torch.from_numpy(formula.uniform("laplace input", (COUNT, 3, SIDE, SIDE), -1, 1))
    y = torch.tensor([index % CLASSES for index in range(COUNT)])
    data = torch.utils.data.TensorDataset(x, y)
    names = [name for name, _ in model.named_parameters()]
    sizes = [parameter.numel() for parameter in model.parameters()]
    is_head = torch.cat([torch.full((size,), name.startswith("linear")) for name, size in zip(names, sizes)])
    theta = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    shift = torch.cat([torch.from_numpy(formula.uniform("center:" + name, (size,), -center_shift, center_shift))
                       for name, size in zip(names, sizes)])
    center = torch.where(is_head, torch.zeros(()), theta + shift)
    la = DiagLaplace(model, "classification", prior_mean=center, backend=CurvlinopsEF)
    la.fit(torch.utils.data.DataLoader(data, batch_size=5))

    def precision(values: torch.Tensor) -> torch.Tensor:
        return torch.where(is_head, values[1], values[0])

    cases = []
    for values in PRECISIONS:
        marglik = la.log_marginal_likelihood(precision(torch.tensor(values)))
        cases.append({"precisions": values, "evidence": float(marglik)})
    log_precisions = torch.zeros(2, requires_grad=True)
    adam = torch.optim.Adam([log_precisions], lr=RATE)
    paths = []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            adam.zero_grad()
            (-la.log_marginal_likelihood(precision(log_precisions.exp()))).backward()
            adam.step()
        paths.append(log_precisions.detach().tolist())
    fisher = la.H.detach()
    return {
        "center_shift": center_shift,
        "log_likelihood": float(la.log_likelihood),
        "fisher_norm": float(fisher.norm()),
        "fisher_sum": float(fisher.sum()),
        "cases": cases,
        "log_precisions": paths,
    }


golden = {"model": "resnet8", "classes": CLASSES, "count": COUNT, "side": SIDE,
          "points": [evidence(0.05), evidence(0.5)]}
(HERE / "laplace.json").write_text(json.dumps(golden, indent=1) + "\n")
