"""Reads a folder's event file with TensorBoard's own readers and prints all that it holds as one line of JSON.

usage: read.py FOLDER
"""
import base64
import json
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

accumulator = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={event_accumulator.SCALARS: 0, event_accumulator.IMAGES: 0})
accumulator.Reload()


def value(message):
    return getattr(message, message.WhichOneof("kind"))


hparams = {}
for tag in accumulator.Tags()["tensors"]:
    metadata = accumulator.SummaryMetadata(tag)
    data = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)
    assert metadata.plugin_data.plugin_name == "hparams", metadata
    if tag == "_hparams_/session_start_info":
        hparams["start"] = {name: value(found) for name, found in data.session_start_info.hparams.items()}
        hparams["start_time"] = data.session_start_info.start_time_secs
    elif tag == "_hparams_/session_end_info":
        hparams["end_status"] = data.session_end_info.status
        hparams["end_time"] = data.session_end_info.end_time_secs
    elif tag == "_hparams_/experiment":
        hparams["columns"] = {info.name: info.type for info in data.experiment.hparam_infos}
        hparams["metrics"] = {info.name.tag: info.display_name for info in data.experiment.metric_infos}

print(
    json.dumps(
        {
            "version": accumulator.file_version,
            "scalars": {
                tag: [[event.step, event.value, event.wall_time] for event in accumulator.Scalars(tag)]
                for tag in accumulator.Tags()["scalars"]
            },
            "images": {
                tag: [[event.step, event.width, event.height, base64.b64encode(event.encoded_image_string).decode()] for event in accumulator.Images(tag)]
                for tag in accumulator.Tags()["images"]
            },
            "hparams": hparams,
        }
    )
)
