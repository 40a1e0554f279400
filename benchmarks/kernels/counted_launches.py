"""The launches that instructions are counted of: parameters, threads and blocks, as the host code would choose them."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field

from export.ops.native_structures import Fwht2dParams, FwhtLayerParams, MfDepthwiseConvParams

CONVOLUTION = re.compile(r"^mf_depthwise_conv_(nchw|hwc8)<(?:(float|Half), )?(\d), (\d), (\d)>$")
FEW = 128  # channels, in the cases where the kernel can skip what is padding or cut off
BATCH, PIXELS = 10, 1024  # every pixel of the block that is followed lies in the tensor
PATHS = 3  # in kernels of several, as the hybrids of EfficientNet-Lite have
SIDE, CHANNELS = 16, 64  # of the image that MFDepthwiseConv is counted on; borders belong to it
PLANE_CHANNELS = 1024
ADDRESSES = [index << 28 for index in range(1, 7)]
ONE = 0x3F800000  # float32
MF_THREADS, MF_LANES = 128, 16  # of a block; HWC8: those side by side in the tasks


@dataclass(frozen=True)
class Launch:
    params: bytes  # all arguments
    threads: int  # of a block
    blocks: int
    followed: int  # blocks, from the first on
    results: int  # of those: pixels, or outputs
    memory: dict[range, int] = field(default_factory=dict)  # addresses, and the word that is at each


class Divisor(ctypes.Structure):
    """That of plugins/mf_depthwise_conv/tasks.h."""

    _fields_ = [("multiplier", ctypes.c_uint32), ("shift", ctypes.c_uint32)]

    @classmethod
    def of(cls, divisor: int) -> Divisor:
        shift = (divisor - 1).bit_length()
        return cls(-(-(1 << (31 + shift)) // divisor), shift)


class MfTasks(ctypes.Structure):
    _fields_ = [
        ("count", ctypes.c_int64),
        ("narrow", ctypes.c_int),
        *((name, Divisor) for name in ("inner", "outer", "last")),
    ]


def list_cases(n: int) -> list[tuple[int, int]]:
    """Input and output channels: all; few outputs; few inputs; few of both."""
    few = min(n, FEW)
    return [(n, n), (n, few), (few, n), (few, few)]


def list_layers(found: re.Match[str]) -> list[Launch]:
    """Those of list_cases; of a kernel of several paths with smooth ones, then with soft ones."""
    cases = list_cases(int(found[4]) * int(found[5]))
    return [make_layer(found, *case, soft) for soft in ((0, 1) if found[1] else (0,)) for case in cases]


def make_layer(found: re.Match[str], inputs: int, outputs: int, soft: int = 0) -> Launch:
    """Of a tile. BatchNorm and ReLU6 are folded in, scales are 1, there is no residual. One block stands for all."""
    rows, columns, pixels, vector = map(int, found.groups()[3:7])
    x, thresholds, scale, gain, bias, y = ADDRESSES
    params = FwhtLayerParams(x, thresholds, scale, gain, bias, None, y, BATCH, PIXELS, inputs, outputs, rows * columns)
    params.pool, params.keep_dc, params.activation = 1, 0, 6
    params.type, params.layout = int(found[2] == "Half"), int(found[3])
    params.paths, params.soft = PATHS if found[1] else 1, soft
    ones = {range(scale, scale + 4 * rows * columns * params.paths): ONE}
    return Launch(bytes(params), pixels // vector * columns, BATCH * PIXELS // pixels, 1, pixels, ones)


def make_convolution(found: re.Match[str]) -> Launch:
    """SIDE x SIDE and ReLU6; stride 2 for the kernels that are there for it. All blocks are followed: some have a
    border of the image that others have not."""
    size, op, outputs = int(found[3]), int(found[4]), int(found[5])
    stride, layout = 1 if outputs > 1 else 2, int(found[1] == "hwc8")
    side = SIDE // stride
    x, weight, gain, bias, y, _ = ADDRESSES
    params = MfDepthwiseConvParams(x, weight, gain, bias, y, 1, CHANNELS, SIDE, SIDE, side, side, size, stride, stride)
    params.pad_top = params.pad_left = size // 2
    params.op, params.activation = op, 6
    params.type, params.layout = int(layout == 1 or found[2] == "Half"), layout
    strips = -(-side // outputs)
    tasks = side * strips if layout else CHANNELS * strips * side
    inner, outer, last = (strips, side, -(-CHANNELS // 64)) if layout else (side, strips, CHANNELS)
    numbered = MfTasks(tasks, 1, Divisor.of(inner), Divisor.of(outer), Divisor.of(last))
    blocks = -(-tasks // (MF_LANES if layout else MF_THREADS))
    return Launch(bytes(params) + bytes(numbered), MF_THREADS, blocks, blocks, CHANNELS * side * side)


def list_planes(found: re.Match[str]) -> list[Launch]:
    """One smooth path, then a soft one, on maps of n x n."""
    stride = int(found[4])
    return [make_plane(found, int(found[1]) * stride, stride, PLANE_CHANNELS, BATCH, soft) for soft in (0, 1)]


def make_plane(found: re.Match[str], size: int, stride: int, channels: int, batch: int, soft: int) -> Launch:
    """Of maps of size x size, with ReLU6. One block of whole maps stands for all."""
    side, layout = int(found[1]), int(found[3])
    params = Fwht2dParams(*ADDRESSES, batch, channels, size, size, side * stride, stride, 0, 6)
    params.type, params.layout, params.paths, params.soft = int(found[2] == "Half"), layout, 1, soft
    threads = count_plane_threads(side, layout)
    maps = threads // side
    return Launch(bytes(params), threads, -(-batch * channels // maps), 1, maps * (-(-size // stride)) ** 2)


def count_plane_threads(side: int, layout: int) -> int:
    """Of a block, as plugins/fwht_2d/tiles.h has it; layout 1 is HWC8."""
    if side == 64 and layout == 0:
        return 64
    return 256 if side == 32 and layout == 1 else 128
