"""Writes Tests/golden/step/<model>_<case>.json: the quantities of one training step, from the plain formulas.

    python Tests/golden/step/make.py        # torch 2.11.0, torchvision 0.26.0, numpy, mpmath

The step (float64): weights w = mean + sigma * epsilon for every trainable parameter, mean NLL of a batch in training
mode, loss = NLL + KL / (kappa N) with kappa = D / N, lambda* and tau* plugged into the general-lambda KL as constants,
sigma = softplus(rho); every gradient by autograd, through nothing but these formulas. Nothing is shared with Gridless's
closed forms. What cancels (KL and its sigma gradient) is repeated with 50 digits (mpmath), and the script stops if
float64 strays from that by more than 1e-11.

Cases: "perturbed", the backbone's mean = prior mean + uniform +-0.001; "at_prior", equal to it; "smooth" see ACTIVATED. Formula tensors
(formula.py): "input" [B, 3, side, side] in [-1, 1); target i = hash i of "targets" mod classes; a prior mean, the head's
mean and the running statistics = state(name), changed in the smooth cases; the perturbation "perturbation:<name>"; epsilon "epsilon:<name>", uniform
with unit variance, i.e. in [-sqrt 3, sqrt 3).

Stored: scalars, and per parameter the gradient of the loss with respect to its mean: all values if there are at most
64, else the L2 norm and 32 random-sign projections (formula.projections), so that |g - g*| is estimated by the root mean
square of their differences (standard error about 12 %). Where the exact gradient is zero (MobileNetV2's projection
biases at the prior's mean: the next BatchNorm takes every shift out again), autograd returns rounding noise; a gradient
below 1e-12 of the whole gradient's norm is stored as zero.
"""

import json
import math
import pathlib
import sys

import mpmath
import numpy as np
import torch
import torch.nn.functional as F

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))
import formula  # noqa: E402
import models  # noqa: E402

N, CLASSES, BATCH, SIGMA, PROJECTIONS = 1000, 5, 4, 5e-4, 32
SIDES = {"resnet20": 32, "mobilenet_v2": 64}
# BatchNorms that an activation follows. The "smooth" cases halve their weights and add 3 to their biases, so that almost
# no activation comes near the kinks of ReLU and ReLU6. Around 0 there are always some within float32's rounding of a
# kink, and PyTorch's own float32 gradients differ by 1.5 % from float64's.
ACTIVATED = {"resnet20": ("bn1", "bn2"), "mobilenet_v2": (".1",)}
HEADS = {"resnet20": "linear.", "mobilenet_v2": "classifier."}
# Where BN removes a shift the gradient is the KL's alone: large enough beside float32's rounding of the NLL's zero.
PERTURBATION = 1e-3
mpmath.mp.dps = 50


def kl(distance, d, sigma, prior_variance, log):
    """KL(N(mean, sigma^2 I) || N(m, prior_variance I)) in d dimensions, |mean - m|^2 = distance."""
    return (distance / prior_variance + sigma**2 * d / prior_variance - d + d * log(prior_variance)
            - d * log(sigma**2)) / 2


