"""The two-dimensional FWHT layer as a trainable PyTorch module (Pan, Badawi, Cetin, arXiv 2201.02711).

`fwht_2d_reference.py` has the formulas and says what in them is the authors'.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.ops.fwht_2d_reference import LARGEST_SIDE
from export.ops.hadamard import is_power_of_two, next_power_of_two
from export.ops.layers import MOST_PATHS
from export.ops.native_layer import apply_native_layer, is_native
from export.ops.transform import LayerOptions, hadamard_tensor

STRIDES = (1, 2, 4)
LARGEST_NATIVE_SIDE = 64  # whose square is the most coefficients that FWHTLayer has
ONE_PRODUCT = 8  # up to here a transform of a whole map is one matrix product of (m m) x (m m): measured on a CPU


class PlaneOptions(NamedTuple):
    """What a layer is beside its weights; `FWHT2D` says what each means."""

    n: int
    stride: int
    keep_dc: bool
    soft: bool


class FWHT2D(nn.Module):
    """Walsh-Hadamard transform of each map, threshold, transform back: (N, channels, H, W) -> (N, channels, H', W').

    `size` is H and W, or the one number that both are; `n`, the side of the transformed map, is the next power of two
    by default. `stride` 2 or 4 takes the means of so many neighbours each way, H' = ceil(H / stride); `keep_dc` passes
    the mean of the map through; `soft` takes sgn for tanh; `paths` > 1 adds up so many thresholded maps, each with
    weights of its own, before the way back.

    Parameters, shared by all channels: `thresholds` (n, n), from (i + j) / (10 n), unclamped, and `scale` (n, n), from
    1; of several paths (paths, n, n), path p's thresholds p / 10 higher (`FWHTLayer` says why). With a stride those
    of every stride-th row and column alone have an effect.

    Where 1x1 convolutions mix the channels of each transformed map before its threshold (arXiv 2305.17510), they may as
    well come before the layer: the transform mixes pixels and they mix channels. So such a layer of P paths is the sum
    of P layers `FWHT2D(conv_p(x))` of one path each.

    In training on a CPU the native kernels of `FWHTLayer` run it where they are there (`apply_native_fwht_2d`).

    Raises ValueError for sizes that do not fit, `forward` for a map of another size.
    """

    def __init__(
        self,
        channels: int,
        size: int | tuple[int, int],
        n: int | None = None,
        stride: int = 1,
        keep_dc: bool = False,
        paths: int = 1,
        soft: bool = False,
    ) -> None:
        super().__init__()
        height, width = (size, size) if isinstance(size, int) else size
        if min(channels, height, width) < 1:
            raise ValueError(f"channels, height and width are at least 1, not {channels}, {height}, {width}")
        if stride not in STRIDES:
            raise ValueError(f"stride is one of {', '.join(map(str, STRIDES))}, not {stride}")
        n = next_power_of_two(max(height, width, stride, 2)) if n is None else n
        if not is_power_of_two(n) or not max(height, width, stride, 2) <= n <= LARGEST_SIDE:
            raise ValueError(
                f"n = {n} must be a power of two from 2 to {LARGEST_SIDE}, at least {height} and {width} (height and "
                f"width of the map) and {stride} (the stride)"
            )
        if not 1 <= paths <= MOST_PATHS:
            raise ValueError(f"paths is from 1 to {MOST_PATHS}, not {paths}")
        self.channels, self.height, self.width, self.n = channels, height, width, n
        self.stride, self.keep_dc, self.paths, self.soft = stride, keep_dc, paths, soft
        rows = torch.arange(n) / (10.0 * n)
        thresholds = rows[:, None] + rows + torch.arange(paths)[:, None, None] / 10.0
        self.thresholds = nn.Parameter(thresholds if paths > 1 else thresholds[0])
        self.scale = nn.Parameter(torch.ones_like(self.thresholds))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or tuple(x.shape[1:]) != (self.channels, self.height, self.width):
            wanted = f"(N, {self.channels}, {self.height}, {self.width})"
            raise ValueError(f"FWHT2D takes maps {wanted}, as it was made for, not {tuple(x.shape)}")
        options = PlaneOptions(self.n, self.stride, self.keep_dc, self.soft)
        apply = apply_native_fwht_2d if self._is_native(x) else apply_fwht_2d
        return apply(x, self.thresholds, self.scale, options)

    def _is_native(self, x: Tensor) -> bool:
        side = self.n // self.stride
        if not self.training or not 2 <= side <= LARGEST_NATIVE_SIDE:
            return False
        one = LayerOptions(self.channels, self.channels, self.n, self.keep_dc, 1, self.soft)
        return is_native(x, self.thresholds, self.scale, one)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, ({self.height}, {self.width}), n={self.n}, stride={self.stride}, "
            f"keep_dc={self.keep_dc}, paths={self.paths}, soft={self.soft}"
        )


def apply_fwht_2d(x: Tensor, thresholds: Tensor, scale: Tensor, options: PlaneOptions) -> Tensor:
    """(N, C, H, W) -> (N, C, H', W'); thresholds and scale (n, n) or (paths, n, n). Derivatives of any order."""
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


def apply_native_fwht_2d(x: Tensor, thresholds: Tensor, scale: Tensor, options: PlaneOptions) -> Tensor:
    """The same where `is_native`, by `FWHTLayer`, forward and backward.

    The transform of rows and columns is that of the map's m m values as they lie in memory, with the same factor. So
    each map is a pixel of m m channels, in a tensor whose channels come last: padding apart, nothing is moved. Where
    the channels of x come last, its pixels are those channels and its channels the pixels of an image each.
    """
    batch, channels, height, width = x.shape
    n, stride = options.n, options.stride
    m = n // stride
    limits, factors = (values.reshape(-1, n, n)[:, ::stride, ::stride].flatten(1) for values in (thresholds, scale))
    if (height, width) != (n, n):
        x = F.pad(x, (0, n - width, 0, n - height))
    if stride > 1:  # the windows' sums over s, since 1 / n is 1 / m over s on the way in, and on the way back
        x = F.avg_pool2d(x, stride) * stride
    layer = LayerOptions(m * m, m * m, m * m, options.keep_dc, 1, options.soft)
    if x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous():
        pixels = x.permute(0, 2, 3, 1).reshape(batch, m * m, 1, channels)
        y = apply_native_layer(pixels, limits, factors, layer).reshape(batch, m, m, channels).permute(0, 3, 1, 2)
    else:
        pixels = x.reshape(1, batch * channels, 1, m * m).permute(0, 3, 1, 2)
        y = apply_native_layer(pixels, limits, factors, layer).permute(0, 2, 3, 1).reshape(batch, channels, m, m)
    y = y[:, :, : -(-height // stride), : -(-width // stride)]
    return y / stride if stride > 1 else y


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
