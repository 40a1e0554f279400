"""FWHTLayer and MFDepthwiseConv as trainable PyTorch modules. `export/ops/reference.py` has slow ones and the formulas.

`FWHTLayer` stands in for a 1x1 convolution, `MFDepthwiseConv` for a depthwise one (Pan, Badawi, Cetin, arXiv
2104.07085). Neither holds a BatchNorm: the gain, bias and activation of the ONNX op are what the exporter folds in.

Gradients of `MFDepthwiseConv`, a an input value and b a weight:

* operator 1, sgn(b) a + sgn(a) b. Almost everywhere d/da = sgn(b) and d/db = sgn(a); where a sign flips there is a
  jump as well, d/da += 2 b delta(a) and d/db += 2 a delta(b) (the ef-operator, Afrasiyabi et al., arXiv 1702.02676).
  The surrogate for the jump is a box of half-width epsilon, 2 delta(a) ~ 1/epsilon where |a| <= epsilon, else 0;
  epsilon = 0 (the default, and the usual choice) leaves the jump out.
* operator 2, (|a + b| - |a - b|) / 2: continuous, so the derivative almost everywhere is exact, d/da = sgn(b) where
  |a| < |b|, else 0, and the same with a and b exchanged. Why it needs large first weights: docs/multiplication_free.md.
* operator 3 is max(operator 2, 0): operator 2's derivative where a and b have one sign, else 0.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.ops.native_layer import apply_native_layer, is_native
from export.ops.transform import LayerOptions, apply_fwht_layer, apply_in_windows
from export.ops.windows import choose_length, list_window_starts

MOST_PATHS = 8


class FWHTLayer(nn.Module):
    """Walsh-Hadamard transform, smooth threshold, transform back: (N, in_channels, H, W) -> (N, out_channels, H, W).

    `n` coefficients (the next power of two by default); `keep_dc` passes coefficient 0 through; `pool` > 1 averages
    groups of that many channels on the way out; `scale` adds a trainable factor per coefficient before the threshold
    (Pan, Badawi, Cetin, arXiv 2201.02711); `soft` takes sgn for tanh. `paths` > 1 adds up so many thresholded
    coefficients before the way back, each path with thresholds and, always, factors of its own.

    `block` = B transforms windows of B channels instead, all with the same thresholds and factors (n = B): the blocks
    of the input, or overlapping windows where there are more channels to make (export/ops/windows.py). The paper's code
    does so with keep_dc False, scale True and, on the way down, pool = in_channels // out_channels.

    Parameters: `thresholds` (n,), from k / (10 n), unclamped, and `scale` (n,); of several paths (paths, n). Path p
    starts with thresholds p / 10 higher and all factors 1: equal paths would stay equal, as their gradients are, while
    paths that set in one after the other make a curve of several slopes.

    In training on a CPU the native kernels run it where they are there (native_layer.py).

    Raises ValueError for sizes that do not fit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        n: int | None = None,
        keep_dc: bool = True,
        pool: int = 1,
        scale: bool = False,
        paths: int = 1,
        soft: bool = False,
        block: int = 0,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, pool) < 1:
            raise ValueError(
                f"in_channels, out_channels and pool are at least 1, not {in_channels}, {out_channels}, {pool}"
            )
        self.starts = list_window_starts(in_channels, out_channels, block) if block else []
        n = choose_length(in_channels, out_channels, n, block)
        if pool > 1 and out_channels > in_channels // pool:
            raise ValueError(f"pool {pool} leaves {in_channels // pool} channels, out_channels is {out_channels}")
        if not 1 <= paths <= MOST_PATHS:
            raise ValueError(f"paths is from 1 to {MOST_PATHS}, not {paths}")
        self.in_channels, self.out_channels, self.n = in_channels, out_channels, n
        self.keep_dc, self.pool, self.paths, self.soft, self.block = keep_dc, pool, paths, soft, block
        thresholds = torch.arange(n) / (10.0 * n) + torch.arange(paths)[:, None] / 10.0
        self.thresholds = nn.Parameter(thresholds if paths > 1 else thresholds[0])
        self.scale = nn.Parameter(torch.ones_like(self.thresholds)) if scale or paths > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        options = LayerOptions(self.in_channels, self.out_channels, self.n, self.keep_dc, self.pool, self.soft)
        native = self.training and is_native(x, self.thresholds, self.scale, options)
        apply = apply_native_layer if native else apply_fwht_layer
        if self.block:
            return apply_in_windows(x, self.thresholds, self.scale, options, self.starts, apply)
        return apply(x, self.thresholds, self.scale, options)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, n={self.n}, keep_dc={self.keep_dc}, pool={self.pool}, "
            f"scale={self.scale is not None}, paths={self.paths}, soft={self.soft}, block={self.block}"
        )


class SurrogateSign(torch.autograd.Function):
    """sgn(x) with sgn(0) = 0; its derivative 2 delta(x) is replaced by 1/epsilon where |x| <= epsilon, else 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.epsilon = epsilon
        return torch.sign(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * (x.abs() <= ctx.epsilon).to(grads[0]) / ctx.epsilon, None


class MFDepthwiseConv(nn.Module):
    """Depthwise convolution without multiplications: (N, C, H, W) -> (N, C, H', W'), zeros around the image.

    `kernel_size` 3 or 5, `padding` half of it by default, `operator` 1, 2 or 3, `epsilon` the half-width of operator
    1's surrogate (0: none). Parameter: `weight` (C, 1, k, k). Raises ValueError for anything else.
    """

    def __init__(
        self, channels: int, kernel_size: int = 3, stride: int = 1, operator: int = 1, epsilon: float = 0.0
    ) -> None:
        super().__init__()
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size is 3 or 5, not {kernel_size}")
        if operator not in (1, 2, 3):
            raise ValueError(f"the multiplication-free operators are 1, 2 and 3, not {operator}")
        if channels < 1 or stride < 1 or epsilon < 0:
            raise ValueError(f"channels and stride are at least 1, epsilon 0: not {channels}, {stride}, {epsilon}")
        self.channels, self.kernel_size, self.stride = channels, kernel_size, stride
        self.padding, self.operator, self.epsilon = kernel_size // 2, operator, epsilon
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size, kernel_size))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self._signs(x) if self.operator == 1 else self._minima(x)

    def _signs(self, x: Tensor) -> Tensor:
        """Operator 1 as two ordinary convolutions, sgn(w) * x + w * sgn(x)."""
        return self._conv(x, self._sign(self.weight)) + self._conv(self._sign(x), self.weight)

    def _sign(self, x: Tensor) -> Tensor:
        if not self.epsilon:
            return torch.sign(x)
        signs: Tensor = SurrogateSign.apply(x, self.epsilon)  # type: ignore[no-untyped-call]
        return signs

    def _conv(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight.to(x.dtype), stride=self.stride, padding=self.padding, groups=self.channels)

    def _minima(self, x: Tensor) -> Tensor:
        """Operators 2 and 3 on every window of the image, (N, C, k k, H' W')."""
        batch, channels, height, width = x.shape
        k, p, s = self.kernel_size, self.padding, self.stride
        windows = F.unfold(x, k, padding=p, stride=s).reshape(batch, channels, k * k, -1)
        weight = self.weight.reshape(channels, k * k, 1)
        y = ((windows + weight).abs() - (windows - weight).abs()) / 2
        if self.operator == 3:
            y = F.relu(y)
        rows, columns = (height + 2 * p - k) // s + 1, (width + 2 * p - k) // s + 1
        return y.sum(dim=2).reshape(batch, channels, rows, columns)

    def extra_repr(self) -> str:
        return f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, operator={self.operator}"