def step(model_name, perturbed, smooth):
    model = models.make(model_name, CLASSES).double()
    formula.fill(model)
    model.train()
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    is_head = {name: name.startswith(HEADS[model_name]) for name in shapes}
    prior, mean, epsilon = {}, {}, {}
    for name, shape in shapes.items():
        start = formula.state(name, shape)
        if smooth and not is_head[name] and name.rpartition(".")[0].endswith(ACTIVATED[model_name]):
            start = start * 0.5 if name.endswith("weight") else start + 3
        prior[name] = np.zeros(shape) if is_head[name] else start
        if perturbed and not is_head[name]:
            start = start + formula.uniform("perturbation:" + name, shape, -PERTURBATION, PERTURBATION)
        mean[name] = torch.tensor(start, requires_grad=True)
        epsilon[name] = torch.tensor(formula.uniform("epsilon:" + name, shape, -math.sqrt(3), math.sqrt(3)))

    d_w = sum(mean[name].numel() for name in shapes if not is_head[name])
    d_v = sum(mean[name].numel() for name in shapes if is_head[name])
    kappa = (d_w + d_v) / N
    rho = torch.tensor(math.log(math.expm1(SIGMA)), dtype=torch.float64, requires_grad=True)
    sigma = F.softplus(rho, threshold=1e9)

    x = torch.from_numpy(formula.uniform("input", (BATCH, 3, SIDES[model_name], SIDES[model_name]), -1, 1))
    targets = torch.from_numpy((formula.hashes("targets", BATCH) % np.uint64(CLASSES)).astype(np.int64))
    weights = {name: mean[name] + sigma * epsilon[name] for name in shapes}
    nll = F.cross_entropy(torch.func.functional_call(model, weights, (x,)), targets)

    def distance(head):
        parts = [((mean[name] - torch.from_numpy(prior[name])) ** 2).sum() for name in shapes if is_head[name] == head]
        return torch.stack(parts).sum()

    a, v = distance(False), distance(True)
    lambda_ = ((a + sigma**2 * d_w) / d_w).detach()
    tau = ((v + sigma**2 * d_v) / d_v).detach()
    kl_total = kl(a, d_w, sigma, lambda_, torch.log) + kl(v, d_v, sigma, tau, torch.log)
    loss = nll + kl_total / (kappa * N)
    nll_sigma, = torch.autograd.grad(nll, sigma, retain_graph=True)
    kl_sigma, = torch.autograd.grad(kl_total, sigma, retain_graph=True)
    sigma_grad, rho_grad, *mean_grads = torch.autograd.grad(loss, [sigma, rho, *mean.values()])

    # The same in 50 digits, from A and |V|^2 summed without rounding.
    exact_a, exact_v = (mpmath.mpf(math.fsum(
        float(e) ** 2 for name in shapes if is_head[name] == head
        for e in (mean[name].detach().numpy() - prior[name]).reshape(-1))) for head in (False, True))
    s = mpmath.mpf(sigma.item())
    exact_lambda, exact_tau = exact_a / d_w + s**2, exact_v / d_v + s**2
    exact_kl = kl(exact_a, d_w, s, exact_lambda, mpmath.log) + kl(exact_v, d_v, s, exact_tau, mpmath.log)
    exact_kl_sigma = s * d_w / exact_lambda - d_w / s + s * d_v / exact_tau - d_v / s
    exact_loss = nll.item() + exact_kl / (kappa * N)
    exact_sigma = nll_sigma.item() + exact_kl_sigma / (kappa * N)
    exact_rho = exact_sigma * (1 - mpmath.exp(-s))
    for label, value, exact in [("lambda", lambda_, exact_lambda), ("tau", tau, exact_tau), ("kl", kl_total, exact_kl),
                                ("dKL/dsigma", kl_sigma, exact_kl_sigma), ("loss", loss, exact_loss),
                                ("dloss/dsigma", sigma_grad, exact_sigma),
                                ("dloss/drho", rho_grad, exact_rho)]:
        error = abs(float((value.item() - exact) / exact))
        print(f"  {label:13s} {value.item():.15g}  float64 against 50 digits {error:.1e}")
        assert error < 1e-11, label

    def digits(value):
        return float(f"{float(value):.14g}")

    gradients = {}
    total = torch.stack([gradient.norm() for gradient in mean_grads]).norm().item()
    for name, gradient in zip(mean, mean_grads):
        g = gradient.numpy()
        if np.sqrt((g**2).sum()) < 1e-12 * total:
            print(f"  {name}: zero")
            g = np.zeros_like(g)
        if g.size <= 64:
            gradients[name] = {"values": [digits(value) for value in g.reshape(-1)]}
        else:
            projected = formula.projections(name, g, PROJECTIONS)
            gradients[name] = {"norm": digits(np.sqrt((g**2).sum())), "projections": [digits(p) for p in projected]}
    return {
        "model": model_name, "classes": CLASSES, "n": N, "batch": BATCH, "side": SIDES[model_name],
        "activated": list(ACTIVATED[model_name]) if smooth else [], "perturbation": PERTURBATION if perturbed else 0.0, "sigma": SIGMA, "kappa": kappa,
        "targets": targets.tolist(), "loss": digits(exact_loss), "nll": digits(nll.item()), "kl": digits(exact_kl),
        "lambda": digits(exact_lambda), "tau": digits(exact_tau), "gradSigma": digits(exact_sigma),
        "gradRho": digits(exact_rho), "gradMean": gradients,
    }


for model_name in SIDES:
    for smooth in (False, True):
        for perturbed in (False, True):
            name = "_".join([model_name] + ["smooth"] * smooth + ["perturbed" if perturbed else "at_prior"])
            print(name)
            text = json.dumps(step(model_name, perturbed, smooth))
            text = text.replace('"gradMean": {', '"gradMean": {\n').replace('}, "', '},\n"')
            (here / f"{name}.json").write_text(text + "\n")
