"""Count the instructions that the kernels' warps issue, from their machine code, without a GPU:
python -m benchmarks.kernels.instruction_counts [--renew] [--architecture N] [--kernel TEXT]

Prints instructions per pixel (of FWHTLayer's tiles) and per output (of MFDepthwiseConv's kernels) beside those of the
stored baseline. --renew keeps them in benchmarks/results/instruction_counts.json, from which benchmarks.pages.renew
makes the tables of docs/kernels.md. --baseline FOLDER counts the kernels of another checkout's plugins/ and keeps those
as what is compared with. What is counted, and how, is said in docs/kernels.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.cuda_compilers import PLUGINS, ROOT
from benchmarks.harness.figures_cache import hash_sources
from benchmarks.harness.kernel_figures import SOURCES, demangle
from benchmarks.harness.machine_code import Disassembly, count_instructions, make_constants, sum_issued
from benchmarks.harness.result_files import write_json
from benchmarks.harness.sass_run import WARP
from benchmarks.harness.sass_text import Code
from export.ops.native_structures import FwhtLayerParams, MfDepthwiseConvParams

RESULT = ROOT / "benchmarks" / "results" / "instruction_counts.json"
ARCHITECTURES = (53, 72, 87, 90)
LAYER = re.compile(r"^fwht_layer(_paths)?_kernel<(\w+), \(?[\w:]*\)?(\d), (\d+), (\d+), (\d+), (\d+), (?:true|false)>$")
CONVOLUTION = re.compile(r"^mf_depthwise_conv_(nchw|hwc8)<(?:(float|Half), )?(\d), (\d), (\d)>$")
FEW = 128  # channels, in the cases where the kernel can skip what is padding or cut off
BATCH, PIXELS = 10, 1024  # every pixel of the block that is followed lies in the tensor
PATHS = 2  # in kernels of several
SIDE, CHANNELS = 16, 64  # of the image that MFDepthwiseConv is counted on; borders belong to it
ADDRESSES = [index << 28 for index in range(1, 7)]


def list_cases(n: int) -> list[tuple[int, int]]:
    """Input and output channels: all; few outputs; few inputs; few of both."""
    few = min(n, FEW)
    return [(n, n), (n, few), (few, n), (few, few)]


def make_layer(found: re.Match[str], inputs: int, outputs: int) -> tuple[FwhtLayerParams, int, int]:
    """The launch of a tile: parameters, threads and pixels of a block. BatchNorm and ReLU6 folded in, no residual."""
    rows, columns, pixels, vector = map(int, found.groups()[3:7])
    x, thresholds, scale, gain, bias, y = ADDRESSES
    params = FwhtLayerParams(x, thresholds, scale, gain, bias, None, y, BATCH, PIXELS, inputs, outputs, rows * columns)
    params.pool, params.keep_dc, params.activation = 1, 0, 6
    params.type, params.layout = int(found[2] == "Half"), int(found[3])
    params.paths, params.soft = PATHS if found[1] else 1, 0
    return params, pixels // vector * columns, pixels


def make_convolution(found: re.Match[str]) -> MfDepthwiseConvParams:
    """SIDE x SIDE and ReLU6; stride 2 for the kernels that are there for it."""
    size, op, outputs = int(found[3]), int(found[4]), int(found[5])
    stride = 1 if outputs > 1 else 2
    side = SIDE // stride
    x, weight, gain, bias, y, _ = ADDRESSES
    params = MfDepthwiseConvParams(x, weight, gain, bias, y, 1, CHANNELS, SIDE, SIDE, side, side, size, stride, stride)
    params.pad_top = params.pad_left = size // 2
    params.op, params.activation = op, 6
    params.type, params.layout = int(found[1] == "hwc8" or found[2] == "Half"), int(found[1] == "hwc8")
    return params


def count_layer(code: Code, architecture: int, params: FwhtLayerParams, threads: int, pixels: int) -> float:
    """Instructions of a thread's lane, idle or not, for each pixel."""
    constants = make_constants(architecture, params, threads, params.batch * params.pixels // pixels)
    return sum_issued(count_instructions(code, constants, threads, [0])) * WARP / pixels


def count_convolution(code: Code, architecture: int, params: MfDepthwiseConvParams, outputs: int) -> float:
    """The same for each output. All blocks: some have a border of the image that others have not."""
    threads = 128
    if params.layout:
        tasks, lanes = params.out_height * -(-params.out_width // outputs), 16
    else:
        tasks, lanes = params.channels * -(-params.out_height // outputs) * params.out_width, threads
    blocks = -(-tasks // lanes)
    constants = make_constants(architecture, params, threads, blocks)
    total = sum_issued(count_instructions(code, constants, threads, range(blocks)))
    return float(total * WARP / (params.channels * params.out_height * params.out_width))


def count_kernel(architecture: int, kernel: tuple[str, Code]) -> tuple[str, list[float]]:
    """By its readable name: for each case of list_cases, or the one of a convolution."""
    name, code = kernel
    layer, convolution = LAYER.match(name), CONVOLUTION.match(name)
    if layer:
        n = int(layer[4]) * int(layer[5])
        counts = [count_layer(code, architecture, *make_layer(layer, *case)) for case in list_cases(n)]
    elif convolution:
        counts = [count_convolution(code, architecture, make_convolution(convolution), int(convolution[5]))]
    else:
        raise SystemExit(f"{name} is a kernel that this script has no launch for: add it to LAYER or CONVOLUTION")
    return name, [round(count, 1) for count in counts]


def find_source(op: str, plugins: Path) -> str:
    """Up to 3b1e89a the lists of kernels were named instances.h, and had no paths."""
    source = SOURCES[op]
    if (plugins / "fwht_layer" / "instances.h").exists():
        source = re.sub(r"(tiles|compiled_kernels)\.h", "instances.h", source)
        source = "\n".join(line for line in source.splitlines() if "PATHS" not in line and "_paths_" not in line)
    return source


def count_all(
    plugins: Path, architectures: Iterable[int], ops: Iterable[str] = tuple(SOURCES), wanted: str = ""
) -> dict[str, dict[str, list[float]]]:
    """For each architecture the counts by kernel. Raises CompilerMissing, or SassError with what was not understood."""
    disassembly = Disassembly()
    found: dict[str, dict[str, list[float]]] = {}
    with ProcessPoolExecutor() as pool:
        for architecture in architectures:
            kernels: list[tuple[str, Code]] = []
            for op in ops:
                codes = disassembly.disassemble(find_source(op, plugins), architecture, plugins)
                kernels += [pair for pair in zip(demangle(list(codes)), codes.values()) if wanted in pair[0]]
            found[str(architecture)] = dict(sorted(pool.map(partial(count_kernel, architecture), kernels)))
    return found


def list_changes(now: dict[str, dict[str, list[float]]], before: dict[str, Any]) -> Iterator[str]:
    """A line for each kernel: its counts, and in per cent how they differ from the baseline's."""
    for architecture, kernels in now.items():
        yield f"sm_{architecture}"
        for name, counts in kernels.items():
            old = before.get(architecture, {}).get(name, [])
            cells = [
                f"{count:12,.1f} {f'{count / was - 1:+.1%}' if was else '':>7}"
                for count, was in zip(counts, old or [0] * 4)
            ]
            yield f"  {name:58} {' '.join(cells)}"


def load_stored() -> dict[str, Any]:
    return dict(json.loads(RESULT.read_text())) if RESULT.exists() else {}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--renew", action="store_true", help="keep the counts in benchmarks/results/")
    parser.add_argument("--baseline", type=Path, metavar="FOLDER", help="another checkout's plugins/, to compare with")
    parser.add_argument("--architecture", type=int, choices=ARCHITECTURES, help="this one alone")
    parser.add_argument(
        "--kernel", default="", metavar="TEXT", help="kernels whose name has TEXT alone, as `32, 32, 8`"
    )
    options = parser.parse_args(arguments)
    if (options.renew or options.baseline) and (options.architecture or options.kernel or options.op):
        parser.error("what is kept is counted for every architecture and kernel")
    stored = load_stored()
    if options.baseline:
        stored["baseline"] = count_all(options.baseline.resolve(), ARCHITECTURES)
        write_json(RESULT, stored)
        return
    architectures = (options.architecture,) if options.architecture else ARCHITECTURES
    counts = count_all(PLUGINS, architectures, [options.op] if options.op else SOURCES, options.kernel)
    print("\n".join(list_changes(counts, stored.get("baseline", {}))))
    if options.renew:
        sources = {op: hash_sources(source) for op, source in SOURCES.items()}
        write_json(RESULT, {"baseline": stored.get("baseline", {}), "sources": sources, "counts": counts})


if __name__ == "__main__":
    main(sys.argv[1:])
