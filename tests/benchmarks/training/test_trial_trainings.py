"""Short trainings: which are run, what is kept of them, and the theory they are held against."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.training.mf_operators import PYTORCH, predict_growth
from benchmarks.training.trial_trainings import TrialTrainings
from tests.export.train.training_runs import small_pack

pytestmark = pytest.mark.usefixtures("one_thread")


def make_trial_trainings(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> TrialTrainings:
    places = ["--build", str(folder / "build"), "--out", str(folder / "out.json"), "--size", "8", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["short", *places, *words])
    return TrialTrainings("short", "A few: of them")


def test_a_run_is_kept_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(small_pack(tmp_path / "pack.bin")), "--images", "100", "--batch-size", "16"]
    words += ["--seeds", "2", "--settings", "1"]
    results = []
    for times in (1, 0):
        runs = make_trial_trainings(tmp_path, monkeypatch, *words)
        assert list(runs.list_runs(["first", "second"])) == [(0, "first"), (1, "first")]
        runs.run(["--model", "resnet32"], 0, setting="first")
        assert capsys.readouterr().out.count("epoch 1/1") == times
        results.append(json.loads((tmp_path / "out.json").read_text()))
    (curve,) = results[0]["curves"]
    assert (curve["setting"], curve["seed"], len(curve["train_loss"])) == ("first", 0, 1)
    assert results[0]["conditions"]["options"] == ["--batch-size", "16"]
    assert results[0]["curves"] == results[1]["curves"]


def test_data_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        make_trial_trainings(tmp_path, monkeypatch, "--data", "nowhere.bin")
    assert caught.value.code == 2 and "there is no file or folder nowhere.bin" in capsys.readouterr().err


@pytest.mark.parametrize(("operator", "bound", "expected"), [(0, PYTORCH, 1.467), (0, 3.0, 1.467), (2, 0.01, 239.0)])
def test_theory(operator: int, bound: float, expected: float) -> None:
    """A product: (1/2) / (1/2 - 1/(2 pi)). Operator 2 with small |w|: the means over w of 0.4 |w| and of w^2 / 4.

    That is 0.399 bound / 2 over bound^2 / 12, 2.39 / bound. Of 100,000 samples about 200 lie on a ramp of half of 0.01
    (7 % standard deviation), and 200 weights have a mean square of 6 %: the fixed seed draws within 15 %.
    """
    share = abs(predict_growth(operator, bound) / expected - 1) / 0.15
    print(f"share of the tolerance used: {share:.3f}")
    assert share <= 1
