"""The loop itself: interrupted at any step it ends as if it had not been; the best epoch is kept; nonsense stops it."""

from __future__ import annotations

import copy
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from export.data.datasets import Dataset, load_dataset
from export.models import build_model
from export.models.checkpoint import save_checkpoint
from export.train import trainer as trainer_module
from export.train.batches import Batches, mean_and_std, split_holdout
from export.train.loss import Teacher
from export.train.options import parse_options
from export.train.state import RunFolder, TrainingError, load_state
from export.train.stop_signals import StopRequested, StopSignals
from export.train.time_estimate import TimeEstimate
from export.train.trainer import Trainer
from export.train.training_step import TrainingStep
from tests.export.train.training_runs import SMALL, log_rows, small_pack

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(small_pack(tmp_path_factory.mktemp("data") / "pack.bin"), 8)


def make_trainer(dataset: Dataset, build: Path, *arguments: str, device: str = "cpu") -> Trainer:
    options = parse_options([*SMALL, "--data", "d", "--build", str(build), "--epochs", "2", *arguments])
    mean, std = mean_and_std(dataset.train.images)
    batches = Batches(dataset.train, mean, std, torch.device(device))
    split = split_holdout(dataset.train.class_ids, options.holdout, options.seed)
    teacher = Teacher(options.teacher, dataset.labels, mean, std) if options.teacher else None
    return Trainer(options, batches, split, 10, RunFolder(build, options.name), {}, teacher)


@pytest.fixture(scope="module")
def teacher(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    preprocessing = {"size": 8, "mean": [120.0] * 3, "std": [60.0] * 3}
    card = {"architecture": "resnet32", "labels": dataset.labels, "preprocessing": preprocessing}
    save_checkpoint(path, build_model("resnet32", 10, 8), card)
    return path


class StopAt(StopSignals):
    """Requested from the given question on; a trainer asks once a step and once an epoch."""

    def __init__(self, question: int) -> None:
        super().__init__()
        self.left = question

    @property
    def stop_requested(self) -> bool:
        self.left -= 1
        return self.left < 0


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return trainer.training_step.evaluated_model.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--ema", "0.5", "--precision", "bf16", "--cutout", "3", "--holdout", "0"],
        ["--ema", "0.9", "--teacher", "", "--scale", "--pool", "--threshold-lr", "3", "--threshold-init", "uniform"],
        ["--model", "fwht_mf_mobilenet_v2", "--operator", "2", "--schedule", "step", "--seed", "3"],
        ["--model", "resnet32", "--augment", "flip", "--save-every", "0"],
        ["--model", "fwht2d_resnet20_p3", "--ema", "0.9", "--save-every", "0"],
    ],
)
def test_interrupted_after_every_step_it_ends_the_same(
    dataset: Dataset, tmp_path: Path, teacher: Path, arguments: list[str]
) -> None:
    arguments = [word or str(teacher) for word in arguments]
    whole = make_trainer(dataset, tmp_path / "whole", *arguments)
    whole.run(StopAt(1000))
    parts, interruptions = make_trainer(dataset, tmp_path / "parts", *arguments), 0
    while True:
        try:
            parts.run(StopAt(1))  # lets one step or epoch pass
            break
        except StopRequested:
            interruptions += 1
            parts = make_trainer(dataset, tmp_path / "parts", *arguments)
            parts.load_state(load_state(parts.folder.last))
    assert interruptions >= whole.steps
    assert same(weights(whole), weights(parts))
    assert log_rows(whole.folder.log) == log_rows(parts.folder.log)
    assert same(load_state(whole.folder.best)["model"], load_state(parts.folder.best)["model"])


@pytest.mark.parametrize(
    ("right", "chosen"),
    [([2, 5, 5, 3], 3), ([2, 5, 4, 3], 3), ([2, 7, 4, 3], 2), ([10, 9, 9, 8], 1), ([5, 4, 6, 4], 3), ([0, 0, 0, 0], 4)],
)
def test_the_last_epoch_that_is_within_a_standard_error_of_the_best_is_kept(
    dataset: Dataset, tmp_path: Path, monkeypatch: Any, right: list[int], chosen: int
) -> None:
    answers = iter(right)
    monkeypatch.setattr(trainer_module, "count_correct", lambda *_: next(answers))
    trainer = make_trainer(dataset, tmp_path, "--epochs", "4")
    trainer.run(StopAt(1000))
    best = load_state(trainer.folder.best)
    assert (best["epoch"], best["heldout_accuracy"]) == (chosen, right[chosen - 1] / 10)
    assert [float(row["heldout_accuracy"]) for row in log_rows(trainer.folder.log)] == [each / 10 for each in right]
    assert same(best["model"], weights(trainer)) == (chosen == 4)


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_state(dataset: Dataset, tmp_path: Path) -> None:
    trainer = make_trainer(dataset, tmp_path)
    with pytest.raises(StopRequested):
        trainer.run(StopAt(3))
    before = trainer.folder.last.read_bytes()
    trainer.training_step.model.get_parameter("classifier.bias").data.fill_(math.nan)
    with pytest.raises(TrainingError, match=r"no longer a number in epoch 2.*lower --lr than 0\.0125"):
        trainer.run(StopAt(1000))
    assert trainer.folder.last.read_bytes() == before


