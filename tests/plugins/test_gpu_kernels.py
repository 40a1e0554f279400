"""The compiled kernels on a GPU against the float64 reference: fresh random shapes, every output poisoned beforehand.

Before that, `make plugin`. FWHT_SEED=n repeats a run; its seed is printed where a test fails.
"""

from __future__ import annotations

import itertools
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.harness.kernel_library import KERNELS, Library, Stream
from benchmarks.harness.kernel_run import (
    FORMATS,
    Format,
    FwhtLayerRun,
    run_fwht_2d,
    run_fwht_layer,
    run_mf_depthwise_conv,
    select_pixels,
)
from benchmarks.harness.kernel_tolerance import (
    Error,
    measure_fwht_2d_error,
    measure_fwht_layer_error,
    measure_mf_depthwise_conv_error,
)
from benchmarks.harness.node_models import LayerCase, Weights
from benchmarks.harness.plane_models import PlaneCase
from benchmarks.harness.tensor_layout import NCHW

pytestmark = pytest.mark.gpu

SEED = int(os.environ.get("FWHT_SEED", time.time_ns() % 2**32))
SIZES = [2**k for k in range(1, 13)]
RANDOM_CASES = 12  # for each format
VALUES_AT_MOST = 2**18  # in a random tensor of n channels: the float64 reference costs n times that


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(KERNELS)


@dataclass(frozen=True)
class Case:
    layer: LayerCase
    weights: Weights
    x: np.ndarray
    residual: np.ndarray | None
    form: Format

    def run(self, library: Library) -> Error:
        y = run_fwht_layer(library, self.layer, self.weights, self.x, self.form, self.residual)
        return measure_fwht_layer_error(self.layer, self.weights, self.x, y, self.form.kind, self.residual)

    def __str__(self) -> str:
        added = "" if self.residual is None else " + residual"
        return f"{self.layer}{added} on {'x'.join(map(str, self.x.shape))} {self.form}, FWHT_SEED={SEED}"


def case(
    generator: np.random.Generator, layer: LayerCase, shape: tuple[int, int, int], form: Format, residual: bool
) -> Case:
    """Random weights and values; shape is (N, H, W)."""
    batch, height, width = shape
    x = form.round(generator.normal(0, 1, (batch, layer.in_channels, height, width)))
    added = form.round(generator.normal(0, 1, (batch, layer.out_channels, height, width))) if residual else None
    return Case(layer, layer.draw_weights(generator), x, added, form)


