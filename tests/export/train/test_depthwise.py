"""Depthwise convolutions under bfloat16: float32 inside, bfloat16 outside, the weights as they were."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from export.models import build_model
from export.models.same_convolution import SameConv2d
from export.train.depthwise import keep_depthwise_in_float32
from export.train.options import parse_options
from export.train.training_step import TrainingStep

ROUNDING = 2.0**-8  # of bfloat16, relative


def run(layer: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """Y, and the gradients of X and of the weights."""
    x = x.clone().requires_grad_()
    y: Tensor = layer(x)
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], dy)]


@pytest.mark.parametrize("layer", [nn.Conv2d(16, 16, 3, 2, 1, groups=16, bias=False), SameConv2d(16, 16, 5, 1, 8, 16)])
def test_what_is_computed_in_float32_is_rounded_once(layer: nn.Module) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 16, 8, 8).bfloat16()
    dy = torch.randn(layer(x.float()).shape).bfloat16()
    wanted = run(layer.double(), x.double(), dy.double())
    keep_depthwise_in_float32(nn.Sequential(layer.float()))
    with torch.autocast("cpu", torch.bfloat16):
        found = run(layer, x, dy)
    assert [tensor.dtype for tensor in found] == [torch.bfloat16, torch.bfloat16, torch.float32]
    for one, other in zip(found, wanted):
        share = ((one.double() - other).abs().max() / (ROUNDING * other.abs().max())).item()
        print(f"{share:.0%} of the tolerance used")
        assert share <= 1


def test_only_slow_ones_of_the_trained_model_change() -> None:
    def list_changed(model: nn.Module) -> list[str]:
        return [name for name, module in model.named_modules() if "forward" in vars(module)]

    words = ["--data", "none", "--model", "fwht_mobilenet_v2", "--image-size", "32", "--ema", "0.9", "--device", "cpu"]
    for precision, names in (("fp32", []), ("bf16", [f"blocks.{i}.depthwise" for i in (4, 7, 14)])):
        step = TrainingStep(parse_options([*words, "--precision", precision]), 10, 1, torch.device("cpu"))
        assert list_changed(step.model) == names
        assert step.average is not None and list_changed(step.average) == []
        assert step.model.state_dict().keys() == build_model("fwht_mobilenet_v2", 10, 32).state_dict().keys()