def test_a_saved_state_keeps_the_keys_of_earlier_versions(dataset: Dataset, tmp_path: Path) -> None:
    trainer = make_trainer(dataset, tmp_path)
    with pytest.raises(StopRequested):
        trainer.run(StopAt(1))
    state = load_state(trainer.folder.last)
    assert state.keys() == {"format", "position", "rows", "best", "learner"}
    assert state["position"].keys() == {"epoch", "step", "loss", "correct", "seconds"}
    assert state["learner"].keys() == {"model", "average", "momenta", "scaler"}


def test_a_batch_larger_than_the_data_is_the_data(dataset: Dataset, tmp_path: Path) -> None:
    trainer = make_trainer(dataset, tmp_path, "--batch-size", "4096")
    assert (trainer.batch_size, trainer.steps) == (50, 1)


def test_the_kept_statistics_are_those_of_the_training_images(dataset: Dataset, tmp_path: Path) -> None:
    """BatchNorm's running values after a run are mean and variance of its inputs under the final weights, within 1 %.

    Rounding (2^-24) grows from layer to layer, since the threshold is steep in relative terms; values that lag behind
    the weights, which is what would go wrong, are off by far more than 1 %.
    """
    trainer = make_trainer(dataset, tmp_path, "--augment", "none")
    trainer.run(StopAt(1000))
    model = trainer.training_step.model
    norms = {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    kept = {name: (norm.running_mean, norm.running_var) for name, norm in copy.deepcopy(norms).items()}
    inputs: dict[str, torch.Tensor] = {}
    for name, norm in norms.items():
        norm.register_forward_pre_hook(lambda _, args, name=name: inputs.update({name: args[0]}))
    model.train()
    with torch.no_grad():
        model(trainer.batches.get_batch(trainer.train)[0])
    worst = 0.0
    for name, (mean, variance) in kept.items():
        assert mean is not None and variance is not None
        found_variance, found_mean = torch.var_mean(inputs[name], (0, 2, 3))
        spread = found_variance.mean()
        worst = max(worst, ((variance - found_variance).abs().max() / spread).item())
        worst = max(worst, ((mean - found_mean).abs().max() / (spread.sqrt() + found_mean.abs().max())).item())
    print(f"share of the tolerance used: {worst / 0.01:.3f}")
    assert len(kept) == 52
    assert worst <= 0.01


def test_the_seed_decides_the_first_weights() -> None:
    def first(seed: str) -> dict[str, torch.Tensor]:
        return TrainingStep(
            parse_options([*SMALL, "--data", "d", "--seed", seed]), 10, 1, torch.device("cpu")
        ).model.state_dict()

    assert same(first("1"), first("1"))
    assert not same(first("1"), first("2"))


def test_the_state_is_saved_when_it_is_due_and_at_the_end(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[int, int]] = []

    def note(path: Path, state: dict[str, Any]) -> None:
        if path.name == "last.pt":
            saved.append((state["position"]["epoch"], state["position"]["step"]))

    monkeypatch.setattr(trainer_module, "save_state", note)
    for minutes, expected in (("0", [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]), ("1000", [(2, 0)])):
        trainer = make_trainer(dataset, tmp_path / minutes, "--save-every", minutes)
        trainer.run(StopAt(1000))
        assert len(log_rows(trainer.folder.log)) == 2
        assert saved == expected
        saved.clear()


def test_time_that_is_up_stops_a_run_with_its_own_status(dataset: Dataset, tmp_path: Path) -> None:
    trainer = make_trainer(dataset, tmp_path)
    with StopSignals(seconds=1e-6) as stop_signals, pytest.raises(StopRequested) as caught:
        trainer.run(stop_signals)
    assert caught.value.exit_status == 75
    assert load_state(trainer.folder.last)["position"]["step"] == 1


@pytest.mark.gpu
@pytest.mark.parametrize(
    "words", ["fp32", "bf16", "fp16", "bf16 --cuda-graph", "bf16 --cuda-graph --ema 0.9 --teacher"]
)
def test_a_gpu_run_is_resumed_on_the_gpu(dataset: Dataset, tmp_path: Path, teacher: Path, words: str) -> None:
    arguments = ["--precision", *words.split(), *([str(teacher)] if words.endswith("teacher") else [])]
    trainer = make_trainer(dataset, tmp_path, *arguments, device="cuda")
    with pytest.raises(StopRequested):
        trainer.run(StopAt(4))
    resumed = make_trainer(dataset, tmp_path, *arguments, device="cuda")
    resumed.load_state(load_state(resumed.folder.last))
    assert same(weights(trainer), weights(resumed))
    resumed.run(StopAt(1000))
    assert len(resumed.rows) == 2
    assert np.isfinite([row[2] or 0.0 for row in resumed.rows]).all()


def test_the_time_it_will_take_is_told_once(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = make_trainer(dataset, tmp_path, "--epochs", "4")  # of three steps each
    seconds = iter(range(0, 1000, 6))
    trainer.estimate = TimeEstimate(lambda: None, lambda: float(next(seconds)))
    trainer.run(StopAt(1000))
    (told,) = [line for line in capsys.readouterr().out.splitlines() if "to go" in line]
    assert re.fullmatch(r"\S+ s a step: about .* to go for 2 epochs", told), told
