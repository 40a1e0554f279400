"""FWHT2D in training by the native kernels: against float64, under autocast, and where PyTorch takes over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from export.ops.float32_bounds import U, fwht_2d_bounds
from export.ops.fwht_2d import FWHT2D
from export.ops.fwht_2d_reference import fwht_2d_gradients
from export.ops.gradient_bounds import fwht_2d_gradients_bounds
from export.ops.native_fwht_2d import run_plane, run_plane_gradients
from export.ops.transform_2d import PlaneOptions, apply_fwht_2d
from tests.export.ops.test_native_layer import count_native, draw, native

__all__ = ["native"]  # the fixture
OPTIONS: list[dict[str, Any]] = [
    {},
    {"soft": True, "keep_dc": True},
    {"paths": 3, "stride": 2},
    {"stride": 4, "soft": True, "paths": 2},
]


def make_plane(size: tuple[int, int], **options: Any) -> FWHT2D:
    generator = torch.Generator().manual_seed(size[0])
    layer = FWHT2D(3, size, **options)
    with torch.no_grad():
        layer.thresholds.copy_(torch.randn(layer.thresholds.shape, generator=generator) * 0.3)
        layer.scale.copy_(1 + 0.3 * torch.randn(layer.scale.shape, generator=generator))
    return layer


def list_options(layer: FWHT2D) -> dict[str, Any]:
    return {"stride": layer.stride, "keep_dc": int(layer.keep_dc), "paths": layer.paths, "soft": int(layer.soft)}


def compute_bounds(layer: FWHT2D, x: Tensor, dy: Tensor) -> list[float]:
    """The largest of y and of the gradients of x, thresholds and scale."""
    values, dy_values = x.detach().double().numpy(), dy.double().numpy()
    limits, factors = layer.thresholds.detach().numpy().ravel(), layer.scale.detach().numpy().ravel()
    stages, ones, options = 2 * layer.n.bit_length(), np.ones(layer.channels), list_options(layer)
    y = fwht_2d_bounds(values, limits, factors, ones, 0 * ones, stages, stages, **options)
    terms = stages, stages, x[:, 0, 0, 0].numel() * 16 + 16
    bounds = [y, *fwht_2d_gradients_bounds(values, limits, factors, dy_values, *terms, **options)]
    return [float(bound.max()) for bound in bounds]


def differentiate(layer: FWHT2D, x: Tensor, dy: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Y and the gradients of x, thresholds and scale, and the same in float64 by PyTorch's own operations."""
    x.requires_grad_()
    y = layer(x)
    found = [y, *torch.autograd.grad(y, [x, *layer.parameters()], dy)]
    x64, limits, factors = (each.detach().double().requires_grad_() for each in (x, layer.thresholds, layer.scale))
    y64 = apply_fwht_2d(x64, limits, factors, PlaneOptions(layer.n, layer.stride, layer.keep_dc, layer.soft))
    return found, [y64, *torch.autograd.grad(y64, [x64, limits, factors], dy.double())]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (16, 13)])
