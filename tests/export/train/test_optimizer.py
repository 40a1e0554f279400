"""Steps and averages against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from export.models import build_model
from export.ops.layers import FWHTLayer
from export.train.optimizer import averaging_weight, group_parameters, list_momenta, make_sgd


@pytest.mark.parametrize("variant", [{"scale": True}, {"paths": 2}])
def test_thresholds_biases_and_batchnorm_do_not_decay(variant: dict[str, object]) -> None:
    model = build_model("fwht_mf_mobilenet_v2", variant=variant)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = group_parameters(model, weight_decay=0.1, threshold_lr=3.0)
    assert [(decay, factor) for _, decay, factor in groups] == [(0.1, 1.0), (0.0, 1.0), (0.0, 3.0)]
    decaying, free, special = ([names[id(p)] for p in parameters] for parameters, _, _ in groups)
    assert sorted(decaying + free + special) == sorted(names.values())
    layers = [f"blocks.{i}.{part}" for i in range(13, 18) for part in ("expand", "project")]
    assert special == [f"{layer}.{name}" for layer in layers for name in ("thresholds", "scale")]
    assert all(name.endswith(".weight") for name in decaying)
    assert not any("_bn" in name for name in decaying)
    assert {"stem.weight", "blocks.17.depthwise.weight", "classifier.weight"} <= set(decaying)


@pytest.mark.parametrize("operator", [2, 3])
def test_weights_that_limit_a_minimum_do_not_decay(operator: int) -> None:
    model = build_model("fwht_mf_mobilenet_v2", variant={"operator": operator})
    _, (free, decay, _), _ = group_parameters(model, weight_decay=0.1, threshold_lr=1.0)
    weights = [model.get_parameter(f"blocks.{i}.depthwise.weight") for i in range(13, 18)]
    assert decay == 0.0
    assert {id(p) for p in free if p.ndim > 1} == {id(p) for p in weights}


def test_steps_follow_the_formula() -> None:
    """v = 0.9 v + g + decay p, p -= rate (g + decay p + 0.9 v), in float64 beside it; float32 within 5 roundings.

    The weights lie in memory as in training, channels last, and so do gradients and momenta.
    """
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Conv2d(8, 8, 3, groups=8), FWHTLayer(8, 2))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_sgd(model, momentum=0.9, weight_decay=0.01, threshold_lr=0.5)
    expected = {name: p.detach().double().clone() for name, p in model.named_parameters()}
    momenta = {name: torch.zeros_like(p) for name, p in expected.items()}
    generator = torch.Generator().manual_seed(0)
    for rate in (0.1, 0.07, 0.02):
        optimizer.zero_grad(set_to_none=True)
        model(torch.randn(3, 2, 6, 6, generator=generator)).square().sum().backward()
        for group in optimizer.param_groups:
            group["lr"].fill_(rate * group["factor"])
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None
            gradient = parameter.grad.double() + (0.01 if parameter.ndim > 1 else 0) * expected[name]
            momenta[name] = 0.9 * momenta[name] + gradient
            own_rate = rate * (0.5 if name == "2.thresholds" else 1)
            expected[name] -= own_rate * (gradient + 0.9 * momenta[name])
        optimizer.step()
        for name, parameter in model.named_parameters():
            size = expected[name].abs().max().item()
            torch.testing.assert_close(parameter.double(), expected[name], rtol=0, atol=5 * 2.0**-23 * max(1.0, size))
            expected[name] = parameter.detach().double().clone()
    assert not model.get_parameter("0.weight").is_contiguous()
    assert len(list_momenta(optimizer)) == 5


def test_a_young_average_follows_closely() -> None:
    assert averaging_weight(0, 0.99) == pytest.approx(0.9)
    assert averaging_weight(90, 0.99) == pytest.approx(0.09)
    assert averaging_weight(10_000, 0.99) == pytest.approx(0.01)
