"""What a program for arm64 runs, block by block, counted under qemu, and its cycles by llvm-mca's model of a core.

A block is what qemu translates at once: instructions up to a branch. Loops are told apart by how often they ran.
Debian has the tools: apt install g++-aarch64-linux-gnu qemu-user llvm.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

COMPILER, DISASSEMBLER, EMULATOR, MODEL = (
    "aarch64-linux-gnu-g++",
    "aarch64-linux-gnu-objdump",
    "qemu-aarch64",
    "llvm-mca",
)
ITERATIONS = 200  # of a loop, so that its begin and end do not count


class ToolMissing(RuntimeError):
    """A program that is needed, and where to get it."""


@dataclass(frozen=True)
class Loop:
    """Blocks of one function that ran equally often. instructions: of one pass, as objdump writes them."""

    function: str
    times: int
    instructions: tuple[str, ...]


def check_tools() -> None:
    """Raises ToolMissing."""
    missing = [tool for tool in (COMPILER, DISASSEMBLER, EMULATOR, MODEL) if shutil.which(tool) is None]
    if missing:
        raise ToolMissing(f"{', '.join(missing)} missing: apt install g++-aarch64-linux-gnu qemu-user llvm")


def trace_loops(program: Path, arguments: Sequence[str], variables: dict[str, str], wanted: str) -> list[Loop]:
    """The loops of functions whose name has `wanted` in it, the longest running first. program: linked statically."""
    log = program.with_suffix(".log")
    command = [EMULATOR, "-d", "in_asm,exec,nochain", "-D", str(log), str(program), *arguments]
    subprocess.run(command, env={**os.environ, **variables}, check=True)
    with log.open() as lines:
        contents, counts = read_log(lines)
    log.unlink()
    listing = subprocess.run(
        [DISASSEMBLER, "-d", "-C", "--no-show-raw-insn", str(program)], capture_output=True, text=True, check=True
    )
    code = read_listing(listing.stdout.splitlines())
    blocks: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for address, times in sorted(counts.items()):
        function = code.get(address, ("", ""))[0]
        if wanted in function:
            blocks[function, times] += [code[each][1] for each in contents[address]]
    loops = [Loop(function, times, tuple(texts)) for (function, times), texts in blocks.items()]
    return sorted(loops, key=lambda loop: -loop.times * len(loop.instructions))


def read_log(lines: Iterable[str]) -> tuple[dict[int, list[int]], Counter[int]]:
    """The addresses that make up a block, and how often it ran, by its first address."""
    contents: dict[int, list[int]] = {}
    counts: Counter[int] = Counter()
    block: list[int] = []
    for line in lines:
        if line.startswith("Trace"):
            counts[int(line.split("/", 2)[1], 16)] += 1
        elif line.startswith("IN:"):
            block = []
        elif line.startswith("0x"):
            block.append(int(line.partition(":")[0], 16))
            contents[block[0]] = block
    return contents, counts


def read_listing(lines: Iterable[str]) -> dict[int, tuple[str, str]]:
    """Function and instruction by address."""
    code, function = {}, ""
    for line in lines:
        if found := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            function = found[1]
        elif found := re.match(r"\s+([0-9a-f]+):\t(.*)$", line):
            code[int(found[1], 16)] = (function, found[2].partition("//")[0].strip())
    return code


def strip_addresses(instruction: str) -> str:
    """As an assembler reads it: branches and addresses get a number, which costs the same."""
    operation, _, rest = instruction.replace("\t", " ").partition(" ")
    operands = re.sub(r"\s*<.*>", "", rest).strip()
    if operation in ("b", "bl") or operation.startswith("b."):
        return f"{operation} #8"
    if operation in ("cbz", "cbnz", "tbz", "tbnz"):
        return f"{operation} {operands.rpartition(',')[0]}, #8"
    if operation in ("adrp", "adr"):
        return f"mov {operands.partition(',')[0]}, #0"
    return f"{operation} {operands}".strip()


def count_cycles(instructions: Sequence[str], core: str) -> tuple[float, float]:
    """Cycles of one pass by the simulated pipeline, everything in the first-level cache and branches foreseen, and the
    least that its units need."""
    command = [MODEL, "-mtriple=aarch64-linux-gnu", f"-mcpu={core}", f"-iterations={ITERATIONS}"]
    text = "\n".join(map(strip_addresses, instructions)) + "\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    cycles, least = (re.search(rf"{key}:\s+([\d.]+)", done.stdout) for key in ("Total Cycles", "Block RThroughput"))
    assert cycles is not None and least is not None, done.stdout[:300]
    return float(cycles[1]) / ITERATIONS, float(least[1])
