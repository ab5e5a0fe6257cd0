"""Tensors that Python and Swift compute alike, so that golden files need not hold weights and inputs.

Element i of the tensor called `name` is the i-th output of SplitMix64 (Steele, Lea, Flood 2014) seeded with the 64-bit
FNV-1a hash of the name; its top 53 bits make a uniform double in [0, 1). Swift's twin is Tests/TestSupport/Formula.swift.
Indices count in PyTorch's logical (row-major) order, whatever the memory layout.
"""

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def hashes(name: str, count: int) -> np.ndarray:
    """The first `count` 64-bit hashes of `name`."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    z = np.uint64(key) + (np.arange(1, count + 1, dtype=np.uint64)) * GAMMA
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(name: str, shape, low: float, high: float) -> np.ndarray:
    """Uniform doubles in [low, high)."""
    u = (hashes(name, int(np.prod(shape))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (low + (high - low) * u).reshape(shape)


def state(name: str, shape) -> np.ndarray:
    """A network's tensor by its state-dict name: He-uniform weights, BN near identity, small biases.

    A bottleneck's last BN and a layer scale are weaker, as in trained networks: with 1 there, 50 blocks in training mode amplify float32's
    rounding to 1e-3 of the logits, in PyTorch itself.
    """
    if name.endswith("running_mean"):
        return uniform(name, shape, -0.1, 0.1)
    if name.endswith(("bn3.weight", "layer_scale")):
        return uniform(name, shape, 0.15, 0.25)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return uniform(name, shape, 0.75, 1.25)
    if len(shape) == 1:
        return uniform(name, shape, -0.1, 0.1)
    bound = (6.0 / np.prod(shape[1:])) ** 0.5
    return uniform(name, shape, -bound, bound)


def projections(name: str, values: np.ndarray, count: int) -> list[float]:
    """Projections of `values` on `count` <= 64 vectors of random signs: bit k of the hashes of "signs:<name>".

    For any v, E[(s.v)^2] = |v|^2: the root mean square of the differences of projections estimates |v - v*|.
    """
    bits = hashes("signs:" + name, values.size)
    flat = values.reshape(-1)
    return [float(np.where((bits >> np.uint64(k)) & np.uint64(1), flat, -flat).sum()) for k in range(count)]


def fill(model) -> None:
    """Sets every parameter and running statistic of a torch module to its formula values."""
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(state(name, tuple(tensor.shape))))
