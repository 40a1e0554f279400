"""The layers that the plugin's benchmarks time, and a layer that lies on the device several times over."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from benchmarks.harness.kernel_library import Library, Stream
from benchmarks.harness.kernel_run import Format, FwhtLayerRun, select_pixels
from benchmarks.harness.kernel_tolerance import Error, measure_fwht_layer_error
from benchmarks.harness.node_models import LayerCase, Weights

BIG = LayerCase(1024, 1024, 1024, activation=6)
BIG_SHAPE = (10, 1024, 32, 32)
SETS = 6  # of input and output: 6 x 84 MB in float32, far beyond an L2 of 50 or 60 MB
CHECKED_PIXELS = 512  # the layer works pixel by pixel, so some stand for all

# name of the layer in the model, layer, side of the map; each shape of the last five bottlenecks and the head once
REAL = (
    ("blocks.13.expand", LayerCase(96, 576, 1024, activation=6), 8),
    ("blocks.13.project", LayerCase(576, 96, 1024), 8),
    ("blocks.14.project", LayerCase(576, 160, 1024), 4),
    ("blocks.15.expand", LayerCase(160, 960, 1024, activation=6), 4),
    ("blocks.15.project", LayerCase(960, 160, 1024), 4),
    ("blocks.17.project", LayerCase(960, 320, 1024), 4),
    ("head (slim)", LayerCase(320, 1280, 2048, activation=6), 4),
)


def draw_input(layer: LayerCase, shape: tuple[int, ...], form: Format) -> tuple[Weights, np.ndarray]:
    generator = np.random.default_rng(np.random.SeedSequence().entropy)
    return layer.draw_weights(generator), form.round(generator.standard_normal(shape, np.float32))


def check_layer(layer: LayerCase, weights: Weights, x: np.ndarray, y: np.ndarray, kind: int) -> Error:
    """The error on some pixels; that all others were written is looked at where y was read.

    Raises SystemExit where y is wrong: nothing wrong is timed.
    """
    count = x.shape[0] * x.shape[2] * x.shape[3]
    pixels = np.random.default_rng().choice(count, min(count, CHECKED_PIXELS), replace=False)
    error = measure_fwht_layer_error(layer, weights, select_pixels(x, pixels), select_pixels(y, pixels), kind)
    if not error.share <= 1:
        raise SystemExit(f"{layer} is wrong: {error}; nothing was timed")
    return error


class Copies:
    """The same layer on SETS pairs of input and output, checked once: the side that a benchmark starts."""

    def __init__(
        self,
        stack: ExitStack,
        library: Library,
        layer: LayerCase,
        shape: tuple[int, ...],
        form: Format,
        sets: int = SETS,
    ) -> None:
        self.library, self.sets = library, sets
        weights, x = draw_input(layer, shape, form)
        self.runs = [FwhtLayerRun(stack, library, layer, weights, x, form) for _ in range(sets)]
        with Stream(library) as stream:
            self.start(stream)
            stream.synchronize()
        outputs = [self.runs[0].target.read(), self.runs[-1].target.read()]
        self.error = max((check_layer(layer, weights, x, y, form.kind) for y in outputs), key=lambda error: error.share)

    def start(self, stream: Stream) -> None:
        for run in self.runs:
            run.start(stream)

    def copy(self, stream: Stream) -> None:
        """In place of each layer, its input copied to its output: one read and one write of as many bytes."""
        for run in self.runs:
            self.library.copy(run.params.y, run.params.x, run.target.size, stream)
