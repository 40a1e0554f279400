"""The FWHT layer by the native kernels in training: against the plain module, and where that one takes over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from operator import methodcaller
from typing import Any, Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual

from export.ops import native_library
from export.ops.float32_bounds import U, fwht_layer_bounds
from export.ops.gradient_bounds import fwht_layer_gradients_bounds
from export.ops.layers import FWHTLayer
from export.ops.native_layer import run_layer
from export.ops.reference import fwht_layer_gradients
from server.backends import native_kernels
from server.errors import StartupError
from tests.plugins.native import build_library

OPTIONS: list[dict[str, Any]] = [
    {},
    {"scale": True, "keep_dc": False},
    {"soft": True},
    {"paths": 3},
    {"paths": 8, "soft": True, "scale": True},
    {"pool": 3, "scale": True},
]
CHAIN = 64 + 16 + 1  # additions one after the other in a gradient of a threshold: parts, lanes, tiles of a part


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    build_library()
    monkeypatch.setenv("FWHT_NATIVE", "required")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library is looked for anew, here and afterwards."""
    monkeypatch.setattr(native_kernels, "_WARNED", set())
    native_library._find_library.cache_clear()
    yield
    native_library._find_library.cache_clear()


def make_layer(in_channels: int, out_channels: int, **options: Any) -> FWHTLayer:
    generator = torch.Generator().manual_seed(in_channels)
    layer = FWHTLayer(in_channels, out_channels, **options)
    with torch.no_grad():
        layer.thresholds.copy_(torch.randn(layer.thresholds.shape, generator=generator) * 0.3)
        if layer.scale is not None:
            layer.scale.copy_(1 + 0.3 * torch.randn(layer.scale.shape, generator=generator))
    return layer


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run_plain(layer: FWHTLayer, function: Callable[[FWHTLayer], Any]) -> Any:
    """What `function` gives by PyTorch's own operations."""
    layer.eval()
    try:
        return function(layer)
    finally:
        layer.train()


def count_native(call: Callable[[], Any]) -> int:
    """How often the native kernels run."""
    with torch.profiler.profile() as profile:
        call()
    return sum(event.count for event in profile.key_averages() if event.key.startswith("fwht::"))


