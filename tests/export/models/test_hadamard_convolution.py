"""The convolution in the Walsh-Hadamard domain beside its formula in float64, and how it starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard
from torch import nn

from export.models import build_model
from export.models.hadamard_convolution import HadamardConv2d, Path

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
