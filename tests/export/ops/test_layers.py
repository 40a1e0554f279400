"""The PyTorch ops against the float64 references, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from export.ops.hadamard import hadamard
from export.ops.layers import FWHTLayer, MFDepthwiseConv, SurrogateSign
from export.ops.reference import fwht_layer, mf_depthwise_conv, mf_operator
from export.ops.transform import fwht

# float64 against float64: two transforms of n <= 4096 terms, rounding errors added up as if all went one way
FLOAT64_TOLERANCE = 4 * 4096 * 2.0**-53
PATHS: list[dict[str, Any]] = [{"soft": True}, {"paths": 3}, {"paths": 8, "soft": True, "keep_dc": False}]


def random_layer(generator: torch.Generator, inputs: int, outputs: int, **options: Any) -> FWHTLayer:
    """Thresholds of either sign, so that both sides of every branch are taken."""
    layer = FWHTLayer(inputs, outputs, **options).double()
    with torch.no_grad():
        layer.thresholds.copy_(torch.randn(layer.thresholds.shape, generator=generator) * 0.3)
        if layer.scale is not None:
            layer.scale.copy_(1 + 0.3 * torch.randn(layer.scale.shape, generator=generator))
    return layer


def reference(layer: FWHTLayer, x: torch.Tensor) -> np.ndarray:
    ones = np.ones(layer.out_channels)
    scale = np.ones(layer.n) if layer.scale is None else layer.scale.detach().numpy()
    thresholds = layer.thresholds.detach().numpy().ravel()
    sizes = {"out_channels": layer.out_channels, "keep_dc": int(layer.keep_dc), "pool": layer.pool}
    paths = {"paths": layer.paths, "soft": int(layer.soft), "block": layer.block}
    return fwht_layer(x.numpy(), thresholds, scale.ravel(), ones, 0 * ones, **sizes, **paths)


@pytest.mark.parametrize("n", [1, 2, 4, 8, 64, 128, 2048, 4096])
def test_transform_is_the_dense_hadamard_matrix_and_its_own_inverse(n: int) -> None:
    x = torch.randn(2, n, 3, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    y = fwht(x)
    dense = np.einsum("kc,nchw->nkhw", hadamard(n), x.numpy()) / np.sqrt(n)
    np.testing.assert_allclose(y.numpy(), dense, atol=FLOAT64_TOLERANCE)
    np.testing.assert_allclose(fwht(y).numpy(), x.numpy(), atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("sizes", [(3, 5), (24, 96), (96, 576), (576, 96), (960, 160), (160, 960), (1, 1), (999, 7)])
@pytest.mark.parametrize("options", [{}, {"keep_dc": False, "scale": True}, {"n": 4096}, *PATHS])
def test_fwht_layer_is_the_reference(sizes: tuple[int, int], options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = random_layer(generator, *sizes, **options)
    x = torch.randn(2, sizes[0], 3, 5, dtype=torch.float64, generator=generator)
    np.testing.assert_allclose(layer(x).detach().numpy(), reference(layer, x), atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("sizes, pool", [((24, 12), 2), ((25, 8), 3), ((960, 160), 6), ((7, 1), 7)])
def test_pooling_on_the_way_out(sizes: tuple[int, int], pool: int) -> None:
    generator = torch.Generator().manual_seed(1)
    layer = random_layer(generator, *sizes, pool=pool)
    x = torch.randn(2, sizes[0], 4, 3, dtype=torch.float64, generator=generator)
    np.testing.assert_allclose(layer(x).detach().numpy(), reference(layer, x), atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize(
    "sizes, block, pool",
    [
        ((24, 96), 8, 1),
        ((24, 144), 16, 1),
        ((25, 64), 2, 1),
        ((64, 64), 64, 1),
        ((96, 96), 32, 1),
        ((96, 50), 32, 1),
        ((96, 24), 32, 4),
        ((576, 96), 64, 6),
        ((576, 160), 16, 3),
        ((64, 5), 4, 12),
    ],
)
@pytest.mark.parametrize("options", [{}, {"keep_dc": False, "scale": True}, *PATHS])
def test_blocks(sizes: tuple[int, int], block: int, pool: int, options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(6)
    layer = random_layer(generator, *sizes, block=block, pool=pool, **options)
    assert layer.thresholds.numel() == layer.paths * block
    x = torch.randn(2, sizes[0], 3, 5, dtype=torch.float64, generator=generator)
    np.testing.assert_allclose(layer(x).detach().numpy(), reference(layer, x), atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("sizes", [(16, 12), (16, 16), (16, 3)])
def test_one_block_is_the_layer_without_blocks(sizes: tuple[int, int]) -> None:
    plain, block = (random_layer(torch.Generator().manual_seed(7), *sizes, block=block) for block in (0, 16))
    x = torch.randn(2, 16, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    torch.testing.assert_close(block(x), plain(x))


def test_thresholds_start_small_and_grow_with_the_coefficient() -> None:
    assert FWHTLayer(6, 6).thresholds.tolist() == pytest.approx([k / 80 for k in range(8)])


@pytest.mark.parametrize(
    "options, word",
    [
        ({"n": 12}, "power of two"),
        ({"n": 4}, "at least"),
        ({"pool": 3}, "pool 3 leaves 2 channels"),
        ({"pool": 0}, "at least 1"),
        ({"paths": 9}, "paths is from 1 to 8, not 9"),
        ({"block": 8, "n": 16}, "n = 16 must be block = 8"),
        ({"block": 4, "pool": 3}, "pool 3 leaves 2 channels"),
        ({"block": 3}, "block = 3 must be a power of two"),
        ({"block": 16}, "8 input channels do not fill a block of 16"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        FWHTLayer(8, 4, **options)


def test_layers_of_several_sizes_are_compiled_together() -> None:
    """n = 8 and 32 have the factors 2, 4 and 8; a compiled model has one constant for all."""
    generator = torch.Generator().manual_seed(4)
    layers = torch.nn.Sequential(random_layer(generator, 6, 3), random_layer(generator, 3, 20))
    x = torch.randn(2, 6, 2, 2, dtype=torch.float64, generator=generator)
    compiled = torch.compile(layers, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layers(x))


def test_each_path_starts_a_tenth_higher() -> None:
    layer = FWHTLayer(6, 6, paths=2)
    assert layer.thresholds.tolist() == [pytest.approx([k / 80 + p / 10 for k in range(8)]) for p in range(2)]
    assert layer.scale is not None and layer.scale.tolist() == [[1.0] * 8] * 2


@pytest.mark.parametrize("sizes, pool", [((6, 12), 1), ((8, 2), 3)])
@pytest.mark.parametrize("options", [{}, {"keep_dc": False, "scale": True}, *PATHS])
def test_gradients_of_blocks(sizes: tuple[int, int], pool: int, options: dict[str, Any]) -> None:
    """Of windows that overlap, and of pools that reach across blocks; away from the kinks."""
    generator = torch.Generator().manual_seed(2)
    layer = random_layer(generator, *sizes, block=4, pool=pool, **options)
    x = torch.randn(1, sizes[0], 2, 1, dtype=torch.float64, generator=generator, requires_grad=True)
    u = fwht(torch.cat([x[:, start : start + 4] for start in layer.starts]))
    scale = torch.ones(4) if layer.scale is None else layer.scale
    s = u[:, None] * scale.reshape(-1, 4, 1, 1)
    kinks = torch.stack([s.abs(), (s.abs() - layer.thresholds.reshape(-1, 4, 1, 1)).abs()])
    assert kinks.min() > 1e-4, "draw other numbers: a kink lies within the step of the finite difference"
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))


@pytest.mark.parametrize("options", [{}, {"keep_dc": False, "scale": True}, {"pool": 2, "scale": True}, *PATHS])
def test_fwht_layer_gradients(options: dict[str, Any]) -> None:
    """Away from the kinks at 0 and at the thresholds, where finite differences mean nothing."""
    generator = torch.Generator().manual_seed(2)
    layer = random_layer(generator, 6, 3, **options)
    x = torch.randn(2, 6, 2, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    u = fwht(torch.nn.functional.pad(x, (0, 0, 0, 0, 0, 2)))
    scale = torch.ones(layer.n) if layer.scale is None else layer.scale
    s = u[:, None] * scale.reshape(-1, layer.n, 1, 1)
    kinks = torch.stack([s.abs(), (s.abs() - layer.thresholds.reshape(-1, layer.n, 1, 1)).abs()])
    assert kinks.min() > 1e-4, "draw other numbers: a kink lies within the step of the finite difference"

    def function(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return layer(x)  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(function, (x, *layer.parameters()))


@pytest.mark.parametrize("operator", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("size", [(7, 5), (8, 8), (1, 2)])
def test_mf_depthwise_conv_is_the_reference(
    operator: int, stride: int, kernel_size: int, size: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(3)
    conv = MFDepthwiseConv(4, kernel_size, stride, operator).double()
    x = torch.randn(2, 4, *size, dtype=torch.float64, generator=generator).round(decimals=1)  # with exact zeros
    with torch.no_grad():
        conv.weight[0, 0, 0] = 0.0
    ones = np.ones(4)
    wanted = mf_depthwise_conv(
        x.numpy(), conv.weight.detach().numpy(), ones, 0 * ones, stride, kernel_size // 2, operator
    )
    np.testing.assert_allclose(conv(x).detach().numpy(), wanted, atol=FLOAT64_TOLERANCE)


def test_operators_by_hand() -> None:
    a, b = np.array([3.0, -3.0, 0.0, 0.5]), np.array([-2.0, -2.0, 5.0, 2.0])
    assert mf_operator(a, b, 1).tolist() == [-5.0, 5.0, 0.0, 2.5]
    assert mf_operator(a, b, 2).tolist() == [-2.0, 2.0, 0.0, 0.5]
    assert mf_operator(a, b, 3).tolist() == [0.0, 2.0, 0.0, 0.5]


@pytest.mark.parametrize("operator", [1, 2, 3])
def test_exact_parts_of_the_operators_gradients(operator: int) -> None:
    """Away from zeros and from |x| = |w|, where operators 2 and 3 have their kinks."""
    generator = torch.Generator().manual_seed(4)
    conv = MFDepthwiseConv(2, operator=operator).double()
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert x.abs().min() > 1e-4 and (x.detach().abs().reshape(-1, 1) - conv.weight.abs().reshape(-1)).abs().min() > 1e-5

    def function(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return conv(x)  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(function, (x, conv.weight))


def test_surrogate_of_the_sign_is_its_written_formula() -> None:
    x = torch.tensor([-2.0, -0.5, -0.4, 0.0, 0.5, 0.6], requires_grad=True)
    y = SurrogateSign.apply(x, 0.5)  # type: ignore[no-untyped-call]
    y.backward(torch.tensor([1.0, 1.0, 3.0, 1.0, 1.0, 1.0]))
    assert y.tolist() == [-1, -1, -1, 0, 1, 1]
    assert x.grad is not None and x.grad.tolist() == [0, 2, 6, 2, 2, 0]


def test_surrogate_of_operator_1_is_its_written_formula() -> None:
    """d/dx = sgn(w) + w box(x) and d/dw = sgn(x) + x box(w), box = 1/epsilon within epsilon of 0."""
    epsilon = 0.3
    conv = MFDepthwiseConv(1, operator=1, epsilon=epsilon).double()
    x = torch.tensor(0.2, dtype=torch.float64).expand(1, 1, 1, 1).clone().requires_grad_()
    conv(x).sum().backward()
    w = conv.weight.detach()[0, 0]
    assert x.grad is not None and conv.weight.grad is not None
    assert x.grad.item() == pytest.approx(np.sign(w[1, 1].item()) + w[1, 1].item() / epsilon)
    box = 1 / epsilon if abs(w[1, 1].item()) <= epsilon else 0.0
    assert conv.weight.grad[0, 0, 1, 1].item() == pytest.approx(1 + 0.2 * box)
