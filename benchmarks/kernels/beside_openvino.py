"""Our hybrids with native kernels beside the baseline in OpenVINO: python -m benchmarks.kernels.beside_openvino

OpenVINO is what a user would take who wants speed on a CPU: `pip install openvino`, and it reads the same ONNX files.
Sides that take turns in one run:

- models, batch 1 and 16: mobilenet_v2 in ONNX Runtime and in OpenVINO, the hybrids in ONNX Runtime with native kernels,
  their bottlenecks fused as the server does it;
- layer: 1024 -> 1024 on 10x1024x32x32, convolution and ReLU6 in both, the FWHT layer with native kernels.

OpenVINO gets the latency hint, as many threads, and float32, since it takes bfloat16 where the processor has it.
Before anything is timed both engines must agree on the baseline and on the convolution, and the FWHT layer with its
float64 reference. The method is that of server/profiling/turns.py.
"""

from __future__ import annotations

import argparse
import subprocess
from functools import partial
from pathlib import Path
from typing import Any, Callable

import numpy as np

from benchmarks.harness.cpu_library import LIBRARY, CpuLibrary
from benchmarks.harness.node_models import make_convolution_model
from benchmarks.harness.result_files import RESULTS, find_version, write_result
from benchmarks.kernels.cpu_layers import (
    BASELINE,
    BATCHES,
    MODELS,
    MOST_DIFFERENCE,
    draw_layer,
    finish_row,
    make_checked_layer,
    make_runner,
    open_session,
    read_model,
)
from benchmarks.kernels.fwht_node import BIG
from server.profiling.turns import Make, alternate

ENGINE = "openvino"
PARTS = ("models", "layer")


def make_openvino_runner(model: bytes, x: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """A function that runs the model's one input and returns its first output, which the next call may overwrite.

    Raises SystemExit where OpenVINO is not installed.
    """
    try:
        import openvino  # an extra: nothing but this benchmark needs it
    except ImportError:
        raise SystemExit("OpenVINO is not installed: .venv/bin/python -m pip install openvino") from None
    hints = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(model), "CPU", hints).create_infer_request()

    def run() -> np.ndarray:
        return np.asarray(request.infer([x], share_inputs=True, share_outputs=True)[0])

    return run


def check_agreement(name: str, model: bytes, input_name: str, x: np.ndarray) -> None:
    """Raises SystemExit where the engines do not agree."""
    expected = np.asarray(open_session(model, 1, native=False).run(None, {input_name: x})[0])
    found = make_openvino_runner(model, x, 1)()
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= MOST_DIFFERENCE:
        raise SystemExit(f"{name}: ONNX Runtime and OpenVINO differ by {difference:.1e}; nothing was timed")


def time_models(batch: int, options: argparse.Namespace) -> dict[str, Any]:
    x = np.random.default_rng(0).normal(0, 1, (batch, 3, 32, 32)).astype(np.float32)
    files = {name: read_model(name, native=name != BASELINE) for name in (BASELINE, *MODELS)}
    check_agreement(BASELINE, files[BASELINE], "image", x)
    sides: dict[str, Make] = {
        name: partial(make_runner, model, {"image": x}, options.threads, name != BASELINE)
        for name, model in files.items()
    }
    sides[ENGINE] = partial(make_openvino_runner, files[BASELINE], x, options.threads)
    return finish_row(f"batch {batch}", x, alternate(sides, options.rounds, options.seconds), BASELINE)


def time_layer(options: argparse.Namespace) -> dict[str, Any]:
    name, layer, pixels = BIG
    weights, x = draw_layer(layer, pixels, options.large_batch, ones=True)
    model, share = make_checked_layer(layer, weights, x, options.threads)
    kernel = np.random.default_rng(1).normal(0, layer.in_channels**-0.5, (layer.out_channels, layer.in_channels, 1, 1))
    other = make_convolution_model(layer, kernel.astype(np.float32), weights["bias"], pixels, pixels)
    convolution = other.SerializeToString()
    check_agreement(name, convolution, "x", x)
    sides: dict[str, Make] = {
        "convolution": partial(make_runner, convolution, {"x": x}, options.threads, False),
        "fwht_layer": partial(make_runner, model, {"x": x}, options.threads, True),
        ENGINE: partial(make_openvino_runner, convolution, x, options.threads),
    }
    return finish_row(name, x, alternate(sides, options.rounds, options.seconds), "convolution", tolerance_share=share)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernels.beside_openvino", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of every engine (1)")
    parser.add_argument("--rounds", type=int, default=20, help="turns of each side (20)")
    parser.add_argument("--seconds", type=float, default=0.2, help="seconds a turn (0.2)")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"which parts ({','.join(PARTS)})")
    parser.add_argument("--large-batch", type=int, default=10, help="images of the large layer (10)")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS}/openvino_<threads>.json)")
    options = parser.parse_args(arguments)
    subprocess.run(["plugins/build_native.sh", "--quiet"], check=True)
    conditions = {
        "instruction_set": CpuLibrary(LIBRARY.resolve()).text("instruction_set"),
        "threads": options.threads,
        "openvino": find_version("openvino"),
    }
    print(", ".join(f"{key} {value}" for key, value in conditions.items()) + ": ms median (p10 to p90), share")
    parts: dict[str, list[dict[str, Any]]] = {}
    if "models" in options.parts:
        parts["models"] = [time_models(batch, options) for batch in BATCHES]
    if "layer" in options.parts:
        parts["layer"] = [time_layer(options)]
    path = options.out or RESULTS / f"openvino_{options.threads}.json"
    print(f"written: {write_result('openvino', {**conditions, 'parts': parts}, path)}")


if __name__ == "__main__":
    main()
