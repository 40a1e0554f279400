"""States on disk: written whole, read without running code, refused where they belong to another run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from export.train.state import RunFolder, TrainingError, check_same_run, load_state, save_state, write_log

IDENTITY: dict[str, Any] = {"options": {"lr": 0.1, "batch_size": 32}, "data_sha256": "abc"}


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "last.pt"
    save_state(path, {"tensor": torch.arange(3), "rows": [[1, None, 0.5]], "none": None})
    state = load_state(path)
    assert torch.equal(state["tensor"], torch.arange(3))
    assert state["rows"] == [[1, None, 0.5]]
    assert [file.name for file in path.parent.iterdir()] == ["last.pt"]


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.target,)


def test_what_is_no_state_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_state(path, {"tensor": torch.arange(1000)})
    whole = path.read_bytes()
    contents = [
        b"",
        b"text",
        whole[:1000],
        whole[: len(whole) // 2],
        pickle.dumps(Malicious(tmp_path / "made"), protocol=2),
    ]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r"last\.pt cannot be read .*--overwrite"):
            load_state(path)
    torch.save(Malicious(tmp_path / "made"), path)
    with pytest.raises(TrainingError, match=r"last\.pt cannot be read"):
        load_state(path)
    torch.save([1, 2], path)
    with pytest.raises(TrainingError, match="no training state of this version"):
        load_state(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"lr": 0.2, "batch_size": 32}}, r"--lr was 0\.1, is 0\.2\. Give"),
        ({"options": {"lr": 0.2, "batch_size": 64}}, r"--batch-size was 32, is 64; --lr was 0\.1, is 0\.2"),
        ({"options": {"lr": 0.1, "batch_size": 32, "new": 1}}, "--new was None, is 1"),
        ({"data_sha256": "abd"}, "--data holds other images"),
    ],
)
def test_another_run_is_refused_naming_the_difference(change: dict[str, Any], message: str) -> None:
    check_same_run(Path("last.pt"), IDENTITY, dict(IDENTITY))
    with pytest.raises(TrainingError, match=message):
        check_same_run(Path("last.pt"), IDENTITY, {**IDENTITY, **change})


def test_the_log_has_a_row_an_epoch_and_empty_cells_for_what_was_not_measured(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", [[1, 0.1, 2.25, 0.5, None, 3.0], [2, 0.05, 1.125, 0.75, 0.875, 3.5]])
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "epoch,learning_rate,train_loss,train_accuracy,heldout_accuracy,seconds",
        "1,0.1,2.25,0.5,,3",
        "2,0.05,1.125,0.75,0.875,3.5",
    ]


def test_a_cleared_run_keeps_what_was_made(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "x")
    save_state(folder.last, {})
    save_state(folder.best, {})
    folder.artefact.write_bytes(b"weights")
    folder.clear()
    folder.clear()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["x", "x.safetensors"]
