"""The stored counts are those of today's sources."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.harness.figures_cache import hash_sources
from benchmarks.harness.figures_cache import load_stored as load_figures
from benchmarks.harness.instruction_baseline import LAYER, PLANE, find_counts_before, name_work
from benchmarks.harness.kernel_figures import SOURCES, demangle
from benchmarks.kernels.counted_launches import FEW, Divisor, count_plane_threads, list_planes
from benchmarks.kernels.instruction_counts import COUNTED, load_stored
from benchmarks.kernels.nano_planes import PAPER, RESNETS, estimate_convolution, estimate_depthwise, estimate_excite
from benchmarks.kernels.plugin_cases import REAL

RENEW = "run `python -m benchmarks.kernels.instruction_counts --renew` and `python -m benchmarks.pages.renew`"


@pytest.mark.parametrize("op", COUNTED)
def test_the_stored_counts_are_those_of_the_sources(op: str) -> None:
    assert load_stored()["sources"].get(op) == hash_sources(SOURCES[op]), RENEW


# For each case of list_cases but the first, where nothing can be left out: few outputs, few inputs, few of both.
BOUNDS = (0.70, 0.85, 0.55)
SAME = 1.02  # within 2 %


def compare_layers() -> Iterator[tuple[str, re.Match[str], list[float]]]:
    """Board and kernel, its name taken apart, and what each launch issues as a share of what the kernels issued that
    did its work before."""
    stored = load_stored()
    for board, counts in stored["counts"].items():
        for name, cases in counts.items():
            if found := LAYER.match(name):
                before = find_counts_before(name, stored["baseline"][board])
                assert before is not None, f"{board} {name} does work that no kernel of the baseline did"
                yield f"{board} {name}", found, [now / was for now, was in zip(cases, before)]


def count_coefficients(found: re.Match[str]) -> int:
    return int(found[4]) * int(found[5])


@pytest.mark.skipif(shutil.which("c++filt") is None, reason="needs c++filt of binutils")
def test_every_tile_of_a_launch_is_counted() -> None:
    """On every board, those of several paths too: as many as tiles.h lists."""
    names = [
        figure["kernel"] for name, kept in load_figures().items() if name[:4] == "FWHT" for figure in kept["kernels"]
    ]
    tiles = {name for name in demangle(names) if LAYER.match(name)}  # layers with blocks have kernels of their own
    assert len(tiles) > 70
    counts = load_stored()["counts"]
    assert sorted(counts) == ["sm_53", "sm_72", "sm_87", "sm_90"]
    for board, kernels in counts.items():
        assert {name for name in kernels if LAYER.match(name)} == tiles, board


def list_plane_figures() -> Iterator[tuple[re.Match[str], dict[str, Any]]]:
    """What ptxas says of each kernel of FWHT2D, by its name taken apart."""
    (figures,) = (stored["kernels"] for name, stored in load_figures().items() if name.startswith("FWHT2D, "))
    for name, figure in zip(demangle([figure["kernel"] for figure in figures]), figures):
        found = PLANE.match(name)
        assert found is not None, name
        yield found, figure


@pytest.mark.skipif(shutil.which("c++filt") is None, reason="needs c++filt of binutils")
def test_every_kernel_of_the_two_dimensional_layer_is_counted() -> None:
    """On every board, smooth and soft."""
    compiled = {found[0] for found, _ in list_plane_figures()}
    assert len(compiled) == 57
    for board, kernels in load_stored()["counts"].items():
        counts = {name: kernel for name, kernel in kernels.items() if PLANE.match(name)}
        assert set(counts) == compiled, board
        assert all(len(cases) == 2 and min(cases) > 0 for cases in counts.values()), board


@pytest.mark.skipif(shutil.which("c++filt") is None, reason="needs c++filt of binutils")
def test_a_launch_of_the_two_dimensional_layer_has_the_threads_of_its_kernel() -> None:
    """And its block is of whole maps."""
    for found, figure in list_plane_figures():
        assert count_plane_threads(int(found[1]), int(found[3])) == figure["threads"], found[0]
        for launch in list_planes(found):
            assert launch.results == launch.threads * int(found[1]), found[0]


def test_what_is_padding_or_cut_off_costs_little() -> None:
    """Of 256 channels and more, one smooth path: few outputs 30 % fewer instructions, few inputs 15 %, few of both
    45 %. Of 128 channels and less, 128 are all."""
    compared = [
        (name, few) for name, found, (_, *few) in compare_layers() if count_coefficients(found) > FEW and not found[1]
    ]
    assert len(compared) == 4 * 29, sorted(compared)
    for name, few in compared:
        assert all(share <= bound for share, bound in zip(few, BOUNDS)), (name, few)


def test_no_launch_of_a_tile_issues_more() -> None:
    """Wherever channels are few or many, of any number of paths, smooth or soft."""
    for name, found, shares in compare_layers():
        assert len(shares) == (8 if found[1] else 4), name
        assert all(share <= SAME for share in shares), (name, shares)


def test_no_layer_of_the_hybrids_issues_longer_than_its_convolution_on_a_nano() -> None:
    rows = load_stored()["nano"]
    assert len(rows) == 2 * len(REAL)
    for row in rows:
        assert row["issue_ms"] <= row["convolution_ms"], row


def test_the_two_dimensional_layer_beside_what_it_stands_in_for_on_a_nano() -> None:
    """Required of it: less than a 3x3 convolution takes, of which 1/24 on the paper's test."""
    rows = [row for row in load_stored()["nano_planes"] if row["replaced"] == "3x3 convolution"]
    assert len(rows) == 2 * (1 + len(RESNETS))
    for row in rows:
        times = 24 if row["layer"] == PAPER.name else 1
        assert times * (row["issue_ms"] + row["beside_ms"]) <= row["replaced_ms"], row


