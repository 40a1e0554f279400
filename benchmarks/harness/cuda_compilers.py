"""The CUDA compilers that a machine without a GPU can have, behind one pair of functions: source to PTX, PTX to report.

`Wheels` is NVRTC and ptxas 12.9 from pip, the last to know the boards before Orin. `Nvcc` is the toolkit that
plugins/find_cuda.sh finds, with the host compiler that it takes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.harness.nvrtc import WheelMissing, find_wheel

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
SM = re.compile(r"\bsm_(\d+)\b")


class CompilerMissing(RuntimeError):
    """What is missing, and how to get it."""


class Compiler(Protocol):
    name: str
    architectures: frozenset[int]  # that it is asked for

    def compile_to_ptx(self, source: str, architecture: int) -> str: ...

    def report_usage(self, ptx: str, architecture: int) -> str:
        """What ptxas -v says."""


def run_command(command: list[str], stdin: str | None = None) -> str:
    """Standard output and error of a command; its text as an exception where it fails."""
    done = subprocess.run(
        command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


class Wheels:
    def __init__(self) -> None:
        try:
            self.ptxas = str(find_wheel("cuda_nvcc") / "bin" / "ptxas")
            find_wheel("cuda_nvrtc"), find_wheel("cuda_runtime")
        except WheelMissing as missing:
            raise CompilerMissing(str(missing)) from None
        release = re.search(r"release ([\d.]+)", run_command([self.ptxas, "--version"]))
        self.name = f"NVRTC, ptxas {release.group(1) if release else '?'}"
        self.architectures = frozenset((53, 62, 72, 87))  # the boards of JetPack 4 to 6; newer ones are nvcc's

    def compile_to_ptx(self, source: str, architecture: int) -> str:
        return run_command([sys.executable, "-m", "benchmarks.harness.nvrtc", str(architecture), str(PLUGINS)], source)

    def report_usage(self, ptx: str, architecture: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernels.ptx"
            path.write_text(ptx)
            return run_command([self.ptxas, "-v", f"-arch=sm_{architecture}", str(path), "-o", os.devnull])


class Nvcc:
    def __init__(self) -> None:
        found = find_settings()
        self.nvcc = found["NVCC"]
        self.host_compiler = found["HOST_COMPILER"]
        self.name = f"nvcc {found['CUDA_VERSION']}"
        self.architectures = frozenset(map(int, SM.findall(run_command([self.nvcc, "--help"]))))

    def compile_to_ptx(self, source: str, architecture: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernels.cu"
            path.write_text(source)
            command = [self.nvcc, "-ccbin", self.host_compiler, "-std=c++14", "-O3", f"-I{PLUGINS}", "-ptx"]
            run_command([*command, f"-arch=compute_{architecture}", str(path), "-o", f"{path}.ptx"])
            return Path(f"{path}.ptx").read_text()

    def report_usage(self, ptx: str, architecture: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernels.ptx"
            path.write_text(ptx)
            command = [self.nvcc, "-cubin", f"-arch=sm_{architecture}", "-Xptxas", "-v"]
            return run_command([*command, str(path), "-o", f"{path}.cubin"])


def add_wheel_toolkit(environment: Mapping[str, str]) -> dict[str, str]:
    """With nvcc of the wheels in PATH (extra `kernels`), where the machine has no CUDA toolkit of its own."""
    added = dict(environment)
    if shutil.which("nvcc") is None and not any(Path("/usr/local").glob("cuda*/bin/nvcc")):
        try:
            toolkit = find_wheel("cu13")
        except WheelMissing:
            return added
        added["PATH"] = f"{added.get('PATH', '')}{os.pathsep}{toolkit / 'bin'}"
        added["LIBRARY_PATH"] = str(toolkit / "lib")  # nvcc looks in lib64
    return added


def find_settings() -> dict[str, str]:
    """What find_cuda.sh writes for make. The architecture named is one that every CUDA from 11.8 on knows."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["sh", str(PLUGINS / "find_cuda.sh"), folder]
        environment = {**add_wheel_toolkit(os.environ), "CUDA_ARCH": "90"}
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if found.returncode not in (0, 2):  # 2: no TensorRT, which the kernels do without
            raise CompilerMissing(found.stderr.splitlines()[0])
        lines = (Path(folder) / "cuda.mk").read_text().splitlines()
    return dict(line.split(" := ", 1) for line in lines)
