"""plugins/find_tensorrt.sh, by way of find_cuda.sh: headers, version, library, and the words where one is missing."""

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


def test_folders_at_odd_places(nano: Machine) -> None:
    """What make reads is the path as it is; $ and # are written as make wants them."""
    odd = "it's a $(place) #1"
    nano.tensorrt(folder=f"{odd}/include")
    library = nano.file(f"{odd}/lib/libnvinfer.so.8")
    answer = nano.run(TENSORRT_INCLUDE=str(nano.root / odd / "include"), TENSORRT_LIB=str(library.parent))
    assert answer.returncode == 0, answer.stderr
    lines = "include tensorrt.mk\n$(info $(TENSORRT_HEADERS))$(info $(TENSORRT_LIBRARY))\nall:;\n"
    (nano.found / "Makefile").write_text(lines)
    said = subprocess.run(["make", "-s"], cwd=nano.found, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[:2] == [str(nano.root / odd / "include"), str(library)]
