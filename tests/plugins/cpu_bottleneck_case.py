"""One random run of the CPU kernel of a bottleneck: arrays, the float64 reference and the distance allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

import numpy as np

from benchmarks.harness.cpu_library import CpuLibrary, FwhtBottleneckParams
from export.ops.bottleneck_reference import Filter, Layer, fwht_bottleneck, fwht_bottleneck_bounds
from export.ops.native_structures import FwhtLayerParams
from tests.plugins.host import Memory

SECOND_ORDER = 1 + 2.0**-16
SMALLEST = 2.0**-148


@dataclass(frozen=True)
class BottleneckCase:
    channels: tuple[int, int, int] = (7, 33, 7)  # of input, between, of output
    n: tuple[int, int] = (64, 64)
    batch: int = 1
    height: int = 4
    width: int = 4
    stride: int = 1
    operator: int = 0
    activations: tuple[int, int, int] = (6, 6, 0)
    paths: int = 1
    soft: int = 0
    ones: bool = False
    residual: int = 0
    seed: int = 0

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        return (self.batch, self.channels[2], -(-self.height // self.stride), -(-self.width // self.stride))

    def draw_arrays(self) -> tuple[np.ndarray, Layer, Filter, Layer]:
        generator = np.random.default_rng(self.seed)
        expand = self._draw_layer(generator, self.n[0], self.channels[1], self.activations[0])
        hidden = self.channels[1]
        gain = np.ones(hidden) if self.operator == 0 else generator.normal(1, 0.5, hidden)
        depthwise = Filter(
            generator.normal(0, 0.3, (hidden, 1, 3, 3)).astype(np.float32),
            gain.astype(np.float32),
            generator.normal(0, 1, hidden).astype(np.float32),
            self.stride,
            self.operator,
            self.activations[1],
        )
        project = self._draw_layer(generator, self.n[1], self.channels[2], self.activations[2])
        shape = (self.batch, self.channels[0], self.height, self.width)
        return generator.normal(0, 1, shape).astype(np.float32), expand, depthwise, project

    def _draw_layer(self, generator: np.random.Generator, n: int, channels: int, activation: int) -> Layer:
        scale = np.ones(self.paths * n) if self.ones else generator.normal(1, 0.3, self.paths * n)
        return Layer(
            generator.normal(0, 0.3, self.paths * n).astype(np.float32),
            scale.astype(np.float32),
            generator.normal(1, 0.5, channels).astype(np.float32),
            generator.normal(0, 1, channels).astype(np.float32),
            activation=activation,
            paths=self.paths,
            soft=self.soft,
        )

    def run(self, library: CpuLibrary, threads: int = 1) -> np.ndarray:
        """Y, and a check that nothing beside it was written."""
        x, expand, depthwise, project = self.draw_arrays()
        y = np.full(self.out_shape, np.nan, np.float32)
        memory = Memory.of(y)
        first = make_params(expand, self.channels[0], self.n[0])
        last = make_params(project, self.channels[1], self.n[1])
        first.x, last.y = x.ctypes.data, memory.pointer
        params = FwhtBottleneckParams(
            expand=first,
            project=last,
            weight=depthwise.weight.ctypes.data,
            gain=depthwise.gain.ctypes.data,
            bias=depthwise.bias.ctypes.data,
            batch=self.batch,
            height=self.height,
            width=self.width,
            stride=self.stride,
            op=self.operator,
            activation=depthwise.activation,
            residual=self.residual,
        )
        library.run_fwht_bottleneck(params, threads)
        assert memory.guards_hold(), "bytes beside the output were overwritten"
        return memory.inside.view(np.float32).reshape(y.shape)

    def check(self, libraries: Mapping[str, CpuLibrary]) -> float:
        """The largest share of the tolerance that a library's Y uses; fails above 1, and NaN is never right."""
        arrays = self.draw_arrays()
        reference = fwht_bottleneck(*arrays, self.residual)
        allowed = SECOND_ORDER * fwht_bottleneck_bounds(*arrays, self.residual) + SMALLEST
        shares = {
            name: float((np.abs(self.run(library) - reference) / allowed).max()) for name, library in libraries.items()
        }
        for name, share in shares.items():
            assert share <= 1, f"{name}, {self}: {share:.0%} of the tolerance"
        return max(shares.values())


def make_params(layer: Layer, in_channels: int, n: int) -> FwhtLayerParams:
    """All but x and y; the layer's arrays must live as long."""
    names = ("thresholds", "scale", "gain", "bias")
    return FwhtLayerParams(
        **{name: getattr(layer, name).ctypes.data for name in names},
        in_channels=in_channels,
        out_channels=len(layer.gain),
        n=n,
        pool=1,
        keep_dc=layer.keep_dc,
        activation=layer.activation,
        paths=layer.paths,
        soft=layer.soft,
    )
