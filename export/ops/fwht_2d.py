"""The two-dimensional FWHT layer as a trainable PyTorch module (Pan, Badawi, Cetin, arXiv 2201.02711).

`fwht_2d_reference.py` has the formulas and says what in them is the authors'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.ops.fwht_2d_reference import LARGEST_SIDE
from export.ops.hadamard import is_power_of_two, next_power_of_two
from export.ops.layers import MOST_PATHS
from export.ops.native_fwht_2d import apply_native_fwht_2d, is_native_2d
from export.ops.transform_2d import PlaneOptions, apply_fwht_2d

STRIDES = (1, 2, 4)


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

    In training on a CPU the native kernels run it where they are there (native_fwht_2d.py): in float32, and under
    bfloat16 autocast as well, where X and Y may be bfloat16 and all between them is float32.

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
        native = self.training and is_native_2d(x, self.thresholds, self.scale)
        apply = apply_native_fwht_2d if native else apply_fwht_2d
        return apply(x, self.thresholds, self.scale, options)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, ({self.height}, {self.width}), n={self.n}, stride={self.stride}, "
            f"keep_dc={self.keep_dc}, paths={self.paths}, soft={self.soft}"
        )
