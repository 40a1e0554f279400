"""Compute what our FWHT layer would take on one Cortex-A57 core, for which the paper measured its own:
python -m benchmarks.kernels.a57_layer [--renew | --check]

Nothing here was measured. The NEON kernel is compiled for arm64 with the flags of plugins/build_native.sh and runs once
under qemu, which counts how often each loop runs; llvm-mca's model of the core gives the cycles of a pass with
everything in the first-level cache. The time of moving X and Y through memory is added, not overlapped.

--renew counts again and keeps the figures in benchmarks/results/a57_layer.json; --check counts again and fails where a
time differs from those by more than 5 % (the compiler's version may). Without an option the table of
docs/cpu_kernels.md is written from the file. A test compares page and file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness.arm64_trace import COMPILER, MODEL, ToolMissing, check_tools, count_cycles, trace_loops
from benchmarks.harness.markdown import make_table
from benchmarks.harness.result_files import write_json
from benchmarks.kernels.nano_roofline import BANDWIDTH
from benchmarks.pages.markers import replace_part

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cpu_kernels.md"
FIGURES = ROOT / "benchmarks" / "results" / "a57_layer.json"
PLUGINS = ROOT / "plugins"

CORE = "cortex-a57"
CLOCK = 1.43e9  # the Nano's
COUNTED = 512  # pixels that one_layer.cpp runs
PIXELS, CHANNELS = 10 * 32 * 32, 1024
TRAFFIC = PIXELS * CHANNELS * 4 * 3  # bytes: X read, Y written, and read before that since a store fetches its line
GOAL_S = 0.25
# The paper's own figures (its repository's README): TensorFlow Lite, float32, Jetson Nano
PAPER = (("1x1 convolution, bias, ReLU", 2.3204), ("FWHT layer of the paper", 1.1973))
KINDS = {"smooth": "0", "soft": "1"}
FLAGS = ["-std=c++14", "-O2", "-ffp-contract=off", "-fno-math-errno", "-pthread", "-static"]
PASSES = {"transform_in": "way in", "transform_out": "way out"}
MOST_DRIFT = 0.05


def build_program(folder: Path) -> Path:
    """The layer as a program for arm64."""
    sources = [Path(__file__).with_name("one_layer.cpp"), PLUGINS / "cpu" / "kernels_neon.cpp"]
    sources += [path for path in sorted((PLUGINS / "cpu").glob("*.cpp")) if not path.name.startswith("kernels_")]
    sources += [PLUGINS / "fwht_layer" / "check.cpp", *sorted(PLUGINS.glob("*/cpu_*.cpp"))]
    program = folder / "one_layer"
    options = [*FLAGS, '-DFWHT_VERSION="count"', f"-I{PLUGINS}", *map(str, sources), "-o", str(program)]
    subprocess.run([COMPILER, *options], check=True)
    return program


def count_kind(program: Path, argument: str) -> dict[str, Any]:
    """Instructions, cycles and the units' least cycles for COUNTED pixels, by pass."""
    passes: dict[str, dict[str, float]] = {}
    for loop in trace_loops(program, [argument], {"FWHT_CPU": "neon"}, "fwht::"):
        name = next((words for key, words in PASSES.items() if key in loop.function), "the middle")
        cycles, least = count_cycles(loop.instructions, CORE)
        sums = passes.setdefault(name, {"instructions": 0, "cycles": 0, "least_cycles": 0})
        for key, each in (("instructions", len(loop.instructions)), ("cycles", cycles), ("least_cycles", least)):
            sums[key] = round(sums[key] + each * loop.times)
    return passes


def count_all() -> dict[str, Any]:
    """Raises ToolMissing."""
    check_tools()
    with tempfile.TemporaryDirectory() as folder:
        program = build_program(Path(folder))
        kinds = {kind: count_kind(program, argument) for kind, argument in KINDS.items()}
    versions = {tool: read_version(tool) for tool in (COMPILER, MODEL)}
    return {"core": CORE, "pixels": COUNTED, "versions": versions, "kinds": kinds}


def read_version(tool: str) -> str:
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    return next(line.strip() for line in said.splitlines() if any(letter.isdigit() for letter in line))


def compute_seconds(passes: dict[str, dict[str, float]], key: str = "cycles") -> float:
    """Of the arithmetic, for all pixels of the paper's tensor."""
    return sum(sums[key] for sums in passes.values()) / COUNTED * PIXELS / CLOCK


def make_page_table(figures: dict[str, Any]) -> str:
    rows = [
        [name, "measured in the paper", f"{seconds:.4f}", f"{PAPER[0][1] / seconds:.1f}x"] for name, seconds in PAPER
    ]
    memory = TRAFFIC / BANDWIDTH
    notes = []
    for kind, passes in figures["kinds"].items():
        seconds = compute_seconds(passes) + memory
        verdict = "held" if seconds <= GOAL_S else "missed"
        rows.append([f"our layer, {kind} threshold", "computed", f"{seconds:.3f}", f"{PAPER[0][1] / seconds:.1f}x"])
        parts = ", ".join(
            f"{name} {sums['cycles'] / COUNTED:,.0f}" for name, sums in passes.items() if name != "the rest"
        )
        left = TRAFFIC / (GOAL_S - compute_seconds(passes)) / 1e9 if compute_seconds(passes) < GOAL_S else None
        needs = f" as long as the core gets {left:.1f} GB/s or more" if left and verdict == "held" else ""
        notes.append(
            f"{kind.capitalize()}: {sum(s['instructions'] for s in passes.values()) / COUNTED:,.0f} instructions and"
            f" {sum(s['cycles'] for s in passes.values()) / COUNTED:,.0f} cycles a pixel ({parts});"
            f" {compute_seconds(passes, 'least_cycles'):.3f} s if only the busiest unit counted."
            f" The goal of {GOAL_S:g} s is {verdict}{needs}."
        )
    head = ["10x1024x32x32, one core of 1.43 GHz", "", "s", "against the convolution"]
    said = f"{', '.join(figures['versions'].values())}. Memory: {TRAFFIC / 1e6:.0f} MB in {1000 * memory:.1f} ms."
    return "\n\n".join([make_table(head, rows), "\n".join(notes), said])


def renew_page(text: str, figures: dict[str, Any]) -> str:
    return replace_part(text, "a57", make_page_table(figures))


def check_figures() -> None:
    """Raises SystemExit where the kernels take another time now."""
    kept, now = json.loads(FIGURES.read_text())["kinds"], count_all()["kinds"]
    for kind in KINDS:
        before, after = (compute_seconds(figures[kind]) for figures in (kept, now))
        print(f"{kind}: {after:.4f} s, {before:.4f} s in {FIGURES.name}")
        if abs(after / before - 1) > MOST_DRIFT:
            raise SystemExit("the kernels have changed: run `python -m benchmarks.kernels.a57_layer --renew`")


def main() -> None:
    try:
        if "--check" in sys.argv[1:]:
            check_figures()
            return
        if "--renew" in sys.argv[1:]:
            write_json(FIGURES, count_all())
    except ToolMissing as missing:
        raise SystemExit(str(missing)) from None
    PAGE.write_text(renew_page(PAGE.read_text(), json.loads(FIGURES.read_text())))


if __name__ == "__main__":
    main()
