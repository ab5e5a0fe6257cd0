"""Checks an ONNX model and runs it: run.py MODEL < REQUEST > RESULT, both JSON.

The request holds, by name, each input's dtype, shape and values, or is null to run nothing; the result the outputs' shapes and values, the model's
metadata, and what onnxruntime says of its inputs.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime

path = sys.argv[1]
onnx.checker.check_model(path, full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
request = json.load(sys.stdin)
outputs = {}
if request is not None:
    inputs = {
        name: np.array(value["values"], dtype=value["dtype"]).reshape(value["shape"])
        for name, value in request.items()
    }
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs)))
json.dump(
    {
        "outputs": {
            name: {"shape": list(value.shape), "values": [float(x) for x in value.ravel()]}
            for name, value in outputs.items()
        },
        "metadata": session.get_modelmeta().custom_metadata_map,
        "inputs": {value.name: [str(side) for side in value.shape] for value in session.get_inputs()},
    },
    sys.stdout,
)
