"""The stored counts are those of today's sources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.harness.figures_cache import hash_sources
from benchmarks.harness.kernel_figures import SOURCES
from benchmarks.kernels.counted_launches import LAYER, Divisor
from benchmarks.kernels.instruction_counts import load_stored

RENEW = "run `python -m benchmarks.kernels.instruction_counts --renew` and `python -m benchmarks.pages.renew`"


@pytest.mark.parametrize("op", SOURCES)
def test_the_stored_counts_are_those_of_the_sources(op: str) -> None:
    assert load_stored()["sources"].get(op) == hash_sources(SOURCES[op]), RENEW


def compare_layers(least_n: int) -> Iterator[tuple[str, list[float]]]:
    """Board and kernel; for each case of list_cases what it issues, as a share of what it issued at 3b1e89a."""
    stored = load_stored()
    for board, counts in stored["counts"].items():
        for name, cases in counts.items():
            found = LAYER.match(name)
            if found and int(found[4]) * int(found[5]) >= least_n:
                yield f"{board} {name}", [now / was for now, was in zip(cases, stored["baseline"][board][name])]


def test_what_is_padding_or_cut_off_costs_little() -> None:
    """For n = 1024 and more: few outputs 30 % fewer instructions, few inputs 15 %, few of both 45 %."""
    compared = dict(compare_layers(1024))
    assert len(compared) >= 4 * 4, compared.keys()
    for name, (_, outputs, inputs, both) in compared.items():
        assert outputs <= 0.70 and inputs <= 0.85 and both <= 0.55, (name, outputs, inputs, both)


def test_where_nothing_can_be_skipped_no_tile_issues_more() -> None:
    for name, (full, *_) in compare_layers(2):
        assert full <= 1.02, (name, full)


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