def test_output_and_gradients(native: None, size: tuple[int, int], options: dict[str, Any]) -> None:
    """X holds multiples of 1/64, so that sums over windows are exact: what is left are the kernel's own roundings."""
    layer = make_plane(size, **options)
    x = (draw(2, 3, *size) * 64).round() / 64
    dy = draw(2, 3, *(-(-side // layer.stride) for side in size), seed=1)
    found, wanted = differentiate(layer, x, dy)
    for each, value, bound in zip(found, wanted, compute_bounds(layer, x, dy)):
        share = float(((each.double() - value).abs().detach() / (bound + U)).max())
        print(f"{share:.0%} of the tolerance used")
        assert share <= 1


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_under_autocast_float32_lies_between_bfloat16(native: None, options: dict[str, Any]) -> None:
    """Y and the gradient of X are rounded once, to 8 bits, beside the float32 bounds; the weights' are not."""
    layer = make_plane((16, 13), **options)
    x = ((draw(2, 3, 16, 13) * 16).round() / 16).bfloat16()
    dy = draw(2, 3, *(-(-side // layer.stride) for side in (16, 13)), seed=1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert count_native(lambda: layer(x.clone().requires_grad_()).sum().backward()) == 2
        found, wanted = differentiate(layer, x, dy)
    assert [each.dtype for each in found] == [torch.bfloat16] * 2 + [torch.float32] * 2
    for place, (each, value, bound) in enumerate(zip(found, wanted, compute_bounds(layer, x, dy))):
        allowed = bound + U + (2.0**-8 * (value.abs() + bound) if place < 2 else 0)
        share = float(((each.double() - value).abs() / allowed).max().detach())
        print(f"{share:.0%} of the tolerance used")
        assert share <= 1


class Reference(torch.autograd.Function):
    """The formula that the kernels compute, in float64."""

    @staticmethod
    def forward(ctx: Any, layer: FWHT2D, x: Tensor, thresholds: Tensor, scale: Tensor) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(x, thresholds, scale)
        return apply_fwht_2d(x, thresholds, scale, PlaneOptions(layer.n, layer.stride, layer.keep_dc, layer.soft))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, thresholds, scale = (each.numpy() for each in ctx.saved_tensors)
        dy, options = grads[0].numpy(), list_options(ctx.layer)
        found = fwht_2d_gradients(x, thresholds.ravel(), scale.ravel(), dy, **options)
        return None, *(torch.from_numpy(each).reshape(like.shape) for each, like in zip(found, ctx.saved_tensors))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [(4, 3), (8, 8)])
def test_the_formula_of_the_gradients(size: tuple[int, int], options: dict[str, Any]) -> None:
    """Against PyTorch's own derivatives in float64, which test_fwht_2d.py holds against finite differences."""
    layer = make_plane(size, **options).double()
    x = draw(2, 3, *size, seed=2).double().requires_grad_()
    inputs = [x, *layer.parameters()]
    y = layer(x)
    dy = draw(*y.shape, seed=3).double()
    again = Reference.apply(layer, *inputs)  # type: ignore[no-untyped-call]
    for found, wanted in zip(torch.autograd.grad(again, inputs, dy), torch.autograd.grad(y, inputs, dy)):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_the_ops_keep_pytorchs_rules(native: None) -> None:
    rules = "test_schema", "test_autograd_registration", "test_faketensor"
    weights = (draw(2, 8, 8).requires_grad_(), draw(2, 8, 8).requires_grad_())
    for x in (draw(2, 6, 7, 5), draw(2, 6, 7, 5).to(memory_format=torch.channels_last)):
        arguments = (x.requires_grad_(), *weights, 8, 2, False, True, True)
        assert set(torch.library.opcheck(run_plane, arguments, test_utils=rules).values()) == {"SUCCESS"}
        plain, *others = (each.detach() for each in (x, *weights))
        backward = (plain, draw(2, 3, 4, 3), *others, 8, 2, False, True, True)
        checked = torch.library.opcheck(run_plane_gradients, backward, test_utils=("test_schema", "test_faketensor"))
        assert set(checked.values()) == {"SUCCESS"}


def test_the_same_bits_with_any_threads(native: None) -> None:
    layer, x = make_plane((16, 16)), draw(70, 3, 16, 16)
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            made.append(torch.autograd.grad(layer(x).pow(2).sum(), layer.thresholds)[0].numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(set(made)) == 1


def test_only_training_is_native(native: None) -> None:
    layer, x = make_plane((7, 8)), draw(2, 3, 7, 8)
    assert count_native(lambda: layer(x)) == 1
    assert count_native(lambda: layer(x).sum().backward()) == 2
    plain = layer.eval()(x)
    assert count_native(lambda: layer(x)) == 0
    torch.testing.assert_close(layer.train()(x), plain)
    assert count_native(lambda: layer.double()(x.double())) == 0
    with torch.autocast("cpu", torch.float16):
        assert count_native(lambda: layer.float()(x)) == 0
    assert count_native(lambda: layer(x.bfloat16())) == 0  # without autocast
    assert count_native(lambda: make_plane((2, 2), stride=2)(draw(1, 3, 2, 2))) == 1  # a map of one value
    assert count_native(lambda: FWHT2D(3, 128)(draw(1, 3, 128, 128))) == 1


def test_what_lies_apart_is_copied(native: None) -> None:
    layer, x = make_plane((8, 8)), draw(2, 3, 8, 8)
    for apart in (x.to(memory_format=torch.channels_last), x.transpose(2, 3), x[:, :, :, [0] * 8], x[:0]):
        torch.testing.assert_close(layer(apart), layer(apart.contiguous()))
        torch.testing.assert_close(layer.train()(apart), layer.eval()(apart))
    leaf = x[:0].requires_grad_()
    spread = torch.autograd.grad(layer.train()(leaf).sum(), [leaf, layer.scale])  # no images, and one number, expanded
    assert spread[0].shape == leaf.shape and not spread[1].any()


def test_paths_with_maps_of_their_own(native: None) -> None:
    """Their sum, as of so many layers; the same without the kernels."""
    limits, factors = draw(3, 8, 8).abs().requires_grad_(), draw(3, 8, 8, seed=1).requires_grad_()
    x = draw(2, 15, 7, 8, seed=2).requires_grad_()
    options = PlaneOptions(8, 1, False, True, apart=True)
    one, inputs = options._replace(apart=False), [x, limits, factors]
    layers = [apply_fwht_2d(each, t, s, one) for each, t, s in zip(x.chunk(3, dim=1), limits, factors)]
    total = layers[0] + layers[1] + layers[2]
    dy = draw(2, 5, 7, 8, seed=3)
    for y in (run_plane(*inputs, *options), apply_fwht_2d(x, limits, factors, options)):
        wanted = torch.autograd.grad(total, inputs, dy, retain_graph=True)
        torch.testing.assert_close(y, total)
        torch.testing.assert_close(torch.autograd.grad(y, inputs, dy), wanted)


def test_derivatives_of_second_order(native: None) -> None:
    layer, x = make_plane((8, 8)), draw(1, 3, 8, 8).requires_grad_()
    (once,) = torch.autograd.grad(layer(x).pow(2).sum(), x, create_graph=True)
    twice = torch.autograd.grad(once.pow(2).sum(), layer.thresholds)[0]
    (plain,) = torch.autograd.grad(layer.eval()(x).pow(2).sum(), x, create_graph=True)
    torch.testing.assert_close(twice, torch.autograd.grad(plain.pow(2).sum(), layer.thresholds)[0])
