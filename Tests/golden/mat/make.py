"""Writes Tests/golden/mat/: MATLAB 5 files as SciPy writes them, and what SciPy reads from them.

    python Tests/golden/mat/make.py     # scipy 1.17.1, numpy

- plain.mat, compressed.mat: a matrix of every numeric type, a small one (whose data lie in the tag), an empty one, one of
  three dimensions, and a text, a complex matrix, a cell and a struct, which Gridless skips.
- flowers/: imagelabels.mat and setid.mat with the names, shapes and types of Flower-102's, of 15 images and 3 classes.
- expected.json: shapes and values, column after column.
"""

import json
import pathlib

import numpy as np
from scipy.io import loadmat, savemat

here = pathlib.Path(__file__).parent
TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]

matrices = {name: (np.arange(12).reshape(3, 4) * 3 + 1).astype(name) for name in TYPES}
matrices["fractions"] = np.array([[0.5, -1e300], [np.pi, 2.0**-1074]])
matrices["small"] = np.array([[7]], dtype="uint8")
matrices["empty"] = np.zeros((0, 3))
matrices["cube"] = np.arange(24, dtype="float64").reshape(2, 3, 4)
others = {"text": "words", "complex_": np.array([[1 + 2j]]), "cell": np.array([1, "a"], dtype=object), "struct": {"a": 1}}

for name, compress in [("plain", False), ("compressed", True)]:
    savemat(here / f"{name}.mat", matrices | others, do_compression=compress)

(here / "flowers").mkdir(exist_ok=True)
labels = np.array([[1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2]], dtype="uint8")
splits = {"trnid": [[1, 6, 11, 2, 7, 12]], "valid": [[3, 8, 13]], "tstid": [[15, 4, 9, 14, 5, 10]]}
savemat(here / "flowers/imagelabels.mat", {"labels": labels}, do_compression=True)
savemat(
    here / "flowers/setid.mat", {k: np.array(v, dtype="uint16") for k, v in splits.items()}, do_compression=True)

read = loadmat(here / "compressed.mat")
expected = {
    name: {"shape": list(read[name].shape), "values": read[name].astype("float64").flatten(order="F").tolist()}
    for name in matrices
}
(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
