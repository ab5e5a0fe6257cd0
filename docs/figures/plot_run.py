"""Draws a run's metrics.jsonl as an SVG: the two terms of the loss, and the learned variances.

    python3 docs/figures/plot_run.py RUN [OUT.svg]        # standard library only; OUT defaults to RUN/training.svg

Of several learning rates the one with the lowest loss on the training set is drawn. The mean NLL of single batches is
thin, its running median thick. The second panel has a logarithmic axis: there the gap between λ (or τ) and σ² is the KL
per parameter, times two (equation 6 of the documentation).
"""

import json
import math
import pathlib
import statistics
import sys
from html import escape

WIDTH, HEIGHT, TOP, BOTTOM = 860, 360, 64, 310
PANELS = ((56, 330), (500, 736))  # left and right edges; the labels of the lines stand behind the right edge
# Readable on white for all common kinds of colour vision; each line also has its name at its end.
NLL, KL, LOSS, LAMBDA, TAU, SIGMA = "#0072b2", "#b34700", "#333333", "#0072b2", "#007a5a", "#b34700"


def read(folder):
    """The steps of the best candidate, and the configuration if it lies beside them."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = {r["lr"]: r["loss"] for r in records if r["event"] == "candidate" and r.get("loss") is not None}
    steps = [r for r in records if r["event"] == "step"]
    if not steps:
        raise SystemExit(f"{folder}/metrics.jsonl: holds no step. Pass the folder of a run that has begun to train.")
    rate = min(losses, key=losses.get) if losses else steps[0]["candidate_lr"]
    file = folder / "config.json"
    return [r for r in steps if r["candidate_lr"] == rate], json.loads(file.read_text()) if file.exists() else {}


def running_median(values, reach=8):
    return [statistics.median(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]


class Panel:
    """A plot between two edges: step on the horizontal axis, `low` to `high` on the vertical."""

    def __init__(self, edges, steps, low, high, log=False):
        (self.left, self.right), self.steps, self.parts = edges, steps, []
        self.low, self.high, self.scale = low, high, math.log10 if log else float

    def x(self, step):
        return self.left + (self.right - self.left) * (step - 1) / max(1, self.steps[-1] - 1)

    def y(self, value):
        low, high = self.scale(self.low), self.scale(self.high)
        return BOTTOM - (BOTTOM - TOP) * (min(max(self.scale(value), low), high) - low) / (high - low)

    def text(self, x, y, text, anchor="start", color="#333333", weight="normal", size=13):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" '
                          f'font-weight="{weight}" font-size="{size}">{escape(text)}</text>')

    def axes(self, title, ticks, label):
        self.text(self.left, TOP - 30, title, weight="bold", size=15)
        for value in ticks:
            y = self.y(value)
            self.parts.append(f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="#dddddd"/>')
            self.text(self.left - 6, y + 4, label(value), "end", size=12)
        for part in (1, self.steps[-1] // 2, self.steps[-1]):
            self.text(self.x(part), BOTTOM + 18, str(part), "middle", size=12)
        self.text((self.left + self.right) / 2, BOTTOM + 38, "step", "middle", size=12)

    def line(self, values, color, width=2.0, dash="", opacity=1.0):
        # Some 400 points are as many as can be seen; the last step is always among them.
        apart = math.ceil(len(values) / 400)
        points = " ".join(f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in list(zip(self.steps, values))[::-apart])
        self.parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}" '
                          f'stroke-opacity="{opacity}" stroke-dasharray="{dash}" stroke-linejoin="round"/>')

    def labels(self, labels, gap=17):
        """Names at the lines' ends, moved apart where they would touch."""
        placed = []
        for y, text, color in sorted((self.y(value), text, color) for value, text, color in labels):
            placed.append((max(y, placed[-1][0] + gap) if placed else y, text, color))
        excess = max(0, placed[-1][0] - BOTTOM)
        for y, text, color in placed:
            self.text(self.right + 8, y - excess + 4, text, color=color, weight="bold")


def power(value):
    return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789-".index(c)] for c in str(round(math.log10(value))))


def main(folder, out):
    steps, config = read(folder)
    at = [r["step"] for r in steps]
    nll, kl = [r["nll"] for r in steps], [r["loss"] - r["nll"] for r in steps]
    smooth = running_median(nll)
    loss = [a + b for a, b in zip(smooth, kl)]

    top = max(smooth + kl + loss)
    unit = next(u for u in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 1e9) if top / u <= 6)
    terms = Panel(PANELS[0], at, 0, math.ceil(top / unit) * unit)
    ticks = [unit * i for i in range(round(terms.high / unit) + 1)]
    terms.axes("Loss on training batches, nats", ticks, lambda v: f"{v:g}")
    terms.line(nll, NLL, 1, opacity=0.3)
    terms.line(loss, LOSS, dash="5 4")
    terms.line(smooth, NLL)
    terms.line(kl, KL)
    terms.labels([(loss[-1], f"sum {loss[-1]:.2f}", LOSS), (smooth[-1], f"mean NLL {smooth[-1]:.2f}", NLL),
                  (kl[-1], f"KL/(κN) {kl[-1]:.2f}", KL)])

    curves = [([r["tau"] for r in steps], TAU, "τ"), ([r["lambda"] for r in steps], LAMBDA, "λ"),
              ([r["sigma"] ** 2 for r in steps], SIGMA, "σ²")]
    low, high = min(min(v) for v, _, _ in curves), max(max(v) for v, _, _ in curves)
    decades = range(math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high)) + 1)
    variances = Panel(PANELS[1], at, 10.0 ** decades[0], 10.0 ** decades[-1], log=True)
    variances.axes("Learned variances", [10.0**d for d in decades], power)
    for values, color, _ in curves:
        variances.line(values, color)
    variances.labels([(values[-1], f"{name} {values[-1]:.1e}", color) for values, color, name in curves])

    what = ", ".join(str(v) for v in (config.get("model"), config.get("size") and f"{config['size']} px",
                                      f"learning rate {steps[0]['candidate_lr']:g}", f"{at[-1]} steps") if v)
    described = (f"{what}. The mean negative log likelihood goes from {smooth[0]:.2f} to {smooth[-1]:.2f} nats, the KL "
                 f"term from {kl[0]:.2f} to {kl[-1]:.2f}. "
                 + " ".join(f"{name} goes from {v[0]:.1e} to {v[-1]:.1e}." for v, _, name in curves))
    title = "Training: the two terms of the loss, and the learned λ, τ and σ²"
    out.write_text("\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="title desc" font-family="system-ui, sans-serif">',
        f'<title id="title">{escape(title)}</title>', f'<desc id="desc">{escape(described)}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        *terms.parts, *variances.parts, "</svg>\n"]))
    print(f"{out}: {described}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    run = pathlib.Path(sys.argv[1])
    main(run, pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else run / "training.svg")
