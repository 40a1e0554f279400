"""First thresholds in their orders, and first weights of the multiplication-free layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export.models import build_model
from export.ops.fwht_2d import FWHT2D
from export.ops.hadamard import hadamard
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.train.initialisation import MF_BOUND, THRESHOLD_INITS, initialise, make_initial_thresholds, sequency


@pytest.mark.parametrize("n", [1, 2, 4, 8, 64, 1024, 2048])
def test_sequency_counts_the_changes_of_sign(n: int) -> None:
    rows = hadamard(n)
    assert sequency(n).tolist() == (rows[:, 1:] != rows[:, :-1]).sum(axis=1).tolist()


@pytest.mark.parametrize("kind", THRESHOLD_INITS)
def test_first_thresholds_lie_from_0_to_a_tenth(kind: str) -> None:
    thresholds = make_initial_thresholds(64, kind, np.random.default_rng(0))
    assert thresholds.shape == (64,)
    assert thresholds.dtype == torch.float32
    assert thresholds.min() >= 0 and thresholds.max() < 0.1


@pytest.mark.parametrize("kind", THRESHOLD_INITS)
def test_further_paths_start_a_tenth_higher_each(kind: str) -> None:
    thresholds = make_initial_thresholds(64, kind, np.random.default_rng(0), 3)
    assert thresholds.shape == (3, 64) and thresholds.dtype == torch.float32
    alone = make_initial_thresholds(64, kind, np.random.default_rng(0))
    assert torch.equal(thresholds[0], alone)
    places = torch.arange(3)[:, None] / 10
    assert (thresholds >= places).all() and (thresholds < places + 0.1).all()
    assert kind == "uniform" or torch.allclose(thresholds, alone + places)


def test_a_model_of_several_paths_is_initialised() -> None:
    model = build_model("fwht_mobilenet_v2", variant={"paths": 2})
    initialise(model, "zero", None, np.random.default_rng(0))
    thresholds = model.get_parameter("blocks.13.expand.thresholds")
    assert thresholds[0].tolist() == [0.0] * 1024 and thresholds[1].tolist() == pytest.approx([0.1] * 1024)


@pytest.mark.parametrize("paths", [1, 3])
def test_a_layer_of_two_dimensions_is_initialised(paths: int) -> None:
    for kind in THRESHOLD_INITS:
        layer = FWHT2D(2, 6, paths=paths)
        own = layer.thresholds.detach().clone()
        initialise(torch.nn.Sequential(layer), kind, None, np.random.default_rng(0))
        first = layer.thresholds[0] if paths > 1 else layer.thresholds
        assert layer.thresholds.shape == own.shape and first.min() >= 0 and first.max() < 0.2
        if kind in ("ramp", "sequency"):
            torch.testing.assert_close(layer.thresholds.sort().values.sum(), own.sum())
        if kind == "ramp":
            torch.testing.assert_close(layer.thresholds.detach(), own)


def test_ramp_and_sequency_hold_the_same_values_in_another_order() -> None:
    ramp, sorted_by_sequency = (
        make_initial_thresholds(8, kind, np.random.default_rng(0)) for kind in ("ramp", "sequency")
    )
    assert ramp.tolist() == pytest.approx([k / 80 for k in range(8)])
    assert sorted_by_sequency.tolist() == pytest.approx([k / 80 for k in (0, 7, 3, 4, 1, 6, 2, 5)])


def first(operator: int, bound: float | None, seed: int = 0, kind: str = "ramp") -> torch.nn.Module:
    torch.manual_seed(0)
    model = build_model("fwht_mf_mobilenet_v2", variant={"operator": operator})
    initialise(model, kind, bound, np.random.default_rng(seed))
    return model


@pytest.mark.parametrize(
    "operator, bound, expected",
    [(1, None, 1 / 3), (2, None, MF_BOUND), (3, None, MF_BOUND), (1, 2.0, 2.0), (2, 0.5, 0.5)],
)
def test_first_weights_fill_their_range(operator: int, bound: float | None, expected: float) -> None:
    for module in first(operator, bound).modules():
        if isinstance(module, MFDepthwiseConv):
            assert 0.98 * expected < module.weight.abs().max() <= expected
            assert 0.45 * expected < module.weight.abs().mean() < 0.55 * expected


def test_the_seed_decides_and_the_other_weights_stay() -> None:
    same, again, other = (first(2, None, seed, "uniform").state_dict() for seed in (0, 0, 1))
    plain = build_model("fwht_mf_mobilenet_v2")
    own = {f"{path}.weight" for path, module in plain.named_modules() if isinstance(module, MFDepthwiseConv)}
    own |= {f"{path}.thresholds" for path, module in plain.named_modules() if isinstance(module, FWHTLayer)}
    assert all(torch.equal(same[key], again[key]) for key in same)
    assert {key for key in same if not torch.equal(same[key], other[key])} == own
