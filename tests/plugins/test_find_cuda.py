"""plugins/find_cuda.sh on made-up machines: what it finds, and what it says where something is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.plugins.toolchain_machine import MULTIARCH, Machine, nano_machine

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")


@pytest.fixture
def nano(tmp_path: Path) -> Machine:
    return nano_machine(tmp_path)


def test_a_nano_has_all_that_is_needed(nano: Machine) -> None:
    answer = nano.run()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert [line.split("  ")[0] for line in answer.stdout.splitlines()] == [
        "CUDA",
        "host compiler g++ 7.5.0 (this nvcc takes gcc up to 8)",
        "architecture",
        "TensorRT",
    ]
    assert nano.variables() == {
        "NVCC": str(nano.root / "usr/local/cuda/bin/nvcc"),
        "CUDA_VERSION": "10.2",
        "HOST_COMPILER": "g++",
        "ARCHITECTURES": "53",
        "TENSORRT_VERSION": "8.2.1",
        "TENSORRT_HEADERS": str(nano.root / "usr/include" / MULTIARCH),
        "TENSORRT_LIBRARY": str(nano.root / "usr/lib" / MULTIARCH / "libnvinfer.so.8"),
        "TENSORRT_MISSING": "",
        "LISTS_HEADERS": "",  # 10.2 does not know -MMD
    }


def test_what_has_not_changed_is_not_written_again(nano: Machine) -> None:
    nano.run()
    times = {path: path.stat().st_mtime_ns for path in nano.found.iterdir()}
    nano.run()
    assert {path: path.stat().st_mtime_ns for path in nano.found.iterdir()} == times
    nano.run(CUDA_ARCH="62")
    assert [path.name for path in times if path.stat().st_mtime_ns != times[path]] == ["cuda.mk"]


def test_without_nvcc_the_package_is_named_and_nothing_written(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    answer = machine.run()
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"nvcc is neither on PATH nor in {machine.root}/usr/local/cuda*/bin.")
    assert "JetPack 4.6  sudo apt install cuda-toolkit-10-2" in answer.stderr
    assert not machine.found.exists()


def test_an_nvcc_that_does_not_run_is_told_so(nano: Machine) -> None:
    nano.program(nano.path / "nvcc", "echo no such loader >&2; exit 1")
    answer = nano.run()
    assert answer.returncode == 1
    assert "bin/nvcc does not run: no such loader" in answer.stderr


def test_the_newest_cuda_is_taken_where_none_is_the_default(nano: Machine) -> None:
    shutil.rmtree(nano.root / "usr/local/cuda")
    for version in ("9.2", "10.2"):
        nano.nvcc(version=version, place=f"usr/local/cuda-{version}")
    assert nano.run().returncode == 0
    assert nano.variables()["CUDA_VERSION"] == "10.2"


def test_a_cuda_too_old_is_refused(nano: Machine) -> None:
    nano.nvcc(version="10.0")
    answer = nano.run()
    assert (answer.returncode, answer.stderr) == (
        1,
        "CUDA 10.0 is too old: 10.2 (JetPack 4.6) or newer is needed.\n",
    )


@pytest.mark.parametrize(
    ("soc", "architecture"),
    [("tegra210", "53"), ("tegra186", "62"), ("tegra194", "72"), ("tegra234", "87"), ("tegra264", "110")],
)
def test_a_jetson_is_known_by_its_device_tree(nano: Machine, soc: str, architecture: str) -> None:
    nano.nvcc(version="13.0", known="53 62 72 87 110")
    nano.board(soc)
    assert nano.run().returncode == 0
    assert nano.variables()["ARCHITECTURES"] == architecture


@pytest.mark.parametrize(("answer", "architectures"), [("9.0", "90"), ("9.0\n8.6\n9.0", "86 90"), ("12.1", "121")])
def test_elsewhere_nvidia_smi_is_asked(nano: Machine, answer: str, architectures: str) -> None:
    (nano.root / "proc/device-tree/compatible").unlink()
    nano.program(nano.path / "nvidia-smi", f'echo "{answer}"')
    nano.nvcc(version="13.0", known="86 90 121")
    assert nano.run().returncode == 0
    assert nano.variables()["ARCHITECTURES"] == architectures


@pytest.mark.parametrize("driver", ["", 'Field \\"compute_cap\\" is not a valid field to query.'])
def test_without_a_gpu_the_setting_is_named(nano: Machine, driver: str) -> None:
    (nano.root / "proc/device-tree/compatible").unlink()
    nano.program(nano.path / "nvidia-smi", f'echo "{driver}"; exit 2')
    answer = nano.run()
    assert answer.returncode == 1
    assert "CUDA_ARCH=53 (Nano, TX1)" in answer.stderr


@pytest.mark.parametrize("named", ["87 90", "87,90", " 87, 90 "])
def test_named_architectures_come_before_the_gpu(nano: Machine, named: str) -> None:
    nano.nvcc(known="87 90")
    assert nano.run(CUDA_ARCH=named).returncode == 0
    assert nano.variables()["ARCHITECTURES"] == "87 90"


@pytest.mark.parametrize(
    ("version", "known", "named", "reason"),
    [
        ("13.0", "87 110", "53", "nvcc of CUDA 13.0 does not know the architecture 53; CUDA 12.9 was the last one"),
        ("10.2", "53 72", "53 87", "87 (Orin) needs CUDA 11.4 or newer: JetPack 5.\nIt knows 53 72"),
        ("12.6", "87", "110", "110 (Thor) needs CUDA 13.0 or newer"),
        ("12.6", "87", "5", "does not know the architecture 5"),
        ("12.6", "87", "8.7", "CUDA_ARCH holds 8.7: an architecture is written as a number, 87 for"),
    ],
)
def test_an_unknown_architecture_is_refused_with_the_reason(
    nano: Machine, version: str, known: str, named: str, reason: str
) -> None:
    nano.nvcc(version=version, known=known)
    answer = nano.run(CUDA_ARCH=named)
    assert answer.returncode == 1
    assert reason in answer.stderr
    assert not nano.found.exists()


def test_an_older_compiler_is_taken_where_the_default_is_too_new(nano: Machine) -> None:
    nano.compiler("g++", "13.1.0")
    answer = nano.run()
    assert answer.returncode == 1
    assert answer.stderr.startswith("CUDA 10.2 takes gcc up to 8, and g++ is 13.1.0:\nsudo apt install g++-8")
    nano.compiler("g++-7", "7.5.0")
    assert nano.run().returncode == 0
    assert nano.variables()["HOST_COMPILER"] == "g++-7"
    assert "and mine is 13.1.0" in nano_with_own_compiler(nano).stderr


def nano_with_own_compiler(nano: Machine) -> subprocess.CompletedProcess[str]:
    nano.compiler("mine", "13.1.0")
    return nano.run(CXX="mine")
