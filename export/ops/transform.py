"""The Walsh-Hadamard transform, the two thresholds and the FWHT layer as functions of tensors, in PyTorch's own
operations: any type and device, derivatives of any order.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Callable, NamedTuple, Optional, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from export.ops.hadamard import hadamard


class LayerOptions(NamedTuple):
    """What a layer is beside its weights; `export.ops.layers.FWHTLayer` says what each means."""

    in_channels: int
    out_channels: int
    n: int
    keep_dc: bool
    pool: int
    soft: bool


# As apply_fwht_layer
Apply = Callable[[Tensor, Tensor, Optional[Tensor], LayerOptions], Tensor]

FACTOR = 128  # at least both factors of n up to 2^14


def hadamard_tensor(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """H_n on a device. A compiled model takes it for the constant that it is.

    Of which it may have only one under one name: factors of every size are the corner of the same matrix there.
    """
    if torch.compiler.is_compiling() and n <= FACTOR:
        largest: Tensor = _make_constant_factor(dtype, device)
        return largest[:n, :n].contiguous()  # as it is without a compiler: the products have the same bits
    return _cached_hadamard_tensor(n, dtype, device)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator, unused-ignore]
def _make_constant_factor(dtype: torch.dtype, device: torch.device) -> Tensor:
    return _cached_hadamard_tensor(FACTOR, dtype, device)


@lru_cache(maxsize=64)
def _cached_hadamard_tensor(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Made anew in every forward pass it would cost a copy to the GPU each time."""
    with torch.inference_mode(False):
        return torch.from_numpy(hadamard(n)).to(device, dtype)


def fwht(x: Tensor) -> Tensor:
    """H_n x / sqrt(n) along the channel axis: (N, n, H, W) -> (N, n, H, W), n a power of two; its own inverse.

    With n = a b, H_n is the Kronecker product of H_a and H_b: two small matrix products instead of one large one.
    """
    batch, n, height, width = x.shape
    b = 1 << (n.bit_length() // 2)
    a = n // b
    h_a, h_b = hadamard_tensor(a, x.dtype, x.device), hadamard_tensor(b, x.dtype, x.device)
    x = h_a @ x.reshape(batch, a, b * height * width)
    x = h_b @ x.reshape(batch, a, b, height * width)
    return x.reshape(batch, n, height, width) / math.sqrt(n)


def smooth_threshold(s: Tensor, thresholds: Tensor) -> Tensor:
    """tanh(s) max(|s| - T, 0) for s (N, n, H, W) and T (n,); T may be negative, then nothing is cut off."""
    return torch.tanh(s) * F.relu(s.abs() - thresholds[:, None, None])


def soft_threshold(s: Tensor, thresholds: Tensor) -> Tensor:
    """sgn(s) max(|s| - T, 0), sgn(0) = 0; the derivative ignores the jump at 0 that a negative T makes."""
    return torch.sign(s) * F.relu(s.abs() - thresholds[:, None, None])


def apply_fwht_layer(x: Tensor, thresholds: Tensor, scale: Optional[Tensor], options: LayerOptions) -> Tensor:
    """(N, C_in, H, W) -> (N, out_channels, H, W); thresholds and scale (n,) or (paths, n), no scale: ones."""
    u = fwht(F.pad(x, (0, 0, 0, 0, 0, options.n - options.in_channels)))
    v = _sum_paths(u, thresholds, scale, options)
    if options.keep_dc:
        v = torch.cat([u[:, :1].to(v.dtype), v[:, 1:]], dim=1)
    return _pool_and_cut(fwht(v), options)


def _pool_and_cut(z: Tensor, options: LayerOptions) -> Tensor:
    if options.pool > 1:
        groups = options.in_channels // options.pool
        z = z[:, : groups * options.pool].reshape(len(z), groups, options.pool, *z.shape[2:]).mean(dim=2)
    return z[:, : options.out_channels]


def apply_in_windows(
    x: Tensor,
    thresholds: Tensor,
    scale: Optional[Tensor],
    options: LayerOptions,
    starts: Sequence[int],
    apply: Apply = apply_fwht_layer,
) -> Tensor:
    """The same in block mode, of the windows that begin at `starts`: each is an image of n channels to `apply`."""
    windows = torch.stack([x[:, start : start + options.n] for start in starts], dim=1)
    window = LayerOptions(options.n, options.n, options.n, options.keep_dc, pool=1, soft=options.soft)
    z = apply(windows.flatten(0, 1), thresholds, scale, window)
    return _pool_and_cut(z.reshape(len(x), len(starts) * options.n, *x.shape[2:]), options)


def _sum_paths(u: Tensor, thresholds: Tensor, scale: Optional[Tensor], options: LayerOptions) -> Tensor:
    """The thresholded coefficients, (N, n, H, W)."""
    threshold = soft_threshold if options.soft else smooth_threshold
    if scale is None:
        return threshold(u, thresholds)
    paths = zip(thresholds.reshape(-1, options.n), scale.reshape(-1, options.n))
    first, *others = (threshold(u * factors[:, None, None], limits) for limits, factors in paths)
    return sum(others, first)
