"""The Nano's tables are what the script computes, and two of their numbers worked by hand."""

from __future__ import annotations

import json

import pytest

from benchmarks.kernels.nano_roofline import (
    KERNELS,
    PAGE,
    THRESHOLD,
    compile_kernels,
    count_resident_blocks,
    estimate_convolution,
    estimate_layer,
    renew_page,
)
from benchmarks.kernels.plugin_cases import BIG


def test_the_tables_are_what_the_script_writes() -> None:
    text = PAGE.read_text()
    assert f"({THRESHOLD} instructions each" in text
    made = renew_page(text, json.loads(KERNELS.read_text()))
    assert made == text, "run `python -m benchmarks.kernels.nano_roofline`"


def test_the_large_layer_by_hand() -> None:
    """10,240 pixels: 83.9 MB and 419 M instructions, against 10.7 G multiply-adds."""
    layer, convolution = estimate_layer(BIG, 10240, 4), estimate_convolution(BIG, 10240, 4)
    assert layer.bytes == pytest.approx(83.9e6, rel=1e-3)
    assert layer.ms == pytest.approx(1000 * 10240 * (20 * 1024 + 20 * 1024) / 117.96e9, rel=1e-3)
    assert convolution.ms == pytest.approx(1000 * 2 * 1024**2 * 10240 / 236e9, rel=1e-2)


def test_resident_blocks() -> None:
    """256 threads of 128 registers fill 32,768 of them; 20 KB of shared memory go three times into 64 KiB."""
    assert count_resident_blocks({"threads": 256, "registers": 128, "shared_bytes": 0}) == 2
    assert count_resident_blocks({"threads": 128, "registers": 33, "shared_bytes": 20_000}) == 3
    assert count_resident_blocks({"threads": 1024, "registers": 16, "shared_bytes": 0}) == 2


def test_the_kernels_are_those_that_the_compiler_makes() -> None:
    from benchmarks.harness.cuda_compilers import CompilerMissing

    try:
        made = compile_kernels()
    except CompilerMissing as missing:
        pytest.skip(str(missing))
    assert made == json.loads(KERNELS.read_text()), "run `python -m benchmarks.kernels.nano_roofline --renew`"
