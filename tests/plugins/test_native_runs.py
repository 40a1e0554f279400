"""The CPU kernels as a program: under the address and thread sanitizers, and for arm64 under qemu."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.cpu_library import LIBRARY, SETS
from export.ops.contract import PLUGINS
from tests.plugins.kept_builds import hash_build, keep_build
from tests.plugins.native import ROOT, build_library, list_instruction_sets

RUNS = Path(__file__).parent / "native_runs"
SOURCES = (
    RUNS / "runs.cpp",
    *(PLUGINS / "cpu" / f"{name}.cpp" for name in ("c_interface", "instruction_sets", "run_parts", "scratch")),
    PLUGINS / "cpu" / "self_check.cpp",
    *(PLUGINS / "fwht_layer" / name for name in ("check.cpp", "cpu_gradients.cpp", "cpu_plan.cpp")),
    PLUGINS / "mf_depthwise_conv" / "cpu_plan.cpp",
    *(PLUGINS / "fwht_2d" / name for name in ("cpu_plan.cpp", "cpu_self_check.cpp", "cpu_training.cpp")),
    *(
        PLUGINS / "fwht_bottleneck" / name
        for name in ("cpu_check.cpp", "cpu_plan.cpp", "cpu_run.cpp", "cpu_self_check.cpp")
    ),
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
SET_FLAGS = {  # of plugins/build_native.sh
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma", "-Wno-uninitialized")
    + ("-Wno-maybe-uninitialized",),
}
ARM = "aarch64-linux-gnu-g++"


def write_stubs(folder: Path, name: str, others: tuple[str, ...]) -> Path:
    """A source that gives the other instruction sets the kernels of this one: half the time to compile."""
    path = folder / "stubs.cpp"
    lines = [f"const CpuKernels k{other.capitalize()}Kernels = k{name.capitalize()}Kernels;" for other in others]
    path.write_text("\n".join(['#include "cpu/kernels.h"', "namespace fwht {", *lines, "}", ""]))
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """NEON, and the adapter without sanitizer; with --full the other processor and set, and the sanitizer, too."""
    full = metafunc.config.getoption("--full")
    if "checker" in metafunc.fixturenames:
        metafunc.parametrize("checker", ["none", "address"] if full else ["none"])
    if "arm_set" in metafunc.fixturenames:
        metafunc.parametrize("arm_set", ["neon", "baseline"] if full else ["neon"])


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("sanitizer", ["address", "thread"])
@pytest.mark.parametrize("instruction_set", list_instruction_sets())
def test_sanitizers_find_nothing(sanitizer: str, instruction_set: str, tmp_path: Path) -> None:
    others = sorted(set(SETS.get(platform.machine(), ("baseline",))) - {instruction_set})
    stubs = write_stubs(tmp_path, instruction_set, tuple(others))
    flags = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-g1", str(stubs))
    own = SET_FLAGS.get(instruction_set, ())
    unit = tmp_path / "kernels.o"
    source = str(PLUGINS / "cpu" / f"kernels_{instruction_set}.cpp")
    subprocess.run(["g++", *FLAGS, *flags[:-1], *own, "-c", source, "-o", str(unit)], check=True)
    program = tmp_path / "runs"
    subprocess.run(["g++", *FLAGS, *flags, *map(str, SOURCES), str(unit), "-o", str(program)], check=True)
    environment = {**os.environ, "FWHT_CPU": instruction_set}
    done = subprocess.run([str(program)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{instruction_set}: all right" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_sessions_find_nothing(checker: str, tmp_path: Path) -> None:
    """The adapter in ONNX Runtime itself, where the thread sanitizer is of no use: ONNX Runtime is compiled without it,
    so that it does not see how those threads wait for one another, and calls every hand-over a race."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    library = build_library()
    if checker != "none":
        library = build_checked_library(tmp_path)
        # Python has no C++ library that the sanitizer could ask how an exception is thrown; and Python leaks.
        environment |= {"LD_PRELOAD": find_runtime("libasan.so", "libstdc++.so"), "ASAN_OPTIONS": "detect_leaks=0"}
    for instruction_set in list_instruction_sets():
        command = [sys.executable, "-m", "tests.plugins.native_runs.sessions", str(library)]
        own = {**environment, "FWHT_CPU": instruction_set}
        done = subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "all right" in done.stdout, instruction_set + done.stdout + done.stderr[-3000:]


def find_runtime(*libraries: str) -> str:
    """Where g++ has them, for LD_PRELOAD."""
    commands = [["g++", f"-print-file-name={library}"] for library in libraries]
    return " ".join(
        subprocess.run(each, capture_output=True, text=True, check=True).stdout.strip() for each in commands
    )


def build_checked_library(folder: Path) -> Path:
    """The library as plugins/build_native.sh makes it, by a compiler that adds the address sanitizer."""
    compiler = folder / "compiler"
    compiler.write_text('#!/bin/sh\nexec g++ "$@" -fsanitize=address -fno-sanitize-recover=all -g1 -O1\n')
    compiler.chmod(0o755)
    shutil.copytree(PLUGINS, folder / "plugins")
    (folder / "server").mkdir()
    shutil.copy(ROOT / "server" / "__init__.py", folder / "server")
    environment = {**os.environ, "CXX": str(compiler)}
    subprocess.run(["plugins/build_native.sh", "--quiet"], cwd=folder, env=environment, check=True)
    return folder / LIBRARY


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which(ARM) is None or shutil.which("qemu-aarch64") is None,
    reason=f"needs {ARM} and qemu-aarch64: apt install g++-aarch64-linux-gnu qemu-user",
)
def test_arm64_gives_the_stored_answers(arm_set: str) -> None:
    def build(folder: Path) -> None:
        folder.mkdir()
        other = write_stubs(folder, arm_set, ("neon" if arm_set == "baseline" else "baseline",))
        sources = [*map(str, SOURCES), str(PLUGINS / "cpu" / f"kernels_{arm_set}.cpp"), str(other)]
        subprocess.run([ARM, *FLAGS, "-static", *sources, "-o", str(folder / "runs")], check=True)

    digest = hash_build([*FLAGS[:-1], "-static"], ARM, Path(__file__), *RUNS.glob("*.h"), *SOURCES)
    program = keep_build(f"arm64_{arm_set}", digest, build) / "runs"
    environment = {**os.environ, "FWHT_CPU": arm_set}
    command = ["qemu-aarch64", str(program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{arm_set}: all right" in done.stdout, done.stdout + done.stderr
