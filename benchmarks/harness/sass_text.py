"""Machine code as nvdisasm writes it, as instructions: `nvdisasm kernels.cubin` for sm_50 to sm_90."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SECTION = re.compile(r"^//-+ (\S+)\s+-+$", re.MULTILINE)
BYTES = re.compile(r"\.byte\s+(.*)$", re.MULTILINE)
LABEL = re.compile(r"^([.$\w]+):")
LINE = re.compile(r"^\s+/\*([0-9a-f]{4,})\*/\s+(\{)?\s*(.*?)\s*;?\s*(\})?\s*(?:\(\*.*)?$")
GUARD = re.compile(r"^@(!?)(U?P\w+)\s+(.*)$")


class SassError(ValueError):
    """Machine code that is not understood, with the instruction."""


@dataclass(frozen=True)
class Instruction:
    address: int
    guard: str | None  # the predicate that lets it have an effect; issued it is anyway
    negated: bool  # of the guard
    name: str  # IMAD of IMAD.WIDE.U32
    kinds: tuple[str, ...]  # WIDE, U32
    operands: tuple[str, ...]
    paired: bool  # issued in one cycle with the instruction before it (Maxwell)
    text: str


@dataclass
class Code:
    """One kernel, with the functions that it calls."""

    instructions: list[Instruction]
    labels: dict[str, int]  # address of the next instruction
    literals: bytes = b""  # bank 2 of the constants
    places: dict[int, int] = field(default_factory=dict)  # address to index in `instructions`

    def __post_init__(self) -> None:
        self.places = {instruction.address: i for i, instruction in enumerate(self.instructions)}

    def find_label(self, operand: str) -> int:
        """Index of the instruction at `(LABEL)."""
        address = self.labels.get(operand.strip("`()"))
        if address is None or address not in self.places:
            raise SassError(f"there is no label {operand}")
        return self.places[address]


def split_operands(text: str) -> tuple[str, ...]:
    tidy = text.replace(".reuse", "").replace("] [", "][")
    return tuple(part.strip() for part in tidy.split(",")) if text else ()


def parse_instruction(address: int, text: str, paired: bool) -> Instruction:
    found = GUARD.match(text)
    negated, guard, rest = (found[1] == "!", found[2], found[3]) if found else (False, None, text)
    head, _, operands = rest.strip().partition(" ")
    name, *kinds = head.split(".")
    return Instruction(address, guard, negated, name, tuple(kinds), split_operands(operands), paired, text)


def parse_lines(lines: list[str], literals: bytes) -> Code:
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    waiting: list[str] = []  # labels before the next instruction
    inside = False  # of a pair
    for line in lines:
        found = LINE.match(line)
        if found:
            address = int(found[1], 16)
            instructions.append(parse_instruction(address, found[3], inside and found[4] is not None))
            inside = found[2] is not None
            labels.update(dict.fromkeys(waiting, address))
            waiting = []
        elif label := LABEL.match(line):
            waiting.append(label[1])
    return Code(instructions, labels, literals)


def parse_bytes(text: str) -> bytes:
    """The data of a section."""
    return bytes(int(byte, 16) for line in BYTES.findall(text) for byte in line.split(","))


def parse_kernels(text: str) -> Iterator[tuple[str, Code]]:
    """Mangled name and code of each kernel in the output of nvdisasm."""
    starts = list(SECTION.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    sections = {start[1]: text[start.end() : end] for start, end in zip(starts, ends)}
    for name, section in sections.items():
        if name.startswith(".text."):
            kernel = name[len(".text.") :]
            literals = parse_bytes(sections.get(f".nv.constant2.{kernel}", ""))
            yield kernel, parse_lines(section.splitlines(), literals)
