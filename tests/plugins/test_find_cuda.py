"""plugins/find_cuda.sh on made-up machines: what it finds, and what it says where something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "plugins" / "find_cuda.sh"
TOOLS = ["awk", "cat", "cmp", "dirname", "grep", "head", "ls", "mkdir", "mv"]
TOOLS += ["rm", "sed", "sh", "sort", "tail", "tr", "uname"]
MULTIARCH = f"{os.uname().machine}-linux-gnu"

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")


class Machine:
    """A folder as the root of the system, and one for PATH, which holds the usual tools and nothing of CUDA."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.path = folder / "bin"
        self.found = folder / "found"
        self.path.mkdir()
        self.root.mkdir()
        for tool in TOOLS:
            place = shutil.which(tool)
            assert place is not None, tool
            (self.path / tool).symlink_to(place)

    def program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def file(self, path: str, text: str = "x") -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def nvcc(self, version: str = "10.2", known: str = "53 62 72", place: str = "usr/local/cuda", gcc: int = 8) -> None:
        names = ",".join(f"'sm_{architecture}'" for architecture in known.split())
        top = self.root / place
        self.program(
            top / "bin" / "nvcc",
            f'case $1 in --version) echo "release {version}, V{version}.1" ;; --help) echo "{names}" ;; '
            f'--dryrun) echo "#$ TOP={top}" >&2 ;; esac',
        )
        limit = f"#error -- unsupported GNU version! gcc versions later than {gcc} are not supported!"
        self.file(f"{place}/include/crt/host_config.h", limit)

    def compiler(self, name: str, version: str) -> None:
        self.program(self.path / name, f"echo {version}")

    def board(self, soc: str) -> None:
        self.file("proc/device-tree/compatible", f"nvidia,p3450-0000\0nvidia,{soc}\0")

    def tensorrt(
        self, major: str = "8", minor: str = "2", library: str = "8", folder: str = f"usr/include/{MULTIARCH}"
    ) -> None:
        self.file(f"{folder}/NvInfer.h")
        version = (
            f"#define NV_TENSORRT_MAJOR {major} //!< major\n#define NV_TENSORRT_MINOR {minor}\n#define TRT_MAJOR 11\n"
        )
        self.file(f"{folder}/NvInferVersion.h", version + "#define NV_TENSORRT_PATCH 1\n")
        self.file(f"usr/lib/{MULTIARCH}/libnvinfer.so.{library}")

    def run(self, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.path), "FWHT_ROOT": str(self.root), **settings}
        return subprocess.run(
            ["sh", str(SCRIPT), str(self.found)], env=environment, capture_output=True, text=True, check=False
        )

    def variables(self) -> dict[str, str]:
        lines = [line for path in self.found.iterdir() for line in path.read_text().splitlines()]
        return {name: value.strip() for name, value in (line.split(" :=", 1) for line in lines)}


@pytest.fixture
def nano(tmp_path: Path) -> Machine:
    """JetPack 4.6 with everything in its place."""
    machine = Machine(tmp_path)
    machine.nvcc()
    machine.compiler("g++", "7.5.0")
    machine.board("tegra210")
    machine.tensorrt()
    return machine


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


def test_an_empty_header_counts_as_missing(nano: Machine) -> None:
    header = nano.file(f"usr/include/{MULTIARCH}/NvInfer.h", "")
    answer = nano.run()
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"{header} is empty\nSo it is in a container whose host has no TensorRT")
    assert "JetPack 4.6  sudo apt install libnvinfer-dev" in answer.stderr
    assert nano.variables()["TENSORRT_MISSING"] == f"{header} is empty"
    assert nano.variables()["ARCHITECTURES"] == "53"


def test_a_full_header_behind_an_empty_one_is_found(nano: Machine) -> None:
    nano.file(f"usr/include/{MULTIARCH}/NvInfer.h", "")
    nano.tensorrt(folder="opt/tensorrt/include")
    assert nano.run().returncode == 0
    assert nano.variables()["TENSORRT_HEADERS"] == str(nano.root / "opt/tensorrt/include")


def test_the_version_may_be_a_macro_of_a_macro(nano: Machine) -> None:
    nano.tensorrt(major="TRT_MAJOR", library="11")
    assert nano.run().returncode == 0
    assert nano.variables()["TENSORRT_VERSION"] == "11.2.1"


def test_a_tensorrt_too_old_is_refused(nano: Machine) -> None:
    nano.tensorrt(major="7", minor="1")
    answer = nano.run()
    assert answer.returncode == 2
    assert answer.stderr.startswith("TensorRT 7.1.1 is too old: 8.2 (JetPack 4.6.1) or newer is needed")


def test_a_library_of_another_version_than_the_headers_is_not_taken(nano: Machine) -> None:
    (nano.root / "usr/lib" / MULTIARCH / "libnvinfer.so.8").unlink()
    nano.file(f"usr/lib/{MULTIARCH}/libnvinfer.so.10")
    answer = nano.run()
    assert answer.returncode == 2
    assert answer.stderr.startswith("the headers are of TensorRT 8.2.1, and libnvinfer.so.8 was not found in ")
    assert nano.run(TENSORRT_LIB="none").returncode == 0
    assert nano.variables()["TENSORRT_LIBRARY"] == ""
