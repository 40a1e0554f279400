"""The CPU kernels as a program: under the address and thread sanitizers, and for arm64 under qemu."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from export.ops.contract import PLUGINS

SOURCES = (
    Path(__file__).parent / "native_runs" / "runs.cpp",
    *(PLUGINS / "cpu" / f"{name}.cpp" for name in ("c_interface", "instruction_sets", "run_parts", "scratch")),
    PLUGINS / "cpu" / "self_check.cpp",
    *(PLUGINS / "fwht_layer" / name for name in ("check.cpp", "cpu_gradients.cpp", "cpu_plan.cpp")),
    PLUGINS / "mf_depthwise_conv" / "cpu_plan.cpp",
)
FLAGS = (
    "-std=c++14",
    "-O1",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-pthread",
    '-DFWHT_VERSION="test"',
    f"-I{PLUGINS}",
)
ARM = "aarch64-linux-gnu-g++"


def write_stubs(folder: Path, name: str, others: tuple[str, ...]) -> Path:
    """A source that gives the other instruction sets the kernels of this one: half the time to compile."""
    path = folder / "stubs.cpp"
    lines = [f"const CpuKernels k{other.capitalize()}Kernels = k{name.capitalize()}Kernels;" for other in others]
    path.write_text("\n".join(['#include "cpu/kernels.h"', "namespace fwht {", *lines, "}", ""]))
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The address sanitizer; with --full the other one and the other processor, too."""
    full = metafunc.config.getoption("--full")
    if "sanitizer" in metafunc.fixturenames:
        metafunc.parametrize("sanitizer", ["address", "thread"] if full else ["address"])
    if "arm_set" in metafunc.fixturenames:
        metafunc.parametrize("arm_set", ["neon", "baseline"] if full else ["neon"])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_sanitizers_find_nothing(sanitizer: str, tmp_path: Path) -> None:
    # One set is enough, they differ in vector.h alone; the others are asked for by name only.
    stubs = write_stubs(tmp_path, "baseline", ("avx2", "avx512") if platform.machine() == "x86_64" else ("neon",))
    flags = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-g1", str(stubs))
    program = tmp_path / "runs"
    sources = [*map(str, SOURCES), str(PLUGINS / "cpu" / "kernels_baseline.cpp")]
    subprocess.run(["g++", *FLAGS, *flags, *sources, "-o", str(program)], check=True)
    environment = {**os.environ, "FWHT_CPU": "baseline"}
    done = subprocess.run([str(program)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "baseline: all right" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which(ARM) is None or shutil.which("qemu-aarch64") is None,
    reason=f"needs {ARM} and qemu-aarch64: apt install g++-aarch64-linux-gnu qemu-user",
)
def test_arm64_gives_the_stored_answers(arm_set: str, tmp_path: Path) -> None:
    other = write_stubs(tmp_path, arm_set, ("neon" if arm_set == "baseline" else "baseline",))
    sources = [*map(str, SOURCES), str(PLUGINS / "cpu" / f"kernels_{arm_set}.cpp"), str(other)]
    program = tmp_path / "runs"
    subprocess.run([ARM, *FLAGS, "-static", *sources, "-o", str(program)], check=True)
    environment = {**os.environ, "FWHT_CPU": arm_set}
    command = ["qemu-aarch64", str(program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{arm_set}: all right" in done.stdout, done.stdout + done.stderr
