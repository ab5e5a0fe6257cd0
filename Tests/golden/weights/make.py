"""Writes reference.safetensors with the Python package `safetensors` (0.8.0, torch 2.11.0).

    python make.py                 # writes reference.safetensors beside this script
    python make.py --check FILE    # reads FILE, written by Gridless, and compares it with the same values

Tests/WeightsTests/ReferenceFileTests.swift holds the same values and expects to write the same bytes.
"""

import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

METADATA = {"note": 'quote " backslash \\ newline \n tab \t bell \x07 é λ 🌷'}
TENSORS = {
    "f64": torch.tensor([[1 / 3, -0.0, 1e300], [5e-324, float("inf"), 2.0**53 + 2]], dtype=torch.float64),
    "f32": torch.tensor([[0.1], [-3.4028235e38]], dtype=torch.float32),
    "f16": torch.tensor([0.1, 65504.0, 6e-8, -0.0, float("-inf")], dtype=torch.float16),
    "bf16": torch.tensor([0.1, 3e38, -1.5], dtype=torch.bfloat16),
    "i64": torch.tensor([-(2**63), 2**53], dtype=torch.int64),
    "i32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    "i16": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "u64": torch.tensor([0, 2**63], dtype=torch.uint64),
    "u32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
    "u16": torch.tensor([0, 2**16 - 1], dtype=torch.uint16),
    "u8": torch.tensor([0, 255, 7], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(42, dtype=torch.int64),
    "empty": torch.zeros((0, 3), dtype=torch.float32),
    'a "quoted" näme': torch.tensor([1.0], dtype=torch.float32),
}

if len(sys.argv) == 3 and sys.argv[1] == "--check":
    with safe_open(sys.argv[2], "pt") as file:
        assert file.metadata() == METADATA, file.metadata()
        assert set(file.keys()) == set(TENSORS), file.keys()
        for name, expected in TENSORS.items():
            found = file.get_tensor(name)
            assert found.dtype == expected.dtype and found.shape == expected.shape, name
            assert found.numpy(force=True).tobytes() == expected.numpy(force=True).tobytes() if (
                expected.dtype != torch.bfloat16
            ) else torch.equal(found, expected), name
    print(f"{sys.argv[2]}: all {len(TENSORS)} tensors agree")
else:
    save_file(TENSORS, pathlib.Path(__file__).with_name("reference.safetensors"), METADATA)
