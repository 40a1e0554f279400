"""`make plugin` in a copy of what it needs, with the CUDA of this machine: the library without TensorRT."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.harness.cuda_compilers import ROOT, CompilerMissing, Nvcc, add_wheel_toolkit
from server import __version__
from tests.plugins.kept_builds import hash_build, keep_build

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("make") is None, reason="needs make")]
KERNELS = "build/libfwht_kernels.so"
CHEAP = "-Xcicc -O0 -Xptxas -O0"  # a third of the time; test_compiled_kernels.py is about the code


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # not what the make that runs the tests was told
    environment = add_wheel_toolkit(os.environ)
    for name in ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        environment.pop(name, None)
    environment["NVCC_APPEND_FLAGS"] = CHEAP
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def settings() -> list[str]:
    """An architecture that the compiler knows; TensorRT not even where this machine has it."""
    try:
        compiler = Nvcc()
    except CompilerMissing as missing:
        pytest.skip(str(missing))
    newest = max(architecture for architecture in compiler.architectures if architecture <= 90)
    return [f"CUDA_ARCH={newest}", "TENSORRT_INCLUDE=none"]


@pytest.fixture(scope="module")
def built(settings: list[str]) -> tuple[Path, str]:
    """The folder, and what was said."""

    def build(folder: Path) -> None:
        shutil.copytree(ROOT / "plugins", folder / "plugins")
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "server").mkdir()
        shutil.copy(ROOT / "server" / "__init__.py", folder / "server")
        done = make(folder, "-j2", "plugin", *settings)
        assert (folder / KERNELS).exists(), done.stdout + done.stderr
        assert done.returncode != 0
        (folder / "said").write_text(done.stderr)

    digest = hash_build([*settings, CHEAP], Nvcc().nvcc, ROOT / "Makefile", ROOT / "server" / "__init__.py")
    folder = keep_build("make_plugin", digest, build)
    return folder, (folder / "said").read_text()


def test_the_kernels_are_built_and_the_missing_plugin_is_explained(built: tuple[Path, str]) -> None:
    folder, said = built
    assert "build/libfwht_plugin.so was not built: NvInfer.h was not found in none" in said
    assert sorted(path.name for path in (folder / "build").iterdir()) == ["libfwht_kernels.so", "plugins"]
    assert not [path for path in folder.rglob("*") if path.suffix in (".new", ".headers")]


def test_the_library_answers_without_a_gpu(built: tuple[Path, str]) -> None:
    library = ctypes.CDLL(str(built[0] / KERNELS))
    library.fwht_version.restype = library.fwht_error_string.restype = ctypes.c_char_p
    assert library.fwht_version().decode() == __version__
    assert library.fwht_error_string(1) == b"invalid argument"


def test_only_the_c_interface_is_visible(built: tuple[Path, str]) -> None:
    if shutil.which("nm") is None:
        pytest.skip("needs nm of binutils")
    command = ["nm", "-D", "--defined-only", str(built[0] / KERNELS)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split()[2] for line in lines if line.split()[1] == "T"}
    assert names == {name for name in names if name.startswith(("fwht_", "mf_depthwise_conv_"))}
    assert "fwht_layer_launch" in names


def test_a_second_run_compiles_nothing(built: tuple[Path, str], settings: list[str]) -> None:
    again = make(built[0], "plugin", *settings)
    assert f"'{KERNELS}' is up to date" in again.stdout
    assert "compiling" not in again.stdout


def test_a_changed_header_rebuilds_what_includes_it(built: tuple[Path, str]) -> None:
    as_if_new = make(built[0], "-n", "-f", "plugins/Makefile", "-W", "plugins/mf_depthwise_conv/params.h", KERNELS)
    compiled = {word.strip('"') for word in as_if_new.stdout.split() if word.strip('"').endswith((".cu", ".cpp"))}
    assert {"plugins/mf_depthwise_conv/kernel.cu", "plugins/c_interface.cu"} <= compiled
    assert "plugins/fwht_layer/kernel.cu" not in compiled


def test_a_changed_kernel_rebuilds_every_group_of_them(built: tuple[Path, str]) -> None:
    as_if_new = make(built[0], "-n", "-f", "plugins/Makefile", "-W", "plugins/fwht_layer/kernel.cuh", KERNELS)
    groups = {path.name for path in (ROOT / "plugins/fwht_layer").glob("kernels_*.cu")}
    assert len(groups) == 9 and all(f"plugins/fwht_layer/{name}" in as_if_new.stdout for name in groups)


# An nvcc of CUDA 10.2 that knows no -MMD, by its help; what it compiles is an empty file.
OLD_NVCC = """#!/bin/sh
case "$*" in
  --version) echo "release 10.2, V10.2.300"; exit ;;
  --help) echo "'sm_53','sm_62','sm_72'"; exit ;;
  *--dryrun*) exit ;;
  *-MMD* | *-MF*) echo "nvcc fatal : Unknown option '-MMD'" >&2; exit 1 ;;
