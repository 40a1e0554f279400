"""The stored counts are those of today's sources."""

from __future__ import annotations

import pytest

from benchmarks.harness.figures_cache import hash_sources
from benchmarks.harness.kernel_figures import SOURCES
from benchmarks.kernels.counted_launches import Divisor
from benchmarks.kernels.instruction_counts import load_stored

RENEW = "run `python -m benchmarks.kernels.instruction_counts --renew` and `python -m benchmarks.pages.renew`"


@pytest.mark.parametrize("op", ["MFDepthwiseConv"])
def test_the_stored_counts_are_those_of_the_sources(op: str) -> None:
    assert load_stored()["sources"].get(op) == hash_sources(SOURCES[op]), RENEW


def test_no_convolution_issues_more_than_with_divisions_of_64_bits() -> None:
    """Within 2 %: the code around the divisions is arranged anew."""
    stored = load_stored()
    kernels = [name for name in stored["baseline"]["sm_53"] if name.startswith("mf_")]
    assert len(kernels) == 36
    for board, counts in stored["counts"].items():
        for name in kernels:
            assert counts[name][0] <= 1.02 * stored["baseline"][board][name][0], (board, name)


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 64, 1000, 2**30 - 1, 2**30])
def test_a_launch_divides_as_the_host_code_has_it(divisor: int) -> None:
    by = Divisor.of(divisor)
    for number in (0, 1, divisor - 1, divisor, 2**31 - 1):
        assert (2 * number * by.multiplier >> 32) >> by.shift == number // divisor
