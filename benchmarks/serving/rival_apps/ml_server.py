"""MLServer with a runtime of its own, as its guide to custom runtimes shows; images come as base64 in the V2 protocol.

`write_folder` makes the folder of `mlserver start FOLDER`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

INPUT = "image"


def write_folder(folder: Path, ports: tuple[int, int, int], workers: int, batch: int, delay_s: float) -> None:
    """settings.json and model-settings.json. ports: HTTP, gRPC, metrics. workers: processes with the model, 0 for
    none beside the one that speaks HTTP."""
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": ports[0],
        "grpc_port": ports[1],
        "metrics_port": ports[2],
        "parallel_workers": workers,
        "use_structured_logging": False,
    }
    model: dict[str, Any] = {
        "name": "classifier",
        "implementation": "benchmarks.serving.rival_apps.ml_server_runtime.ClassifierRuntime",
        "max_batch_size": batch,
        "max_batch_time": delay_s,
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1, 1], "parameters": {"content_type": "base64"}}],
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
