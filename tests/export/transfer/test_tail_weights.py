"""A tail that starts from another model than its front, and views with a blanked square."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.models import build_model, get_weights, imagenet
from export.models.checkpoint import CheckpointError, save_checkpoint
from export.models.initial_weights import read_own_weights, take_weights
from export.train.augment import augment, draw_random_numbers
from export.train.batches import Batches
from export.train.stop_signals import StopSignals
from export.transfer.tail_start import TailRun, make_model, make_view_maker
from export.transfer.tail_weights import add_tail, read_tail_weights
from export.transfer.train_tail import parse_options, read_run
from export.transfer.view_store import ViewStore
from tests.export.transfer.transfer_data import LABELS, make_photos

PLAIN = {"size": 64, "resize": "crop", "colour": "RGB", "mean": imagenet.MEAN, "std": imagenet.STD}


def save(folder: Path, architecture: str, seed: int) -> Path:
    path = folder / f"{architecture}.safetensors"
    torch.manual_seed(seed)
    card = {"name": architecture, "architecture": architecture, "labels": list(LABELS), "preprocessing": PLAIN}
    save_checkpoint(path, build_model(architecture, len(LABELS), 64), card)
    return path


def test_frozen_blocks_and_classifier_are_the_baseline_s_and_the_rest_the_other_file_s(tmp_path: Path) -> None:
    baseline = read_own_weights(save(tmp_path, "efficientnet_lite0", 1))
    other = save(tmp_path, "fwht_efficientnet_lite0", 2)
    initial = add_tail(baseline, read_tail_weights(other, 8))
    model = build_model("fwht_efficientnet_lite0", len(LABELS), 64)
    take_weights(model, initial, list(LABELS))
    front = ("stem", "classifier.", *(f"blocks.{number}." for number in range(1, 9)))
    theirs = read_own_weights(other).tensors
    for name, value in get_weights(model).items():
        wanted = baseline.tensors if name.startswith(front) else theirs
        assert torch.equal(value, wanted[name]), name
    assert initial.origin["tail"] == {"weights": other.name, "sha256": read_own_weights(other).sha256}


def test_a_tail_of_another_architecture_is_refused(tmp_path: Path) -> None:
    baseline = read_own_weights(save(tmp_path, "efficientnet_lite0", 1))
    initial = add_tail(baseline, read_tail_weights(save(tmp_path, "mobilenet_v2", 2), 8))
    with pytest.raises(CheckpointError, match=r"from mobilenet_v2\.safetensors: of another architecture"):
        take_weights(build_model("fwht_efficientnet_lite0", len(LABELS), 64), initial, list(LABELS))


def test_a_missing_tail_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors"):
        read_tail_weights(tmp_path / "nothing.safetensors", 8)


def make_views(run: TailRun, folder: Path, views: int = 1, **changes: int) -> np.ndarray:
    """Features (views, images, 3, 64, 64) of the run with other options; with no block frozen they are the images."""
    run = replace(run, options=replace(run.options, **changes))  # type: ignore[arg-type]
    batches = Batches(run.dataset.train, imagenet.MEAN, imagenet.STD, torch.device("cpu"))
    maker = make_view_maker(run, make_model(run), batches)
    store = ViewStore(maker.measure_shape(views), "memory", folder / "views", {})
    maker.fill(store, StopSignals())
    return np.array(store.features)


@pytest.fixture
def run(tmp_path: Path) -> TailRun:
    photos, weights = make_photos(tmp_path / "photos"), save(tmp_path, "efficientnet_lite0", 1)
    arguments = ["--data", str(photos), "--name", "x", "--init", str(weights), "--model", "efficientnet_lite0"]
    arguments += ["--frozen", "0", "--cutout", "24", "--first-view", "6", "--build", str(tmp_path / "build")]
    return read_run(parse_options(arguments))


@pytest.mark.usefixtures("one_thread")
def test_a_square_of_each_view_is_blanked(run: TailRun, tmp_path: Path) -> None:
    assert (run.options.cutout, run.options.first_view) == (24, 6)
    (whole,), (cut,) = (make_views(run, tmp_path, cutout=cutout, first_view=0) for cutout in (0, 24))
    batches = Batches(run.dataset.train, imagenet.MEAN, imagenet.STD, torch.device("cpu"))
    images, _ = batches.get_batch(run.split[0])
    draws = draw_random_numbers(len(run.split[0]), 64, np.random.default_rng((run.options.seed, 3, 0)))
    assert np.array_equal(cut, augment(images, draws, "crop+flip", 24).half().numpy())
    assert ((cut == 0) & (whole != 0)).any(axis=(1, 2, 3)).all()
    assert not ((cut != whole) & (cut != 0)).any()


@pytest.mark.usefixtures("one_thread")
def test_later_views_are_those_of_a_run_that_has_more(run: TailRun, tmp_path: Path) -> None:
    several, (second,) = make_views(run, tmp_path, views=2, first_view=0), make_views(run, tmp_path, first_view=1)
    assert np.array_equal(several[1], second) and not np.array_equal(several[0], second)
