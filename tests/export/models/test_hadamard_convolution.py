"""The convolution in the Walsh-Hadamard domain beside its formula in float64, and how it starts."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard
from torch import nn

from export.models import build_model
from export.models.hadamard_convolution import HadamardConv2d, Path
from export.ops.float32_bounds import U, fwht_2d_bounds
from export.ops.gradient_bounds import fwht_2d_gradients_bounds
from tests.export.ops.test_native_layer import count_native, draw, native

__all__ = ["native"]  # the fixture

Weights = list[tuple[np.ndarray, np.ndarray, np.ndarray]]  # of each path: 1x1 convolution, v, thresholds


def convolve_in_their_order(x: np.ndarray, paths: Weights, residual: bool) -> np.ndarray:
    """The formula of arXiv 2305.17510 step by step: transform, v, convolution, threshold, sum, transform back.

    With the authors' scale: nothing on the way in and 1 / n^2 on the way back; their thresholds are n times ours.
    """
    height, width = x.shape[2:]
    n = len(paths[0][1])
    h = hadamard(n).astype(np.float64)
    spectrum = h @ np.pad(x, ((0, 0), (0, 0), (0, n - height), (0, n - width))) @ h
    total = np.zeros_like(spectrum)
    for weight, v, thresholds in paths:
        mixed = np.einsum("oi,bihw->bohw", weight, v * spectrum)
        total += np.sign(mixed) * np.maximum(np.abs(mixed) - n * thresholds, 0)
    y = (h @ total @ h / n**2)[:, :, :height, :width]
    return np.asarray(y + x if residual else y)


def list_paths(layer: HadamardConv2d) -> list[Path]:
    return [path for path in layer.paths.values() if isinstance(path, Path)]


def randomise(layer: HadamardConv2d, seed: int) -> Weights:
    """Weights drawn anew, positive and negative v, thresholds that cut some coefficients."""
    torch.manual_seed(seed)
    weights = []
    for path in list_paths(layer):
        nn.init.normal_(path.fwht.scale)
        nn.init.uniform_(path.fwht.thresholds, 0, 0.5)
        own = path.mix.weight[:, :, 0, 0], path.fwht.scale, path.fwht.thresholds
        weights.append(tuple(value.detach().double().numpy() for value in own))
    return weights  # type: ignore[return-value]


@pytest.mark.parametrize("size, paths, residual", [(8, 1, True), (8, 3, False), (7, 5, False), (16, 2, True)])
def test_it_is_the_authors_formula_in_another_order(size: int, paths: int, residual: bool) -> None:
    """In float64, where changing places is exact but for rounding: a few hundred operations of 2^-53."""
    layer = HadamardConv2d(6, size, paths, residual).double()
    weights = randomise(layer, paths)
    x = torch.randn(3, 6, size, size, dtype=torch.float64)
    with torch.no_grad():
        found = layer(x).numpy()
    wanted = convolve_in_their_order(x.numpy(), weights, residual)
    n = len(weights[0][1])
    allowed = 2 * (4 * n + 6 + paths) * 2.0**-53 * paths * max(np.abs(found).max(), 1) * n
    largest = np.abs(found - wanted).max()
    print(f"largest difference {largest:.1e}, tolerance {allowed:.1e}, share used {largest / allowed:.1%}")
    assert largest <= allowed and found.std() > 0.1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("size, paths, residual", [(8, 1, True), (7, 3, False), (16, 5, False)])
def test_training_runs_all_paths_together(native: None, size: int, paths: int, residual: bool, precision: str) -> None:
    """Y and the gradients of the path's weights beside float64. X and the mixes are so few bits that what is mixed is
    exact in float32, and in bfloat16 (multiples of 1/4 up to 6 x 1 x 1); so the layer's own bounds hold."""
    layer = HadamardConv2d(6, size, paths, residual)
    randomise(layer, 7)
    x = draw(3, 6, size, size).clamp(-1, 1).mul(2).round().div(2).requires_grad_()
    with torch.no_grad():
        for path in list_paths(layer):
            path.mix.weight.copy_(path.mix.weight.mul(9).clamp(-1, 1).mul(2).round().div(2))
    exact = copy.deepcopy(layer).double()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        assert count_native(lambda: layer(x).sum().backward()) == 2
        y = layer(x)
    dy = (draw(*y.shape, seed=1) * 16).round().div(16).clamp(-7, 7)
    weights = [parameter for path in list_paths(layer) for parameter in path.fwht.parameters()]
    found = torch.autograd.grad(y, weights, dy.to(y.dtype))
    y64 = exact(x.detach().double())
    weights64 = [parameter for path in list_paths(exact) for parameter in path.fwht.parameters()]
    wanted = torch.autograd.grad(y64, weights64, dy.double())
    bounds = compute_bounds(exact, x.detach().double(), dy.double())
    sizes = y64.detach().abs() + 2 * x.detach().abs()  # of Y, and of what the residual is added to
    allowed = bounds[0] + (2.0**-8 if precision == "bf16" else U) * 2 * sizes.numpy()
    shares = [float((np.abs((y.double() - y64).detach().numpy()) / (allowed + U)).max())]
    for each, value, bound in zip(found, wanted, bounds[1:]):
        shares.append(float((np.abs((each.double() - value).numpy().ravel()) / (bound + U)).max()))
    print(f"share of the tolerance used {max(shares):.1%}")
    assert 0 < max(shares) <= 1


