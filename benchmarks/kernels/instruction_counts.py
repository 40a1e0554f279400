"""Count the instructions that the kernels' warps issue, from their machine code, without a GPU:
python -m benchmarks.kernels.instruction_counts [--renew] [--architecture N] [--op OP] [--kernel TEXT]

Prints instructions per pixel (of FWHTLayer's tiles) and per output (of FWHT2D's and MFDepthwiseConv's kernels) beside
those of the stored baseline, which has no FWHT2D. --renew keeps them in benchmarks/results/instruction_counts.json,
from which benchmarks.pages.renew makes the tables of docs/kernels.md. --baseline FOLDER counts the kernels of another
checkout's plugins/ and keeps those as what is compared with: all of 3b1e89a, and with --kernel _paths_ of 4886221,
since 3b1e89a had none. What is counted, and how, is said in docs/kernels.md.
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
from typing import Any, Dict, List

from benchmarks.harness.cuda_compilers import PLUGINS, ROOT
from benchmarks.harness.figures_cache import hash_sources
from benchmarks.harness.instruction_baseline import LAYER, PLANE, find_counts_before
from benchmarks.harness.kernel_figures import SOURCES, demangle
from benchmarks.harness.machine_code import Disassembly, count_instructions, make_constants, sum_issued
from benchmarks.harness.result_files import write_json
from benchmarks.harness.sass_run import WARP
from benchmarks.harness.sass_text import Code
from benchmarks.kernels.counted_launches import (
    CONVOLUTION,
    Launch,
    list_layers,
    list_planes,
    make_convolution,
)
from benchmarks.kernels.nano_issue import count_nano_layers
from benchmarks.kernels.nano_planes import count_nano_planes

RESULT = ROOT / "benchmarks" / "results" / "instruction_counts.json"
ARCHITECTURES = (53, 72, 87, 90)
Counts = Dict[str, Dict[str, List[float]]]  # by architecture and kernel
PREFIXES = {"FWHTLayer": "fwht_layer_", "FWHT2D": "fwht_2d_", "MFDepthwiseConv": "mf_"}  # of the kernels' names
COUNTED = tuple(PREFIXES)  # the ops whose launches counted_launches.py knows


def count_launch(code: Code, architecture: int, launch: Launch) -> float:
    """Instructions of a thread's lane, idle or not, for each result of the blocks that are followed."""
    constants = make_constants(architecture, launch.params, launch.threads, launch.blocks)
    issued = sum_issued(count_instructions(code, constants, launch.threads, range(launch.followed), launch.memory))
    return issued * WARP / launch.results


def count_kernel(architecture: int, kernel: tuple[str, Code]) -> tuple[str, list[float]]:
    """By its readable name: for each launch of list_layers or list_planes, or the one of a convolution."""
    name, code = kernel
    layer, plane, convolution = LAYER.match(name), PLANE.match(name), CONVOLUTION.match(name)
    if layer:
        launches = list_layers(layer)
    elif plane:
        launches = list_planes(plane)
    elif convolution:
        launches = [make_convolution(convolution)]
    else:
        raise SystemExit(f"{name} is a kernel that no launch is known for: add it to LAYER, PLANE or CONVOLUTION")
    by_params = {launch.params: launch for launch in launches}  # where n is small, all of them are one
    counts = {params: round(count_launch(code, architecture, launch), 1) for params, launch in by_params.items()}
    return name, [counts[launch.params] for launch in launches]


def find_source(op: str, plugins: Path) -> str:
    """The kernels that counted_launches has launches for: all but those of layers with blocks. Up to 3b1e89a the
    lists of kernels were named instances.h, and there were neither paths nor MfTasks."""
    lines = [line for line in SOURCES[op].splitlines() if "window" not in line.lower()]
    if not (plugins / "fwht_layer" / "instances.h").exists():
        return "\n".join(lines)
    source = "\n".join(line for line in lines if "PATHS" not in line and "_paths_" not in line)
    return re.sub(r"(tiles|compiled_kernels)\.h", "instances.h", source.replace(", MfTasks", ""))


