"""A made-up machine for plugins/find_cuda.sh: its system folders, and a PATH with nothing of CUDA on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "plugins" / "find_cuda.sh"
TOOLS = ["awk", "cat", "cmp", "dirname", "grep", "head", "ls", "mkdir", "mv"]
TOOLS += ["rm", "sed", "sh", "sort", "tail", "tr", "uname"]
MULTIARCH = f"{os.uname().machine}-linux-gnu"


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


def nano_machine(folder: Path) -> Machine:
    """JetPack 4.6 with everything in its place."""
    machine = Machine(folder)
    machine.nvcc()
    machine.compiler("g++", "7.5.0")
    machine.board("tegra210")
    machine.tensorrt()
    return machine
