"""A run on cached features: what it makes, that it goes on where it was interrupted, and what it refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.data.datasets import load_dataset
from export.models import build_model, get_weights
from export.models.checkpoint import load_checkpoint
from export.models.initial_weights import InitialWeights, read_own_weights
from export.train.batches import choose_heldout
from export.train.loss import Teacher
from export.train.state import RunFolder, TrainingError, load_state
from export.train.stop_signals import StopRequested, StopSignals
from export.transfer.tail_run import RunLimits, run_tail
from export.transfer.tail_start import TailRun
from export.transfer.tail_step import TailOptions
from tests.export.transfer.transfer_data import make_photos

pytestmark = pytest.mark.usefixtures("one_thread")
PREPROCESSING = {"size": 16, "resize": "crop", "colour": "RGB", "mean": [127.0] * 3, "std": [128.0] * 3}
QUIET = RunLimits(report=False)


class StopAfter(StopSignals):
    """Asks to stop when it was asked so many times whether to stop."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    @property
    def stop_requested(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TailRun:
    folder = tmp_path_factory.mktemp("transfer")
    dataset = load_dataset(make_photos(folder / "photos"), 16)
    torch.manual_seed(0)
    weights = get_weights(build_model("mobilenet_v2", 7, 16))
    initial = InitialWeights(weights, "0" * 64, "a test", [127.0] * 3, [128.0] * 3, {"terms": "none"})
    options = TailOptions(frozen=12, views=2, epochs=3, batch_size=8, ema=0.9)
    split = choose_heldout(dataset, 0.25, 0)
    place = RunFolder(folder / "build", "photos")
    return TailRun(place, "mobilenet_v2", dataset, split, PREPROCESSING, initial, options)


def train(run: TailRun, build: Path, limits: RunLimits = QUIET, stop: int = 10**9) -> TailRun:
    """The run in a folder of its own."""
    run = replace(run, folder=RunFolder(build, run.folder.name))
    run_tail(run, limits, "python -m test", StopAfter(stop))
    return run


def test_only_the_tail_is_trained_and_the_card_tells_from_what(run: TailRun, tmp_path: Path) -> None:
    model, card = load_checkpoint(train(run, tmp_path).folder.artefact)
    assert card["training"]["frozen_blocks"] == 12
    assert card["origin"] == {"terms": "none"}
    for name, tensor in get_weights(model).items():
        number = int(name.split(".")[1]) if name.startswith("blocks.") else 0 if name.startswith("stem") else 99
        if not name.startswith("classifier"):
            assert torch.equal(tensor, run.initial.tensors[name]) is (number <= 12), name


def test_an_interrupted_run_ends_with_the_same_weights(run: TailRun, tmp_path: Path) -> None:
    """Bit for bit, wherever it was interrupted: while features are computed, within an epoch; features in a file or in
    memory."""
    whole = train(run, tmp_path / "whole")
    for stop, place in ((0, "file"), (4, "file"), (5, "memory")):
        limits = replace(QUIET, place=place)
        build = tmp_path / str(stop)
        with pytest.raises(StopRequested):
            train(run, build, limits, stop)
        assert not (build / "photos.safetensors").exists()
        resumed = train(run, build, limits)
        assert resumed.folder.artefact.read_bytes() == whole.folder.artefact.read_bytes()
        assert not list(build.rglob("views-*"))


def test_a_finished_run_is_kept(run: TailRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = train(run, tmp_path).folder.artefact
    before = made.stat().st_mtime_ns
    train(run, tmp_path)
    assert "was trained already" in capsys.readouterr().out
    assert made.stat().st_mtime_ns == before
    with pytest.raises(TrainingError, match="--epochs was 3, is 4"):
        train(replace(run, options=replace(run.options, epochs=4)), tmp_path)
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(TrainingError, match=r"photos\.safetensors is there already"):
        train(run, tmp_path)


def test_a_hybrid_learns_from_its_baseline(run: TailRun, tmp_path: Path) -> None:
    """Whose tail answers the features: its logits are those for the views themselves, but for float16."""
    baseline = train(run, tmp_path).folder.artefact
    model, _ = load_checkpoint(baseline)
    teacher = Teacher(baseline, run.dataset.labels, PREPROCESSING["mean"], PREPROCESSING["std"])  # type: ignore[arg-type]
    hybrid = replace(run, folder=RunFolder(tmp_path, "hybrid"), architecture="fwht_mobilenet_v2", teacher=teacher)
    hybrid = replace(hybrid, initial=read_own_weights(baseline), variant={"paths": 2})
    hybrid = replace(hybrid, options=replace(run.options, hint=1.0))
    run_tail(hybrid, replace(QUIET, seconds=0.001), "python -m test", StopSignals())
    made, card = load_checkpoint(hybrid.folder.artefact)
    assert card["training"]["epochs"] == 3
    taught_by = card["origin"]["teacher"]
    assert taught_by["sha256"] == teacher.sha256 and taught_by["from"] == {"terms": "none"}
    assert card["variant"] == {"paths": 2}
    assert torch.equal(get_weights(made)["blocks.12.project.weight"], get_weights(model)["blocks.12.project.weight"])
    rows = load_state(hybrid.folder.last)["rows"]
    assert np.isfinite([row[2] for row in rows]).all()


def test_with_nothing_frozen_everything_learns(run: TailRun, tmp_path: Path) -> None:
    """The thaw: the views are images then, and a teacher answers them."""
    baseline = train(run, tmp_path).folder.artefact
    teacher = Teacher(baseline, run.dataset.labels, PREPROCESSING["mean"], PREPROCESSING["std"])  # type: ignore[arg-type]
    options = replace(run.options, frozen=0, views=1, epochs=1, hint=1.0)
    thawed = replace(run, folder=RunFolder(tmp_path, "thawed"), options=options, initial=read_own_weights(baseline))
    run_tail(replace(thawed, teacher=teacher), QUIET, "python -m test", StopSignals())
    before, after = (get_weights(load_checkpoint(path)[0]) for path in (baseline, thawed.folder.artefact))
    assert not [name for name in after if torch.equal(before[name], after[name])]
