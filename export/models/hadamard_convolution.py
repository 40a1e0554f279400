"""A convolution in the two-dimensional Walsh-Hadamard domain, in place of a 3x3 convolution (Pan, Zhu, Atici, Cetin,
arXiv 2305.17510, whose abstract and code define it).

Of one path p, with HT the transform of each map, v_p and the thresholds T_p of n x n values shared by all channels, and
a 1x1 convolution C_p without a bias:

    y = sum over p of HT^-1( ST_p( C_p( v_p * HT(x) ) ) )        ST(s) = sgn(s) max(|s| - T, 0)

HT and v_p act on the pixels of a map and C_p on the channels of a pixel, so they change places, and what is left is

    y = sum over p of FWHT2D_p( C_p(x) )

of one soft path each: 1x1 convolutions that any engine has, and the op as it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.ops.fwht_2d import FWHT2D
from export.ops.native_fwht_2d import apply_native_fwht_2d
from export.ops.native_layer import is_native_call
from export.ops.transform_2d import PlaneOptions


class Path(nn.Module):
    """Mixes the channels of each pixel, then thresholds the spectrum of each map."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.fwht = FWHT2D(channels, size, soft=True)
        nn.init.uniform_(self.fwht.scale)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fwht(self.mix(x))
        return y


class HadamardConv2d(nn.Module):
    """(N, channels, size, size) -> the same shape: the sum of so many paths, and of x itself with `residual`.

    A path has channels^2 + 2 n^2 parameters. Where the abstract is silent, this is what the authors' code does: it has
    no bias, BatchNorm or activation inside; `residual` is on with one path and off with three and five; v starts
    uniform in 0..1, so that paths differ from the first step on. Two things are this project's:

    - The transform is orthonormal both ways; theirs is not on the way in and divides by n^2 on the way back. So their
      thresholds, uniform in 0..0.1 at first, are n times smaller here: at most 0.1 / n, nearly nothing. FWHT2D's own
      are (i + j) / (10 n), as in the authors' paper on the layer itself; `--threshold-init zero` is nearest to those.
    - Thresholds below 0 count as 0 in theirs; here they are kept, but `make train` holds them at 0 or above.

    Raises ValueError for maps larger than FWHT2D takes.
    """

    def __init__(self, channels: int, size: int, paths: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.paths = nn.ModuleDict({str(p): Path(channels, size) for p in range(1, paths + 1)})

    def forward(self, x: Tensor) -> Tensor:
        y = self._run_together(x) if self._is_native(x) else self._add_paths(x)
        return x + y if self.residual else y

    def _add_paths(self, x: Tensor) -> Tensor:
        first, *others = self.paths.values()
        y: Tensor = first(x)
        for path in others:
            y = y + path(x)
        return y

    def _is_native(self, x: Tensor) -> bool:
        weights = [parameter for path in self.paths.values() for parameter in path.fwht.parameters()]  # type: ignore[union-attr]
        return self.training and is_native_call(x, *weights)

    def _run_together(self, x: Tensor) -> Tensor:
        """The same by the native kernels: one convolution for the mixes of all paths, one way back for their sum."""
        paths = [path for path in self.paths.values() if isinstance(path, Path)]
        mixed = F.conv2d(x, torch.cat([path.mix.weight for path in paths]))
        thresholds, scale = (
            torch.stack([getattr(path.fwht, name) for path in paths]) for name in ("thresholds", "scale")
        )
        n = paths[0].fwht.n
        options = PlaneOptions(n, stride=1, keep_dc=False, soft=True, apart=True)
        return apply_native_fwht_2d(mixed, thresholds, scale, options)
