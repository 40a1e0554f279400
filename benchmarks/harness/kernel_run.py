"""Run a kernel once on given arrays, its memory poisoned: what it does not write, and what it may not touch, shows.

Every byte of the output and of GUARD bytes before and after it is 0xFF beforehand, which is NaN in float32 and float16.
The input lies between guards of NaN, too, so that a value read from beside it spoils the output.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from benchmarks.harness.kernel_library import Buffer, Library, Stream
from benchmarks.harness.node_models import WEIGHTS, LayerCase, Weights
from benchmarks.harness.plane_models import PlaneCase
from benchmarks.harness.tensor_layout import DTYPES, FLOAT16, FLOAT32, HWC8, NCHW, pack, packed_shape, unpack
from export.ops.native_structures import Fwht2dParams, FwhtLayerParams, MfDepthwiseConvParams

GUARD = 4096
POISON = 0xFF


@dataclass(frozen=True)
class Format:
    """How a tensor lies in memory: FLOAT32 or FLOAT16, NCHW or HWC8 (float16 alone)."""

    kind: int = FLOAT32
    layout: int = NCHW

    def __str__(self) -> str:
        return ("float32", "float16")[self.kind] + ("", " HWC8")[self.layout]

    def size(self, shape: tuple[int, ...]) -> int:
        return int(np.prod(packed_shape(shape, self.layout))) * DTYPES[self.kind].itemsize

    def round(self, values: np.ndarray) -> np.ndarray:
        return values.astype(DTYPES[self.kind])


FORMATS = (Format(FLOAT32, NCHW), Format(FLOAT16, NCHW), Format(FLOAT16, HWC8))


def select_pixels(values: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> the chosen ones of its N H W pixels, (pixels, C, 1, 1)."""
    batch, channels, height, width = values.shape
    image, place = np.divmod(pixels, height * width)
    row, column = np.divmod(place, width)
    return values[image, :, row, column][:, :, None, None]


class Guarded:
    """A tensor on the device between two guards."""

    def __init__(self, stack: ExitStack, library: Library, shape: tuple[int, ...], form: Format) -> None:
        self.shape, self.form, self.size = shape, form, form.size(shape)
        self.buffer = stack.enter_context(Buffer(library, self.size + 2 * GUARD))
        self.buffer.fill(POISON)

    @property
    def pointer(self) -> int:
        return self.buffer.pointer + GUARD

    def write(self, values: np.ndarray) -> None:
        self.buffer.write(pack(values, self.form.kind, self.form.layout), GUARD)

    def read(self) -> np.ndarray:
        """The values, (N, C, H, W). Raises AssertionError where the memory says that the kernel overstepped."""
        memory = self.buffer.read_bytes()
        guards = np.concatenate([memory[:GUARD], memory[GUARD + self.size :]])
        assert (guards == POISON).all(), f"{int((guards != POISON).sum())} bytes beside the output were overwritten"
        values, fill = unpack(memory[GUARD : GUARD + self.size], self.shape, self.form.kind, self.form.layout)
        missing = int(np.isnan(values).sum())
        assert missing == 0, f"{missing} of {values.size} outputs are NaN or unwritten"
        assert not fill.any(), "the channels that fill HWC8 up are not 0"
        return values


class FwhtLayerRun:
    """A layer with its memory on the device, to be started on any stream, and read afterwards."""

    def __init__(
        self,
        stack: ExitStack,
        library: Library,
        layer: LayerCase,
        weights: Weights,
        x: np.ndarray,
        form: Format,
        residual: np.ndarray | None = None,
    ) -> None:
        self.library = library
        batch, _, height, width = x.shape
        shape = (batch, layer.out_channels, height, width)
        source, self.target = Guarded(stack, library, x.shape, form), Guarded(stack, library, shape, form)
        source.write(x)
        pointers = {name: stack.enter_context(Buffer.from_array(library, weights[name])).pointer for name in WEIGHTS}
        if residual is not None:
            added = Guarded(stack, library, shape, form)
            added.write(residual)
            pointers["residual"] = added.pointer
        self.params = FwhtLayerParams(
            x=source.pointer,
            y=self.target.pointer,
            batch=batch,
            pixels=height * width,
            type=form.kind,
            layout=form.layout,
            **vars(layer),
            **pointers,
        )

    def start(self, stream: Stream) -> None:
        self.library.fwht_layer(self.params, stream)


def run_fwht_layer(
    library: Library,
    layer: LayerCase,
    weights: Weights,
    x: np.ndarray,
    form: Format,
    residual: np.ndarray | None = None,
) -> np.ndarray:
    """Y, in the kernel's type."""
    with ExitStack() as stack, Stream(library) as stream:
        run = FwhtLayerRun(stack, library, layer, weights, x, form, residual)
        run.start(stream)
        stream.synchronize()
        return run.target.read()


def run_fwht_2d(library: Library, case: PlaneCase, weights: Weights, x: np.ndarray, form: Format) -> np.ndarray:
    """Y, in the kernel's type."""
    batch, channels = x.shape[:2]
    size = -(-case.height // case.stride), -(-case.width // case.stride)
    with ExitStack() as stack, Stream(library) as stream:
        source = Guarded(stack, library, x.shape, form)
        target = Guarded(stack, library, (batch, channels, *size), form)
        source.write(x)
        pointers = {name: stack.enter_context(Buffer.from_array(library, weights[name])).pointer for name in WEIGHTS}
        params = Fwht2dParams(
            x=source.pointer,
            y=target.pointer,
            batch=batch,
            channels=channels,
            type=form.kind,
            layout=form.layout,
            **vars(case),
            **pointers,
        )
        library.fwht_2d(params, stream)
        stream.synchronize()
        return target.read()


def run_mf_depthwise_conv(
    library: Library,
    x: np.ndarray,
    weights: Weights,
    form: Format,
    stride: int,
    padding: int,
    op: int,
    activation: int,
) -> np.ndarray:
    """Y, in the kernel's type; weights: weight, gain, bias."""
    size = weights["weight"].shape[-1]
    batch, channels, height, width = x.shape
    out_height, out_width = ((side + 2 * padding - size) // stride + 1 for side in (height, width))
    with ExitStack() as stack, Stream(library) as stream:
        source = Guarded(stack, library, x.shape, form)
        target = Guarded(stack, library, (batch, channels, out_height, out_width), form)
        source.write(x)
        pointers = {name: stack.enter_context(Buffer.from_array(library, weights[name])).pointer for name in weights}
        params = MfDepthwiseConvParams(
            x=source.pointer,
            y=target.pointer,
            batch=batch,
            channels=channels,
            height=height,
            width=width,
            out_height=out_height,
            out_width=out_width,
            kernel_size=size,
            stride_h=stride,
            stride_w=stride,
            pad_top=padding,
            pad_left=padding,
            op=op,
            activation=activation,
            type=form.kind,
            layout=form.layout,
            **pointers,
        )
        library.mf_depthwise_conv(params, stream)
        stream.synchronize()
        return target.read()
