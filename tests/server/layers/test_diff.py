"""When a difference counts: ranges that lie apart, rounds in turns, the limit, and what differs besides."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Sequence

import numpy as np
import pytest

from server.layers.diff import FASTER, SAME, SLOWER, compare_times, diff
from server.layers.diff_json import diff_to_json
from server.layers.times import Times

from .sides import item, side

ROUNDS = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 1.02, 0.98, 1.0]


def times(low: float, ms: float, high: float) -> Times:
    return Times(ms, low, high)


def of_rounds(rounds: Sequence[float] | np.ndarray) -> Times:
    return Times(float(np.median(rounds)), min(rounds), max(rounds), tuple(rounds))


@pytest.mark.parametrize(
    ("a", "b", "verdict", "above"),
    [
        (times(0.9, 1.0, 1.1), times(1.0, 1.2, 1.4), SAME, False),  # 20% more, and the bands overlap
        (times(0.9, 1.0, 1.1), times(1.15, 1.2, 1.3), SLOWER, False),  # slower for sure, but perhaps by 5% alone
        (times(0.9, 1.0, 1.1), times(1.21, 1.3, 1.4), SLOWER, True),
        (times(0.9, 1.0, 1.1), times(1.2005, 1.3, 1.4), SLOWER, False),  # within what the clocks can tell
        (times(0.9, 1.0, 1.1), times(0.6, 0.7, 0.8), FASTER, False),
        (times(0.002, 0.002, 0.002), times(0.003, 0.003, 0.003), SAME, False),  # one tick of the clock
        (times(0.0, 0.0, 0.0), times(0.5, 0.5, 0.5), SLOWER, True),
    ],
)
def test_verdicts(a: Times, b: Times, verdict: str, above: bool) -> None:
    found = compare_times(a, b, 0.10, paired=False)
    assert (found.verdict, found.above) == (verdict, above)
    assert found.ms == pytest.approx(b.ms - a.ms)


def test_rounds_in_turns_share_the_machines_moods() -> None:
    mood = np.linspace(1, 3, 10)  # the machine slows down to a third while both are measured
    a, b = of_rounds(mood), of_rounds(1.3 * mood)
    assert compare_times(a, b, 0.10, paired=False).verdict == SAME
    together = compare_times(a, b, 0.10, paired=True)
    assert together.verdict == SLOWER and together.above
    assert (together.low, together.high) == pytest.approx((0.3 * mood[1] - 0.001, 0.3 * mood[-2] + 0.001))


def test_one_bad_round_neither_makes_nor_hides_a_difference() -> None:
    good, worse, bad = of_rounds([1.0] * 10), of_rounds([1.2] * 10), of_rounds([1.0] * 9 + [5.0])
    assert compare_times(good, bad, 0.10, paired=True).verdict == SAME
    assert compare_times(bad, worse, 0.10, paired=True).above


def test_without_enough_rounds_nothing_is_paired() -> None:
    assert compare_times(times(0.9, 1, 1.1), times(1.15, 1.2, 1.3), 0.1, paired=True).low == pytest.approx(0.049)


def reports(**changes: Any) -> tuple[Any, Any]:
    rounds: dict[str, Any] = {"rounds_ms": ROUNDS, "ms_p10": 0.95, "ms_p90": 1.05}
    a = side(item("stem", 1.0, **rounds), item("head", 1.0, **rounds), rounds=10, latency_rounds_ms=ROUNDS)
    slow = {**rounds, "rounds_ms": [2 * value for value in ROUNDS]}
    b = side(item("stem", 1.0, **rounds), item("head", 2.0, op="FWHTLayer", **slow), rounds=10, **changes)
    return a, b


def test_layers_and_the_whole_are_judged() -> None:
    a, b = reports(latency_ms=3.0, latency_rounds_ms=[3.0] * 10)
    found = diff(a, b, 0.10)
    assert found.above == ["a whole run", "head"] and found.total.verdict == SLOWER
    assert diff(a, b).above == [] and diff(a, b, 20.0).above == []
    assert diff(b, a, 0.10).above == []
    assert diff(a, a, 0.0).above == diff(a, a, 0.0, paired=True).above == []


def test_the_sum_of_the_layers_where_no_whole_is_known() -> None:
    a, b = reports()
    found = diff(replace(a, total=None), b, 0.10)
    assert found.total_name == "all layers" and (found.total.a.ms, found.total.b.ms) == (2.0, 3.0)
    # the two layers of a round move together: the sum's band is that of the rounds' sums
    assert (found.total.a.low, found.total.a.high) == pytest.approx((1.8, 2.2))


def test_noise_is_told_and_shared_by_rounds_in_turns() -> None:
    a, b = reports(conditions={"noisy": "the GPU's clock changed"})
    assert diff(a, b, 0.1).noisy == "B: the GPU's clock changed"
    assert diff(a, b, 0.1, paired=True).noisy is None and diff(a, a, 0.1).noisy is None


def test_a_board_at_two_speeds_is_not_judged() -> None:
    a, b = (side(item("stem", ms), conditions={"board_before": {"gpu_hz": 6e8 / ms}}) for ms in (1.0, 2.0))
    found = diff(a, b, 0.1)
    assert found.above and found.noisy == "the GPU's clock was 600 MHz for A and 300 MHz for B"
    assert diff(a, b, 0.1, paired=True).noisy is None


def test_a_slower_machine_is_suspected_where_everything_is_slower() -> None:
    a = side(*(item(name) for name in "abcdef"))
    b = side(*(item(name, 1.5 + 0.05 * place) for place, name in enumerate("abcdef")))
    assert "by a factor of about 1.6: rather the machine" in diff(a, b).notes[0]
    assert diff(a, b, paired=True).notes == diff(b, a).notes == diff(a, a).notes == ()
    assert diff(a, side(item("a", 9.0), *(item(name) for name in "bcdef"))).notes == ()
    assert diff(side(item("a", 0.0)), side(item("a", 1.0))).notes == ()


def test_json_has_everything() -> None:
    a, b = reports()
    b.conditions["noisy"] = "a reason"
    found = json.loads(json.dumps(diff_to_json(diff(a, b, 0.10)), allow_nan=False))
    stem, head = found["groups"]
    assert head["above"] and head["verdict"] == SLOWER and head["ratio"] == 2.0
    assert head["a"] == {"ms": 1.0, "low": 0.9, "high": 1.1} and head["b"]["low"] == 1.8
    assert head["difference"] == {"ms": 1.0, "low": 0.699, "high": 1.301}
    assert head["layers_b"] == [{"name": "head", "op": "FWHTLayer", "onnx_nodes": ["head"], "ms": 2.0}]
    assert stem["verdict"] == SAME and found["above"] == ["a whole run", "head"] and found["noisy"] == "B: a reason"
    assert found["only_a"] == found["only_b"] == [] and found["limit"] == 0.1
