"""Time FWHTLayer against convolution + ReLU6 inside TensorRT:
python -m benchmarks.kernels.plugin_engines [--batches 1,16]

Engines of one layer each, in turns, in a CUDA graph (which leaves the host's time out) and, beside it, the sum of what
TensorRT's profiler reports for the layers of single runs. First 1024 -> 1024 channels on 10x1024x32x32, on buffers that
together exceed the cache; then the layers of the last five bottlenecks and the head, whose tensors are small and lie in
the cache in service, too. float16 inputs and outputs are linear or HWC8, whichever TensorRT prefers for each engine;
the convolution may use TF32, as it does by default. Needs TensorRT, onnx, the plugin library and a GPU; no torch.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorrt

from benchmarks.harness.engines import BoundContext, Engine, build_engine
from benchmarks.harness.kernel_library import PLUGIN, Library, Stream
from benchmarks.harness.kernel_run import Format, select_pixels
from benchmarks.harness.node_models import LayerCase, Weights, make_convolution_model, make_fwht_layer_model
from benchmarks.harness.result_files import RESULTS, write_result
from benchmarks.harness.tensor_layout import FLOAT16, FLOAT32
from benchmarks.kernels.device_timing import alternate_on_device
from benchmarks.kernels.engine_profile import profile_layers
from benchmarks.kernels.launches import count_launches
from benchmarks.kernels.plugin_cases import BIG, BIG_SHAPE, REAL, SETS, check_layer, draw_input
from server.profiling.turns import summarize

PASSES = 4  # over all buffers, in one graph
PROFILED_TURNS, PROFILED_RUNS = 5, 20
CONVOLUTION_ERROR = 1e-2  # over the norm; float16 sums lose more, a wrong product errs by about 1


@dataclass(frozen=True)
class Precision:
    name: str
    half: bool
    half_io: bool

    @property
    def kind(self) -> int:
        return FLOAT16 if self.half else FLOAT32


SINGLE = Precision("float32", half=False, half_io=False)
MIXED = Precision("float32 in and out, float16 allowed", half=True, half_io=False)
HALF = Precision("float16", half=True, half_io=True)


class Side:
    """One engine with several contexts, each with memory of its own; loaded, run once, its output kept."""

    def __init__(
        self, stack: ExitStack, library: Library, proto: onnx.ModelProto, x: np.ndarray, precision: Precision
    ) -> None:
        plan = build_engine(proto, x.shape[0], half=precision.half, half_io=precision.half_io, tf32=True)
        self.engine = Engine(plan)
        self.bounds = [stack.enter_context(BoundContext(self.engine, library)) for _ in range(SETS)]
        for bound in self.bounds:
            bound.load({"x": x})
        with Stream(library) as stream:
            self.start_once(stream)
            stream.synchronize()
            self.launches = count_launches(library, self.bounds[0].start)
        self.output = self.bounds[-1].read_outputs()["y"]
        self.watched = stack.enter_context(BoundContext(self.engine, library))  # a profiler bars a context from graphs
        self.watched.load({"x": x})

    def start_once(self, stream: Stream) -> None:
        for bound in self.bounds:
            bound.start(stream)

    def start(self, stream: Stream) -> None:
        for _ in range(PASSES):
            self.start_once(stream)

    def profile(self, stream: Stream) -> list[float]:
        """Milliseconds of all layers together, of each run."""
        return [sum(run) for run in zip(*profile_layers(self.watched, stream, PROFILED_RUNS).values())]

    def describe(self) -> dict[str, Any]:
        layouts = {name: ("linear", "HWC8")[self.engine.read_layout(name)] for name in self.engine.names}
        return {
            "launches": self.launches,
            "layouts": layouts,
            "layers": [x["Name"] for x in self.engine.inspect_layers()],
        }


def measure_case(
    library: Library, name: str, layer: LayerCase, shape: tuple[int, ...], precision: Precision, rounds: int
) -> Any:
    """Build both engines, check them, time them in turns."""
    weights, x = draw_input(layer, shape, Format(precision.kind))
    generator = np.random.default_rng()
    kernel = generator.normal(0, layer.in_channels**-0.5, (layer.out_channels, layer.in_channels, 1, 1))
    kernel = kernel.astype(np.float32)
    protos = {
        "convolution": make_convolution_model(layer, kernel, weights["bias"], *shape[2:]),
        "layer": make_fwht_layer_model(layer, weights, *shape[2:]),
    }
    with ExitStack() as stack:
        sides = {side: Side(stack, library, proto, x, precision) for side, proto in protos.items()}
        assert not np.isnan(sides["layer"].output).any(), f"{name}: outputs are NaN or unwritten"
        error = check_layer(layer, weights, x, sides["layer"].output, precision.kind)
        check_convolution(layer, kernel, weights, x, sides["convolution"].output)
        starts = {side: made.start for side, made in sides.items()}
        times = alternate_on_device(library, starts, PASSES * SETS, rounds)
        profiled = profile_in_turns(library, sides)
        described = {side: made.describe() for side, made in sides.items()}
    return {
        "name": name,
        "layer": vars(layer),
        "input": list(shape),
        "precision": precision.name,
        "tolerance_share": error.share,
        "engines": described,
        "times": times,
        "profiled": profiled,
        "speedup": compute_speedup(times),
        "profiled_speedup": compute_speedup(profiled),
    }


def compute_speedup(times: dict[str, dict[str, Any]]) -> float:
    return float(times["convolution"]["median_ms"] / times["layer"]["median_ms"])


def profile_in_turns(library: Library, sides: dict[str, Side]) -> dict[str, dict[str, Any]]:
    samples: dict[str, list[float]] = {name: [] for name in sides}
    with Stream(library) as stream:
        for _ in range(PROFILED_TURNS):
            for name, side in sides.items():
                samples[name] += side.profile(stream)
    return {name: summarize(times) for name, times in samples.items()}


def check_convolution(layer: LayerCase, kernel: np.ndarray, weights: Weights, x: np.ndarray, y: np.ndarray) -> None:
    """Raises SystemExit where some pixels are not what float64 gives."""
    count = x.shape[0] * x.shape[2] * x.shape[3]
    pixels = np.random.default_rng().choice(count, min(count, 64), replace=False)
    some_x, some_y = (select_pixels(values, pixels)[:, :, 0, 0].astype(np.float64) for values in (x, y))
    wanted = some_x @ kernel[:, :, 0, 0].T.astype(np.float64) + weights["bias"]
    if layer.activation == 6:
        wanted = np.clip(wanted, 0, 6)
    error = float(np.linalg.norm(some_y - wanted) / np.linalg.norm(wanted))
    if not error <= CONVOLUTION_ERROR:
        raise SystemExit(f"the convolution of {layer} is wrong: error {error:.1e}; nothing was timed")


def show(result: dict[str, Any]) -> None:
    graph, watched = ({side: t["median_ms"] * 1000 for side, t in result[k].items()} for k in ("times", "profiled"))
    counts = "/".join(str(result["engines"][side]["launches"]["kernels"]) for side in ("convolution", "layer"))
    print(
        f"{result['name']:18} {'x'.join(map(str, result['input'])):>15} {result['precision'][:20]:20}"
        f" {graph['convolution']:8.2f} {graph['layer']:8.2f} {result['speedup']:6.2f}x |"
        f" {watched['convolution']:8.2f} {watched['layer']:8.2f} {result['profiled_speedup']:6.2f}x  {counts}",
        flush=True,
    )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernels.plugin_engines", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("--rounds", type=int, default=10, help="turns of each side (10)")
    parser.add_argument("--batches", default="1,16", help="batch sizes of the real layers (1,16)")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS}/plugin_engines.json)")
    return parser.parse_args()


def main() -> None:
    chosen = parse_options()
    library = Library(PLUGIN)
    cases = [("1024 -> 1024", BIG, BIG_SHAPE, precision) for precision in (SINGLE, MIXED, HALF)]
    for batch in map(int, chosen.batches.split(",")):
        for precision in (SINGLE, HALF):
            cases += [(name, layer, (batch, layer.in_channels, side, side), precision) for name, layer, side in REAL]
    print("layer, input, precision; us of convolution and layer in a graph, by the profiler; kernels launched by each")
    rows = []
    for name, layer, shape, precision in cases:
        rows.append(measure_case(library, name, layer, shape, precision, chosen.rounds))
        show(rows[-1])
    results = {"tensorrt": tensorrt.__version__, "rows": rows}
    print(f"written: {write_result('plugin_engines', results, chosen.out)}")


if __name__ == "__main__":
    main()
