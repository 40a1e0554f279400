"""A small row of the two-dimensional layer's benchmark, and the checks that stand before every row."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest

from benchmarks.kernels import fwht_2d
from benchmarks.kernels.cpu_layers import open_session
from tests.plugins.native import build_library

SIDES = {"convolution", "fwht_2d", "fwht_2d_soft", "function_body", "squeeze_and_excite", "depthwise"}
OPTIONS = Namespace(threads=1, rounds=1, seconds=0)


def test_a_row_holds_checked_times_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    build_library()
    row = fwht_2d.measure_row(2, 12, 8, 3, OPTIONS)
    assert set(row["times"]) == set(row["peak_bytes_over_relu"]) == SIDES
    assert all(0 < share <= 1 for share in row["tolerance_share"].values()), row["tolerance_share"]
    assert row["ratios"]["fwht_2d"]["median"] == 1


@pytest.mark.parametrize("side", sorted(SIDES - set(fwht_2d.NATIVE)))
def test_a_wrong_side_is_found(side: str) -> None:
    model, check = fwht_2d.draw_sides(12, 8, 3)[side]
    x = np.random.default_rng(0).normal(0, 1, (2, 12, 8, 8)).astype(np.float32)
    y = np.asarray(open_session(model.SerializeToString(), 1, native=False).run(None, {"x": x})[0])
    assert check(x, y) <= 1 < check(x, y + np.float32(1e-3))


def test_nothing_wrong_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    build_library()
    monkeypatch.setattr(fwht_2d, "check_window", lambda *_: 1.5)
    with pytest.raises(SystemExit, match="nothing was timed"):
        fwht_2d.measure_row(1, 12, 8, 3, OPTIONS)
