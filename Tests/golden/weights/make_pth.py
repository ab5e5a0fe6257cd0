"""Writes small files of `torch.save` beside this script, and what they hold (torch 2.13.0).

    python make_pth.py

`pth/expected.json` has, by file, each tensor's name, dtype, shape and values; the names are the keys joined by dots.
Tests/WeightsTests/PyTorchFileTests.swift reads the same files.
"""

import collections
import json
import pathlib
import tarfile

import torch

FOLDER = pathlib.Path(__file__).with_name("pth")
DTYPES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
    torch.uint16: "U16",
}


def flatten(value, name=""):
    """(name, tensor) of all tensors in dictionaries, lists and tuples, in their order."""
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else []
    for key, item in items:
        yield from flatten(item, f"{name}.{key}" if name else str(key))


torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.Linear(4, 2)
)
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7
FILES = {
    "state_dict": network.state_dict(),
    "bare": torch.tensor([[1.5, -0.0, float("inf")], [1e-45, 3.4e38, 2.0]]),
    "scalar": torch.tensor(42.0, dtype=torch.float64),
    "parameter": {"weight": torch.nn.Parameter(torch.tensor([0.1, 0.2]))},
    "views": {
        "transposed": base.transpose(0, 2),
        "sliced": base[:, 1:, ::2],
        "permuted": base.permute(2, 0, 1)[1:3],
        "channels_last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
        "whole": base,
    },
    "types": {
        "f16": torch.tensor([0.1, 65504.0, -0.0], dtype=torch.float16),
        "bf16": torch.tensor([0.1, 3e38, -1.5], dtype=torch.bfloat16),
        "f64": torch.tensor([1 / 3, 1e300], dtype=torch.float64),
        "i64": torch.tensor([-(2**53), 7]),
        "i32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "u16": torch.tensor([1, 65535], dtype=torch.uint16),
        "empty": torch.zeros((0, 3)),
    },
    "nested": {
        "epoch": 3,
        "lr": 0.1,
        "huge": 2**80,
        "name": "näme",
        "nothing": None,
        "flag": True,
        "state_dict": collections.OrderedDict([("module.a", torch.ones(2)), ("module.b", torch.zeros(1, 2))]),
        "list": [torch.tensor([1.0]), (torch.tensor([2.0]), torch.Size([1, 2]))],
        "optimizer": {"state": {0: {"momentum_buffer": torch.full((2,), 0.5)}}, "param_groups": [{"lr": 0.1}]},
    },
}

FOLDER.mkdir(exist_ok=True)
expected = {}
for name, value in FILES.items():
    torch.save(value, FOLDER / f"{name}.pt")
    expected[name] = [
        {
            "name": key,
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "values": [repr(x) for x in tensor.detach().to(torch.float64).flatten().tolist()],
        }
        for key, tensor in flatten(value)
    ]
torch.save(FILES["nested"]["list"][0], FOLDER / "protocol4.pt", pickle_protocol=4)
expected["protocol4"] = [{"name": "", "dtype": "F32", "shape": [1], "values": ["1.0"]}]

# What must be refused: the format before 1.6, a whole module, TorchScript.
torch.save({"a": torch.ones(1)}, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(1, 1), FOLDER / "module.pth")
torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), FOLDER / "script.pth")
with tarfile.open(FOLDER / "tar.pth", "w") as archive:
    archive.add(pathlib.Path(__file__).with_name("reference.safetensors"), "storages")

(FOLDER / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
