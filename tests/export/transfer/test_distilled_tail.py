"""The tail that hybrids of a transfer start from: what it holds, what it replaces, how it is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from export.models import build_model, get_weights, imagenet
from export.models.checkpoint import CheckpointError, card_path
from export.models.initial_weights import InitialWeights, take_weights
from export.transfer import distil_tail, distilled_tail
from export.transfer.distil_tail import distil
from export.transfer.distilled_tail import ARCHITECTURE, DISTILLED, read_distilled_tail
from export.transfer.tail_weights import add_tail
from tests.export.transfer.transfer_data import make_photos

LABELS = ["a", "b", "c"]
FRONT = tuple(f"blocks.{number}." for number in range(1, 12))


@pytest.fixture
def baseline() -> InitialWeights:
    weights = get_weights(build_model("efficientnet_lite0", 3, 64))
    return InitialWeights(weights, "0" * 64, "a baseline", imagenet.MEAN, imagenet.STD, {"weights": "a"}, LABELS)


def test_the_hybrid_has_front_and_classifier_of_the_baseline_and_all_else_distilled(baseline: InitialWeights) -> None:
    model = build_model(ARCHITECTURE, 3, 64)
    (line,) = take_weights(model, add_tail(baseline, read_distilled_tail()), LABELS)
    wanted = len(get_weights(model))
    assert line.startswith(f"initial weights: {wanted} of {wanted} tensors from a baseline, ")
    for name, value in get_weights(model).items():
        own = name in baseline.tensors and torch.equal(value, baseline.tensors[name])
        if name.startswith((*FRONT, "stem", "classifier.")):
            assert own, name
        else:
            assert not own, name


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / DISTILLED.name
    damaged.write_bytes(DISTILLED.read_bytes()[:-1])
    monkeypatch.setattr(distilled_tail, "DISTILLED", damaged)
    with pytest.raises(CheckpointError, match="cannot read .*json"):
        read_distilled_tail()
    card_path(damaged).write_bytes(card_path(DISTILLED).read_bytes())
    with pytest.raises(CheckpointError, match="changed or cut off"):
        read_distilled_tail()


@pytest.mark.usefixtures("one_thread")
def test_it_is_made_from_photos_and_nothing_else_changes(
    baseline: InitialWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = get_weights(build_model("efficientnet_lite0", 1000, 64))
    initial = InitialWeights(weights, "0" * 64, "seeded weights", imagenet.MEAN, imagenet.STD, {"terms": "none"})
    made = tmp_path / DISTILLED.name
    monkeypatch.setattr(distil_tail, "read_initial_weights", lambda init: initial)
    monkeypatch.setattr(distil_tail, "IMAGE_SIZE", 64)
    monkeypatch.setattr(distil_tail, "OPTIONS", replace(distil_tail.OPTIONS, views=1, epochs=1, batch_size=16))
    monkeypatch.setattr(distil_tail, "DISTILLED", made)
    distil(make_photos(tmp_path / "photos", train=16), tmp_path / "build")
    monkeypatch.setattr(distilled_tail, "DISTILLED", made)
    tail = add_tail(baseline, read_distilled_tail()).tensors.keys() - baseline.tensors.keys()
    assert any(name.startswith("blocks.12.expand.") for name in tail)
    assert not any(name.startswith(FRONT) for name in tail)
