"""FWHT2D in training by the native kernels of FWHTLayer, whose pixels its maps are: against float64, and where not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from export.ops.float32_bounds import U
from export.ops.fwht_2d import FWHT2D, PlaneOptions, apply_fwht_2d
from tests.export.ops.test_native_layer import compute_bounds, count_native, draw, make_layer, native

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


def as_pixels(maps: Tensor, side: int) -> Tensor:
    """(N, C, h, w) -> (N C, side side, 1, 1), zeros below and to the right."""
    padded = F.pad(maps, (0, side - maps.shape[3], 0, side - maps.shape[2]))
    return padded.reshape(-1, side * side, 1, 1)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (16, 13)])
def test_output_and_gradients(native: None, size: tuple[int, int], options: dict[str, Any]) -> None:
    """X holds multiples of 1/64, so that sums over windows are exact: what is left are the kernel's own roundings."""
    layer, stride = make_plane(size, **options), options.get("stride", 1)
    x = (draw(2, 3, *size) * 64).round() / 64
    x.requires_grad_()
    y = layer(x)
    dy = draw(*y.shape, seed=1)
    found = [y, *torch.autograd.grad(y, [x, *layer.parameters()], dy)]

    x64, limits, factors = (each.detach().double().requires_grad_() for each in (x, layer.thresholds, layer.scale))
    y64 = apply_fwht_2d(x64, limits, factors, PlaneOptions(layer.n, stride, layer.keep_dc, layer.soft))
    wanted = [y64, *torch.autograd.grad(y64, [x64, limits, factors], dy.double())]

    side = layer.n // stride
    twin = make_layer(side**2, side**2, scale=True, keep_dc=layer.keep_dc, paths=layer.paths, soft=layer.soft)
    with torch.no_grad():
        for mine, other in ((layer.thresholds, twin.thresholds), (layer.scale, twin.scale)):
            assert other is not None
            other.copy_(mine[..., ::stride, ::stride].reshape(other.shape))
    whole = F.pad(x.detach(), (0, layer.n - size[1], 0, layer.n - size[0]))
    pooled = F.avg_pool2d(whole, stride) * stride
    bounds = compute_bounds(twin, as_pixels(pooled, side), as_pixels(dy, side) / stride)
    largest = [float(bound.max()) / (stride if place < 2 else 1) for place, bound in enumerate(bounds)]
    for each, value, bound in zip(found, wanted, largest):
        share = float(((each.double() - value).abs().detach() / (bound + U)).max())
        print(f"{share:.0%} of the tolerance used")
        assert share <= 1


def test_only_training_is_native(native: None) -> None:
    layer, x = make_plane((7, 8)), draw(2, 3, 7, 8)
    assert count_native(lambda: layer(x)) == 1
    assert count_native(lambda: layer(x).sum().backward()) == 2
    plain = layer.eval()(x)
    assert count_native(lambda: layer(x)) == 0
    torch.testing.assert_close(layer.train()(x), plain)
    assert count_native(lambda: layer.double()(x.double())) == 0
    assert count_native(lambda: make_plane((2, 2), stride=2)(draw(1, 3, 2, 2))) == 0  # a map of one value
    assert count_native(lambda: FWHT2D(3, 128)(draw(1, 3, 128, 128))) == 0


def test_what_lies_apart_is_copied(native: None) -> None:
    layer, x = make_plane((8, 8)), draw(2, 3, 8, 8)
    torch.testing.assert_close(layer(x.to(memory_format=torch.channels_last)), layer(x))


def test_derivatives_of_second_order(native: None) -> None:
    layer, x = make_plane((8, 8)), draw(1, 3, 8, 8).requires_grad_()
    (once,) = torch.autograd.grad(layer(x).pow(2).sum(), x, create_graph=True)
    twice = torch.autograd.grad(once.pow(2).sum(), layer.thresholds)[0]
    (plain,) = torch.autograd.grad(layer.eval()(x).pow(2).sum(), x, create_graph=True)
    torch.testing.assert_close(twice, torch.autograd.grad(plain.pow(2).sum(), layer.thresholds)[0])
