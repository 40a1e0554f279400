"""Small rows of the benchmark of layers with blocks, the check before every row, and what the table says."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest

from benchmarks.harness.node_models import LayerCase
from benchmarks.kernels import block_layers
from benchmarks.kernels.fwht_node import BIG, REAL
from benchmarks.pages.block_tables import format_side, name_side
from tests.plugins.native import build_library

OPTIONS = Namespace(threads=1, rounds=1, seconds=0)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (LayerCase(24, 144, 256, activation=6), "9 blocks of 16, overlapping"),
        (LayerCase(144, 24, 256), "9 blocks of 16, means of 6"),
        (LayerCase(64, 64, 64), "4 blocks of 16"),
    ],
)
def test_a_row_holds_checked_times(layer: LayerCase, said: str) -> None:
    build_library()
    row = block_layers.measure_row("layer", layer, 4, (8, 16), 2, OPTIONS)
    layers = {"fwht_layer", "with_factors", "blocks_8", "blocks_16"}
    assert set(row["times"]) == layers | {"convolution"}
    assert set(row["tolerance_share"]) == layers
    assert all(0 < share <= 1 for share in row["tolerance_share"].values()), row["tolerance_share"]
    assert name_side(row, "blocks_16") == said


def test_nothing_wrong_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    build_library()
    make = LayerCase.compute_reference
    monkeypatch.setattr(LayerCase, "compute_reference", lambda case, x, w: make(case, x, w) + np.float32(case.block))
    monkeypatch.setattr(block_layers, "alternate", lambda *_: pytest.fail("a wrong layer was timed"))
    with pytest.raises(SystemExit, match=r"block=8\) is wrong.*nothing was timed"):
        block_layers.measure_row("layer", LayerCase(16, 16, 16), 2, (8,), 1, OPTIONS)


def test_every_row_has_layers_that_can_be_made() -> None:
    for _, layer, _, blocks, _ in block_layers.ROWS:
        for block in blocks:
            case = block_layers.make_block_case(layer, block)
            assert (case.n, case.block) == (block, block)
            x, weights = np.zeros((1, case.in_channels, 1, 1)), case.draw_weights(np.random.default_rng(0))
            assert case.compute_reference(x, weights).shape == (1, layer.out_channels, 1, 1)


def test_a_cell_says_how_many_times_as_fast_as_the_convolution() -> None:
    row = {"times": {"blocks_8": {"median_ms": 0.0125}}, "ratios": {"blocks_8": {"median": 0.25}}}
    assert format_side(row, "blocks_8") == "0.0125 ms, 4.00x"


def test_the_layers_are_those_of_the_other_table() -> None:
    assert [row[1] for row in block_layers.ROWS[:2]] == [BIG[1]] * 2
    assert {row[:3] for row in block_layers.ROWS[2:]} <= set(REAL)
