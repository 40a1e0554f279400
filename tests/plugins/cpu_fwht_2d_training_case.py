"""One random run of FWHT2D in training, forward and backward: arrays, the float64 references, the distances allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

import numpy as np
from hypothesis import strategies as st

from benchmarks.harness.cpu_library import CpuLibrary
from export.ops.float32_bounds import fwht_2d_bounds
from export.ops.fwht_2d_reference import fwht_2d, fwht_2d_gradients
from export.ops.gradient_bounds import fwht_2d_gradients_bounds
from export.ops.native_structures import Fwht2dTrainingParams
from tests.plugins.cpu_fwht_2d_case import SECOND_ORDER, Arrays
from tests.plugins.host import Memory

NAMES = ("y", "x_gradient", "thresholds_gradient", "scale_gradient")
MOST_PARTS = 64  # kMostParts of cpu_training.cpp
STEP = 64  # X holds multiples of 1 / 64: the sums over its windows are exact; of 1 / 16, of few bits, for bfloat16
HALF_STEP = 2.0**-8  # of bfloat16, which has 8 bits, relative

FLOAT64 = 2.0**-40  # what the reference may be off by, where the bound is 0: sums of some thousand values of about 1


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """float32 -> uint16, of values that bfloat16 holds exactly."""
    words = np.ascontiguousarray(values).view(np.uint32)
    assert not (words & 0xFFFF).any()
    return (words >> 16).astype(np.uint16)


def from_bfloat16(words: np.ndarray) -> np.ndarray:
    return (words.astype(np.uint32) << 16).view(np.float32)


def put_last(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1))


@dataclass(frozen=True)
class TrainingRun:
    """The map, n, and the op's attributes; `size` is H and W. With `apart` X has `paths` times `channels` channels."""

    n: int
    size: tuple[int, int]
    batch: int = 2
    channels: int = 3
    stride: int = 1
    keep_dc: int = 0
    paths: int = 1
    soft: int = 0
    apart: int = 0
    bfloat16: int = 0
    seed: int = 0

    @property
    def options(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("stride", "keep_dc", "soft")}

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return self.batch, self.channels * (self.paths if self.apart else 1), *self.size

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        height, width = (-(-side // self.stride) for side in self.size)
        return self.batch, self.channels, height, width

    def draw_arrays(self) -> Arrays:
        """X and the gradient of Y of few bits, and weights of either sign, path after path."""
        generator = np.random.default_rng(self.seed)
        count, step = self.paths * self.n**2, 16 if self.bfloat16 else STEP
        arrays = {
            "x": np.clip(np.round(generator.normal(0, 1, self.x_shape) * step) / step, -7, 7),
            "thresholds": generator.normal(0, 0.3, count),
            "scale": generator.normal(1, 0.3, count),
            "y_gradient": np.clip(np.round(generator.normal(0, 1, self.y_shape) * step) / step, -7, 7),
        }
        return {name: values.astype(np.float32) for name, values in arrays.items()}

    def params(self) -> Fwht2dTrainingParams:
        """All but the pointers."""
        names = ("batch", "channels", "n", "paths", "apart", "bfloat16", *self.options)
        values = {name: getattr(self, name) for name in names}
        return Fwht2dTrainingParams(height=self.size[0], width=self.size[1], **values)

    def run(self, library: CpuLibrary, arrays: Arrays, threads: int = 1) -> dict[str, np.ndarray]:
        """Y and the three gradients; checks that nothing beside them was written. What lies beside X is NaN."""
        encode = to_bfloat16 if self.bfloat16 else np.ascontiguousarray
        sources = {name: Memory.of(encode(put_last(arrays[name]))) for name in ("x", "y_gradient")}
        sources |= {name: Memory.of(arrays[name]) for name in ("thresholds", "scale")}
        width = 2 if self.bfloat16 else 4
        weights = arrays["scale"].nbytes
        sizes = (int(np.prod(self.y_shape)) * width, int(np.prod(self.x_shape)) * width, weights, weights)
        targets = {name: Memory(size) for name, size in zip(NAMES, sizes)}
        for outputs in (NAMES[:1], NAMES[1:]):
            params = self.params()
            for name, memory in sources.items():
                if name != "y_gradient" or outputs != NAMES[:1]:
                    setattr(params, name, memory.pointer)
            for name in outputs:
                setattr(params, name, targets[name].pointer)
            library.run_fwht_2d_training(params, threads)
        assert all(memory.guards_hold() for memory in targets.values()), "bytes beside an output were overwritten"
        maps = {name: self._read_maps(targets[name], shape) for name, shape in zip(NAMES, (self.y_shape, self.x_shape))}
        return maps | {name: targets[name].inside.view(np.float32) for name in NAMES[2:]}

    def _read_maps(self, memory: Memory, shape: tuple[int, ...]) -> np.ndarray:
        values = from_bfloat16(memory.inside.view(np.uint16)) if self.bfloat16 else memory.inside.view(np.float32)
        batch, channels, height, width = shape
        return np.asarray(values.reshape(batch, height, width, channels).transpose(0, 3, 1, 2))

    def list_layers(self, arrays: Arrays) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]]]:
        """X, thresholds, scale and options of the layers whose results are added up: one, or one for each path."""
        x, limits, factors = (arrays[name] for name in ("x", "thresholds", "scale"))
        if not self.apart:
            return [(x, limits, factors, {**self.options, "paths": self.paths})]
        parts = (np.split(values, self.paths, axis) for values, axis in ((x, 1), (limits, 0), (factors, 0)))
        return [(x, t, s, {**self.options, "paths": 1}) for x, t, s in zip(*parts)]

    def compute_references(self, arrays: Arrays) -> dict[str, np.ndarray]:
        layers, ones, dy = self.list_layers(arrays), np.ones(self.channels), arrays["y_gradient"]
        y = sum(fwht_2d(x, t, s, ones, 0 * ones, **options) for x, t, s, options in layers)
        gradients = zip(*(fwht_2d_gradients(x, t, s, dy, **options) for x, t, s, options in layers))
        dx, *weights = (np.concatenate(found, axis=axis) for found, axis in zip(gradients, (1, 0, 0)))
        return dict(zip(NAMES, (np.asarray(y), dx, *weights)))

    def compute_tolerances(self, arrays: Arrays, references: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A butterfly rounds once a stage, the sum of paths once for each; with bfloat16 the maps once more."""
        layers, ones, dy = self.list_layers(arrays), np.ones(self.channels), arrays["y_gradient"]
        stages = 2 * int(np.log2(self.n // self.stride))
        y = sum(
            fwht_2d_bounds(x, t, s, ones, 0 * ones, stages, stages + self.paths, **options)
            for x, t, s, options in layers
        )
        terms = stages, stages, self.count_chain()
        bounds = zip(*(fwht_2d_gradients_bounds(x, t, s, dy, *terms, **options) for x, t, s, options in layers))
        dx, *weights = (np.concatenate(found, axis=axis) for found, axis in zip(bounds, (1, 0, 0)))
        allowed = {name: SECOND_ORDER * bound + FLOAT64 for name, bound in zip(NAMES, (np.asarray(y), dx, *weights))}
        for name in NAMES[:2] if self.bfloat16 else ():
            allowed[name] = allowed[name] + HALF_STEP * (np.abs(references[name]) + allowed[name])
        return allowed

    def count_chain(self) -> int:
        """The most additions one after the other in a weight's gradient: maps of a part, parts, maps of a vector."""
        chains = []
        for lanes in (4, 8, 16):
            items = self.batch * -(-self.channels // lanes)
            chains.append(-(-items // MOST_PARTS) * lanes + min(items, MOST_PARTS) + lanes)
        return max(chains)

    def check(self, libraries: Mapping[str, CpuLibrary]) -> float:
        """The largest share of the tolerance that was used; fails above 1, and where an output is NaN."""
        arrays = self.draw_arrays()
        references = self.compute_references(arrays)
        allowed, largest = self.compute_tolerances(arrays, references), 0.0
        for set_name, library in libraries.items():
            for name, found in self.run(library, arrays).items():
                share = float((np.abs(found - references[name]) / allowed[name]).max())
                assert share <= 1, f"{set_name}, {self}: {share:.0%} of the tolerance of {name}"
                largest = max(largest, share)
        return largest


@st.composite
def draw_training_runs(draw: st.DrawFn) -> TrainingRun:
    """Any layer of up to 32 rows."""
    n = 2 ** draw(st.integers(1, 5))
    return TrainingRun(
        n,
        (draw(st.integers(1, n)), draw(st.integers(1, n))),
        batch=draw(st.integers(1, 4)),
        channels=draw(st.integers(1, 36)),
        stride=draw(st.sampled_from([stride for stride in (1, 2, 4) if stride <= n])),
        keep_dc=draw(st.integers(0, 1)),
        paths=draw(st.sampled_from([1, 1, 2, 3])),
        soft=draw(st.integers(0, 1)),
        apart=draw(st.integers(0, 1)),
        bfloat16=draw(st.integers(0, 1)),
        seed=draw(st.integers(0, 2**31)),
    )
