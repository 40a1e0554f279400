"""Time the fused layer against a copy of its tensor on the device: python -m benchmarks.kernels.plugin_copy

1024 -> 1024 channels on 10x1024x32x32, with gain, bias and ReLU6, in float32 and float16, NCHW and HWC8. The floor is
one read and one write, which is what cudaMemcpyAsync does; it is timed in a graph and without one, and the faster
counts. Needs the kernels' library and a GPU, nothing else.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from benchmarks.harness.kernel_library import KERNELS, Library
from benchmarks.harness.kernel_run import FORMATS, Format
from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import parse_options
from benchmarks.kernels.device_timing import alternate_on_device
from benchmarks.kernels.plugin_cases import BIG, BIG_SHAPE, Copies


def measure_format(library: Library, form: Format, rounds: int, shape: tuple[int, ...] = BIG_SHAPE) -> dict[str, Any]:
    """Check, then time one format."""
    with ExitStack() as stack:
        copies = Copies(stack, library, BIG, shape, form)
        sides = {"copy": copies.copy, "layer": copies.start}
        in_graph = alternate_on_device(library, sides, copies.sets, rounds)
        alone = alternate_on_device(library, {"copy": copies.copy}, copies.sets, rounds, graph=False)
        times = {**in_graph, "copy without a graph": alone["copy"]}
        floor = min(times[name]["median_ms"] for name in ("copy", "copy without a graph"))
        moved = 2 * copies.runs[0].target.size
        return {
            "format": str(form),
            "input": list(shape),
            "tolerance_share": copies.error.share,
            "times": times,
            "copy_tb_per_s": moved / floor / 1e9,
            "times_the_copy": times["layer"]["median_ms"] / floor,
        }


def show(result: dict[str, Any]) -> None:
    us = {name: times["median_ms"] * 1000 for name, times in result["times"].items()}
    spread = result["times"]["layer"]
    print(
        f"{result['format']:14} layer {us['layer']:7.2f} us ({spread['p10_ms'] * 1000:.2f} to"
        f" {spread['p90_ms'] * 1000:.2f}), copy {us['copy']:7.2f} us, without a graph"
        f" {us['copy without a graph']:7.2f} us ({result['copy_tb_per_s']:.2f} TB/s): {result['times_the_copy']:.3f}x",
        flush=True,
    )


def main() -> None:
    options = parse_options("kernels.plugin_copy", __doc__, rounds=10, seconds=0)
    library = Library(KERNELS)
    rows = []
    for form in FORMATS:
        rows.append(measure_format(library, form, options.rounds))
        show(rows[-1])
    print(f"written: {write_result('plugin_copy', {'rows': rows}, options.out)}")


if __name__ == "__main__":
    main()
