"""A model as Open Inference clients are told of it: its metadata, and its configuration in Triton's words."""

from __future__ import annotations

from typing import Any, Dict

from ..models.model import Model
from ..settings import Settings
from .request import DATATYPE, INPUT, OUTPUT

PLATFORMS = {"onnxruntime": "onnxruntime_onnx", "tensorrt": "tensorrt_plan"}  # as Triton names them


def describe_model(model: Model) -> Dict[str, Any]:
    size = model.preprocessing.size
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORMS.get(model.backend.name, model.backend.name),
        "inputs": [{"name": INPUT, "datatype": DATATYPE, "shape": [-1, 3, size, size]}],
        "outputs": [{"name": OUTPUT, "datatype": DATATYPE, "shape": [-1, len(model.labels)]}],
    }


def describe_config(model: Model, settings: Settings) -> Dict[str, Any]:
    """The fields of Triton's ModelConfig that clients read; `dims` are those of one image."""
    size = model.preprocessing.size
    kind = "KIND_GPU" if model.backend.provider == "cuda" else "KIND_CPU"
    return {
        "name": model.name,
        "platform": PLATFORMS.get(model.backend.name, model.backend.name),
        "backend": model.backend.name,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": settings.max_images,
        "input": [{"name": INPUT, "data_type": f"TYPE_{DATATYPE}", "format": "FORMAT_NCHW", "dims": [3, size, size]}],
        "output": [{"name": OUTPUT, "data_type": f"TYPE_{DATATYPE}", "dims": [len(model.labels)]}],
        "instance_group": [{"name": model.name, "kind": kind, "count": settings.parallel_batches}],
        "dynamic_batching": {"max_queue_delay_microseconds": round(1000 * settings.batch_delay_ms)},
        "parameters": {name: {"string_value": value} for name, value in describe_parameters(model).items()},
    }


def describe_parameters(model: Model) -> Dict[str, str]:
    known = {"precision": model.backend.precision, "onnx_sha256": model.card.get("file_sha256", "")}
    if model.engine:
        known.update(engine_sha256=model.engine.engine_sha256, tensorrt=model.engine.tensorrt)
    return known
