"""The two-dimensional FWHT layer by the native CPU kernels, forward and backward, as the custom ops fwht::fwht_2d and
fwht::fwht_2d_gradients of PyTorch: where and with which limits native_layer.py has those of the one-dimensional layer.

X and Y have their channels last in memory (another X is copied), and Y has X's type: float32, or bfloat16 under
autocast. Transforms, thresholds and the gradients of the weights are float32's in both; a bfloat16 X is taken as it is,
and Y and the gradient of X are rounded to bfloat16 once, to the nearest. (PyTorch's own operations would transform in
bfloat16.)
"""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor

from export.ops.native_layer import find_native, is_native_call
from export.ops.native_structures import Fwht2dTrainingParams
from export.ops.transform_2d import PlaneOptions, apply_fwht_2d

OPTIONS = "int n, int stride, bool keep_dc, bool soft, bool apart"
LAST = torch.channels_last


def is_native_2d(x: Tensor, thresholds: Tensor, scale: Tensor) -> bool:
    """Whether the native kernels take this call. Raises StartupError where they are required and cannot be used."""
    return is_native_call(x, thresholds, scale)


def apply_native_fwht_2d(x: Tensor, thresholds: Tensor, scale: Tensor, options: PlaneOptions) -> Tensor:
    """As `transform_2d.apply_fwht_2d`, where `is_native_2d`; in channels_last."""
    y: Tensor = run_plane(x, thresholds, scale, *options)
    return y


def _make_params(x: Tensor, thresholds: Tensor, scale: Tensor, options: PlaneOptions) -> Fwht2dTrainingParams:
    """The tensors must be contiguous, and must live as long."""
    paths = thresholds.numel() // options.n**2
    return Fwht2dTrainingParams(
        x=x.data_ptr(),
        thresholds=thresholds.data_ptr(),
        scale=scale.data_ptr(),
        batch=x.shape[0],
        channels=x.shape[1] // (paths if options.apart else 1),
        height=x.shape[2],
        width=x.shape[3],
        paths=paths,
        bfloat16=x.dtype == torch.bfloat16,
        **options._asdict(),
    )


def _make_output(x: Tensor, thresholds: Tensor, options: PlaneOptions) -> Tensor:
    channels = x.shape[1] // (thresholds.numel() // options.n**2 if options.apart else 1)
    height, width = (-(-side // options.stride) for side in x.shape[2:])
    return torch.empty((x.shape[0], channels, height, width), dtype=x.dtype, device=x.device, memory_format=LAST)


@torch.library.custom_op(
    "fwht::fwht_2d",
    mutates_args=(),
    schema=f"(Tensor x, Tensor thresholds, Tensor scale, {OPTIONS}) -> Tensor",
    device_types="cpu",
)
def run_plane(x: Tensor, thresholds: Tensor, scale: Tensor, *values: Any) -> Tensor:
    options = PlaneOptions(*values)
    x, thresholds, scale = x.contiguous(memory_format=LAST), thresholds.contiguous(), scale.contiguous()
    y = _make_output(x, thresholds, options)
    params = _make_params(x, thresholds, scale, options)
    params.y = y.data_ptr()
    find_native().run_plane(params)
    return y


@torch.library.custom_op(
    "fwht::fwht_2d_gradients",
    mutates_args=(),
    schema=f"(Tensor x, Tensor y_gradient, Tensor thresholds, Tensor scale, {OPTIONS}) -> (Tensor, Tensor, Tensor)",
    device_types="cpu",
)
def run_plane_gradients(
    x: Tensor, y_gradient: Tensor, thresholds: Tensor, scale: Tensor, *values: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, thresholds and scale."""
    x, y_gradient = x.contiguous(memory_format=LAST), y_gradient.to(x.dtype).contiguous(memory_format=LAST)
    thresholds, scale = thresholds.contiguous(), scale.contiguous()
    gradients = torch.empty_like(x), torch.empty_like(thresholds), torch.empty_like(scale)
    params = _make_params(x, thresholds, scale, PlaneOptions(*values))
    params.y_gradient = y_gradient.data_ptr()
    params.x_gradient, params.thresholds_gradient, params.scale_gradient = (each.data_ptr() for each in gradients)
    if x.numel():
        find_native().run_plane(params)
    else:  # an empty tensor has no address, which would mean a forward run
        for each in gradients:
            each.zero_()
    return gradients


@run_plane.register_fake
def _(x: Tensor, thresholds: Tensor, scale: Tensor, *values: Any) -> Tensor:
    return _make_output(x, thresholds, PlaneOptions(*values))


@run_plane_gradients.register_fake
def _(x: Tensor, y_gradient: Tensor, thresholds: Tensor, scale: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(x, memory_format=LAST),
        torch.empty_like(thresholds, memory_format=torch.contiguous_format),
        torch.empty_like(scale, memory_format=torch.contiguous_format),
    )


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, thresholds, scale, *values = inputs
    ctx.save_for_backward(x, thresholds, scale)
    ctx.options = PlaneOptions(*values)


def _differentiate(ctx: Any, y_gradient: Tensor) -> tuple[Optional[Tensor], ...]:
    inputs = ctx.saved_tensors
    none = (None,) * len(ctx.options)
    if torch.is_grad_enabled():  # create_graph: these gradients are differentiated in turn
        x, thresholds, scale = inputs
        y = apply_fwht_2d(x.float(), thresholds, scale, ctx.options).to(x.dtype)
        return (*torch.autograd.grad(y, inputs, y_gradient, create_graph=True), *none)
    return (*run_plane_gradients(inputs[0], y_gradient, *inputs[1:], *ctx.options), *none)


run_plane.register_autograd(_differentiate, setup_context=_keep_inputs)
