"""The two-dimensional layer: its float64 reference by hand, the PyTorch module against it, bounds, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from export.ops.float32_bounds import fwht_2d_bounds
from export.ops.fwht_2d import FWHT2D
from export.ops.fwht_2d_reference import fwht_2d, transform
from export.ops.hadamard import hadamard

SIZES = [(8, 8), (7, 7), (5, 14), (1, 1), (2, 3), (32, 32), (33, 20)]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"keep_dc": True, "stride": 2},
    {"soft": True, "paths": 3},
    {"paths": 8, "soft": True, "keep_dc": True, "stride": 4},
    {"n": 64, "stride": 2},
]
# float64 against float64: two transforms of n n <= 4096 terms, rounding errors added up as if all went one way
FLOAT64_TOLERANCE = 4 * 4096 * 2.0**-53


def random_layer(generator: torch.Generator, channels: int, size: tuple[int, int], **options: Any) -> FWHT2D:
    """Thresholds of either sign, so that both sides of every branch are taken."""
    layer = FWHT2D(channels, size, **options).double()
    with torch.no_grad():
        layer.thresholds.copy_(torch.randn(layer.thresholds.shape, generator=generator) * 0.3)
        layer.scale.copy_(1 + 0.3 * torch.randn(layer.scale.shape, generator=generator))
    return layer


def list_weights(layer: FWHT2D) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """thresholds, scale, gain and bias, as an op takes them."""
    thresholds, scale = (each.detach().numpy().ravel() for each in (layer.thresholds, layer.scale))
    return thresholds, scale, np.ones(layer.channels), np.zeros(layer.channels)


def list_options(layer: FWHT2D) -> dict[str, int]:
    return {
        "stride": layer.stride,
        "keep_dc": int(layer.keep_dc),
        "paths": layer.paths,
        "soft": int(layer.soft),
    }


def reference(layer: FWHT2D, x: torch.Tensor) -> np.ndarray:
    thresholds, scale, gain, bias = list_weights(layer)
    return fwht_2d(x.numpy(), thresholds, scale, gain, bias, **list_options(layer))


def test_the_reference_by_hand() -> None:
    """A map of 1 x 2: U = (3, -1), once for each row, halved; threshold 0.5, scale 2, soft."""
    x = np.array([1.0, 2.0]).reshape(1, 1, 1, 2)
    u = np.array([[1.5, -0.5], [1.5, -0.5]])
    v = np.array([[2.5, -0.5], [2.5, -0.5]])  # 2 * 1.5 - 0.5, -(2 * 0.5 - 0.5)
    np.testing.assert_allclose(transform(x, 2)[0, 0], u)
    thresholds, scale, gain, bias = np.full(4, 0.5), np.full(4, 2.0), np.array([3.0]), np.array([1.0])
    h = hadamard(2)
    y = fwht_2d(x, thresholds, scale, gain, bias, soft=1)
    np.testing.assert_allclose(y[0, 0], 3 * (h @ v @ h / 2)[:1] + 1)
    strided = fwht_2d(x, thresholds, scale, gain, bias, soft=1, stride=2)
    np.testing.assert_allclose(strided[0, 0], [[3 * 2.5 / 2 + 1]])  # the mean of all four, coefficient (0, 0) alone


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("keep_dc", [0, 1])
def test_paths_add_up_and_dc_passes_once(soft: int, keep_dc: int) -> None:
    generator = np.random.default_rng(0)
    x, gain, bias = generator.normal(size=(2, 3, 4, 4)), np.ones(3), np.zeros(3)
    limits, scale = generator.normal(size=(3, 16)), generator.normal(size=(3, 16))
    options = {"soft": soft, "keep_dc": keep_dc}
    single = [fwht_2d(x, t, s, gain, bias, **options) for t, s in zip(limits, scale)]
    together = fwht_2d(x, limits.ravel(), scale.ravel(), gain, bias, paths=3, **options)
    passed = keep_dc * 2 * x.mean(axis=(2, 3), keepdims=True)  # U_00 / 4 everywhere, from two paths too many
    np.testing.assert_allclose(together, np.sum(single, axis=0) - passed, atol=1e-14)


def test_thresholds_that_are_no_squares_are_refused() -> None:
    x, ones = np.zeros((1, 1, 2, 2)), np.ones(1)
    for count, paths, word in ((8, 1, "not 1 paths"), (16, 2, "not 2 paths"), (9, 1, "power of two")):
        with pytest.raises(ValueError, match=word):
            fwht_2d(x, np.ones(count), np.ones(count), ones, ones, paths=paths)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_module_is_the_reference(size: tuple[int, int], options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = random_layer(generator, 3, size, **options)
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=generator)
    wanted = reference(layer, x)
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted, atol=FLOAT64_TOLERANCE)
    apart = x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(apart), layer(x))


@pytest.mark.parametrize("size", [(8, 8), (13, 16), (32, 31)])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_float32_stays_within_the_bound(size: tuple[int, int], options: dict[str, Any]) -> None:
    """Of the module, whose products have at most m m terms (one product a transform) or H + W and P m + m."""
    generator = torch.Generator().manual_seed(1)
    layer = random_layer(generator, 4, size, **options)
    x = torch.randn(2, 4, *size, generator=generator)
    for parameter in layer.parameters():
        parameter.data = parameter.data.float().to(parameter.dtype)  # the reference has the same weights
    wanted = reference(layer, x)
    m = layer.n // layer.stride
    forward = max(m * m, size[0] * size[1]) if m <= 8 else max(size) * 2
    thresholds, scale, gain, bias = list_weights(layer)
    terms = forward, max(m * m, 2 * m)
    bound = fwht_2d_bounds(x.numpy(), thresholds, scale, gain, bias, *terms, **list_options(layer))
    share = np.abs(layer.float()(x).detach().numpy() - wanted) / bound
    print(f"share of the bound used {share.max():.1%}")
    assert 0 < share.max() <= 1


@pytest.mark.parametrize("size", [(3, 4), (9, 16)])
@pytest.mark.parametrize("options", [{}, {"keep_dc": True, "stride": 2}, {"soft": True, "paths": 2}], ids=str)
def test_gradients(size: tuple[int, int], options: dict[str, Any]) -> None:
    """Of the first draw without a kink, at 0 or at a threshold, within the step of the finite differences."""
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        layer = random_layer(generator, 1, size, **options)
        x = torch.randn(1, 1, *size, dtype=torch.float64, generator=generator, requires_grad=True)
        u, s = transform(x.detach().numpy(), layer.n)[0, 0], layer.stride
        scaled = np.abs(layer.scale.detach().numpy() * u)[..., ::s, ::s]
        kinks = np.stack([scaled, np.abs(scaled - layer.thresholds.detach().numpy()[..., ::s, ::s])])
        if kinks.min() > 1e-5:
            break
    else:
        raise AssertionError("every draw has a kink there")

    def function(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return layer(x)  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(function, (x, *layer.parameters()))


def test_with_a_stride_three_of_four_weights_have_no_effect() -> None:
    layer = random_layer(torch.Generator().manual_seed(5), 2, (8, 8), stride=2)
    layer(torch.randn(2, 2, 8, 8, dtype=torch.float64)).pow(2).sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        moved = parameter.grad != 0
        assert moved[::2, ::2].sum() > 8 and moved.sum() == moved[::2, ::2].sum()


def test_a_1x1_convolution_in_the_transform_is_one_before_it() -> None:
    """What the module says of layers whose channels are mixed before the threshold: the sum over paths."""
    generator = torch.Generator().manual_seed(6)
    layers = [random_layer(generator, 5, (8, 8)) for _ in range(2)]
    mixes = [torch.randn(5, 5, dtype=torch.float64, generator=generator) for _ in range(2)]
    x = torch.randn(2, 5, 8, 8, dtype=torch.float64, generator=generator)
    h = torch.from_numpy(hadamard(8))
    v = torch.zeros(())
    for layer, mix in zip(layers, mixes):
        s = torch.einsum("dc,ncij->ndij", mix, layer.scale * (h @ x @ h / 8))
        v = v + torch.tanh(s) * torch.relu(s.abs() - layer.thresholds)
    before = sum(layer(torch.einsum("dc,nchw->ndhw", mix, x)) for layer, mix in zip(layers, mixes))
    torch.testing.assert_close(before, h @ v @ h / 8)


def test_weights_at_the_start() -> None:
    layer = FWHT2D(3, (2, 4), paths=2)
    assert layer.n == 4 and layer.scale.tolist() == [[[1.0] * 4] * 4] * 2
    wanted = [[[(i + j) / 40 + p / 10 for j in range(4)] for i in range(4)] for p in range(2)]
    torch.testing.assert_close(layer.thresholds.detach(), torch.tensor(wanted))
    assert FWHT2D(3, 7).thresholds.shape == (8, 8)


@pytest.mark.parametrize(
    ("size", "options", "words"),
    [
        (8, {"n": 12}, "power of two"),
        ((3, 9), {"n": 8}, "at least 3 and 9"),
        (129, {}, "from 2 to 128"),
        (2, {"n": 2, "stride": 4}, "4 .the stride."),
        (8, {"stride": 3}, "stride is one of 1, 2, 4, not 3"),
        (8, {"paths": 9}, "paths is from 1 to 8, not 9"),
        ((0, 4), {}, "at least 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(size: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FWHT2D(4, size, **options)


def test_a_map_of_another_size_is_refused() -> None:
    layer = FWHT2D(4, (7, 8))
    for shape in ((2, 4, 8, 7), (2, 3, 7, 8), (4, 7, 8)):
        with pytest.raises(ValueError, match=r"takes maps \(N, 4, 7, 8\)"):
            layer(torch.zeros(shape))


def test_layers_of_several_sizes_are_compiled_together() -> None:
    generator = torch.Generator().manual_seed(7)
    layers = torch.nn.Sequential(
        random_layer(generator, 2, (20, 17), stride=2), random_layer(generator, 2, (10, 9), keep_dc=True)
    )
    x = torch.randn(2, 2, 20, 17, dtype=torch.float64, generator=generator)
    compiled = torch.compile(layers, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layers(x))
