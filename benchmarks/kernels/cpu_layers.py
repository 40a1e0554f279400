"""Time the CPU kernels in ONNX Runtime against what they replace: python -m benchmarks.kernels.cpu_layers

Four parts, with one thread or more (--threads):

- layers: each FWHT layer of the hybrid and the slim head at batch 1 and 16, and 1024 -> 1024 on 10x1024x32x32, against
  ONNX Runtime's 1x1 convolution and Clip;
- thresholds: one smooth path, one soft and three soft paths on the same layers, scales that are not 1;
- direct: the same thresholds at batch 1 and 16 in the kernel alone, called without ONNX Runtime, whose call is 5
  microseconds of every session's time: what a layer costs inside a model. One thread only;
- models: the shipped models at batch 1 and 16 against mobilenet_v2, with the kernels, bottlenecks fused as the server
  does it, with the kernels and not fused, and with the function bodies.

Before a row is timed its output is checked: a layer by the float64 reference, a model by its function bodies; a row
that is wrong ends the run. The instruction set is the best of the machine, or FWHT_CPU's; the result names it.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any, Callable

import numpy as np
import onnxruntime

from benchmarks.harness.cpu_library import LIBRARY, CpuLibrary, prepare_fwht_layer
from benchmarks.harness.native_run import make_parser, prepare_library, write_native_result
from benchmarks.harness.node_models import LayerCase, Weights, make_convolution_model, make_fwht_layer_model
from benchmarks.kernels.fwht_node import BIG, REAL, check
from server.backends.bottlenecks import fuse_bottlenecks
from server.profiling.turns import Make, alternate

BASELINE = "mobilenet_v2"
MODELS = ("fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")
BATCHES = (1, 16)
MOST_DIFFERENCE = 1e-4  # of the largest logit, between kernels and function bodies
PARTS = "layers,thresholds,direct,models"
ATTRIBUTES = ("keep_dc", "pool", "activation", "paths", "soft")
THRESHOLDS = {"smooth": (1, 0), "soft": (1, 1), "three_soft": (3, 1)}  # paths, soft


def open_session(model: bytes, threads: int, native: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if native:
        options.register_custom_ops_library(str(LIBRARY.resolve()))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def make_runner(model: bytes, feeds: dict[str, np.ndarray], threads: int, native: bool) -> Callable[[], object]:
    session = open_session(model, threads, native)
    return lambda: session.run(None, feeds)


def draw_layer(layer: LayerCase, pixels: int, batch: int, ones: bool) -> tuple[Weights, np.ndarray]:
    """Weights, whose scales are 1 where the shipped models' are, and X."""
    generator = np.random.default_rng(0)
    weights = layer.draw_weights(generator)
    if ones:
        weights["scale"][:] = 1
    return weights, generator.normal(0, 1, (batch, layer.in_channels, pixels, pixels)).astype(np.float32)


def make_checked_layer(layer: LayerCase, weights: Weights, x: np.ndarray, threads: int) -> tuple[bytes, float]:
    """The model of one node, and the share of the tolerance that its output uses."""
    model = make_fwht_layer_model(layer, weights, *x.shape[2:]).SerializeToString()
    y = np.asarray(open_session(model, threads, native=True).run(None, {"x": x})[0])
    return model, check(layer, weights, x, y)


def make_convolution(layer: LayerCase, weights: Weights, pixels: int) -> bytes:
    """The model of the 1x1 convolution that the layer stands in for."""
    kernel = np.random.default_rng(1).normal(0, layer.in_channels**-0.5, (layer.out_channels, layer.in_channels, 1, 1))
    proto = make_convolution_model(layer, kernel.astype(np.float32), weights["bias"], pixels, pixels)
    return bytes(proto.SerializeToString())