def test_every_gradient_is_that_of_pytorchs_operations(native: None, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, dy = HadamardConv2d(4, 8, 3, True), draw(2, 4, 8, 8), draw(2, 4, 8, 8, seed=1)
    randomise(layer, 8)
    inputs = [x.requires_grad_(), *layer.parameters()]
    found = torch.autograd.grad(layer(x), inputs, dy)
    monkeypatch.setenv("FWHT_NATIVE", "off")
    assert count_native(lambda: layer(x)) == 0
    torch.testing.assert_close(found, torch.autograd.grad(layer(x), inputs, dy))


def compute_bounds(layer: HadamardConv2d, x: torch.Tensor, dy: torch.Tensor) -> list[np.ndarray]:
    """Of y, and of the gradients of thresholds and scale, path after path."""
    total = np.zeros(())
    gradients: list[np.ndarray] = []
    for path in list_paths(layer):
        mixed = path.mix(x).detach().numpy()
        limits, factors = (each.detach().numpy().ravel() for each in path.fwht.parameters())
        stages, ones = 2 * path.fwht.n.bit_length(), np.ones(len(x[0]))
        y = fwht_2d_bounds(mixed, limits, factors, ones, 0 * ones, stages, stages + len(layer.paths), soft=1)
        total = total + y
        terms = stages, stages, 16 * len(x) + 16
        gradients += fwht_2d_gradients_bounds(mixed, limits, factors, dy.numpy(), *terms, soft=1)[1:]
    return [total, *gradients]


def test_the_first_weights() -> None:
    """v differs between the paths, thresholds are those of FWHT2D, and a seed decides both."""
    torch.manual_seed(1)
    layer = HadamardConv2d(4, 8, 3, False)
    first, second, _ = (path.fwht for path in list_paths(layer))
    assert float(first.scale.detach().min()) >= 0 and float(first.scale.detach().max()) <= 1
    assert not torch.equal(first.scale, second.scale) and torch.equal(first.thresholds, second.thresholds)
    torch.manual_seed(1)
    assert torch.equal(list_paths(HadamardConv2d(4, 8, 3, False))[1].fwht.scale, second.scale)


def test_maps_that_are_too_large_are_refused_with_the_largest_image() -> None:
    with pytest.raises(ValueError, match=r"images of 513 pixels make maps of 129 .* make them 512 pixels or smaller"):
        build_model("fwht2d_resnet20", 10, 513)
    assert build_model("fwht2d_resnet20", 10, 512).get_parameter("blocks.1.conv2.paths.1.fwht.scale").shape[0] == 128
    build_model("resnet20", 10, 513)
