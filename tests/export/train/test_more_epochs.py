"""A finished run is given more epochs: it goes on from its state, interrupted or not, and costs nothing made before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.train.options import parse_options
from export.train.schedule import find_phase, learning_rate
from export.train.state import RunFolder, load_state
from export.train.train_all import parse_arguments
from export.train.train_one import main
from tests.export.train.training_runs import SMALL, log_rows, small_pack

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_pack(tmp_path_factory.mktemp("data") / "pack.bin", train_each=4)


def run(pack: Path, build: Path, *more: str) -> int:
    words = ["--batch-size", "15", "--data", str(pack), "--build", str(build), "--epochs", "1", "--device", "cpu"]
    return main([*SMALL, *words, *more])


def test_it_goes_on_and_interrupted_ends_the_same(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = RunFolder(tmp_path / "whole", "small"), RunFolder(tmp_path / "parts", "small")
    for folder in (whole, parts):
        assert run(pack, folder.build) == 0
    first, rows = whole.artefact.read_bytes(), log_rows(whole.log)
    assert run(pack, whole.build, "--more-epochs", "1") == 0
    assert "goes on at epoch 2, step 1" in capsys.readouterr().out
    while run(pack, parts.build, "--more-epochs", "1", "--seconds", "0.001") == 75:  # a step at a time
        assert parts.artefact.read_bytes() == first
    assert whole.artefact.read_bytes() == parts.artefact.read_bytes()
    assert log_rows(whole.log) == log_rows(parts.log)
    assert log_rows(whole.log)[:1] == rows and len(log_rows(whole.log)) == 2
    assert json.loads(whole.artefact.with_suffix(".json").read_text())["training"]["epochs"] == 2
    assert run(pack, whole.build, "--more-epochs", "1") == 0  # once more
    state = load_state(whole.last)
    assert (state["phases"], state["finished"], len(state["rows"])) == ([1, 1, 1], True, 3)


def test_what_cannot_be_extended_is_said(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pack, tmp_path, "--more-epochs", "1") == 1
    assert "last.pt is not there: --more-epochs goes on from the state" in capsys.readouterr().err
    assert run(pack, tmp_path, "--seconds", "0.001") == 75
    assert run(pack, tmp_path, "--more-epochs", "1") == 1
    assert "is not finished: the command without --more-epochs goes on with it" in capsys.readouterr().err
    assert run(pack, tmp_path) == 0
    assert run(pack, tmp_path) == 1
    assert "or train it on with --more-epochs" in capsys.readouterr().err
    assert run(pack, tmp_path, "--more-epochs", "3", "--lr", "0.5") == 1
    assert "--lr was 0.01171875, is 0.5" in capsys.readouterr().err
    assert run(pack, tmp_path, "--more-epochs", "3", "--seconds", "0.001") == 75
    assert run(pack, tmp_path, "--more-epochs", "4") == 1
    assert "is at its --more-epochs 3: finish these before" in capsys.readouterr().err
    assert load_state(RunFolder(tmp_path, "small").last)["phases"] == [1, 3]


def test_options_that_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--data", "x", "--name", "flowers.report"])
    assert "what ends in .report is the folder of a report" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse_options(["--data", "x", "--more-epochs", "2", "--overwrite"])
    assert "give one of them" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse_arguments(["--data", "x", "--more-epochs=2"])
    assert "--more-epochs is for one model at a time" in capsys.readouterr().err


def test_every_phase_has_the_whole_course_of_the_rate() -> None:
    assert [find_phase([3, 2, 4], epoch) for epoch in (0, 2, 3, 4, 5, 8)] == [(0, 3)] * 2 + [(3, 2)] * 2 + [(5, 4)] * 2
    with pytest.raises(ValueError, match="epoch 9 is beyond the 9 epochs"):
        find_phase([3, 2, 4], 9)
    assert learning_rate(0, 10, 1.0, 0.2, "cosine") < 0.5 < learning_rate(2, 10, 1.0, 0.2, "cosine")
