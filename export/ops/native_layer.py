"""The FWHT layer by the native CPU kernels, forward and backward, as the custom ops fwht::layer and
fwht::layer_gradients of PyTorch.

H_n / sqrt(n) is its own inverse and its own transpose, so the gradients are two further transforms with the
threshold's derivative between (export/ops/reference.py, fwht_layer_gradients). Of the forward pass X alone is kept.
For float32 on the CPU in training, and under bfloat16 autocast: there X may be bfloat16, is taken as float32, and Y and
the gradient of X, computed in float32, are rounded to X's type. Everything else takes PyTorch's own operations
(transform.py), and so do derivatives of second order or in forward mode, torch.func, compiled, traced and exported
models.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Optional

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from export.ops.native_library import TrainingLibrary, find_library
from export.ops.native_structures import NCHW, NHWC, FwhtLayerGradientsParams, FwhtLayerParams
from export.ops.transform import LayerOptions, apply_fwht_layer

WEIGHTS = (
    "Tensor thresholds, Tensor? scale, int in_channels, int out_channels, int n, bool keep_dc, int pool, bool soft"
)


def is_native(x: Tensor, thresholds: Tensor, scale: Optional[Tensor], options: LayerOptions) -> bool:
    """Whether the native kernels take this call. Raises StartupError where they are required and cannot be used."""
    weights = [thresholds, *([] if scale is None else [scale])]
    return isinstance(x, Tensor) and x.dim() == 4 and x.shape[1] == options.in_channels and is_native_call(x, *weights)


def is_native_call(x: Tensor, *weights: Tensor) -> bool:
    """Whether the native kernels of any layer may take X and these weights. Raises StartupError as `is_native`."""
    if not isinstance(x, Tensor) or torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    types = [torch.float32]
    if torch.is_autocast_enabled("cpu"):
        if torch.get_autocast_dtype("cpu") != torch.bfloat16:
            return False
        types.append(torch.bfloat16)
    return (
        x.dtype in types
        and all(each.dtype == torch.float32 for each in weights)
        and all(_is_plain(each) for each in (x, *weights))
        and not torch._C._are_functorch_transforms_active()  # torch.func: vmap, jvp and the like
        and find_library() is not None
    )


def _is_plain(tensor: Tensor) -> bool:
    """Dense on the CPU, without a derivative in forward mode."""
    return (
        tensor.device.type == "cpu" and tensor.layout == torch.strided and unpack_dual(tensor).tangent is None  # type: ignore[no-untyped-call]
    )


def apply_native_layer(x: Tensor, thresholds: Tensor, scale: Optional[Tensor], options: LayerOptions) -> Tensor:
    """As `transform.apply_fwht_layer`, where `is_native`; in channels_last where X is."""
    y: Tensor = run_layer(x, thresholds, scale, *options)
    return y


def find_native() -> TrainingLibrary:
    """Raises RuntimeError where there is no library."""
    library = find_library()
    if library is None:
        raise RuntimeError("fwht::layer and fwht::fwht_2d need the native kernels: build them with `make native`")
    return library


def _get_layout(x: Tensor) -> tuple[int, torch.memory_format]:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return (NHWC, torch.channels_last) if last else (NCHW, torch.contiguous_format)


@lru_cache(maxsize=64)
def _make_constant(value: float, count: int) -> Tensor:
    with torch.inference_mode(False):
        return torch.full((count,), value)


def _make_params(
    x: Tensor, thresholds: Tensor, scale: Optional[Tensor], layout: int, options: LayerOptions
) -> FwhtLayerParams:
    """The tensors must be contiguous, and must live as long."""
    paths = thresholds.numel() // options.n
    return FwhtLayerParams(
        x=x.data_ptr(),
        thresholds=thresholds.data_ptr(),
        scale=(_make_constant(1.0, options.n) if scale is None else scale).data_ptr(),
        gain=_make_constant(1.0, options.out_channels).data_ptr(),
        bias=_make_constant(0.0, options.out_channels).data_ptr(),
        batch=x.shape[0],
        pixels=x.shape[2] * x.shape[3],
        in_channels=options.in_channels,
        out_channels=options.out_channels,
        n=options.n,
        pool=options.pool,
        keep_dc=options.keep_dc,
        layout=layout,
        paths=paths,
        soft=options.soft,
    )


@torch.library.custom_op("fwht::layer", mutates_args=(), schema=f"(Tensor x, {WEIGHTS}) -> Tensor", device_types="cpu")
def run_layer(x: Tensor, thresholds: Tensor, scale: Optional[Tensor], *options: Any) -> Tensor:
    layout, memory_format = _get_layout(x)
    dtype, x, thresholds = x.dtype, x.float().contiguous(memory_format=memory_format), thresholds.contiguous()
    scale = None if scale is None else scale.contiguous()
    params = _make_params(x, thresholds, scale, layout, LayerOptions(*options))
    shape = (x.shape[0], params.out_channels, *x.shape[2:])
    y = torch.empty(shape, dtype=x.dtype, memory_format=memory_format)
    params.y = y.data_ptr()
    find_native().run_forward(params)
    return y.to(dtype)


@torch.library.custom_op(
    "fwht::layer_gradients",
    mutates_args=(),
    schema=f"(Tensor x, Tensor y_gradient, {WEIGHTS}) -> (Tensor, Tensor, Tensor)",
    device_types="cpu",
)
def run_layer_gradients(
    x: Tensor, y_gradient: Tensor, thresholds: Tensor, scale: Optional[Tensor], *options: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, thresholds and scale, the last one empty where there is no scale."""
    layout, memory_format = _get_layout(x)
    dtype, (x, y_gradient) = x.dtype, (each.float().contiguous(memory_format=memory_format) for each in (x, y_gradient))
    thresholds, scale = thresholds.contiguous(), None if scale is None else scale.contiguous()
    x_gradient, thresholds_gradient = torch.empty_like(x), torch.empty_like(thresholds)
    scale_gradient = thresholds.new_empty(0) if scale is None else torch.empty_like(scale)
    params = FwhtLayerGradientsParams(
        layer=_make_params(x, thresholds, scale, layout, LayerOptions(*options)),
        y_gradient=y_gradient.data_ptr(),
        x_gradient=x_gradient.data_ptr(),
        thresholds_gradient=thresholds_gradient.data_ptr(),
        scale_gradient=None if scale is None else scale_gradient.data_ptr(),
    )
    find_native().run_backward(params)
    return x_gradient.to(dtype), thresholds_gradient, scale_gradient


