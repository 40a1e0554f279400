"""Every number of the FWHT layer's columns that hold channels, at input and output: what to run and compare with.

Y with fewer channels is Y with all of them, cut, so one reference serves all numbers at the output.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

import numpy as np

from benchmarks.harness.kernel_tolerance import compute_fwht_layer_reference, measure_fwht_layer_error, norm
from benchmarks.harness.node_models import LayerCase, Weights
from benchmarks.harness.tensor_layout import DTYPES
from tests.plugins.fwht_host import PATHS, TileFacts, run

LARGE = 2048  # from here on a reference takes a second, and the slice has fewer of them


class Reference:
    """A layer of all n output channels, with its input, its reference and how far a kernel may be from that."""

    def __init__(self, n: int, kind: int, paths: bool, in_channels: int, unit_scale: bool, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.layer = LayerCase(in_channels, n, n, seed % 2, activation=6 * (seed // 2 % 2), paths=2 if paths else 1)
        self.weights = self.layer.draw_weights(generator)
        if unit_scale:
            self.weights["scale"][:] = 1
        elif seed % 2:  # all but one, so that threads differ in what they may share
            self.weights["scale"][:] = 1
            self.weights["scale"][generator.integers(n)] = 1.5
        self.x = generator.normal(0, 1, (1, in_channels, 1, 6)).astype(DTYPES[kind])
        self.y = compute_fwht_layer_reference(self.layer, self.weights, self.x, None)
        error = measure_fwht_layer_error(self.layer, self.weights, self.x, self.y, kind)
        self.allowed = error.allowed * norm(self.y)  # cutting channels off enlarges no norm

    def cut(self, channels: int) -> tuple[LayerCase, Weights]:
        weights = {**self.weights, **{name: self.weights[name][:channels] for name in ("gain", "bias")}}
        return LayerCase(**{**vars(self.layer), "out_channels": channels}), weights


find_reference = lru_cache(maxsize=None)(Reference)


def list_pairs(count: int, n: int, full: bool) -> list[tuple[int, int]]:
    """How many parts of the input and of the output have channels, from 1 to `count`."""
    if full:
        return [(i, o) for i in range(1, count + 1) for o in range(1, count + 1)]
    if n < LARGE:
        return [(i, o) for i in range(1, count + 1) for o in {i, count + 1 - i}]
    return [(i, o) for i in sorted({1, count // 2 - 1}) for o in range(1, count + 1)]


def check_live_columns(library: ctypes.CDLL, index: int, tile: TileFacts, full: bool) -> float:
    """The largest share of the tolerance used."""
    part: int = library.fwht_part(index)
    worst = 0.0
    for i, o in list_pairs(tile.n // part, tile.n, full):
        channels = [(part * k - part // 3 * (k % 2)) for k in (i, o)]  # whole parts and others
        for unit_scale in (True, False) if full else ((i + o) % 2 == 0,):
            reference = find_reference(tile.n, tile.type, tile.width == PATHS, channels[0], unit_scale, i)
            layer, weights = reference.cut(channels[1])
            y = run(library, index, layer, weights, reference.x, None, tile.type, tile.layout)
            share = norm(y.astype(np.float64) - reference.y[:, : channels[1]]) / reference.allowed
            assert share <= 1, f"tile {index}, {layer}: {share:.3g} of the tolerance"
            worst = max(worst, share)
    return worst
