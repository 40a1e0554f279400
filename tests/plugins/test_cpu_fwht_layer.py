"""The CPU kernel of the FWHT layer against the float64 reference, on every instruction set of this machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.cpu_library import CpuLibrary
from benchmarks.harness.node_models import LayerCase
from tests.plugins.cpu_fwht_case import CpuFwhtCase, draw_block_layers, draw_layers
from tests.plugins.native import list_instruction_sets, native_libraries

SIZES = [2**k for k in range(1, 13)]


@pytest.fixture(params=list_instruction_sets())
def library(request: pytest.FixtureRequest) -> CpuLibrary:
    return native_libraries()[request.param]


@pytest.fixture(scope="module")
def libraries() -> dict[str, CpuLibrary]:
    return native_libraries()


@pytest.mark.parametrize("n", SIZES)
def test_every_size(libraries: dict[str, CpuLibrary], n: int) -> None:
    """Channels that fill all blocks, some or one of them, with and without what has code of its own."""
    few, half = n // 16 + 1, n // 2 + 1
    pairs = (
        {(1, n), (n, 1)} if n > 1024 else {(1, n), (n, 1), (n, n), (few, half), (half, few), (n // 4 or 1, n // 4 or 1)}
    )
    shares = []
    for in_channels, out_channels in sorted(pairs):
        layer = LayerCase(in_channels, out_channels, n, activation=6)
        shares.append(CpuFwhtCase(layer, width=5, ones=True).check(libraries))
        shares.append(CpuFwhtCase(replace(layer, soft=1), height=1, width=1).check(libraries))
    print(f"n = {n}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", range(1, 9))
def test_paths(libraries: dict[str, CpuLibrary], paths: int, soft: int) -> None:
    for n in (8, 128, 1024):
        layer = LayerCase(n // 2, n // 2 + 1, n, paths=paths, soft=soft, activation=1)
        case = CpuFwhtCase(layer, height=3, width=3, residual=True, seed=paths)
        print(f"{case.check(libraries):.0%} of the tolerance used")


@pytest.mark.parametrize("keep_dc", [0, 1])
@pytest.mark.parametrize("n", [1024, 2048])
def test_soft_blocks(libraries: dict[str, CpuLibrary], n: int, keep_dc: int) -> None:
    """The blocks of input and of output that one soft path has code of its own for."""
    for blocks_in in (3, 15):
        for blocks_out in (3, 7, 15):
            layer = LayerCase(blocks_in * n // 16 - 5, blocks_out * n // 16 - 5, n, keep_dc=keep_dc, soft=1)
            CpuFwhtCase(layer, height=1, width=9).check(libraries)


@pytest.mark.parametrize("n", [64, 256, 1024])
@pytest.mark.parametrize(("height", "width"), [(23, 23), (1, 513)])
def test_large_maps(libraries: dict[str, CpuLibrary], height: int, width: int, n: int) -> None:
    CpuFwhtCase(LayerCase(n // 4, n // 8, n, activation=6), 2, height, width, residual=True).check(libraries)


@pytest.mark.parametrize("block", SIZES)
def test_blocks_of_every_size(libraries: dict[str, CpuLibrary], block: int) -> None:
    """In tiles that lie in one image and in gathered ones, wide and not; every size of block that fits."""
    shares = []
    half = block // 2
    sizes = ((3, 4, 1), (6, 10, 1), (6, 2, 3), (6, 3, 1), (8, 4, 2))
    for halves_in, halves_out, pool in (
        sizes if block < 1024 else ((3, 4, 1), (6, 2, 3)) if block < 4096 else ((6, 2, 3),)
    ):
        layer = LayerCase(halves_in * half, halves_out * half, block, pool=pool, activation=6, block=block)
        for height, width in ((1, 5), (5, 13)) if block < 128 else ((1, 5), (4, 8)) if block < 1024 else ((1, 5),):
            case = CpuFwhtCase(layer, height=height, width=width, residual=pool > 1, ones=pool == 1)
            shares.append(case.check(libraries))
    print(f"blocks of {block}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_blocks_of_large_maps(libraries: dict[str, CpuLibrary], pool: int) -> None:
    layer = LayerCase(768, 768 // pool, 256, pool=pool, keep_dc=0, block=256)
    CpuFwhtCase(layer, height=23, width=23, residual=True).check(libraries)
    for block in (32, 64, 128):
        CpuFwhtCase(replace(layer, n=block, block=block), height=16, width=32).check(libraries)


@st.composite
def cases(draw: st.DrawFn) -> CpuFwhtCase:
    layer = replace(draw(st.one_of(draw_layers(), draw_block_layers())), activation=draw(st.sampled_from([0, 1, 6])))
    return CpuFwhtCase(
        layer,
        batch=draw(st.integers(1, 20)),
        height=draw(st.integers(1, 9)),
        width=draw(st.integers(1, 9)),
        ones=draw(st.booleans()),
        residual=draw(st.booleans()),
        seed=draw(st.integers(0, 2**31)),
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=cases())
def test_any_shape(libraries: dict[str, CpuLibrary], case: CpuFwhtCase) -> None:
    case.check(libraries)


LAYERS = [LayerCase(8, 16, 16), LayerCase(512, 1024, 1024), LayerCase(96, 16, 32, pool=6, block=32)]
LAYERS += [LayerCase(256, 256, 64, block=64)]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.n)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (4, 4), (7, 7), (32, 32)])
def test_the_same_bits_with_any_threads_and_at_any_place_of_a_batch(
    library: CpuLibrary, height: int, width: int, layer: LayerCase
) -> None:
    case = CpuFwhtCase(layer, batch=5, height=height, width=width, residual=True)
    x, weights, residual = case.draw_arrays()
    assert residual is not None
    y = case.run(library)
    for threads in (2, 3, 8):
        assert case.run(library, threads).tobytes() == y.tobytes()
    one = replace(case, batch=1)
    assert one.run(library, 2).tobytes() == one.run(library).tobytes()
    for place in range(5):
        alone = library.fwht_layer(x[place : place + 1], weights, case.attributes, residual[place : place + 1])
        assert alone.tobytes() == y[place : place + 1].tobytes()
    pixels = x.reshape(5, -1, height * width)
    last = library.fwht_layer(np.ascontiguousarray(pixels[:, :, -1:, None]), weights, case.attributes)
    many = library.fwht_layer(x, weights, case.attributes).reshape(5, -1, height * width)
    assert last.reshape(5, -1).tobytes() == many[:, :, -1].tobytes()


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize(("value", "activation"), [(np.nan, 6), (np.nan, 0), (np.inf, 0), (-np.inf, 0)])
def test_nan_and_infinity_stay_in_their_pixel(library: CpuLibrary, value: float, activation: int, soft: int) -> None:
    case = CpuFwhtCase(LayerCase(40, 50, 64, activation=activation, soft=soft), batch=3, height=3, width=3)
    x, weights, _ = case.draw_arrays()
    y = library.fwht_layer(x, weights, case.attributes)
    x[1, 3, 1, 2] = value
    changed = library.fwht_layer(x, weights, case.attributes)
    assert not np.isfinite(changed[1, :, 1, 2]).any()
    assert np.isnan(changed[1, :, 1, 2]).all() or not np.isnan(value)
    changed[1, :, 1, 2] = y[1, :, 1, 2]
    assert changed.tobytes() == y.tobytes()


@pytest.mark.parametrize("soft", [0, 1])
def test_zeros_and_negative_thresholds(library: CpuLibrary, soft: int) -> None:
    """sgn(0) = 0: what is not there stays away although its threshold is below 0."""
    case = CpuFwhtCase(LayerCase(16, 16, 16, soft=soft), height=5, width=5)
    x, weights, _ = case.draw_arrays()
    weights["thresholds"][:] = -1
    y = library.fwht_layer(np.zeros_like(x), weights, case.attributes)
    assert (y == weights["bias"][:, None, None]).all()