@run_layer.register_fake
def _(x: Tensor, thresholds: Tensor, scale: Optional[Tensor], *options: Any) -> Tensor:
    y = x.new_empty((x.shape[0], LayerOptions(*options).out_channels, *x.shape[2:]))
    return y.contiguous(memory_format=_get_layout(x)[1])


@run_layer_gradients.register_fake
def _(
    x: Tensor, y_gradient: Tensor, thresholds: Tensor, scale: Optional[Tensor], *options: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(thresholds), thresholds.new_empty(0 if scale is None else scale.shape)


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, thresholds, scale, *options = inputs
    ctx.save_for_backward(x, thresholds, scale)
    ctx.options = LayerOptions(*options)


def _differentiate(ctx: Any, y_gradient: Tensor) -> tuple[Optional[Tensor], ...]:
    x, thresholds, scale = ctx.saved_tensors
    none = (None,) * len(ctx.options)
    if torch.is_grad_enabled():  # create_graph: these gradients are differentiated in turn
        inputs = [each for each in (x, thresholds, scale) if each is not None]
        y = apply_fwht_layer(x.float(), thresholds, scale, ctx.options).to(x.dtype)
        found = torch.autograd.grad(y, inputs, y_gradient, create_graph=True)
        return (*found, *none) if scale is not None else (*found, None, *none)
    *gradients, scale_gradient = run_layer_gradients(x, y_gradient, thresholds, scale, *ctx.options)
    return (*gradients, None if scale is None else scale_gradient, *none)


run_layer.register_autograd(_differentiate, setup_context=_keep_inputs)
