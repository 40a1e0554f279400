"""What the threads of a block know while its machine code is followed: integers by their values, the rest not at all.

A value is a numpy array of int64, one for each thread or one for all: 0 to 2^32 - 1 in a register, 0 or 1 in a
predicate, UNKNOWN where it depends on memory or on arithmetic that is not followed. None: unknown in every thread.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Callable, Optional, Tuple

import numpy as np

from benchmarks.harness.sass_text import SassError

Words = Any  # an array or a number: numpy's types do not follow such mixtures
Value = Optional[Words]
Bits = Tuple[Words, Words]  # a mask of those that are known, and their values
UNKNOWN = -1
WORD = 0xFFFFFFFF
ZERO, ONE = np.int64(0), np.int64(1)
CONSTANT = re.compile(r"^c\[0x([0-9a-f]+)\]\[0x([0-9a-f]+)\]$")
REGISTER = re.compile(r"^(U?R)(\d+)$")
ZEROS, TRUE = ("RZ", "URZ", "SRZ"), ("PT", "UPT")


def follow(function: Callable[..., Words], *operands: Value) -> Value:
    """function(*operands), unknown in every thread where one of the operands is."""
    if any(operand is None for operand in operands):
        return None
    result = function(*operands)
    signs: Words = operands[0]
    for operand in operands[1:]:
        signs = signs | operand  # none of them is None
    unknown = signs < 0
    return np.where(unknown, UNKNOWN, result) if np.any(unknown) else np.asarray(result)


@functools.lru_cache(maxsize=None)
def name_registers(operand: str) -> list[str]:
    """The register, and the three after it."""
    found = REGISTER.match(operand)
    if found is None:
        raise SassError(f"the register {operand} is not understood")
    return [f"{found[1]}{int(found[2]) + step}" for step in range(4)]


def make_signed(value: Words) -> Words:
    """A register's 32 bits as a signed number."""
    return (value ^ 0x80000000) - 0x80000000


class State:
    """Registers and predicates of `threads` threads, and the banks of constants: 0 has the parameters of the launch."""

    def __init__(self, threads: int, constants: dict[int, bytes]) -> None:
        self.threads = threads
        self.constants = {bank: np.frombuffer(values, "<u4").astype(np.int64) for bank, values in constants.items()}
        self.values: dict[str, Value] = {}
        self.bits: dict[str, Bits] = {}  # of registers that are known in part
        self.data: set[str] = set()  # predicates that follow from values of the tensors
        self.from_data = False  # what is written now does
        self.special: dict[str, Value] = {}  # SR_TID.X and so on
        self.memory: dict[range, int] = {}  # global memory that is known: addresses, and the word that is everywhere
        self.lanes: Words | None = None  # those an instruction acts in; None for all

    def read_constant(self, bank: int, offset: int) -> Value:
        words = self.constants.get(bank, ())
        return words[offset // 4] if offset // 4 < len(words) else None

    def read(self, operand: str, step: int = 0) -> Value:
        """An operand without its sign; the word `step` registers on of what is longer than one."""
        if operand in ZEROS:
            return ZERO
        if operand[0] in "RU":
            return self.values.get(name_registers(operand)[step])
        if operand.startswith("0x"):
            return np.int64(int(operand, 16)) if step == 0 else ZERO
        if found := CONSTANT.match(operand):
            return self.read_constant(int(found[1], 16), int(found[2], 16) + 4 * step)
        raise SassError(f"the operand {operand} is not understood")

    def read_words(self, operand: str, count: int) -> list[Value]:
        return [self.read(operand, step) for step in range(count)]

    def read_predicate(self, operand: str) -> Value:
        negated, name = operand.startswith("!"), operand.lstrip("!")
        if name.startswith("CC."):
            return self.read_flags(name[3:])
        value = ONE if name in TRUE else self.values.get(name)
        return follow(lambda p: 1 - p, value) if negated else value

    def read_flags(self, condition: str) -> Value:
        """Maxwell's flags of the last result that asked for them, as far as branches ask whether it was 0."""
        zero = self.values.get("CZ")
        if condition in ("EQ", "EQU"):
            return zero
        if condition in ("NE", "NEU"):
            return follow(lambda z: 1 - z, zero)
        raise SassError(f"the condition CC.{condition} is not followed")

    def read_bits(self, operand: str) -> Bits:
        """Which bits of an operand are known, and those. ptxas keeps a predicate in one bit of a register whose others
        hold anything."""
        value = self.read(operand)
        mask, bits = self.bits.get(operand, (ZERO, ZERO))
        if value is None:
            return mask, bits
        return np.where(value < 0, mask, WORD), np.where(value < 0, bits, value)

    def write(self, name: str, value: Value, bits: Bits | None = None) -> None:
        """In the lanes that the instruction acts in; R255 and PT take nothing."""
        if name in ZEROS or name in TRUE:
            return
        if self.lanes is not None:
            old = self.values.get(name)
            if value is not None or old is not None:
                value = np.where(self.lanes, UNKNOWN if value is None else value, UNKNOWN if old is None else old)
            if bits is not None or name in self.bits:
                pairs = zip(bits or (ZERO, ZERO), self.bits.get(name, (ZERO, ZERO)))
                mask, known = (np.where(self.lanes, new, before) for new, before in pairs)
                bits = mask, known
        self.values[name] = value
        if bits is None:
            self.bits.pop(name, None)
        else:
            self.bits[name] = bits
        if self.from_data:
            self.data.add(name)
        elif self.data:
            self.data.discard(name)

    def write_register(self, operand: str, words: list[Value]) -> None:
        """`words` into the register and those after it."""
        if operand in ZEROS:
            return
        for name, word in zip(name_registers(operand), words):
            self.write(name, word)
