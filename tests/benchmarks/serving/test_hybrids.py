"""The hybrid against the baseline over HTTP: what is refused, what is kept of a start, what is compared."""

from __future__ import annotations

import pytest

from benchmarks.pages.renew import drop_samples
from benchmarks.serving import hybrids
from benchmarks.serving.hybrids import Side, list_sides, measure_start, summarise


def test_a_start_keeps_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hybrids, "SETTINGS", {"defaults": ((), (2,))})
    body = Side("body", "fwht_mobilenet_v2", "off")
    (turn,) = measure_start(body, "defaults", 0.1).values()
    assert turn["failed"] == 0 and turn["median_ms"] > 0 and turn["cpu_ms"] > 0
    assert len(turn["samples_ms"]) == turn["latency"]["count"] > 0
    assert "samples_ms" not in drop_samples(turn)


def test_other_kernels_than_asked_for_are_not_timed() -> None:
    """The baseline has no op of ours, whatever is required."""
    with pytest.raises(SystemExit, match="wrong runs on None; nothing was timed"):
        measure_start(Side("wrong", "mobilenet_v2", "required"), "defaults", 0.1)


def test_medians_of_starts_are_compared() -> None:
    sides = list_sides("a", "b")
    assert [side.native for side in sides] == ["auto", "required", "off"]
    samples = {"a": [2.0, 4.0, 9.0], "b": [3.0, 2.0, 1.0], "b (function body)": [8.0]}
    found = summarise(samples, sides)["sides"]
    assert found["a"] == {"median": 4.0, "low": 2.0, "high": 9.0, "share": 1.0, "of_starts": [2.0, 4.0, 9.0]}
    assert found["b"]["share"] == 0.5 and found["b (function body)"]["share"] == 2.0
