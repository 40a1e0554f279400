"""Kernels as machine code, and how many instructions a launch of one issues: no GPU needed.

nvdisasm comes with a CUDA toolkit of 11 or 12, or in Triton's wheel; that of 13 no longer knows the boards before Orin.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.harness.cuda_compilers import ROOT, CompilerMissing, Wheels, run_command
from benchmarks.harness.sass_run import WARP, Run
from benchmarks.harness.sass_state import State
from benchmarks.harness.sass_text import Code, parse_kernels

WHEEL = ROOT / "build" / "nvdisasm"

# Where bank 0 of the constants has the launch: threads of a block, blocks, parameters. Of sm_50 to sm_62, of sm_70 to
# sm_89, of sm_90; as the disassembly of kernels that read them shows.
BANKS = {5: (0x8, 0x14, 0x140), 6: (0x8, 0x14, 0x140), 7: (0x0, 0xC, 0x160), 8: (0x0, 0xC, 0x160), 9: (0x0, 0xC, 0x210)}


def find_disassembler() -> str:
    """Raises CompilerMissing where there is none."""
    found = shutil.which(
        "nvdisasm", path=f"{WHEEL / 'triton/backends/nvidia/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if found is None:
        wheel = f"pip install --no-deps --target {WHEEL.relative_to(ROOT)} triton==3.4.0"
        raise CompilerMissing(f"nvdisasm is not there: {wheel}, or put that of a CUDA toolkit of 11 or 12 into PATH")
    return found


class Disassembly:
    """Source to machine code with NVRTC, ptxas and nvdisasm of CUDA 12, for sm_53 to sm_90. Raises CompilerMissing."""

    def __init__(self) -> None:
        wheels = Wheels()
        self.ptxas, self.name, self.nvdisasm = wheels.ptxas, wheels.name, find_disassembler()

    def disassemble(self, source: str, architecture: int, plugins: Path) -> dict[str, Code]:
        """The kernels by their mangled names; headers are those of the folder `plugins`."""
        nvrtc = [sys.executable, "-m", "benchmarks.harness.nvrtc", str(architecture), str(plugins)]
        with tempfile.TemporaryDirectory() as folder:
            ptx, cubin = Path(folder) / "kernels.ptx", Path(folder) / "kernels.cubin"
            ptx.write_text(run_command(nvrtc, source))
            run_command([self.ptxas, f"-arch=sm_{architecture}", str(ptx), "-o", str(cubin)])
            text = run_command([self.nvdisasm, str(cubin)])
        return dict(parse_kernels(text))


def make_constants(architecture: int, params: bytes, threads: int, blocks: int) -> bytes:
    """Bank 0 for a launch in one dimension."""
    threads_at, blocks_at, params_at = BANKS[architecture // 10]
    bank = bytearray(params_at)
    for at, count in ((threads_at, threads), (blocks_at, blocks)):
        bank[at : at + 12] = np.array([count, 1, 1], "<u4").tobytes()
    return bytes(bank) + params


def follow_block(code: Code, constants: bytes, threads: int, block: int, memory: dict[range, int] | None = None) -> Run:
    """A run of one block, at its end. `memory`: addresses, and the word that is known to be at each.

    Raises SassError where the code cannot be followed.
    """
    state = State(threads, {0: constants, 2: code.literals})
    state.memory = memory or {}
    state.special = {
        "SR_TID.X": np.arange(threads, dtype=np.int64),
        "SR_CTAID.X": np.int64(block),
        "SR_CgaCtaId": np.int64(0),
        "SR_LANEID": np.arange(threads, dtype=np.int64) % WARP,
    }
    state.values["UR2"] = np.int64(0)  # some kernels for sm_87 ask at their start whether it is
    run = Run(code, state)
    run.follow()
    return run


def count_instructions(
    code: Code, constants: bytes, threads: int, blocks: Iterable[int], memory: dict[range, int] | None = None
) -> Counter[str]:
    """What the warps of these blocks issue, by the instruction's name; `paired` are those of them that share the cycle
    of the one before (Maxwell)."""
    counts: Counter[str] = Counter()
    for block in blocks:
        for place, times in follow_block(code, constants, threads, block, memory).counts.items():
            instruction = code.instructions[place]
            counts[instruction.name] += times
            if instruction.paired:
                counts["paired"] += times
    return counts


def sum_issued(counts: Counter[str]) -> int:
    """Instructions, those that share a cycle included."""
    return sum(counts.values()) - counts["paired"]
