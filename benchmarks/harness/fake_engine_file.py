"""Engine files of the stand-in fake_tensorrt.py: a line of JSON and the ONNX file, which ONNX Runtime computes."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

MAGIC = b"engine of the stand-in\n"
TENSORS = ("image", "logits")
CUSTOM = "fwht"
REFORMAT = "Reformatting CopyNode for Input Tensor 0 to "


@lru_cache(maxsize=8)
def open_session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_onnx(model: bytes, images: np.ndarray) -> np.ndarray:
    logits: np.ndarray = open_session(model).run(None, {"image": images})[0]
    return logits


def make_engine(model: Path, version: str, profile: tuple[int, int, int], dtype: str = "float32") -> bytes:
    """An engine file. Convolution and what follows by name are fused, as TensorRT names it."""
    graph = onnx.load(str(model)).graph
    head = {"tensorrt": version, "profile": profile, "dtype": dtype, "layers": fuse_layers(graph)}
    side = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    head["shapes"] = [side[1:], [classes]]
    data = model.read_bytes()
    head["sha256"] = hashlib.sha256(data).hexdigest()
    return MAGIC + json.dumps(head).encode() + b"\n" + data


def fuse_layers(graph: onnx.GraphProto) -> list[list[str]]:
    """Name and type of each engine layer; the first is preceded by a reformat."""
    layers: list[list[str]] = []
    for node in graph.node:
        if layers and node.name.startswith(layers[-1][0].split(" + ")[0] + "_"):
            layers[-1][0] += f" + {node.name}"
        else:
            layers.append([node.name, "PluginV2" if node.domain == CUSTOM else node.op_type])
    return [[REFORMAT + layers[0][0], "Reformat"], *layers]


def list_layers(plan: bytes) -> list[dict[str, str]]:
    """What the engine inspector would say of an engine file."""
    line = plan.split(b"\n", 2)[1]
    return [{"Name": name, "LayerType": kind} for name, kind in json.loads(line)["layers"]]
