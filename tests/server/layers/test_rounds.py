"""Rounds: measured in turns, again where the machine was disturbed, and made into one report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from server.layers import rounds as layer_rounds
from server.layers.processor_load import Snapshot
from server.layers.rounds import MOST_OTHERS, measure_rounds, merge_rounds
from server.models.model import Model, load_model
from server.profiling.report import LayerReport

from .sides import item, report


@pytest.fixture(scope="module")
def model(tiny: Path) -> Iterator[Model]:
    model = load_model(str(tiny))
    yield model
    model.close()


def others(monkeypatch: pytest.MonkeyPatch, *shares: float) -> list[float]:
    """The share of the processors that other programs use in each round; the last for all that follow."""
    left = list(shares)
    monkeypatch.setattr(layer_rounds, "take_snapshot", lambda: Snapshot(0, 0, 0))
    monkeypatch.setattr(layer_rounds, "compute_others_share", lambda *_: left.pop(0) if len(left) > 1 else left[0])
    return left


def test_medians_of_the_rounds() -> None:
    times = [1.0, 3.0, 2.0, 5.0, 4.0]
    rounds = [report(item("stem", ms), item("stem -> head", 0.5, nodes=[]), item("head", 2 * ms)) for ms in times]
    made = merge_rounds(rounds)
    stem, between, head = made["items"]
    assert (stem["ms"], between["ms"], head["ms"]) == (3.0, 0.5, 6.0)
    assert stem["rounds_ms"] == times and head["rounds_ms"] == [2 * ms for ms in times]
    assert (stem["ms_p10"], stem["ms_p90"]) == pytest.approx((1.4, 4.6))
    assert (made["sum_ms"], made["unattributed_ms"], made["latency_ms"]) == (9.0, 0.5, 9.5)
    assert made["latency_rounds_ms"] == [3.5, 9.5, 6.5, 15.5, 12.5]
    assert (made["runs"], made["rounds"], made["schema"]) == (250, 5, 1)
    assert sum(one["share"] for one in made["items"]) == pytest.approx(1, abs=0.001)
    assert "note" not in made


def test_the_note_is_that_of_the_round_in_the_middle() -> None:
    rounds = [report(item("stem", ms), note=f"{ms} ms") for ms in (3.0, 1.0, 2.0, 5.0, 4.0)]
    assert merge_rounds(rounds)["note"] == "Of one round: 3.0 ms"


def test_a_layer_that_one_round_does_not_have_took_no_time() -> None:
    rounds = [report(item("stem"), *([item("rare")] if place == 1 else [])) for place in range(5)]
    assert merge_rounds(rounds)["items"][1]["rounds_ms"] == [0, 1, 0, 0, 0]


def test_a_single_round_is_the_report_itself(model: Model, cat: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, 0.0)
    (made,) = measure_rounds([model], [cat], rounds=1, runs=10)
    assert made["runs"] == 10 and "rounds" not in made and "rounds_ms" not in made["items"][0]
    conditions = made["conditions"]
    assert conditions["model"] == "tiny" and len(conditions["onnx_sha256"]) == 64


def test_two_models_in_turns(model: Model, cat: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, 0.0)
    asked: list[str] = []
    turns: list[str] = []
    made = [Turn(model, name, turns) for name in ("a", "b")]
    reports = measure_rounds(made, [cat, cat], rounds=5, runs=2, show_progress=asked.append)  # type: ignore[arg-type]
    assert "".join(turns) == "abbaabbaab"
    assert asked == [f"round {i} of 5" for i in range(1, 6)]
    assert [one["runs"] for one in reports] == [10, 10] and reports[0]["conditions"]["batch"] == 2
    assert all(len(one["rounds_ms"]) == 5 for one in reports[1]["items"]) and "noisy" not in reports[0]["conditions"]


class Turn:
    """A model that writes down when it is measured."""

    def __init__(self, model: Model, name: str, turns: list[str]) -> None:
        self.name, self.card, self._model, self._turns = name, model.card, model, turns

    def profile(self, files: Any, runs: Any) -> LayerReport:
        self._turns.append(self.name)
        return self._model.profile(files, runs)


def test_disturbed_rounds_are_measured_again(model: Model, cat: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    left = others(monkeypatch, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0)
    said: list[str] = []
    (made,) = measure_rounds([model], [cat], rounds=5, runs=1, show_progress=said.append)
    assert made["rounds"] == 5 and "noisy" not in made["conditions"] and len(left) == 1
    assert said[5:] == ["1 more, since other work disturbed 1", "2 more, since other work disturbed 2"]


def test_what_stays_noisy_is_told(model: Model, cat: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    (made,) = measure_rounds([model], [cat], rounds=5, runs=1)
    assert made["conditions"]["noisy"] == "other programs used up to 40% of the processors meanwhile"
    others(monkeypatch, MOST_OTHERS)
    (made,) = measure_rounds([model], [cat], rounds=5, runs=1)
    assert "noisy" not in made["conditions"]


def test_the_board_before_the_first_round_and_after_the_last() -> None:
    """Within no round did the clock change, and yet it did."""
    clocks = [921_600_000, 921_600_000, 614_400_000, 614_400_000, 614_400_000]
    states = [{"gpu_hz": clock} for clock in clocks]
    rounds = [
        report(item("stem"), conditions={"backend": "tensorrt", "board_before": one, "board_after": one})
        for one in states
    ]
    told = merge_rounds(rounds)["conditions"]
    assert (told["board_before"], told["board_after"]) == (states[0], states[-1])
    assert "from 921.6 MHz to 614.4 MHz" in told["noisy"]
    assert "noisy" not in merge_rounds(rounds[2:])["conditions"]


def test_what_the_engine_does_not_trust(model: Model, cat: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, 0.0)
    made = [report(item("stem"), conditions={"noisy": "the clock changed"} if place < 7 else {}) for place in range(10)]
    left = [*made]
    monkeypatch.setattr(model, "profile", lambda *_: left.pop(0))
    (found,) = measure_rounds([model], [cat], rounds=5)
    assert found["conditions"]["noisy"] == "the clock changed" and left == []
