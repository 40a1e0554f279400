"""The two-dimensional FWHT layer by PyTorch's own operations, for any device and derivatives of any order."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from export.ops.transform import hadamard_tensor

ONE_PRODUCT = 8  # up to here a transform of a whole map is one matrix product of (m m) x (m m): measured on a CPU


class PlaneOptions(NamedTuple):
    """What a layer is beside its weights; `FWHT2D` says what each means.

    `apart`: each path has maps of its own. X then is (N, paths C, H, W), path after path, and Y (N, C, H', W'), the sum
    of what one layer of one path each makes of them.
    """

    n: int
    stride: int
    keep_dc: bool
    soft: bool
    apart: bool = False


def apply_fwht_2d(x: Tensor, thresholds: Tensor, scale: Tensor, options: PlaneOptions) -> Tensor:
    """(N, C, H, W) -> (N, C, H', W'); thresholds and scale (n, n) or (paths, n, n)."""
    if options.apart:
        count = thresholds.numel() // options.n**2
        paths = zip(x.chunk(count, dim=1), *(each.reshape(count, options.n, -1) for each in (thresholds, scale)))
        first, *others = (apply_fwht_2d(each, t, s, options._replace(apart=False)) for each, t, s in paths)
        return sum(others, first)
    batch, channels, height, width = x.shape
    m, stride = options.n // options.stride, options.stride
    h = hadamard_tensor(m, x.dtype, x.device)
    spread = h if stride == 1 else h.repeat_interleave(stride, dim=1)  # of a window's pixels each has its sum's factor
    out_height, out_width = -(-height // stride), -(-width // stride)
    limits, factors = (
        values.reshape(-1, options.n, options.n)[:, ::stride, ::stride] for values in (thresholds, scale)
    )
    if m <= ONE_PRODUCT:
        u = x.reshape(-1, height * width) @ torch.kron(spread[:, :height], spread[:, :width]).t() / options.n
        v = _threshold(u, limits.flatten(1), factors.flatten(1), options)
        y = v @ torch.kron(h[:, :out_height], h[:, :out_width]).to(v.dtype) / options.n
        return y.reshape(batch, channels, out_height, out_width)
    # The maps lie between the two axes, so that each transform is one product and the threshold needs no copy.
    u = (x.reshape(-1, width) @ spread[:, :width].t()).reshape(-1, height, m).transpose(0, 1)
    u = (spread[:, :height] @ u.reshape(height, -1) / options.n).reshape(m, -1, m)
    v = _threshold(u, limits[:, :, None], factors[:, :, None], options)
    y = (h[:out_height].to(v.dtype) @ v.reshape(m, -1) / options.n).reshape(-1, m)
    y = (y @ h[:, :out_width].to(v.dtype)).reshape(out_height, -1, out_width)
    return y.transpose(0, 1).reshape(batch, channels, out_height, out_width)


def _threshold(u: Tensor, limits: Tensor, factors: Tensor, options: PlaneOptions) -> Tensor:
    """The thresholded coefficients of all paths, summed up; coefficient (0, 0) lies first along every axis but maps."""
    total: Tensor | None = None
    for limit, factor in zip(limits, factors):
        s = u * factor
        v = (torch.sign(s) if options.soft else torch.tanh(s)) * F.relu(s.abs() - limit)
        total = v if total is None else total + v
    assert total is not None
    if not options.keep_dc:
        return total
    is_dc = torch.zeros_like(limits[0], dtype=torch.bool)
    is_dc[(0,) * is_dc.dim()] = True
    return torch.where(is_dc, u.to(total.dtype), total)
