"""Writes pth/versions/<version>.pth with the PyTorch of each version, and the bytes that its tensors have.

    python make_versions.py 1.13.1 2.0.1 …   # Python 3.11; installs each in a folder of its own and removes it again
    python make_versions.py --write FOLDER   # with the torch that is on the path

Each file is a state_dict as people save them, and what a state dict may hold: every floating type and the common
integers, views that are not contiguous, two that share a storage, a scalar, an empty tensor, a parameter.
`pth/versions/<version>.json` has, by name, dtype, shape and the bytes in logical order, in hexadecimal, from NumPy-free
Python code, so that they do not come from the code that saves. Tests/WeightsTests/PyTorchVersionTests.swift compares.

PyTorch's wheels of the index want CUDA's libraries, which no tensor here uses: libraries whose functions do nothing stand
in (this needs objdump, nm and clang).
"""

import collections
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).with_name("pth") / "versions"


def tensors(torch):
    """The state dict that is saved, with `_metadata` as Module.state_dict() gives it."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    state = network.state_dict()
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7
    state["f16"] = torch.tensor([0.1, 65504.0, -0.0, float("inf")], dtype=torch.float16)
    state["bf16"] = torch.tensor([[0.1, 3e38], [-1.5, float("nan")]], dtype=torch.bfloat16)
    state["f64"] = torch.tensor([1 / 3, 1e300, 5e-324], dtype=torch.float64)
    state["i64"] = torch.tensor([-(2**63), 2**53 + 1])
    state["i32"] = torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32)
    state["i16"] = torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16)
    state["i8"] = torch.tensor([-128, 127], dtype=torch.int8)
    state["u8"] = torch.tensor([0, 255], dtype=torch.uint8)
    state["bool"] = torch.tensor([True, False, True])
    state["whole"] = base
    state["transposed"] = base.transpose(0, 2)
    state["sliced"] = base[:, 1:, ::2]
    state["channels_last"] = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
    state["tied"] = state["0.weight"]
    state["scalar"] = torch.tensor(42.0, dtype=torch.float64)
    state["empty"] = torch.zeros((0, 3))
    state["parameter"] = torch.nn.Parameter(torch.tensor([0.1, 0.2]))
    return state


def hexadecimal(torch, tensor):
    """The tensor's bytes in logical order, little-endian, packed number by number."""
    formats = {
        torch.float32: "<f", torch.float64: "<d", torch.int64: "<q", torch.int32: "<i", torch.int16: "<h",
        torch.int8: "<b", torch.uint8: "<B", torch.bool: "<?", torch.float16: "<e",
    }
    values = tensor.detach().flatten()
    if tensor.dtype == torch.bfloat16:  # the upper half of the same number in float32
        return b"".join(struct.pack("<f", x)[2:] for x in values.float().tolist()).hex()
    return b"".join(struct.pack(formats[tensor.dtype], x) for x in values.tolist()).hex()


def write(folder):
    """Saves the tensors with the torch at hand."""
    import torch

    names = {
        torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64", torch.int64: "I64",
        torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
    }
    version = torch.__version__.split("+")[0]
    state = tensors(torch)
    torch.save(state, folder / f"{version}.pth")
    expected = [
        {"name": name, "dtype": names[tensor.dtype], "shape": list(tensor.shape), "bytes": hexadecimal(torch, tensor)}
        for name, tensor in state.items()
    ]
    (folder / f"{version}.json").write_text(json.dumps(expected, indent=0) + "\n")
    print(f"{version}: {len(expected)} tensors, {(folder / f'{version}.pth').stat().st_size} bytes")


def stub(folder, packages):
    """Libraries whose functions do nothing, for what torch's libraries want and the folder lacks."""
    libraries = sorted((packages / "torch" / "lib").glob("*.so*")) + sorted((packages / "torch").glob("_C*.so"))
    present = {path.name for path in libraries}
    wanted, symbols = collections.defaultdict(set), collections.defaultdict(set)
    for library in libraries:
        dynamic = subprocess.run(["objdump", "-p", library], capture_output=True, text=True).stdout
        for name in re.findall(r"NEEDED\s+(lib(?:cu|nccl|nv)\S+)", dynamic):
            if name not in present:
                wanted[name]  # also without versions
        for name, lines in re.findall(r"required from (lib(?:cu|nccl|nv)\S+):\n((?:\s+0x.*\n)*)", dynamic):
            if name not in present:
                wanted[name].update(line.split()[-1] for line in lines.splitlines())
        lines = subprocess.run(["nm", "-D", "--undefined-only", library], capture_output=True, text=True).stdout
        for symbol, version in re.findall(r" U (_*(?:cu|nccl|nv)\w+)@?(\S*)", lines):
            symbols[version].add(symbol)
    folder.mkdir(exist_ok=True)
    source, script = folder / "stub.s", folder / "stub.map"
    for name, versions in wanted.items():
        every = symbols[""].union(*(symbols[version] for version in versions))
        source.write_text("".join(f".globl {s}\n{s}:\n" for s in sorted(every)) + "xorl %eax, %eax\nret\n")
        nodes = [f"{v} {{ {' '.join(s + ';' for s in sorted(symbols[v]))} }};\n" for v in sorted(versions)]
        script.write_text("".join(nodes))
        options = [f"-Wl,--version-script,{script}"] if versions else []
        subprocess.run(
            ["clang", "-shared", "-nostdlib", source, f"-Wl,-soname,{name}", *options, "-o", folder / name], check=True)


def install(folder, *packages):
    """Installs packages, and nothing that they need, in a folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-compile", "--no-deps"]
    subprocess.run(pip + ["--target", folder, *packages], check=True)


def make(version, others):
    """Installs a version, saves with it in a process of its own, and removes it."""
    packages = pathlib.Path(tempfile.mkdtemp(prefix="torch-"))
    try:
        install(packages, f"torch=={version}")
        stub(packages / "stubs", packages)
        environment = dict(os.environ, PYTHONPATH=f"{packages}:{others}", LD_LIBRARY_PATH=str(packages / "stubs"))
        subprocess.run([sys.executable, __file__, "--write", FOLDER], check=True, env=environment)
    finally:
        shutil.rmtree(packages)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    if sys.argv[1] == "--write":
        write(pathlib.Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="torch-needs-") as others:
            install(others, "typing_extensions", "sympy", "mpmath", "networkx", "jinja2", "MarkupSafe", "filelock", "fsspec")
            for version in sys.argv[1:]:
                make(version, others)