esac
echo "$*" >>"${LOG%/*}/commands"
echo begin >>"$LOG"
sleep 0.1
while [ $# -gt 1 ]; do [ "$1" = -o ] && : >"$2"; shift; done
echo end >>"$LOG"
"""


def make_with_old_nvcc(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """On a machine whose system folders are those of tmp_path."""
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "LOG": str(tmp_path / "log")}
    for name in ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CUDA_ARCH"):
        environment.pop(name, None)
    command = ["make", *arguments, "TENSORRT_INCLUDE=none"]
    environment["FWHT_ROOT"] = str(tmp_path)
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def copy_for_old_nvcc(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "server").mkdir()
    shutil.copy(ROOT / "server" / "__init__.py", tmp_path / "server")
    (tmp_path / "nvcc").write_text(OLD_NVCC)
    (tmp_path / "nvcc").chmod(0o755)


@pytest.mark.parametrize(("soc", "architecture"), [("tegra210", 53), ("tegra186", 62), ("tegra194", 72)])
def test_what_is_built_is_for_this_board_alone(tmp_path: Path, soc: str, architecture: int) -> None:
    """Nobody named an architecture: each file is compiled once, not for every board that the compiler knows."""
    copy_for_old_nvcc(tmp_path)
    tree = tmp_path / "proc" / "device-tree"
    tree.mkdir(parents=True)
    (tree / "compatible").write_text(f"nvidia,board\0nvidia,{soc}\0")
    done = make_with_old_nvcc(tmp_path, "plugin")
    assert (tmp_path / KERNELS).exists(), done.stdout + done.stderr
    compiled = [
        line for line in (tmp_path / "commands").read_text().splitlines() if " -c plugins/" in line and ".cu " in line
    ]
    assert len(compiled) == len(list((ROOT / "plugins").rglob("*.cu")))
    for command in compiled:
        assert re.findall(r"-(?:gencode|arch)\S* ?(\S+)", command) == [
            f"arch=compute_{architecture},code=sm_{architecture}"
        ]


def test_an_nvcc_that_lists_no_headers(tmp_path: Path) -> None:
    """All of ours count then, so that a changed one is not missed. Files are compiled at the same time."""
    copy_for_old_nvcc(tmp_path)
    done = make_with_old_nvcc(tmp_path, "plugin", "CUDA_ARCH=53")
    assert (tmp_path / KERNELS).exists(), done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.headers"))
    as_if_new = make_with_old_nvcc(
        tmp_path, "-n", "-f", "plugins/Makefile", "-W", "plugins/host_device.h", KERNELS, "CUDA_ARCH=53"
    )
    compiled = {word.strip('"') for word in as_if_new.stdout.split() if word.strip('"').endswith(".cu")}
    assert compiled == {str(path.relative_to(ROOT)) for path in (ROOT / "plugins").rglob("*.cu")}
    log = (tmp_path / "log").read_text()
    assert ("begin\nbegin\n" in log) == (len(os.sched_getaffinity(0)) > 1), log


def test_another_architecture_is_refused_before_anything_is_touched(built: tuple[Path, str]) -> None:
    before = (built[0] / KERNELS).stat().st_mtime_ns
    refused = make(built[0], "plugin", "CUDA_ARCH=20")
    assert refused.returncode != 0
    assert "does not know the architecture 20" in refused.stderr
    assert (built[0] / KERNELS).stat().st_mtime_ns == before