def random_case(generator: np.random.Generator, form: Format, n: int) -> Case:
    pool = int(generator.choice([1, 1, 2, 3, 4]))
    in_channels = int(generator.integers(max(1, n // 3), n + 1))
    pool = pool if in_channels >= pool else 1
    out_channels = int(generator.integers(1, (n if pool == 1 else in_channels // pool) + 1))
    keep_dc, activation = int(generator.integers(2)), int(generator.choice([0, 1, 6]))
    pixels = max(1, VALUES_AT_MOST // n)
    side = min(37, int(pixels**0.5))
    height, width = (int(s) for s in generator.integers(1, side + 1, 2))
    batch = int(generator.integers(1, min(5, max(1, pixels // (height * width))) + 1))
    paths, soft = int(generator.choice([1, 1, 2, 3, 8])), int(generator.choice([0, 0, 1]))
    layer = LayerCase(in_channels, out_channels, n, keep_dc, pool, activation, paths, soft)
    return case(generator, layer, (batch, height, width), form, residual=bool(generator.integers(2)))


def show_and_hold(what: object, error: Error) -> None:
    print(f"{what}: {error}")
    assert error.share <= 1, f"{what}: {error}"


def takes(form: Format, n: int) -> bool:
    return form.layout == NCHW or n >= 8


def all_sizes() -> list[tuple[Format, int]]:
    return [(form, n) for form in FORMATS for n in SIZES if takes(form, n)]


@pytest.mark.parametrize(("form", "n"), all_sizes(), ids=str)
def test_every_size(library: Library, form: Format, n: int) -> None:
    generator = np.random.default_rng([SEED, n])
    kinds = [{}, {"paths": 3}, {"soft": 1}, {"paths": 8, "soft": 1}]
    for residual, kind in itertools.product((False, True), kinds):
        layer = LayerCase(n, n, n, activation=6, **kind)
        made = case(generator, layer, (1, 7, 5), form, residual)
        show_and_hold(made, made.run(library))


@pytest.mark.parametrize(("form", "n"), all_sizes(), ids=str)
def test_blocks_of_every_size(library: Library, form: Format, n: int) -> None:
    """Windows that overlap, cut ones, and pools that reach from one into the next."""
    generator = np.random.default_rng([SEED, n])
    layers = [LayerCase(n + n // 2 + 1, 2 * n, n, keep_dc=0, activation=6, block=n)] if n <= 2048 else []
    layers += [LayerCase(2 * n, n - 1, n, soft=1, block=n), LayerCase(3 * n, n, n, pool=3, paths=2, block=n)]
    for residual, layer in itertools.product((False, True), layers):
        made = case(generator, layer, (2, 7, 5), form, residual)
        show_and_hold(made, made.run(library))


@pytest.mark.parametrize(("form", "n"), all_sizes(), ids=str)
def test_large_maps(library: Library, form: Format, n: int) -> None:
    """Enough pixels to fill a large GPU, which takes other tiles than small maps do, even and odd in number."""
    generator = np.random.default_rng([SEED, n])
    layer = LayerCase(n, n, n, activation=6)
    weights, pool = layer.draw_weights(generator), form.round(generator.normal(0, 1, 2**20 - 3))
    for height, width in ((76, 76), (77, 75)) if n <= 256 else ((38, 38), (39, 37)):
        x = np.resize(pool, (3, n, height, width))  # three less than a power of two: no two rows are alike
        y = run_fwht_layer(library, layer, weights, x, form)
        pixels = generator.choice(3 * height * width, 256, replace=False)
        error = measure_fwht_layer_error(layer, weights, select_pixels(x, pixels), select_pixels(y, pixels), form.kind)
        show_and_hold(f"{layer} on {x.shape} {form}, FWHT_SEED={SEED}", error)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_random_shapes(library: Library, form: Format) -> None:
    generator = np.random.default_rng([SEED, form.kind, form.layout])
    for _ in range(RANDOM_CASES):
        n = int(generator.choice([n for n in SIZES if takes(form, n)]))
        made = random_case(generator, form, n)
        show_and_hold(made, made.run(library))


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LayerCase(1024, 1024, 1024, activation=6), (2, 32, 32)),
        (LayerCase(96, 576, 1024, activation=6), (16, 8, 8)),
        (LayerCase(160, 960, 1024, activation=6), (1, 4, 4)),
        (LayerCase(960, 160, 1024), (3, 4, 4)),
        (LayerCase(960, 320, 1024), (1, 4, 4)),
        (LayerCase(320, 1280, 2048, activation=6), (1, 4, 4)),
        (LayerCase(64, 16, 64, keep_dc=0, pool=4, activation=1), (2, 1, 1)),
        (LayerCase(100, 33, 128, pool=3), (1, 13, 3)),
        (LayerCase(8, 8, 8), (1, 111, 113)),
    ],
    ids=str,
)
def test_shapes_of_models_and_odd_ones(
    library: Library, form: Format, layer: LayerCase, shape: tuple[int, int, int]
) -> None:
    made = case(np.random.default_rng([SEED, layer.n]), layer, shape, form, residual=False)
    show_and_hold(made, made.run(library))


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_an_empty_batch_writes_nothing(library: Library, form: Format) -> None:
    layer = LayerCase(16, 16, 16)
    made = case(np.random.default_rng(SEED), layer, (0, 3, 3), form, residual=False)
    assert run_fwht_layer(library, layer, made.weights, made.x, form).size == 0


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("op", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_mf_depthwise_conv(library: Library, form: Format, op: int, size: int, stride: int) -> None:
    generator = np.random.default_rng([SEED, op, size, stride])
    for _ in range(3):
        channels, activation = int(generator.integers(1, 70)), int(generator.choice([0, 1, 6]))
        batch, (height, width) = int(generator.integers(1, 4)), generator.integers(size, 20, 2)
        padding = int(generator.choice([0, size // 2]))
        x = form.round(generator.normal(0, 1, (batch, channels, height, width)))
        x[generator.random(x.shape) < 0.2] = 0  # sgn(0) = 0, as after a ReLU6
        weights = {
            "weight": generator.normal(0, 1, (channels, 1, size, size)).astype(np.float32),
            "gain": generator.normal(1, 0.5, channels).astype(np.float32),
            "bias": generator.normal(0, 1, channels).astype(np.float32),
        }
        y = run_mf_depthwise_conv(library, x, weights, form, stride, padding, op, activation)
        error = measure_mf_depthwise_conv_error(x, weights, y, form.kind, stride, padding, op, activation)
        show_and_hold(f"operator {op}, {size}x{size}, stride {stride}, {x.shape} {form}, FWHT_SEED={SEED}", error)


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("side", [2, 4, 8, 16, 32, 64])
def test_fwht_2d(library: Library, side: int, stride: int, soft: int, form: Format) -> None:
    n = side * stride
    if n > 128:
        pytest.skip("no such op")
    generator = np.random.default_rng([SEED, n, stride, soft])
    for paths in (1, 3):
        channels, (height, width) = int(generator.integers(1, 70)), map(int, generator.integers(n // 2 + 1, n + 1, 2))
        case = PlaneCase(height, width, n, stride, int(generator.integers(2)), 0, paths, soft)
        x = form.round(generator.normal(0, 1, (2, channels, height, width)))
        weights = case.draw_weights(generator, channels)
        y = run_fwht_2d(library, case, weights, x, form)
        made = f"{case}, {channels} channels, {form}, FWHT_SEED={SEED}"
        show_and_hold(made, measure_fwht_2d_error(case, weights, x, y, form.kind))


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_two_streams_at_once(library: Library, form: Format) -> None:
    """Two layers of different sizes, started in turns on two streams many times over, give what each gives alone."""
    generator = np.random.default_rng([SEED, 2])
    cases = [
        case(generator, LayerCase(1000, 1024, 1024, activation=6), (2, 9, 7), form, residual=True),
        case(generator, LayerCase(160, 250, 256), (4, 13, 5), form, residual=False),
    ]
    alone = [run_fwht_layer(library, c.layer, c.weights, c.x, form, c.residual) for c in cases]
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(library)) for _ in cases]
        runs = [FwhtLayerRun(stack, library, c.layer, c.weights, c.x, form, c.residual) for c in cases]
        for _ in range(50):
            for run, stream in zip(runs, streams):
                run.start(stream)
        for stream in streams:
            stream.synchronize()
        for run, wanted in zip(runs, alone):
            np.testing.assert_array_equal(run.target.read(), wanted)


def test_a_refusal_says_why(library: Library) -> None:
    layer = LayerCase(6, 6, 6)
    weights = {name: np.zeros(6, np.float32) for name in ("thresholds", "scale", "gain", "bias")}
    with pytest.raises(ValueError, match="power of two"):
        run_fwht_layer(library, layer, weights, np.zeros((1, 6, 2, 2), np.float32), FORMATS[0])


def test_nan_reaches_the_outputs_of_its_pixel_only(library: Library) -> None:
    layer = LayerCase(32, 32, 32, activation=6)
    weights = layer.draw_weights(np.random.default_rng(SEED))
    x = np.random.default_rng(SEED).normal(0, 1, (1, 32, 1, 3)).astype(np.float32)
    x[0, 5, 0, 1] = np.nan
    with ExitStack() as stack, Stream(library) as stream:
        run = FwhtLayerRun(stack, library, layer, weights, x, FORMATS[0])
        run.start(stream)
        stream.synchronize()
        with pytest.raises(AssertionError, match=f"{layer.out_channels} of {3 * layer.out_channels} outputs are NaN"):
            run.target.read()
