"""The device functions of the FWHT layer, compiled for the host, against the float64 reference: every tile.

fwht_host.cpp runs them as the kernel does, by loops over blocks and threads. Every output is poisoned beforehand.
"""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from benchmarks.harness.kernel_tolerance import measure_fwht_layer_error
from benchmarks.harness.node_models import WEIGHTS, LayerCase
from benchmarks.harness.tensor_layout import DTYPES, FLOAT16, FLOAT32, HWC8, NCHW
from export.ops.contract import read_contract
from tests.plugins.fwht_host import (
    NARROW,
    NORMAL,
    PACKED,
    PATHS,
    WIDE,
    WIDTHS,
    WINDOWS,
    TileFacts,
    build_library,
    find_tiles,
    params_of,
    run,
    tiles,
)
from tests.plugins.fwht_live_columns import check_live_columns

CONTRACT = read_contract("fwht_layer")
SMALLEST_BOARD = 48 * 1024  # bytes of shared memory


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    return build_library()


def layers(n: int, generator: np.random.Generator) -> list[LayerCase]:
    """Full width; cut at both ends by no round number; pooled."""
    some, few = (int(generator.integers(1, n + 1)) for _ in range(2))
    pool = int(generator.integers(2, 5))
    pooled = [LayerCase(n - 1, (n - 1) // pool, n, 1, pool, 1)] if n - 1 >= pool else []
    return [LayerCase(n, n, n, 0, 1, 6), LayerCase(some, few, n), *pooled]


def layers_of_paths(n: int) -> list[LayerCase]:
    """One, three and eight paths of either kind, at full width or cut at one end."""
    half = max(n // 2, 1)
    smooth = [LayerCase(n, n, n, 1, 1, 6, paths=3), LayerCase(n, half, n, paths=8)]
    soft = [
        LayerCase(half, n, n, 0, soft=1),
        LayerCase(n, half, n, paths=3, soft=1),
        LayerCase(n, n, n, paths=8, soft=1),
    ]
    return [*smooth, *soft]


def layers_of_windows(n: int) -> list[LayerCase]:
    """More channels than are read, by windows that overlap; cut; pools inside a window, across, and of several.

    Of the largest n, whose references take a second each, two that have most of it.
    """
    most = CONTRACT["attributes"][0]["max"]
    wide = {"n": n, "block": n}
    across = LayerCase(3 * n, n - 1, pool=3, activation=1, **wide)
    up = [LayerCase(n + n // 2 + 1, k * n, activation=6, keep_dc=0, **wide) for k in (2, 3) if k * n <= most]
    if n > 1024:
        return [across, *up[:1]]
    down = [
        LayerCase(2 * n, 2 * n - 1, keep_dc=0, soft=1, **wide),
        LayerCase(2 * n, n, pool=2, paths=3, **wide),
    ]
    small = [LayerCase(6 * n, 2, pool=2 * n + 1, **wide), LayerCase(12 * n, 2 * n, pool=6, **wide, soft=1)]
    return [across, *up, *down, *(small if n <= 64 else [])]


def check(library: ctypes.CDLL, index: int, tile: TileFacts, layer: LayerCase, generator: np.random.Generator) -> float:
    """The share of the tolerance used. Two images, with more pixels than a tile has and no whole number of tiles."""
    width = 2 * (tile.pixels // 4 + 1) + (1 if tile.vec == 1 else 0)
    x = generator.normal(0, 1, (2, layer.in_channels, 1, width)).astype(DTYPES[tile.type])
    weights = layer.draw_weights(generator)
    added = generator.normal(0, 1, (2, layer.out_channels, 1, width)).astype(DTYPES[tile.type])
    residual = added if layer.keep_dc else None
    y = run(library, index, layer, weights, x, residual, tile.type, tile.layout)
    error = measure_fwht_layer_error(layer, weights, x, y, tile.type, residual)
    assert error.share <= 1, f"tile {index}, {layer}, {x.shape}: {error}"
    return error.share


def test_every_tile(library: ctypes.CDLL) -> None:
    generator = np.random.default_rng(1)
    for index, tile in enumerate(tiles(library)):
        kinds = {PATHS: layers_of_paths, WINDOWS: layers_of_windows}
        cases = kinds[tile.width](tile.n) if tile.width in kinds else layers(tile.n, generator)
        shares = [check(library, index, tile, layer, generator) for layer in cases]
        name = f"{WIDTHS[tile.width]} {tile.n} {('float32', 'float16')[tile.type]}"
        print(f"{name} {('NCHW', 'HWC8')[tile.layout]} vec {tile.vec}: up to {max(shares):.0%} of the tolerance used")


def test_every_number_of_live_columns(library: ctypes.CDLL, pytestconfig: pytest.Config) -> None:
    """A slice in which each number occurs at input and output; with --full all pairs."""
    full = pytestconfig.getoption("--full")
    for index, tile in enumerate(tiles(library)):
        if tile.width == WINDOWS:  # all columns of a window hold channels
            continue
        share = check_live_columns(library, index, tile, full)
        print(f"tile {index} of n {tile.n}: up to {share:.0%} of the tolerance used")


@pytest.mark.parametrize(("in_channels", "out_channels", "pool"), [(96, 24, 4), (1000, 20, 3), (130, 64, 2)])
def test_pooling_reads_columns_that_were_written(
    library: ctypes.CDLL, in_channels: int, out_channels: int, pool: int
) -> None:
    """Where few channels are pooled, few columns of the second exchange hold anything."""
    layer, generator = LayerCase(in_channels, out_channels, 1024, pool=pool), np.random.default_rng(5)
    for index, tile in enumerate(tiles(library)):
        if tile.n == layer.n and tile.width not in (PATHS, WINDOWS):
            check(library, index, tile, layer, generator)


def test_shared_memory_is_read_and_written_at_full_width(library: ctypes.CDLL) -> None:
    """No two threads of one access meet in a bank."""
    for index, tile in enumerate(tiles(library)):
        columns, rows = library.fwht_conflicts(index, False), library.fwht_conflicts(index, True)
        assert rows == columns == 1, f"tile {index} of n {tile.n}: {columns} and {rows}"


@pytest.mark.parametrize(("kind", "layout"), [(FLOAT32, NCHW), (FLOAT16, NCHW), (FLOAT16, HWC8)])
@pytest.mark.parametrize(("paths", "soft"), [(1, 0), (3, 0), (1, 1), (8, 1)])
def test_the_contracts_tolerance(library: ctypes.CDLL, kind: int, layout: int, paths: int, soft: int) -> None:
    """The short form that contract.json gives holds for values and weights as they come in models."""
    layer, generator = LayerCase(1024, 1024, 1024, paths=paths, soft=soft), np.random.default_rng(2)
    formula = CONTRACT["tolerances"][("float32", "float16")[kind]].replace("^", "**")
    allowed = eval(formula, {"log2": np.log2, "n": layer.n, "paths": paths})
    weights = layer.draw_weights(generator)
    weights["thresholds"] = np.tile(np.arange(1024, dtype=np.float32) / 10240, paths)
    x = generator.normal(0, 1, (1, 1024, 4, 4)).astype(DTYPES[kind])
    for index in find_tiles(library, layer, kind, layout):
        y = run(library, index, layer, weights, x, None, kind, layout)
        error = measure_fwht_layer_error(layer, weights, x, y, kind)
        print(f"{error.relative / allowed:.0%} of the contract's tolerance used")
        assert error.relative <= allowed


@pytest.mark.parametrize("beside", [1, 2, 4])
@pytest.mark.parametrize(("out_channels", "added"), [(128, False), (128, True), (125, False)])
def test_gain_and_bias_may_lie_anywhere(library: ctypes.CDLL, out_channels: int, added: bool, beside: int) -> None:
    """HWC8 reads them by vectors where they can be, whole octets are written, and nothing is added; the same bits."""
    layer, generator = LayerCase(96, out_channels, 256, activation=6), np.random.default_rng(6)
    x = generator.normal(0, 1, (1, 96, 3, 3)).astype(np.float16)
    weights = layer.draw_weights(generator)
    residual = generator.normal(0, 1, (1, out_channels, 3, 3)).astype(np.float16) if added else None
    for index in find_tiles(library, layer, FLOAT16, HWC8):
        first, second = (
            run(library, index, layer, weights, x, residual, FLOAT16, HWC8, beside=floats) for floats in (0, beside)
        )
        assert measure_fwht_layer_error(layer, weights, x, first, FLOAT16, residual).share <= 1
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("paths", "soft"), [(1, 0), (3, 0), (1, 1)])
def test_a_nan_stays_in_its_pixel(library: ctypes.CDLL, paths: int, soft: int) -> None:
    layer, generator = LayerCase(32, 32, 32, activation=6, paths=paths, soft=soft), np.random.default_rng(3)
    x = generator.normal(0, 1, (1, 32, 2, 3)).astype(np.float32)
    x[0, 5, 1, 1] = np.nan
    (index,) = find_tiles(library, layer)
    y = run(library, index, layer, layer.draw_weights(generator), x)
    assert np.isnan(y[0, :, 1, 1]).all()
    assert np.isnan(y).sum() == 32


def test_a_soft_path_keeps_zero_and_jumps_below_a_negative_threshold(library: ctypes.CDLL) -> None:
    """sgn(0) = 0: all-zero pixels stay 0, though |T| is what is next to it on either side."""
    layer = LayerCase(32, 32, 32, keep_dc=0, soft=1)
    weights = {"thresholds": np.full(32, -1.0), "scale": np.ones(32), "gain": np.ones(32), "bias": np.zeros(32)}
    weights = {name: values.astype(np.float32) for name, values in weights.items()}
    x = np.zeros((1, 32, 1, 3), np.float32)
    x[0, 0, 0, 1:] = 1e-20, -1e-20  # each u is 1e-20 / sqrt(32), and so each v is 1 or -1
    (index,) = find_tiles(library, layer)
    y = run(library, index, layer, weights, x)
    root = np.sqrt(np.float32(32))
    wanted = np.stack([np.zeros(32), np.eye(32)[0] * root, -np.eye(32)[0] * root], axis=1)
    np.testing.assert_allclose(y[0, :, 0], wanted, atol=1e-6)


# multiprocessors, and the bytes of shared memory of a block and of a multiprocessor
Board = tuple[int, int, int]
NANO, ORIN, H100 = (1, SMALLEST_BOARD, 65536), (8, 163 * 1024, 164 * 1024), (132, 227 * 1024, 228 * 1024)


def chosen(library: ctypes.CDLL, layer: LayerCase, shape: tuple[int, ...], device: Board, kind: int) -> TileFacts:
    index: int = library.fwht_choose(ctypes.byref(params_of(layer, shape, kind)), *device)
    assert index >= 0, f"no tile for {layer} on {shape}"
    return tiles(library)[index]


@pytest.mark.parametrize(
    ("shape", "device", "kind", "width"),
    [
        ((10, 1024, 32, 32), NANO, FLOAT16, PACKED),
        ((10, 1024, 32, 32), ORIN, FLOAT16, WIDE),
        ((10, 1024, 32, 32), H100, FLOAT16, WIDE),
        ((10, 1024, 32, 32), H100, FLOAT32, NORMAL),
        ((1, 960, 4, 4), H100, FLOAT32, NARROW),
        ((1, 960, 4, 4), NANO, FLOAT32, PACKED),
        ((16, 576, 8, 8), H100, FLOAT16, NARROW),
        ((32, 576, 8, 8), H100, FLOAT16, NORMAL),
    ],
)
def test_choice(library: ctypes.CDLL, shape: tuple[int, ...], device: Board, kind: int, width: int) -> None:
    tile = chosen(library, LayerCase(shape[1], 96, 1024), shape, device, kind)
    assert tile.width == width
    assert tile.vec == (1 if width == NARROW else 2)


@pytest.mark.parametrize("kind", [FLOAT32, FLOAT16])
@pytest.mark.parametrize("n", [2**k for k in range(1, 13)])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (16, 16)])
def test_there_is_a_tile_for_everything(library: ctypes.CDLL, size: tuple[int, int], n: int, kind: int) -> None:
    """On the smallest board, whose blocks have 48 KiB of shared memory, and on the largest."""
    for device in (NANO, H100):
        for layer in (LayerCase(n, n, n), LayerCase(n, n, n, paths=3), LayerCase(n, n, n, soft=1)):
            tile = chosen(library, layer, (3, n, *size), device, kind)
            assert tile.shared_bytes <= device[1] and tile.threads <= 1024
            assert (tile.width == PATHS) == (layer.paths + layer.soft > 1)
        blocks = LayerCase(2 * n, n, n, pool=2, paths=2, block=n)
        assert chosen(library, blocks, (3, 2 * n, *size), device, kind).width == WINDOWS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": 0}, "null"),
        ({"bias": 0}, "null"),
        ({"y": 8}, "16 bytes"),
        ({"n": 1000}, "power of two"),
        ({"n": 8192}, "power of two"),
        ({"in_channels": 1025}, "channels"),
        ({"out_channels": 0}, "out_channels"),
        ({"pool": 0}, "pool"),
        ({"pool": 2, "out_channels": 513}, "pool"),
        ({"keep_dc": 2}, "keep_dc"),
        ({"activation": 2}, "activation"),
        ({"paths": 0}, "paths must be from 1 to 8"),
        ({"paths": 9}, "paths"),
        ({"soft": 2}, "soft"),
        ({"block": 512}, "block must be 0 or n"),
        ({"block": 1024, "in_channels": 1023}, "from `block` to 65536 channels"),
        ({"block": 1024, "in_channels": 65537}, "from `block` to 65536 channels"),
        ({"block": 1024, "out_channels": 5120}, "out_channels must be from 1 to 4096"),
        ({"block": 1024, "out_channels": 1025}, "out_channels must be a multiple of block"),
        ({"block": 1024, "in_channels": 1100}, "must have a multiple of `block` channels"),
        ({"type": 2}, "type"),
        ({"layout": 1}, "layout"),
        ({"layout": 1, "type": 1, "n": 4, "in_channels": 4, "out_channels": 4}, "layout"),
        ({"pixels": 0}, "2^31"),
        ({"batch": 2**31}, "2^31"),
    ],
)
def test_what_is_refused(library: ctypes.CDLL, change: dict[str, int], words: str) -> None:
    params = params_of(LayerCase(1024, 1024, 1024), (1, 1024, 2, 2))
    for name in ("x", "y", *WEIGHTS):
        setattr(params, name, 4096)
    assert library.fwht_check(ctypes.byref(params)) is None
    for name, value in change.items():
        setattr(params, name, value)
    sentence = library.fwht_check(ctypes.byref(params))
    assert sentence is not None and words in sentence.decode()
