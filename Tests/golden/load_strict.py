"""Loads RUN/model.safetensors into the PyTorch model named in its metadata, strictly, and compares logits.

    python Tests/golden/load_strict.py RUN LOGITS.safetensors    # torch 2.11.0, torchvision 0.26.0, safetensors

LOGITS.safetensors holds what Gridless fed and got in evaluation mode: `input` [N, 3, S, S] (preprocessed) and `logits`
[N, classes]. Exits with 1 unless the state dict fits strictly, num_batches_tracked included, and the logits agree to
1e-4 relative to their largest.
"""

import json
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import models  # noqa: E402

if len(sys.argv) != 3:
    raise SystemExit(__doc__)
run, logits_file = sys.argv[1:]
weights_file = str(pathlib.Path(run) / "model.safetensors")
with safe_open(weights_file, "pt") as file:
    metadata = file.metadata() or {}
for key in ("model", "classes", "preprocessing"):
    if key not in metadata:
        raise SystemExit(f"{weights_file}: no '{key}' in its metadata, found {sorted(metadata)}")
classes, _ = json.loads(metadata["classes"]), json.loads(metadata["preprocessing"])

model = models.make(metadata["model"], len(classes)).eval()
model.load_state_dict(load_file(weights_file), strict=True)
given = load_file(logits_file)
with torch.no_grad():
    logits = model(given["input"].float())
difference = ((logits - given["logits"]).abs().max() / logits.abs().max()).item()
print(f"{metadata['model']}, {len(classes)} classes: loaded strictly; logits differ by {difference:.1e} relative")
sys.exit(0 if difference <= 1e-4 else 1)
