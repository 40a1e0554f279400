"""Time the plugin's kernels against everything they are compared with: python -m benchmarks.kernels.plugin [PART...]

Three parts, each run by the first interpreter that has what it needs (this one, then TENSORRT_PYTHON): a copy on the
device, cuDNN through PyTorch, and engines of TensorRT. A part checks every output before it times it, writes its
raw samples to build/bench/plugin_*.json, and what the issue asks for is judged from those at the end, row by row.
Without a GPU nothing runs; a part that no interpreter here can run is named and counts as missing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from benchmarks.harness.result_files import RESULTS, write_result

# part, modules beyond NumPy and onnx that it needs
PARTS = {"plugin_copy": (), "plugin_torch": ("torch",), "plugin_engines": ("tensorrt",)}

NO_INTERPRETER = "no interpreter here has"
NOT_RUN = 77  # exit status, as benchmarks/on_gpu.sh understands it


@dataclass(frozen=True)
class Judgement:
    """A measured ratio against its bound."""

    what: str
    ratio: float
    bound: float
    at_least: bool  # otherwise at most

    @property
    def passed(self) -> bool:
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{'pass' if self.passed else 'FAIL'}  {self.ratio:6.3f} {sign} {self.bound:5.2f}  {self.what}"


def judge_copy(result: dict[str, Any]) -> Iterator[Judgement]:
    for row in result["rows"]:
        bound = 1.10 if row["format"] == "float32" else 1.25
        yield Judgement(f"time of a copy, {row['format']}", row["times_the_copy"], bound, at_least=False)


def judge_torch(result: dict[str, Any]) -> Iterator[Judgement]:
    bounds = {"convolution float32": 15.0, "convolution TF32": 2.0}
    for row in result["rows"]:
        what = f"{row['layer']} over cuDNN, {row['against']}"
        yield Judgement(what, row["speedup"], bounds.get(row["against"], 1.7), at_least=True)


def judge_engines(result: dict[str, Any]) -> Iterator[Judgement]:
    for row in result["rows"]:
        batch = row["input"][0]
        what = f"{row['name']} in TensorRT, {row['precision']}, batch {batch}"
        launched = row["engines"]["layer"]["launches"]["kernels"]
        if row["name"] == "1024 -> 1024":
            yield Judgement(what, row["speedup"], 3.5 if row["precision"] == "float32" else 2.2, at_least=True)
            continue
        bound = 1.25 if batch < 16 else 1.0
        yield Judgement(f"{what}: layer to conv", 1 / row["speedup"], bound, at_least=False)
        yield Judgement(f"{what}: layer to conv by profiler", 1 / row["profiled_speedup"], bound, at_least=False)
        yield Judgement(f"{what}: launches", launched, 1, at_least=False)


JUDGES: dict[str, Callable[[dict[str, Any]], Iterator[Judgement]]] = {
    "plugin_copy": judge_copy,
    "plugin_torch": judge_torch,
    "plugin_engines": judge_engines,
}


def list_interpreters() -> list[str]:
    other = os.environ.get("TENSORRT_PYTHON")
    return [sys.executable, *([other] if other else [])]


def find_interpreter(modules: tuple[str, ...]) -> str | None:
    """The first one that has the modules; they are looked for, not imported."""
    search = "import sys, importlib.util as u; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))"
    for interpreter in list_interpreters():
        if subprocess.run([interpreter, "-c", search, *modules], check=False).returncode == 0:
            return interpreter
    return None


def run_part(name: str, modules: tuple[str, ...]) -> str | None:
    """Runs it; None, or why there is no result."""
    interpreter = find_interpreter(modules)
    if interpreter is None:
        return f"{NO_INTERPRETER} {', '.join(modules)}: name one with TENSORRT_PYTHON=path"
    path = RESULTS / f"{name}.json"
    path.unlink(missing_ok=True)
    print(f"== {name}", flush=True)
    done = subprocess.run([interpreter, "-m", f"benchmarks.kernels.{name}", "--out", str(path)], check=False)
    return None if done.returncode == 0 else f"it ended with status {done.returncode}"


def describe_gpu() -> str | None:
    """Name, driver and clock limits, as nvidia-smi tells them; Jetsons have none."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = "--query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem"
    told = subprocess.run(["nvidia-smi", query, "--format=csv,noheader"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def main(arguments: list[str] | None = None) -> int:
    """The status of the process: 0 where every bound holds; NOT_RUN where no interpreter here can run a part."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernels.plugin", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all of {', '.join(PARTS)}")
    asked = parser.parse_args(arguments).parts or list(PARTS)
    unknown = set(asked) - set(PARTS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    missing = {name: why for name in asked if (why := run_part(name, PARTS[name]))}
    judged = []
    for name in (name for name in asked if name not in missing):
        judged += list(JUDGES[name](json.loads((RESULTS / f"{name}.json").read_text())))
    judged.sort(key=lambda one: not one.passed)
    rows = [{**vars(one), "passed": one.passed} for one in judged]
    result = "plugin" if set(asked) == set(PARTS) else f"plugin-{'-'.join(asked)}"
    write_result(result, {"gpu": describe_gpu(), "rows": rows, "missing": missing})
    for one in judged:
        print(one)
    for name, why in missing.items():
        print(f"MISSING  {name}: {why}")
    failed = sum(not one.passed for one in judged)
    print(f"{len(judged) - failed} of {len(judged)} bounds hold; {len(missing)} of {len(asked)} parts missing")
    if missing and all(why.startswith(NO_INTERPRETER) for why in missing.values()) and len(missing) == len(asked):
        print("; ".join(missing.values()))
        return NOT_RUN
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