def count_all(plugins: Path, architectures: Iterable[int], ops: Iterable[str] = COUNTED, wanted: str = "") -> Counts:
    """For each architecture the counts by kernel. Raises CompilerMissing, or SassError with what was not understood."""
    disassembly = Disassembly()
    found: Counts = {}
    with ProcessPoolExecutor() as pool:
        for architecture in architectures:
            kernels: list[tuple[str, Code]] = []
            for op in ops:
                codes = disassembly.disassemble(find_source(op, plugins), architecture, plugins)
                kernels += [pair for pair in zip(demangle(list(codes)), codes.values()) if wanted in pair[0]]
            counted = pool.map(partial(count_kernel, architecture), kernels)
            found[f"sm_{architecture}"] = dict(sorted((name, counts) for name, counts in counted if counts))
    return found


def list_changes(now: Counts, before: dict[str, Any]) -> Iterator[str]:
    """A line for each kernel: its counts, and in per cent how they differ from the baseline's."""
    for architecture, kernels in now.items():
        yield architecture
        for name, counts in kernels.items():
            old = find_counts_before(name, before.get(architecture, {})) or [0.0] * len(counts)
            cells = [f"{count:12,.1f} {f'{count / was - 1:+.1%}' if was else '':>7}" for count, was in zip(counts, old)]
            yield f"  {name:58} {' '.join(cells)}"


def load_stored() -> dict[str, Any]:
    return dict(json.loads(RESULT.read_text())) if RESULT.exists() else {}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--renew", action="store_true", help="keep the counts in benchmarks/results/")
    parser.add_argument("--baseline", type=Path, metavar="FOLDER", help="another checkout's plugins/, to compare with")
    parser.add_argument("--architecture", type=int, choices=ARCHITECTURES, help="this one alone")
    parser.add_argument("--op", choices=COUNTED, help="this one's kernels alone")
    parser.add_argument(
        "--kernel", default="", metavar="TEXT", help="kernels whose name has TEXT alone, as `32, 32, 8`"
    )
    options = parser.parse_args(arguments)
    if (options.renew and options.kernel) or ((options.renew or options.baseline) and options.architecture):
        parser.error("what is kept is counted for every architecture, and for every kernel of an op")
    stored = load_stored()
    ops = [options.op] if options.op else list(COUNTED)
    architectures = (options.architecture,) if options.architecture else ARCHITECTURES
    counts = count_all(options.baseline.resolve() if options.baseline else PLUGINS, architectures, ops, options.kernel)
    if options.baseline:
        keep(stored, "baseline", counts)
        return
    print("\n".join(list_changes(counts, stored.get("baseline", {}))))
    if options.renew:
        stored["sources"] = {**stored.get("sources", {}), **{op: hash_sources(SOURCES[op]) for op in ops}}
        if "FWHTLayer" in ops:
            stored["nano"] = count_nano_layers(PLUGINS)
        if "FWHT2D" in ops:
            stored["nano_planes"] = count_nano_planes(PLUGINS)
        for kernels in stored.get("counts", {}).values():  # of tiles that are no more
            for name in [name for name in kernels if name.startswith(tuple(PREFIXES[op] for op in ops))]:
                del kernels[name]
        keep(stored, "counts", counts)


def keep(stored: dict[str, Any], part: str, counts: Counts) -> None:
    """Write `counts` over those of the same kernels."""
    old = stored.get(part, {})
    merged = {architecture: {**old.get(architecture, {}), **new} for architecture, new in counts.items()}
    stored[part] = {architecture: dict(sorted(kernels.items())) for architecture, kernels in merged.items()}
    write_json(RESULT, stored)


if __name__ == "__main__":
    main(sys.argv[1:])
