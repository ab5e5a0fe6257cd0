"""Metrics by numpy, written with masks and whole-array formulas: the oracle of ClassificationMetricsTests and
RegressionMetricsTests.

Inputs are formulas of a name (formula.py), so that the file holds results only. Run: python make.py
"""

import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import formula  # noqa: E402

N, BINS = 200, 15


def classification(name: str, classes: int, scale: float, absent: int | None) -> dict:
    logits = scale * formula.uniform(f"logits {name}", (N, classes), -1, 1)
    labels = (formula.hashes(f"labels {name}", N) % np.uint64(classes)).astype(int)
    if absent is not None:
        labels[labels == absent] = (absent + 1) % classes
    # Half of the examples are made easy, so that there is something to be right about.
    logits[np.arange(0, N, 2), labels[::2]] += scale
    log_probabilities = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    p = np.exp(log_probabilities)
    predicted, confidence = p.argmax(1), p.max(1)
    one_hot = np.eye(classes)[labels]
    confusion = np.array([[np.sum((labels == t) & (predicted == c)) for c in range(classes)] for t in range(classes)])
    curve, ece = [], 0.0
    for low, high in zip(np.arange(BINS) / BINS, (np.arange(BINS) + 1) / BINS):
        inside = (confidence >= low) & ((confidence < high) | (high == 1))
        if not inside.any():
            curve.append({"count": 0, "confidence": None, "accuracy": None})
            continue
        accuracy = np.mean(predicted[inside] == labels[inside])
        ece += inside.mean() * abs(accuracy - confidence[inside].mean())
        curve.append(
            {"count": int(inside.sum()), "confidence": confidence[inside].mean(), "accuracy": accuracy})
    per_class = [np.mean(predicted[labels == c] == c) if (labels == c).any() else None for c in range(classes)]
    return {
        "name": name, "classes": classes, "scale": scale, "absent": absent,
        "accuracy": np.mean(predicted == labels),
        "balancedAccuracy": np.mean([a for a in per_class if a is not None]),
        "nll": -np.sum(one_hot * log_probabilities) / N,
        "brier": np.mean(((p - one_hot) ** 2).sum(1)),
        "ece": ece, "reliability": curve, "perClass": per_class, "confusion": confusion.tolist(),
    }


def regression(name: str, offset: float, spread: float) -> dict:
    values = offset + spread * formula.uniform(f"values {name}", N, -1, 1)
    predictions = values + spread * formula.uniform(f"errors {name}", N, -0.5, 0.5)
    variances = spread**2 * formula.uniform(f"variances {name}", N, 0.05, 0.2)
    densities = np.exp(-((values - predictions) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)
    return {
        "name": name, "offset": offset, "spread": spread,
        "rmse": np.linalg.norm(predictions - values) / np.sqrt(N),
        "mae": np.abs(predictions - values).mean(),
        "r2": 1 - np.var(values - predictions) / np.var(values)
        - (values - predictions).mean() ** 2 / np.var(values),
        "nll": -np.log(densities).mean(),
    }


golden = {
    "classification": [
        classification("two", 2, 2.0, None), classification("seven", 7, 3.0, None),
        classification("absent", 4, 1.5, 2), classification("sure", 3, 20.0, None)],
    "regression": [regression("near", 0.3, 1.0), regression("far", 1.6e9, 250.0)],
}
(HERE / "metrics.json").write_text(json.dumps(golden, indent=1) + "\n")
