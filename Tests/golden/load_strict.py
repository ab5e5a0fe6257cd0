"""Loads RUN/model.safetensors into the PyTorch model named in its metadata, strictly, and compares logits.

    python Tests/golden/load_strict.py RUN IMAGE...      # torch 2.11.0, torchvision 0.26.0, safetensors, pillow

The images go through Pillow and PyTorch here, with the preprocessing in the metadata, and through `gridless predict`.
Exits with 1 unless the state dict fits strictly, num_batches_tracked included, and all logits agree to 1e-4 relative to
their largest. Pillow 13 resizes some shapes in another order of passes than Pillow 12 and Gridless, one grey level away:
give it images whose sides are the preprocessing's resize_size, or use Pillow 12.
"""

import json
import pathlib
import subprocess
import sys

import torch
from PIL import Image, ImageOps
from safetensors import safe_open
from safetensors.torch import load_file
from torchvision.transforms.functional import center_crop, pil_to_tensor

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))
import models  # noqa: E402

if len(sys.argv) < 3:
    raise SystemExit(__doc__)
run, images = sys.argv[1], sys.argv[2:]
weights_file = str(pathlib.Path(run) / "model.safetensors")
with safe_open(weights_file, "pt") as file:
    metadata = file.metadata()
classes, preprocessing = json.loads(metadata["classes"]), json.loads(metadata["preprocessing"])

model = models.make(metadata["model"], len(classes), preprocessing["size"]).eval()
if "norm_eps" in metadata:
    models.set_eps(model, float(metadata["norm_eps"]))
model.load_state_dict(load_file(weights_file), strict=True)


def pixels(path):
    """The network's input [3, S, S]: resized, centre crop, normalised."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    side = preprocessing["resize_size"]
    if preprocessing["resize"] == "square":
        shape = (side, side)
    else:
        shape = tuple(side * s // min(image.size) for s in image.size)
    image = center_crop(pil_to_tensor(image.resize(shape, Image.BILINEAR)), preprocessing["size"]).float()
    if preprocessing["channel_order"] == "bgr":
        image = image.flip(0)
    mean, std = (torch.tensor(preprocessing[key]).view(3, 1, 1) for key in ("mean", "std"))
    return (image / preprocessing["scale"] - mean) / std


command = [str(here.parent.parent / ".build/release/gridless"), "predict", run, *images, "--json"]
lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
found = torch.tensor([json.loads(line)["logits"] for line in lines])
with torch.no_grad():
    expected = model(torch.stack([pixels(path) for path in images]))
difference = ((found - expected).abs().max() / expected.abs().max()).item()
print(f"{metadata['model']}, {len(classes)} classes, {len(images)} images: loaded strictly; "
      f"logits differ by {difference:.1e} relative")
sys.exit(0 if difference <= 1e-4 else 1)
