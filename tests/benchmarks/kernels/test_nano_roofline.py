"""The Nano's tables are what the script computes, and two of their numbers worked by hand."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from benchmarks.harness.cuda_compilers import CompilerMissing, Wheels
from benchmarks.harness.figures_cache import hash_sources, load_stored
from benchmarks.harness.kernel_figures import SOURCES, measure_kernels
from benchmarks.kernels.nano_roofline import (
    ARCHITECTURE,
    CUT,
    PAGE,
    TANH,
    count_resident_blocks,
    estimate_convolution,
    estimate_layer,
    list_cases,
    read_kernels,
    renew_page,
)
from benchmarks.kernels.plugin_cases import BIG, REAL

RENEW = "run `python -m benchmarks.kernels.nano_roofline --renew`"


def test_the_tables_are_what_the_script_writes() -> None:
    text = PAGE.read_text()
    assert f"tanh and its argument, {TANH[4]} instructions in float32 and {TANH[2]} in float16, and {CUT} more" in text
    assert renew_page(text, read_kernels()) == text, RENEW


@pytest.mark.parametrize("op", SOURCES)
def test_the_stored_figures_are_those_of_the_sources(op: str, pytestconfig: pytest.Config) -> None:
    """By the hash of what is compiled; with --full what the compiler makes of it."""
    (stored,) = (figures for name, figures in load_stored().items() if name.startswith(f"{op}, "))
    assert stored["sources"] == hash_sources(SOURCES[op]), RENEW
    if pytestconfig.getoption("--full"):
        try:
            made = measure_kernels(Wheels(), op, ARCHITECTURE, fresh=True)
        except CompilerMissing as missing:
            pytest.skip(str(missing))
        assert [asdict(kernel) for kernel in made] == stored["kernels"], RENEW


def test_the_large_layer_by_hand() -> None:
    """10,240 pixels: 83.9 MB and 388 M instructions, against 10.7 G multiply-adds."""
    layer, convolution = estimate_layer(BIG, 10240, 4), estimate_convolution(BIG, 10240, 4)
    assert layer.bytes == pytest.approx(83.9e6, rel=1e-3)
    assert layer.ms == pytest.approx(1000 * 10240 * (20 * 1024 + 17 * 1024) / 117.96e9, rel=1e-3)
    assert convolution.ms == pytest.approx(1000 * 2 * 1024**2 * 10240 / 236e9, rel=1e-2)


def test_a_layer_that_leaves_columns_out_by_hand() -> None:
    """96 channels to 576 in float16: 4 and 20 columns of 32 values, rows of 4 columns and back to 32, 128 tanhs."""
    (expand,) = (layer for name, layer, _ in REAL if name == "blocks.13.expand")
    additions = 24 * 32 * 5 + 32 * (4 * 2 + 32 * 5)
    instructions = additions + 8 * 128 + 3 * 1024
    assert estimate_layer(expand, 1, 2).arithmetic_s == pytest.approx(instructions / 117.96e9, rel=1e-3)


def test_no_layer_of_the_hybrids_is_slower_than_its_convolution() -> None:
    for name, layer, batch, side in list_cases():
        for size in (2, 4):
            mine, other = (f(layer, batch * side**2, size).ms for f in (estimate_layer, estimate_convolution))
            assert mine <= other, f"{name}, {batch} images, {size} bytes a value"


def test_resident_blocks() -> None:
    """256 threads of 128 registers fill 32,768 of them; 20 KB of shared memory go three times into 64 KiB."""
    assert count_resident_blocks({"threads": 256, "registers": 128, "shared_bytes": 0}) == 2
    assert count_resident_blocks({"threads": 128, "registers": 33, "shared_bytes": 20_000}) == 3
    assert count_resident_blocks({"threads": 1024, "registers": 16, "shared_bytes": 0}) == 2