@pytest.mark.parametrize("last", [False, True], ids=["nchw", "channels_last"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("sizes", [(24, 8), (30, 7), (320, 100)])
def test_output_and_gradients(native: None, sizes: tuple[int, int], options: dict[str, Any], last: bool) -> None:
    layer, x = make_layer(*sizes, **options), draw(3, sizes[0], 3, 5)
    dy = draw(3, sizes[1], 3, 5, seed=1)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    y = layer(x)
    assert y.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    found = [y, *torch.autograd.grad(y, [x, *layer.parameters()], dy)]

    exact = FWHTLayer(*sizes, **options).double()
    exact.load_state_dict(layer.state_dict())
    x64 = x.detach().double().requires_grad_()
    y64 = exact(x64)
    wanted = [y64, *torch.autograd.grad(y64, [x64, *exact.parameters()], dy.double())]
    for each, value, bound in zip(found, wanted, compute_bounds(layer, x, dy)):
        share = ((each.double() - value).abs().detach().numpy().reshape(bound.shape) / (bound + U)).max()
        print(f"{share:.0%} of the tolerance used")
        assert share <= 1


def compute_bounds(layer: FWHTLayer, x: Tensor, dy: Tensor) -> list[np.ndarray]:
    """Of y and the gradients of x, thresholds and scale."""
    scale = torch.ones(layer.n * layer.paths) if layer.scale is None else layer.scale
    values, limits, factors = (each.detach().numpy() for each in (x, layer.thresholds.flatten(), scale.flatten()))
    stages, ones = layer.n.bit_length(), np.ones(layer.out_channels)
    options = {"keep_dc": int(layer.keep_dc), "paths": layer.paths, "soft": int(layer.soft)}
    y = fwht_layer_bounds(values, limits, factors, ones, 0 * ones, stages, stages + layer.pool, **options)
    terms, options["pool"] = (stages, stages, CHAIN), layer.pool
    gradients = fwht_layer_gradients_bounds(values, limits, factors, dy.numpy(), *terms, **options)
    return [y, *gradients]


@pytest.mark.parametrize("pool", [1, 3])
def test_windows_are_images_of_their_own(native: None, pool: int) -> None:
    """The blocks of a layer with blocks: by the same kernels, to the same tolerance."""
    layer = make_layer(24, 24 // pool, block=8, pool=pool, scale=True, keep_dc=False)
    x, dy = draw(3, 24, 3, 5).requires_grad_(), draw(3, 24 // pool, 3, 5, seed=1)
    assert count_native(lambda: layer(x).sum().backward()) == 2
    found = torch.autograd.grad(layer(x), [x, *layer.parameters()], dy)

    exact = FWHTLayer(24, 24 // pool, block=8, pool=pool, scale=True, keep_dc=False).double()
    exact.load_state_dict(layer.state_dict())
    x64 = x.detach().double().requires_grad_()
    wanted = torch.autograd.grad(exact(x64), [x64, *exact.parameters()], dy.double())
    windows, spread = x.detach().reshape(9, 8, 3, 5), dy.repeat_interleave(pool, dim=1).reshape(9, 8, 3, 5) / pool
    window = make_layer(8, 8, scale=True, keep_dc=False)
    window.load_state_dict(layer.state_dict())
    for each, value, bound in zip(found, wanted, compute_bounds(window, windows, spread)[1:]):
        share = ((each.double() - value).abs().numpy().reshape(bound.shape) / (bound + U)).max()
        print(f"{share:.0%} of the tolerance used")
        assert share <= 1


class Reference(torch.autograd.Function):
    """The formula that the kernels compute, in float64."""

    @staticmethod
    def forward(ctx: Any, layer: FWHTLayer, x: Tensor, thresholds: Tensor, scale: Tensor) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(x, thresholds, scale)
        y: Tensor = torch.func.functional_call(layer, {"thresholds": thresholds, "scale": scale}, (x,))
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        layer, tensors = ctx.layer, ctx.saved_tensors
        options = {"keep_dc": int(layer.keep_dc), "pool": layer.pool, "paths": layer.paths, "soft": int(layer.soft)}
        x, thresholds, scale = (each.numpy() for each in tensors)
        found = fwht_layer_gradients(x, thresholds.ravel(), scale.ravel(), grads[0].numpy(), **options)
        return None, *(torch.from_numpy(each).reshape(like.shape) for each, like in zip(found, tensors))


@pytest.mark.parametrize("options", [each for each in OPTIONS if each.get("scale") or each.get("paths")], ids=str)
def test_the_formula_of_the_gradients(options: dict[str, Any]) -> None:
    """Finite differences away from the kinks, and PyTorch's own derivatives."""
    layer = make_layer(6, 2, **options).double()
    x = draw(2, 6, 2, 2, seed=2).double().requires_grad_()
    inputs = [x, *(parameter.detach().clone().requires_grad_() for parameter in layer.parameters())]

    def function(*tensors: Tensor) -> Tensor:
        return Reference.apply(layer, *tensors)  # type: ignore[no-untyped-call,no-any-return]

    assert torch.autograd.gradcheck(function, inputs)
    dy = draw(2, 2, 2, 2, seed=3).double()
    wanted = torch.autograd.grad(layer(x), [x, *layer.parameters()], dy)
    for each, value in zip(torch.autograd.grad(function(*inputs), inputs, dy), wanted):
        torch.testing.assert_close(each, value, rtol=1e-12, atol=1e-12)


def test_the_op_keeps_pytorchs_rules(native: None) -> None:
    layer, x = make_layer(6, 5, scale=True), draw(2, 6, 3, 3).requires_grad_()
    rules = "test_schema", "test_autograd_registration", "test_faketensor"
    arguments = x, layer.thresholds, layer.scale, 6, 5, 8, True, 1, False
    assert set(torch.library.opcheck(run_layer, arguments, test_utils=rules).values()) == {"SUCCESS"}


def test_the_same_bits_with_any_threads(native: None) -> None:
    layer, x = make_layer(96, 200), draw(5, 96, 8, 8)
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            made.append(torch.autograd.grad(layer(x).pow(2).sum(), layer.thresholds)[0].numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(set(made)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyTorch's OpenMP is another one")
def test_pytorchs_own_threads_are_found() -> None:
    assert native_library.find_team() is not None


def test_what_lies_apart_is_copied(native: None) -> None:
    layer, x = make_layer(6, 5), draw(2, 6, 4, 3)
    for apart in (x.transpose(2, 3), x[:, :, ::2], x[:, :, :1, :1], x[:0]):
        torch.testing.assert_close(layer(apart), run_plain(layer, methodcaller("__call__", apart)))
    spread = torch.autograd.grad(layer(x).sum(), layer.thresholds)  # the gradient of a sum is one number, expanded
    torch.testing.assert_close(
        spread, run_plain(layer, lambda plain: torch.autograd.grad(plain(x).sum(), plain.thresholds))
    )


def test_only_plain_training_in_float32_is_native(native: None) -> None:
    layer, x = make_layer(6, 5), draw(2, 6, 3, 3)
    assert count_native(lambda: layer(x)) == 1
    assert count_native(lambda: layer(x).sum().backward()) == 2
    assert count_native(lambda: run_plain(layer, lambda plain: plain(x))) == 0
    assert count_native(lambda: layer.double()(x.double())) == 0
    layer.float()
    assert count_native(lambda: layer(x.bfloat16())) == 0
    with torch.autocast("cpu", torch.float16):
        assert count_native(lambda: layer(x)) == 0
    assert layer.to("meta")(x.to("meta")).shape == (2, 5, 3, 3)


@pytest.mark.parametrize("last", [False, True], ids=["nchw", "channels_last"])
def test_under_autocast_float32_lies_between_bfloat16(native: None, last: bool) -> None:
    """Y and the gradient of X are those of the same X in float32, rounded; those of the weights are the same."""
    layer, x, dy = make_layer(24, 40, scale=True), draw(2, 24, 3, 5).bfloat16(), draw(2, 40, 3, 5, seed=1).bfloat16()
    if last:
        x = x.contiguous(memory_format=torch.channels_last)

    def differentiate(leaf: Tensor, enabled: bool) -> list[Tensor]:
        leaf.requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            assert count_native(lambda: layer(leaf)) == 1
            y = layer(leaf)
        return [y, *torch.autograd.grad(y, [leaf, *layer.parameters()], dy.to(y.dtype))]

    rounded, *whole = (differentiate(*each) for each in ((x, True), (x.float(), True), (x.float(), False)))
    assert [each.dtype for each in rounded] == [torch.bfloat16] * 2 + [torch.float32] * 2
    assert all(torch.equal(one, other) for one, other in zip(*whole))
    assert all(torch.equal(each, wanted.to(each.dtype)) for each, wanted in zip(rounded, whole[0]))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # PyTorch's own, of jvp
def test_what_goes_beyond_gradients_is_plain(native: None) -> None:
    layer, x = make_layer(6, 5), draw(2, 6, 3, 3)

    def differentiate_twice(each: FWHTLayer) -> Tensor:
        leaf = x.clone().requires_grad_()
        (once,) = torch.autograd.grad(each(leaf).pow(2).sum(), leaf, create_graph=True)
        return torch.autograd.grad(once.pow(2).sum(), each.thresholds)[0]

    def push_forward(each: FWHTLayer) -> Tensor:
        with dual_level():
            return unpack_dual(each(make_dual(x, x))).tangent  # type: ignore[no-untyped-call,no-any-return]

    functions: list[Callable[[FWHTLayer], Any]] = [
        differentiate_twice,
        push_forward,
        lambda each: torch.func.jvp(each, (x,), (x,))[1],
        lambda each: torch.func.vmap(each)(x[:, None]),
        lambda each: torch.func.jacrev(each)(x),
    ]
    for function in functions:
        torch.testing.assert_close(function(layer), run_plain(layer, function))
    exported = torch.export.export(layer, (x,))
    assert not [node for node in exported.graph.nodes if str(node.target).startswith("fwht.")]


def test_wrong_shapes_are_refused_as_before(native: None) -> None:
    layer = make_layer(6, 5)
    for wrong in (draw(2, 7, 3, 3), draw(6, 3, 3)):
        with pytest.raises((RuntimeError, ValueError)):
            layer(wrong)


def test_without_the_library(
    fresh: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    monkeypatch.setattr(native_kernels, "FOLDERS", (tmp_path,))
    monkeypatch.setenv("FWHT_NATIVE", "auto")
    layer, x = make_layer(6, 5), draw(2, 6, 3, 3)
    assert torch.equal(layer(x), run_plain(layer, lambda plain: plain(x)))
    assert "make native" in caplog.text
    monkeypatch.setenv("FWHT_NATIVE", "required")
    with pytest.raises(StartupError, match="FWHT_NATIVE is 'required', but there is no"):
        layer(x)
    monkeypatch.setenv("FWHT_NATIVE", "of")
    with pytest.raises(StartupError, match="must be one of"):
        layer(x)
