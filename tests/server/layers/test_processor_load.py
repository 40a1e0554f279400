"""The share of the processors that other programs use, out of files like /proc/stat and the real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.layers.processor_load import Snapshot, compute_others_share, take_snapshot


def test_stat(tmp_path: Path) -> None:
    second = os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    seconds = (10, 1, 4, 100, 5, 1, 2, 3, 7, 0)  # guest time (7) is in user already
    stat.write_text("cpu  " + " ".join(str(value * second) for value in seconds) + "\ncpu0 1 2 3\n")
    found = take_snapshot(stat)
    assert (found.all, found.busy) == (126, 21) and found.own > 0


def test_shares() -> None:
    before = Snapshot(all=100, busy=40, own=10)
    assert compute_others_share(before, Snapshot(110, 48, 13)) == pytest.approx(0.5)
    assert compute_others_share(before, Snapshot(110, 43, 13)) == 0
    assert compute_others_share(before, Snapshot(110, 42.9, 13)) == 0  # the two clocks are rounded apart
    assert compute_others_share(before, before) == 0


def test_where_there_is_no_stat(tmp_path: Path) -> None:
    nothing = tmp_path / "stat"
    assert compute_others_share(take_snapshot(nothing), take_snapshot(nothing)) == 0
    nothing.write_text("cpu 1 2\n")
    assert take_snapshot(nothing).all == 0


def test_no_share_is_above_one() -> None:
    before, after = Snapshot(17576.56, 10403.16, 4.78), Snapshot(17576.57, 10403.17, 4.78)
    assert (after.busy - before.busy) / (after.all - before.all) > 1
    assert compute_others_share(before, after) == 1


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="needs Linux")
def test_the_real_one_counts_on() -> None:
    before = take_snapshot()
    while take_snapshot().all == before.all:
        pass
    after = take_snapshot()
    assert after.busy >= before.busy and after.own >= before.own and 0 <= compute_others_share(before, after) <= 1
