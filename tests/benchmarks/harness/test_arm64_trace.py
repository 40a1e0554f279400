"""qemu's log and objdump's listing, read from lines as they write them."""

from __future__ import annotations

import pytest

from benchmarks.harness.arm64_trace import ToolMissing, check_tools, read_listing, read_log, strip_addresses

LOG = """----------------
IN: main
0x00400b40:  d503201f  nop
0x00400b44:  54ffffe1  b.ne     #0x400b40

Trace 0: 0x7ff3fc400100 [0000000001009331/0000000000400b40/00000001/00000200] main
Trace 0: 0x7ff3fc400100 [0000000001009331/0000000000400b40/00000001/00000200] main
----------------
IN: main
0x00400b48:  d65f03c0  ret

Trace 0: 0x7ff3fc400200 [0000000001009331/0000000000400b48/00000001/00000200] main
"""
LISTING = """
0000000000400b40 <main>:
  400b40:\tnop
  400b44:\tb.ne\t400b40 <main>  // b.any
0000000000400b48 <fwht::run(int)>:
  400b48:\tret
"""


def test_blocks_are_those_of_qemu() -> None:
    contents, counts = read_log(LOG.splitlines(keepends=True))
    assert contents == {0x400B40: [0x400B40, 0x400B44], 0x400B48: [0x400B48]}
    assert counts == {0x400B40: 2, 0x400B48: 1}


def test_functions_and_instructions() -> None:
    code = read_listing(LISTING.splitlines())
    assert code[0x400B44] == ("main", "b.ne\t400b40 <main>")
    assert code[0x400B48] == ("fwht::run(int)", "ret")


@pytest.mark.parametrize(
    ("instruction", "stripped"),
    [
        ("b.ne\t400b40 <main>", "b.ne #8"),
        ("cbz\tw1, 400b40 <main+0x8>", "cbz w1, #8"),
        ("tbnz\tw1, #3, 400b40 <main>", "tbnz w1, #3, #8"),
        ("adrp\tx0, 4b1000 <f>", "mov x0, #0"),
        ("fadd\tv1.4s, v2.4s, v3.4s", "fadd v1.4s, v2.4s, v3.4s"),
        ("ret", "ret"),
    ],
)
def test_addresses_are_stripped(instruction: str, stripped: str) -> None:
    assert strip_addresses(instruction) == stripped


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match=r"llvm-mca missing: apt install .* llvm"):
        check_tools()
