"""Time the FWHT layer in ONNX Runtime against the 1x1 convolution and ReLU6 it replaces:
python -m benchmarks.kernels.fwht_node

The rows: 1024 -> 1024 channels on 10x1024x32x32, and the layers of fwht_mobilenet_v2 (with the head of the slim model)
for 32x32 images at batch 1 and 16. Before a row is timed its output is compared with the float64 reference; a row that
is wrong ends the run. Both models get the same image and two threads; see server/profiling/turns.py for the method.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import onnx
import onnxruntime

from benchmarks.harness.node_models import LayerCase, Weights, make_convolution_model, make_fwht_layer_model
from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import parse_options
from server.profiling.turns import alternate

THREADS = 2
CHECKED_PIXELS = 64
# name, layer, pixels each way; the bottlenecks 13 to 17 with their repetitions, and the slim model's head
BIG = ("1024 -> 1024", LayerCase(1024, 1024, 1024, activation=6), 32)
REAL = [
    ("blocks.13.expand", LayerCase(96, 576, 1024, activation=6), 8),
    ("blocks.13.project", LayerCase(576, 96, 1024), 8),
    ("blocks.14.expand", LayerCase(96, 576, 1024, activation=6), 8),
    ("blocks.14.project", LayerCase(576, 160, 1024), 4),
    ("blocks.15.expand", LayerCase(160, 960, 1024, activation=6), 4),
    ("blocks.15.project", LayerCase(960, 160, 1024), 4),
    ("blocks.16.expand", LayerCase(160, 960, 1024, activation=6), 4),
    ("blocks.16.project", LayerCase(960, 160, 1024), 4),
    ("blocks.17.expand", LayerCase(160, 960, 1024, activation=6), 4),
    ("blocks.17.project", LayerCase(960, 320, 1024), 4),
    ("head (slim)", LayerCase(320, 1280, 2048, activation=6), 4),
]


def open_session(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def make_runner(proto: onnx.ModelProto, x: np.ndarray) -> Callable[[], object]:
    running = open_session(proto)
    return lambda: running.run(None, {"x": x})


def check(layer: LayerCase, weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    """The share of the tolerance that y uses; it works pixel by pixel, so some pixels stand for all.

    Raises SystemExit where y is wrong.
    """
    pixels = np.random.default_rng(1).integers(0, y[:, 0].size, CHECKED_PIXELS)
    some_x, some_y = (np.moveaxis(a, 1, -1).reshape(-1, a.shape[1])[pixels][:, :, None, None] for a in (x, y))
    error = np.abs(some_y - layer.compute_reference(some_x, weights))
    share = float((error / layer.compute_tolerance(some_x, weights)).max())
    if not share <= 1:
        raise SystemExit(f"{layer} is wrong: {share:.2f} times the tolerance off; nothing was timed")
    return share


def measure_layer(name: str, layer: LayerCase, pixels: int, batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Check, then time one layer against its convolution."""
    generator = np.random.default_rng(0)
    weights = layer.draw_weights(generator)
    x = generator.normal(0, 1, (batch, layer.in_channels, pixels, pixels)).astype(np.float32)
    kernel = generator.normal(0, layer.in_channels**-0.5, (layer.out_channels, layer.in_channels, 1, 1))
    fwht = make_fwht_layer_model(layer, weights, pixels, pixels)
    convolution = make_convolution_model(layer, kernel.astype(np.float32), weights["bias"], pixels, pixels)
    share = check(layer, weights, x, np.asarray(open_session(fwht).run(None, {"x": x})[0]))
    times = alternate(
        {"convolution": lambda: make_runner(convolution, x), "fwht_layer": lambda: make_runner(fwht, x)},
        rounds,
        seconds,
    )
    speedup = times["convolution"]["median_ms"] / times["fwht_layer"]["median_ms"]
    return {
        "name": name,
        "layer": vars(layer),
        "input": list(x.shape),
        "tolerance_share": share,
        "times": times,
        "speedup": speedup,
    }


def show(result: dict[str, Any]) -> None:
    times = [result["times"][key] for key in ("convolution", "fwht_layer")]
    columns = "".join(f"{t['median_ms']:9.3f} ({t['p10_ms']:.3f} to {t['p90_ms']:.3f})" for t in times)
    shape = "x".join(map(str, result["input"]))
    print(f"{result['name']:18} {shape:>15} {columns}  {result['speedup']:.2f}", flush=True)


def main() -> None:
    options = parse_options("kernels.fwht_node", __doc__, rounds=10, seconds=0.1)
    print("layer, input, ms of convolution + ReLU6, ms of FWHT layer: median (p10 to p90); how many times as fast")
    rows = []
    for batch, layers in ((10, [BIG]), (1, REAL), (16, REAL)):
        for name, layer, pixels in layers:
            rows.append(measure_layer(name, layer, pixels, batch, options.rounds, options.seconds))
            show(rows[-1])
    print(f"written: {write_result('fwht_node', {'threads': THREADS, 'rows': rows}, options.out)}")


if __name__ == "__main__":
    main()
