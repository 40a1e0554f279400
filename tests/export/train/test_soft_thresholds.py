"""Soft thresholds stay at 0 or above in every kind of training, smooth ones go where they will."""

from __future__ import annotations

import pytest
import torch

from export.models import build_model, get_weights
from export.models.initial_weights import InitialWeights
from export.train.options import parse_options
from export.train.soft_thresholds import list_soft_thresholds
from export.train.training_step import TrainingStep
from export.transfer.tail_step import TailOptions, TailStep

pytestmark = pytest.mark.usefixtures("one_thread")
MODEL, LABELS = "fwht_soft3_mobilenet_v2", ["a", "b", "c"]
IDS = torch.tensor([0, 1, 2, 0])


def test_of_the_model_and_of_its_average() -> None:
    """From initial weights and with rates that would take them below."""
    options = parse_options(["--data", "d", "--image-size", "8", "--ema", "0.5", "--model", MODEL])
    step = TrainingStep(options, 3, 4, torch.device("cpu"))
    weights = get_weights(build_model(MODEL, 3, 8))
    for name, value in weights.items():
        if name.endswith(".thresholds"):
            value.detach().fill_(-1.0)
    step.take_weights(InitialWeights(weights, "0" * 64, "a test", [0.0], [1.0], labels=LABELS), LABELS)
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        step.update(images, IDS, torch.zeros(4, 5, dtype=torch.int16), torch.tensor([1.0, 0.5]))
    assert step.average is not None
    for one in (step.model, step.average):
        found = list_soft_thresholds(one)
        assert len(found) == 10 and all(bool((thresholds >= 0).all()) for thresholds in found)


def test_of_a_tail_and_of_its_average() -> None:
    model = build_model(MODEL, 3, 16)
    with torch.no_grad():
        list_soft_thresholds(model)[0].fill_(-1.0)
    step = TailStep(model, TailOptions(frozen=12, lr=1.0, warmup=0.0, ema=0.5), steps=4)
    features = torch.randn(4, 96, 4, 4, generator=torch.Generator().manual_seed(0))
    for number in range(3):
        step.update(number, features, IDS, None)
    for one in (step.tail, step.average_tail):
        found = list_soft_thresholds(one)
        assert len(found) == 10 and all(bool((thresholds >= 0).all()) for thresholds in found)


def test_smooth_thresholds_are_not_held() -> None:
    assert not list_soft_thresholds(build_model("fwht_mobilenet_v2", 3, 8))
