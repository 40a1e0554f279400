"""Time FWHT2D in ONNX Runtime against what it replaces, and against its rival: python -m benchmarks.kernels.fwht_2d

The speed test of Pan, Badawi and Cetin (arXiv 2201.02711), on ten images of 1024 channels of 8x8: FWHT2D by the native
kernels (smooth and soft) and by its function body; a 3x3 convolution of 1024 to 1024 channels with its ReLU, which the
paper says is 24 times as slow; squeeze-and-excite of 1024, 256 and 1024; and what the paper does not time, a 3x3
depthwise convolution, which like FWHT2D mixes no channels. And the same for one image.

Before a row is timed every side is compared with float64, within bounds of rounding; a side that is wrong ends the run.
The sides are measured in turns; then the peak memory of each, in a process of its own, over that of a session that only
applies a ReLU to the same tensor.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from benchmarks.harness.cpu_library import LIBRARY
from benchmarks.harness.native_run import make_parser, prepare_library, write_native_result
from benchmarks.harness.node_models import Weights, make_model
from benchmarks.harness.plane_models import PlaneCase, make_excite_model, make_plane_model, make_window_model
from benchmarks.kernels.cpu_layers import finish_row, make_runner, open_session
from benchmarks.kernels.plane_checks import check_excite, check_plane, check_window
from server.profiling.turns import Make, alternate

CHANNELS, SIZE, FEWER = 1024, 8, 256
BATCHES = (10, 1)
NATIVE = ("fwht_2d", "fwht_2d_soft")
REQUIRED = 24.0  # times as fast as the convolution


def draw_sides(channels: int, size: int, fewer: int) -> dict[str, tuple[onnx.ModelProto, Any]]:
    """Each side's model, and a check of its output: x and y -> share of the tolerance that is used."""
    generator = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        """Of the size that keeps sums over the second axis and what follows at that of their terms."""
        terms = np.prod(shape[1:]) if len(shape) > 1 else 1
        return generator.normal(0, terms**-0.5, shape).astype(np.float32)

    smooth, soft = PlaneCase(size, size, size), PlaneCase(size, size, size, soft=1)
    plane = smooth.draw_weights(generator, channels)
    window, depthwise, bias = draw(channels, channels, 3, 3), draw(channels, 1, 3, 3), draw(channels)
    excite: Weights = {"first": draw(fewer, channels, 1, 1), "first_bias": draw(fewer)}
    excite.update({"second": draw(channels, fewer, 1, 1), "second_bias": draw(channels)})
    return {
        "convolution": (make_window_model(window, bias, size, 1), partial(check_window, window, bias, 1)),
        "fwht_2d": (make_plane_model(smooth, plane), partial(check_plane, smooth, plane)),
        "fwht_2d_soft": (make_plane_model(soft, plane), partial(check_plane, soft, plane)),
        "function_body": (make_plane_model(smooth, plane), partial(check_plane, smooth, plane)),
        "squeeze_and_excite": (make_excite_model(excite, size), partial(check_excite, excite)),
        "depthwise": (make_window_model(depthwise, bias, size), partial(check_window, depthwise, bias, 0)),
    }


def measure_row(batch: int, channels: int, size: int, fewer: int, options: argparse.Namespace) -> dict[str, Any]:
    """Check, time in turns, then ask for the memory. Raises SystemExit where a side is wrong."""
    sides = draw_sides(channels, size, fewer)
    x = np.random.default_rng(1).normal(0, 1, (batch, channels, size, size)).astype(np.float32)
    shares, makes = {}, {}
    for name, (model, check) in sides.items():
        content = model.SerializeToString()
        y = np.asarray(open_session(content, options.threads, name in NATIVE).run(None, {"x": x})[0])
        shares[name] = check(x, y)
        if not shares[name] <= 1:
            raise SystemExit(f"{name} is wrong: {shares[name]:.2f} times the tolerance off; nothing was timed")
        make: Make = partial(make_runner, content, {"x": x}, options.threads, name in NATIVE)
        makes[name] = make
    times = alternate(makes, options.rounds, options.seconds)
    row = finish_row(f"batch {batch}", x, times, "fwht_2d", tolerance_share=shares)
    memory = measure_memory({name: model for name, (model, _) in sides.items()}, x.shape, options.threads)
    print("peak memory over that of a ReLU:", ", ".join(f"{k} {v / 2**20:.1f} MiB" for k, v in memory.items()))
    return {**row, "peak_bytes_over_relu": memory}


def measure_memory(models: dict[str, onnx.ModelProto], shape: tuple[int, ...], threads: int) -> dict[str, int]:
    """Peak bytes of each in a process of its own, less those of a session of one ReLU."""
    relu = make_model([helper.make_node("Relu", ["x"], ["y"])], {}, shape[1:], shape[1:], [])
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in {"relu": relu, **models}.items():
            path = Path(folder) / f"{name}.onnx"
            path.write_bytes(model.SerializeToString())
            command = [sys.executable, "-m", "benchmarks.kernels.peak_memory", str(path)]
            command += [",".join(map(str, shape)), str(threads)]
            command += [str(LIBRARY.resolve())] if name in NATIVE else []
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks[name] = int(done.stdout)
    return {name: peaks[name] - peaks["relu"] for name in models}


def main() -> None:
    options = make_parser("kernels.fwht_2d", __doc__, rounds=10, seconds=0.2).parse_args()
    conditions = prepare_library(options.threads)
    rows = [measure_row(batch, CHANNELS, SIZE, FEWER, options) for batch in BATCHES]
    ratio = rows[0]["ratios"]["convolution"]["median"]
    print(f"FWHT2D is {ratio:.1f} times as fast as the convolution; {REQUIRED:.0f} are required")
    results = {"required": REQUIRED, "rows": rows}
    print(f"written: {write_native_result('fwht_2d', conditions, results, options.out)}")


if __name__ == "__main__":
    main()