def time_layer(name: str, layer: LayerCase, pixels: int, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """One layer against its convolution."""
    weights, x = draw_layer(layer, pixels, batch, ones=True)
    model, share = make_checked_layer(layer, weights, x, options.threads)
    sides: dict[str, Make] = {
        "convolution": partial(make_runner, make_convolution(layer, weights, pixels), {"x": x}, options.threads, False),
        "fwht_layer": partial(make_runner, model, {"x": x}, options.threads, True),
    }
    return finish_row(name, x, alternate(sides, options.rounds, options.seconds), "convolution", tolerance_share=share)


def time_thresholds(name: str, layer: LayerCase, pixels: int, options: argparse.Namespace) -> dict[str, Any]:
    """One layer with each kind of threshold."""
    sides: dict[str, Make] = {}
    shares: dict[str, float] = {}
    for kind, (paths, soft) in THRESHOLDS.items():
        case = LayerCase(**{**vars(layer), "paths": paths, "soft": soft})
        weights, x = draw_layer(case, pixels, 1, ones=False)
        model, shares[kind] = make_checked_layer(case, weights, x, options.threads)
        sides[kind] = partial(make_runner, model, {"x": x}, options.threads, True)
    return finish_row(name, x, alternate(sides, options.rounds, options.seconds), "smooth", tolerance_share=shares)


def time_directly(name: str, layer: LayerCase, pixels: int, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """One layer with each kind of threshold, in the kernel alone."""
    library = CpuLibrary(LIBRARY.resolve())
    sides: dict[str, Make] = {}
    shares: dict[str, float] = {}
    kept = []  # the arrays that the parameters point to
    for kind, (paths, soft) in THRESHOLDS.items():
        case = LayerCase(**{**vars(layer), "paths": paths, "soft": soft})
        weights, x = draw_layer(case, pixels, batch, ones=False)
        params, y = prepare_fwht_layer(x, weights, {key: getattr(case, key) for key in ATTRIBUTES})
        kept.append((weights, x, y))
        library.run_fwht_layer(params, options.threads)
        shares[kind] = check(case, weights, x, y)
        sides[kind] = partial(partial, library.run_fwht_layer, params, options.threads)
    return finish_row(name, x, alternate(sides, options.rounds, options.seconds), "smooth", tolerance_share=shares)


def time_models(batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """All models at this batch size against the baseline."""
    sides: dict[str, Make] = {}
    x = np.random.default_rng(0).normal(0, 1, (batch, 3, 32, 32)).astype(np.float32)
    sides[BASELINE] = partial(make_runner, read_model(BASELINE, False), {"image": x}, options.threads, False)
    for name in MODELS:
        native, body = (read_model(name, kind) for kind in (True, False))
        check_model(name, native, body, x)
        sides[name] = partial(make_runner, native, {"image": x}, options.threads, True)
        sides[f"{name} (not fused)"] = partial(make_runner, body, {"image": x}, options.threads, True)
        sides[f"{name} (function body)"] = partial(make_runner, body, {"image": x}, options.threads, False)
    return finish_row(f"batch {batch}", x, alternate(sides, options.rounds, options.seconds), BASELINE)


def read_model(name: str, native: bool) -> bytes:
    """The shipped model; native: as the server opens it with the native kernels, its bottlenecks fused."""
    path = Path(f"models/{name}.onnx")
    fused = fuse_bottlenecks(path) if native else None
    return fused.content if fused else path.read_bytes()


def check_model(name: str, native: bytes, body: bytes, x: np.ndarray) -> None:
    """Raises SystemExit where kernels and function bodies do not agree."""
    found = np.asarray(open_session(native, 1, True).run(None, {"image": x})[0])
    expected = np.asarray(open_session(body, 1, False).run(None, {"image": x})[0])
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= MOST_DIFFERENCE:
        raise SystemExit(f"{name}: kernels and function bodies differ by {difference:.1e}; nothing was timed")


def finish_row(name: str, x: np.ndarray, times: dict[str, Any], base: str, **more: Any) -> dict[str, Any]:
    """The row with each side's time over that of `base`, by medians and by minima; it is shown, too."""
    ratios = {
        side: {
            "median": one["median_ms"] / times[base]["median_ms"],
            "minimum": min(one["samples_ms"]) / min(times[base]["samples_ms"]),
        }
        for side, one in times.items()
    }
    row = {"name": name, "input": list(x.shape), "base": base, "ratios": ratios, "times": times, **more}
    sides = ", ".join(
        f"{side} {one['median_ms']:.3f} ({one['p10_ms']:.3f} to {one['p90_ms']:.3f}) {ratios[side]['median']:.2f}"
        for side, one in times.items()
    )
    print(f"{name:18} {'x'.join(map(str, x.shape)):>15}  {sides}", flush=True)
    return row


def main() -> None:
    parser = make_parser("kernels.cpu_layers", __doc__, rounds=10, seconds=0.1)
    parser.add_argument("--parts", default=PARTS, help=f"which parts ({PARTS})")
    options = parser.parse_args()
    conditions = prepare_library(options.threads)
    parts: dict[str, list[dict[str, Any]]] = {}
    if "layers" in options.parts:
        rows = [(BIG, 10), *((layer, batch) for batch in BATCHES for layer in REAL)]
        parts["layers"] = [time_layer(*layer, batch, options) for layer, batch in rows]
    if "thresholds" in options.parts:
        parts["thresholds"] = [time_thresholds(*layer, options) for layer in REAL]
    if "direct" in options.parts and options.threads == 1:  # the library makes further threads for every run
        parts["direct"] = [time_directly(*layer, batch, options) for batch in BATCHES for layer in REAL]
    if "models" in options.parts:
        parts["models"] = [time_models(batch, options) for batch in BATCHES]
    print(f"written: {write_native_result('cpu_layers', conditions, {'parts': parts}, options.out)}")


if __name__ == "__main__":
    main()
