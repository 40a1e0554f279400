"""The backward pass of the CPU kernel of the FWHT layer against the float64 reference, on every instruction set."""

from __future__ import annotations

from dataclasses import replace
from typing import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.cpu_library import CpuLibrary, Refused, prepare_fwht_layer
from benchmarks.harness.node_models import LayerCase
from export.ops.gradient_bounds import fwht_layer_gradients_bounds
from export.ops.native_structures import NHWC, FwhtLayerGradientsParams
from export.ops.reference import fwht_layer_gradients
from tests.plugins.cpu_fwht_case import SECOND_ORDER, SMALLEST, CpuFwhtCase, draw_layers
from tests.plugins.host import Memory
from tests.plugins.native import native_libraries

SIZES = [2**k for k in range(1, 13)]
MOST_PARTS = 64  # kMostParts of cpu_plan.h
Gradients = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def libraries() -> dict[str, CpuLibrary]:
    return native_libraries()


def draw_y_gradient(case: CpuFwhtCase) -> np.ndarray:
    shape = (case.batch, case.layer.out_channels, case.height, case.width)
    return np.random.default_rng(case.seed + 1).normal(0, 1, shape).astype(np.float32)


def to_nhwc(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def run(case: CpuFwhtCase, library: CpuLibrary, threads: int = 1, nhwc: bool = False, scaled: bool = True) -> Gradients:
    """The three gradients, and a check that nothing beside them was written; NaN for the scale where not `scaled`."""
    x, weights, _ = case.draw_arrays()
    dy = draw_y_gradient(case)
    layer, y = prepare_fwht_layer(x, weights, case.attributes)
    order = to_nhwc if nhwc else np.ascontiguousarray
    ordered = order(x), order(dy)
    layer.x, layer.layout = ordered[0].ctypes.data, NHWC if nhwc else 0
    layer.y = layer.gain = layer.bias = None
    made = [Memory.of(order(np.zeros_like(x))), *(Memory.of(np.zeros_like(weights["thresholds"])) for _ in range(2))]
    for memory in made:
        memory.inside[:] = 0xFF
    params = FwhtLayerGradientsParams(layer, ordered[1].ctypes.data, *(memory.pointer for memory in made))
    if not scaled:
        params.scale_gradient = None
    library.run_fwht_layer_gradients(params, threads)
    assert all(memory.guards_hold() for memory in made), "bytes beside a gradient were overwritten"
    dx, *others = (memory.inside.view(np.float32) for memory in made)
    dx = dx.reshape(x.transpose(0, 2, 3, 1).shape).transpose(0, 3, 1, 2) if nhwc else dx.reshape(x.shape)
    return dx, others[0], others[1]


def check(case: CpuFwhtCase, libraries: Mapping[str, CpuLibrary], nhwc: bool = False) -> float:
    """The largest share of the tolerance that was used; fails above 1."""
    x, weights, _ = case.draw_arrays()
    attributes = {name: value for name, value in case.attributes.items() if name not in ("activation", "block")}
    limits, factors, dy = weights["thresholds"], weights["scale"], draw_y_gradient(case)
    wanted = fwht_layer_gradients(x, limits, factors, dy, **attributes)
    stages, largest = int(np.log2(case.layer.n)), 0.0
    # an addition for each tile of a part, for each part (tiles have four lanes at least) and for each lane
    tiles = -(-x[:, 0].size // 4)
    chain = -(-tiles // MOST_PARTS) + min(tiles, MOST_PARTS) + 16
    bounds = fwht_layer_gradients_bounds(x, limits, factors, dy, stages, stages, chain, **attributes)
    for name, library in libraries.items():
        for which, found, value, bound in zip(("x", "T", "scale"), run(case, library, 1, nhwc), wanted, bounds):
            share = float((np.abs(found - value) / (SECOND_ORDER * bound + SMALLEST)).max())
            assert share <= 1, f"{name}, {case}, nhwc={nhwc}: {share:.0%} of the tolerance of d{which}"
            largest = max(largest, share)
    return largest


@pytest.mark.parametrize("n", SIZES)
def test_every_size(libraries: dict[str, CpuLibrary], n: int) -> None:
    few, half = n // 16 + 1, n // 2 + 1
    pairs = {(1, n), (n, 1)} if n > 1024 else {(1, n), (n, 1), (few, half), (half, few), (n // 4 or 1, n)}
    shares = []
    for in_channels, out_channels in sorted(pairs):
        layer = LayerCase(in_channels, out_channels, n)
        shares.append(check(CpuFwhtCase(layer, width=5, ones=True), libraries))
        shares.append(check(CpuFwhtCase(replace(layer, soft=1), height=3, width=1), libraries, nhwc=True))
    print(f"n = {n}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", range(1, 9))
def test_paths(libraries: dict[str, CpuLibrary], paths: int, soft: int) -> None:
    for n in (8, 128, 1024):
        layer = LayerCase(n // 2, n // 2 + 1, n, paths=paths, soft=soft)
        share = check(CpuFwhtCase(layer, height=3, width=3, seed=paths), libraries, nhwc=n == 128)
        print(f"{share:.0%} of the tolerance used")


@st.composite
def cases(draw: st.DrawFn) -> CpuFwhtCase:
    layer = draw(draw_layers())
    sizes = draw(st.integers(1, 20)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    return CpuFwhtCase(layer, *sizes, ones=draw(st.booleans()), seed=draw(st.integers(0, 2**31)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=cases(), nhwc=st.booleans())
def test_any_shape(libraries: dict[str, CpuLibrary], case: CpuFwhtCase, nhwc: bool) -> None:
    check(case, libraries, nhwc)


@pytest.mark.parametrize("n", [16, 1024])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 4), (7, 7)])
def test_the_same_bits_with_any_threads(libraries: dict[str, CpuLibrary], height: int, width: int, n: int) -> None:
    case = CpuFwhtCase(LayerCase(n // 2, n, n, paths=2), batch=9, height=height, width=width)
    for library in libraries.values():
        alone = run(case, library)
        for threads in (2, 3, 8):
            for found, wanted in zip(run(case, library, threads), alone):
                assert found.tobytes() == wanted.tobytes()
        for found, wanted in zip(run(case, library, scaled=False)[:2], alone):
            assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zeros_and_negative_thresholds(libraries: dict[str, CpuLibrary], soft: int, zero: float) -> None:
    """At s = 0 the derivatives are 0, whatever its sign, although nothing is cut off."""
    case = CpuFwhtCase(LayerCase(16, 16, 16, keep_dc=0, soft=soft), height=5, width=5)
    x, weights, _ = case.draw_arrays()
    x[:], weights["thresholds"][:], weights["scale"][:] = zero, -1, -1
    dy, found = draw_y_gradient(case), [np.full_like(values, np.nan) for values in (x, *[weights["scale"]] * 2)]
    layer, _ = prepare_fwht_layer(x, weights, case.attributes)
    params = FwhtLayerGradientsParams(layer, dy.ctypes.data, *(values.ctypes.data for values in found))
    wanted = fwht_layer_gradients(x, weights["thresholds"], weights["scale"], dy, keep_dc=0, soft=soft)
    for library in libraries.values():
        library.run_fwht_layer_gradients(params)
        for values, right in zip(found, wanted):
            if soft:
                assert not values.any() and not right.any()
            np.testing.assert_allclose(values, right, atol=1e-5)


def test_forward_in_nhwc_gives_the_bits_of_nchw(libraries: dict[str, CpuLibrary]) -> None:
    for n in (8, 256):
        case = CpuFwhtCase(LayerCase(n // 2, n - 1, n, activation=6), batch=3, height=5, width=7, residual=True)
        x, weights, residual = case.draw_arrays()
        assert residual is not None
        inputs = to_nhwc(x), to_nhwc(residual)
        for library in libraries.values():
            params, y = prepare_fwht_layer(x, weights, case.attributes, residual)
            params.x, params.residual, params.layout = inputs[0].ctypes.data, inputs[1].ctypes.data, NHWC
            library.run_fwht_layer(params)
            nchw = library.fwht_layer(x, weights, case.attributes, residual)
            assert y.tobytes() == to_nhwc(nchw).tobytes()


def test_what_is_wrong_is_refused(libraries: dict[str, CpuLibrary]) -> None:
    case = CpuFwhtCase(LayerCase(4, 4, 8))
    x, weights, _ = case.draw_arrays()
    layer, _ = prepare_fwht_layer(x, weights, case.attributes)
    for library in libraries.values():
        for name, value, words in (("n", 12, "power of two"), ("layout", 1, "NCHW or NHWC"), ("paths", 9, "1 to 8")):
            wrong = FwhtLayerGradientsParams(layer)
            setattr(wrong.layer, name, value)
            with pytest.raises(Refused, match=words):
                library.run_fwht_layer_gradients(wrong)
