"""The CPU kernels as a program: under the address and thread sanitizers, and for arm64 under qemu."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from export.ops.contract import PLUGINS

SOURCES = (
    Path(__file__).parent / "native_runs" / "runs.cpp",
    *(PLUGINS / "cpu" / name for name in ("c_interface.cpp", "instruction_sets.cpp", "scratch.cpp", "self_check.cpp")),
    *(PLUGINS / "fwht_layer" / name for name in ("check.cpp", "cpu_plan.cpp")),
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


def build(folder: Path, compiler: str, flags: tuple[str, ...], units: dict[str, tuple[str, ...]]) -> Path:
    """A program of all sources; `units` are the instruction sets with their flags."""
    program = folder / "runs"
    objects = []
    for name, own in units.items():
        objects.append(str(folder / f"{name}.o"))
        source = str(PLUGINS / "cpu" / f"kernels_{name}.cpp")
        subprocess.run([compiler, *FLAGS, *flags, *own, "-c", source, "-o", objects[-1]], check=True)
    subprocess.run([compiler, *FLAGS, *flags, *map(str, SOURCES), *objects, "-o", str(program)], check=True)
    return program


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
    stubs = tmp_path / "stubs.cpp"
    stubs.write_text(
        '#include "cpu/kernels.h"\n'
        "namespace fwht {\n"
        "#if defined(__x86_64__)\n"
        "const CpuKernels kAvx2Kernels = kBaselineKernels;\n"
        "const CpuKernels kAvx512Kernels = kBaselineKernels;\n"
        "#else\n"
        "const CpuKernels kNeonKernels = kBaselineKernels;\n"
        "#endif\n"
        "}\n"
    )
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
    program = build(tmp_path, ARM, ("-static",), {"neon": (), "baseline": ()})
    environment = {**os.environ, "FWHT_CPU": arm_set}
    command = ["qemu-aarch64", str(program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{arm_set}: all right" in done.stdout, done.stdout + done.stderr
