"""One random run of the kernels of FWHT2D: arrays, the float64 reference and the distance allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

import numpy as np
from hypothesis import strategies as st

from benchmarks.harness.cpu_library import CpuLibrary
from export.ops.float32_bounds import fwht_2d_bounds
from export.ops.fwht_2d_reference import fwht_2d
from export.ops.native_structures import Fwht2dParams
from tests.plugins.host import Memory

SECOND_ORDER = 1 + 2.0**-16
SMALLEST = 2.0**-148
WEIGHTS = ("thresholds", "scale", "gain", "bias")
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class PlaneRun:
    """The map, n, and the op's attributes; `size` is H and W."""

    n: int
    size: tuple[int, int]
    batch: int = 1
    channels: int = 3
    stride: int = 1
    keep_dc: int = 0
    activation: int = 0
    paths: int = 1
    soft: int = 0
    seed: int = 0

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        height, width = (-(-side // self.stride) for side in self.size)
        return self.batch, self.channels, height, width

    @property
    def options(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("stride", "keep_dc", "paths", "soft")}

    def draw_arrays(self) -> Arrays:
        """x, and weights of either sign."""
        generator = np.random.default_rng(self.seed)
        count = self.paths * self.n**2
        x = generator.normal(0, 1, (self.batch, self.channels, *self.size))
        x[generator.random(x.shape) < 0.1] = 0
        arrays = {
            "x": x,
            "thresholds": generator.normal(0, 0.3, count),
            "scale": generator.normal(1, 0.3, count),
            "gain": generator.normal(1, 0.5, self.channels),
            "bias": generator.normal(0, 1, self.channels),
        }
        return {name: values.astype(np.float32) for name, values in arrays.items()}

    def params(self) -> Fwht2dParams:
        """All but the pointers."""
        params = Fwht2dParams(n=self.n, height=self.size[0], width=self.size[1], activation=self.activation)
        for name in ("batch", "channels", *self.options):
            setattr(params, name, getattr(self, name))
        return params

    def run(self, library: CpuLibrary, arrays: Arrays, threads: int = 1) -> np.ndarray:
        """Y; checks that nothing beside it was written, and that what lies beside X changes nothing (it is NaN)."""
        source, target = Memory.of(arrays["x"]), Memory(int(np.prod(self.out_shape)) * 4)
        params = self.params()
        params.x, params.y = source.pointer, target.pointer
        for name in WEIGHTS:
            setattr(params, name, arrays[name].ctypes.data)
        library.run_fwht_2d(params, threads)
        assert target.guards_hold(), "bytes beside the output were overwritten"
        return target.inside.view(np.float32).reshape(self.out_shape)

    def compute_reference(self, arrays: Arrays) -> np.ndarray:
        x, thresholds, scale, gain, bias = arrays.values()
        return fwht_2d(x, thresholds, scale, gain, bias, activation=self.activation, **self.options)

    def compute_tolerance(self, arrays: Arrays) -> np.ndarray:
        """A butterfly rounds once a stage, and the sum of a window once for each pixel."""
        x, thresholds, scale, gain, bias = arrays.values()
        stages = 2 * int(np.log2(self.n // self.stride))
        terms = stages + self.stride**2, stages
        return SECOND_ORDER * fwht_2d_bounds(x, thresholds, scale, gain, bias, *terms, **self.options) + SMALLEST

    def check(self, libraries: Mapping[str, CpuLibrary]) -> float:
        """The largest share of the tolerance that was used; fails above 1, and where an output is NaN."""
        arrays = self.draw_arrays()
        reference, allowed = self.compute_reference(arrays), self.compute_tolerance(arrays)
        shares = {
            name: float((np.abs(self.run(each, arrays) - reference) / allowed).max())
            for name, each in libraries.items()
        }
        for name, share in shares.items():
            assert share <= 1, f"{name}, {self}: {share:.0%} of the tolerance"
        return max(shares.values())


@st.composite
def draw_runs(draw: st.DrawFn) -> PlaneRun:
    """Any layer of up to 32 rows."""
    n = 2 ** draw(st.integers(1, 5))
    return PlaneRun(
        n,
        (draw(st.integers(1, n)), draw(st.integers(1, n))),
        batch=draw(st.integers(1, 4)),
        channels=draw(st.integers(1, 20)),
        stride=draw(st.sampled_from([stride for stride in (1, 2, 4) if stride <= n])),
        keep_dc=draw(st.integers(0, 1)),
        activation=draw(st.sampled_from([0, 1, 6])),
        paths=draw(st.sampled_from([1, 1, 2, 3])),
        soft=draw(st.integers(0, 1)),
        seed=draw(st.integers(0, 2**31)),
    )
