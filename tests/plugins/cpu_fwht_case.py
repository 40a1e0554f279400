"""One random run of the CPU kernel of the FWHT layer: arrays, the float64 reference and the distance allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np
from hypothesis import strategies as st

from benchmarks.harness.cpu_library import CpuLibrary, prepare_fwht_layer
from benchmarks.harness.node_models import LayerCase, Weights
from export.ops.float32_bounds import U
from export.ops.reference import activate
from tests.plugins.host import Memory

SECOND_ORDER = 1 + 2.0**-16
SMALLEST = 2.0**-148


@dataclass(frozen=True)
class CpuFwhtCase:
    layer: LayerCase
    batch: int = 1
    height: int = 4
    width: int = 4
    ones: bool = False  # all scales are 1, which has code of its own
    residual: bool = False
    seed: int = 0

    def draw_arrays(self) -> tuple[np.ndarray, Weights, np.ndarray | None]:
        """X, weights and R, or None."""
        generator = np.random.default_rng(self.seed)
        weights = self.layer.draw_weights(generator)
        if self.ones:
            weights["scale"][:] = 1
        x = generator.normal(0, 1, (self.batch, self.layer.in_channels, self.height, self.width)).astype(np.float32)
        x[generator.random(x.shape) < 0.1] = 0
        shape = (self.batch, self.layer.out_channels, self.height, self.width)
        return x, weights, generator.normal(0, 1, shape).astype(np.float32) if self.residual else None

    @property
    def attributes(self) -> dict[str, int]:
        names = ("keep_dc", "pool", "activation", "paths", "soft", "block")
        return {name: getattr(self.layer, name) for name in names}

    def run(self, library: CpuLibrary, threads: int = 1) -> np.ndarray:
        """Y, and a check that nothing beside it was written."""
        x, weights, residual = self.draw_arrays()
        params, y = prepare_fwht_layer(x, weights, self.attributes, residual)
        memory = Memory.of(y)
        params.y = memory.pointer
        library.run_fwht_layer(params, threads)
        assert memory.guards_hold(), "bytes beside the output were overwritten"
        return memory.inside.view(np.float32).reshape(y.shape)

    def measure_shares(self, libraries: Mapping[str, CpuLibrary]) -> dict[str, float]:
        """The share of the tolerance that each library's Y uses: above 1 it is wrong, and NaN is never right."""
        x, weights, residual = self.draw_arrays()
        linear = LayerCase(**{**vars(self.layer), "activation": 0}).compute_reference(x, weights)
        added: Any = 0.0 if residual is None else residual.astype(np.float64)
        allowed = self._bound(x, weights) + U * np.abs(linear + added) * (residual is not None)
        allowed = SECOND_ORDER * allowed + SMALLEST
        reference = activate(linear + added, self.layer.activation)
        return {
            name: float((np.abs(self.run(library) - reference) / allowed).max()) for name, library in libraries.items()
        }

    def check(self, libraries: Mapping[str, CpuLibrary]) -> float:
        """The largest share of the tolerance that was used; fails above 1."""
        shares = self.measure_shares(libraries)
        for name, share in shares.items():
            assert share <= 1, f"{name}, {self}: {share:.0%} of the tolerance"
        return max(shares.values())

    def _bound(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        # a butterfly rounds once a stage, and the mean of a pool once for each channel
        stages = int(np.log2(self.layer.n))
        pool = 0 if self.layer.block else self.layer.pool  # that of windows is counted there
        return self.layer.bound_float32(x, weights, stages, stages + pool)


@st.composite
def draw_block_layers(draw: st.DrawFn) -> LayerCase:
    """Any layer with blocks of up to 64 channels: more channels than it reads, or no more and any pool."""
    block = draw(st.sampled_from([2**power for power in range(1, 7)]))
    kind = {
        "keep_dc": draw(st.integers(0, 1)),
        "paths": draw(st.sampled_from([1, 1, 3])),
        "soft": draw(st.integers(0, 1)),
    }
    if draw(st.booleans()):
        windows = draw(st.integers(2, 9))
        in_channels = draw(st.integers(block, windows * block - 1))
        return LayerCase(in_channels, windows * block, block, block=block, **kind)
    in_channels = draw(st.integers(1, 9)) * block
    pool = draw(st.integers(1, min(9, in_channels)))
    out_channels = draw(st.integers(1, in_channels // pool))
    return LayerCase(in_channels, out_channels, block, pool=pool, block=block, **kind)


@st.composite
def draw_layers(draw: st.DrawFn) -> LayerCase:
    """Any layer of up to 256 coefficients, without activation."""
    n = draw(st.sampled_from([2**power for power in range(1, 9)]))
    pool = draw(st.sampled_from([1, 1, 2, 3, 4]))
    in_channels = draw(st.integers(min(pool, n), n))
    pool = min(pool, in_channels)
    return LayerCase(
        in_channels,
        draw(st.integers(1, in_channels // pool if pool > 1 else n)),
        n,
        keep_dc=draw(st.integers(0, 1)),
        pool=pool,
        paths=draw(st.sampled_from([1, 1, 2, 3])),
        soft=draw(st.integers(0, 1)),
    )