def test_what_a_two_dimensional_layer_stands_in_for_by_hand() -> None:
    """10x1024x8x8 are 655,360 values: 9,437,184 multiply-adds of the 3x3 convolution for each pixel; squeeze-and-excite
    goes through memory three times, with 524,288 weights. 118 G multiply-adds and 25.6 GB a second."""
    assert estimate_convolution(PAPER, 4) == pytest.approx(1000 * 640 * 9_437_184 / 117.96e9, rel=1e-3)
    assert estimate_convolution(PAPER, 2) == pytest.approx(estimate_convolution(PAPER, 4) / 2)
    assert estimate_depthwise(PAPER, 4) == pytest.approx(1000 * 4 * (2 * 655_360 + 9_216) / 25.6e9)
    assert estimate_excite(PAPER, 4) == pytest.approx(1000 * 4 * (3 * 655_360 + 524_288) / 25.6e9)


def test_no_convolution_issues_more_than_with_divisions_of_64_bits() -> None:
    """Within 2 %: the code around the divisions is arranged anew."""
    stored = load_stored()
    kernels = [name for name in stored["baseline"]["sm_53"] if name.startswith("mf_")]
    assert len(kernels) == 36
    for board, counts in stored["counts"].items():
        for name in kernels:
            assert counts[name][0] <= SAME * stored["baseline"][board][name][0], (board, name)


def test_a_tile_is_compared_with_the_least_of_those_that_did_its_work() -> None:
    """Whatever their rows, columns and pixels; not with another type, n, number of pixels a thread, or packing."""
    before = {
        "fwht_layer_kernel<Half, 0, 16, 16, 2, 1, false>": [10.0, 8.0],
        "fwht_layer_kernel<Half, 0, 16, 16, 16, 1, false>": [9.0, 9.0],
        "fwht_layer_kernel<Half, 0, 16, 16, 32, 2, false>": [1.0, 1.0],
        "fwht_layer_kernel<float, 0, 16, 16, 2, 1, false>": [1.0, 1.0],
        "fwht_layer_paths_kernel<Half, 0, 16, 16, 2, 1, false>": [1.0, 1.0],
        "mf_depthwise_conv_hwc8<3, 1, 1>": [2.0],
    }
    assert find_counts_before("fwht_layer_kernel<Half, 0, 32, 8, 16, 1, false>", before) == [9.0, 8.0]
    assert find_counts_before("fwht_layer_kernel<Half, 0, 32, 16, 16, 1, false>", before) is None
    assert find_counts_before("mf_depthwise_conv_hwc8<3, 1, 1>", before) == [2.0]
    assert name_work("fwht_layer_kernel<Half, 0, 32, 32, 8, 2, true>") != name_work(
        "fwht_layer_kernel<Half, 0, 32, 32, 8, 2, false>"
    )


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 64, 1000, 2**30 - 1, 2**30])
def test_a_launch_divides_as_the_host_code_has_it(divisor: int) -> None:
    by = Divisor.of(divisor)
    for number in (0, 1, divisor - 1, divisor, 2**31 - 1):
        assert (2 * number * by.multiplier >> 32) >> by.shift == number // divisor
