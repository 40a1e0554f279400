"""FWHT2D's device functions, compiled for the host, against the float64 reference.

fwht_2d_host.cpp runs them as the kernels do, by loops over blocks and threads. Every output is poisoned beforehand, and
so is shared memory, and what lies beside X.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.tensor_layout import DTYPES, FLOAT16, FLOAT32, HWC8, NCHW, pack, packed_shape, unpack
from export.ops.contract import read_contract
from export.ops.native_structures import Fwht2dParams
from tests.plugins.cpu_fwht_2d_case import WEIGHTS, Arrays, PlaneRun, draw_runs
from tests.plugins.host import Memory, load_compiled

FORMATS = [(FLOAT32, NCHW), (FLOAT16, NCHW), (FLOAT16, HWC8)]
SIDES = [(side, stride) for side in (1, 2, 4, 8, 16, 32, 64) for stride in (1, 2, 4) if 2 <= side * stride <= 128]
CONTRACT = read_contract("fwht_2d")


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    library = load_compiled(Path(__file__).parent / "fwht_2d_host.cpp")
    library.fwht_2d_check.restype = ctypes.c_char_p
    library.fwht_2d_run.restype = ctypes.c_bool
    library.fwht_2d_blocks.restype = ctypes.c_int64
    return library


def draw(run: PlaneRun, kind: int) -> Arrays:
    """X as the type holds it; scales that are not near 0, as in a model."""
    arrays = run.draw_arrays()
    arrays["x"] = arrays["x"].astype(DTYPES[kind])
    return arrays


def compute(library: ctypes.CDLL, run: PlaneRun, arrays: Arrays, kind: int, layout: int) -> np.ndarray:
    """Y as the kernel leaves it; checks that nothing beside it was written and that what fills channels up is 0."""
    item = DTYPES[kind].itemsize
    source = Memory(int(np.prod(packed_shape(arrays["x"].shape, layout))) * item)
    target = Memory(int(np.prod(packed_shape(run.out_shape, layout))) * item)
    source.inside[:] = pack(arrays["x"], kind, layout).view(np.uint8).reshape(-1)
    weights = {name: Memory.of(arrays[name]) for name in WEIGHTS}
    params = run.params()
    params.x, params.y, params.type, params.layout = source.pointer, target.pointer, kind, layout
    for name, memory in weights.items():
        setattr(params, name, memory.pointer)
    assert library.fwht_2d_check(ctypes.byref(params)) is None, library.fwht_2d_check(ctypes.byref(params))
    assert library.fwht_2d_run(ctypes.byref(params))
    assert target.guards_hold(), "bytes beside the output were overwritten"
    y, fill = unpack(target.inside, run.out_shape, kind, layout)
    assert not fill.any(), "the channels that fill HWC8 up are not 0"
    return y


def check(library: ctypes.CDLL, run: PlaneRun, kind: int, layout: int) -> float:
    """The share of the bound that was used: of each output where it is float32, and of the rounding as well where it is
    float16. Fails above 1, and where an output is NaN or unwritten."""
    arrays = draw(run, kind)
    y = compute(library, run, arrays, kind, layout)
    reference, allowed = run.compute_reference(arrays), run.compute_tolerance(arrays)
    if kind == FLOAT16:  # and tanh without its polynomial near 0, off by a rounding of float32's 1
        allowed = 2 * allowed + np.maximum(2.0**-11 * (np.abs(reference) + allowed), 2.0**-25)
        allowed += tanh_slack(run, arrays)
    share = float((np.abs(y.astype(np.float64) - reference) / allowed).max())
    assert share <= 1, f"{run}, type {kind}, layout {layout}: {share:.0%} of the tolerance"
    return share


def tanh_slack(run: PlaneRun, arrays: Arrays) -> np.ndarray:
    """Four roundings of 1 for each coefficient of each path, times what is left above its threshold: at most the sum of
    all |s| and |T|, over n."""
    sizes = (
        np.abs(arrays["scale"]).max() * np.abs(arrays["x"].astype(np.float64)).sum(axis=(2, 3), keepdims=True) / run.n
    )
    area = (run.n // run.stride) ** 2
    above = run.paths * area * (sizes + np.abs(arrays["thresholds"]).max()) / run.n
    return np.asarray(2.0**-22 * np.abs(arrays["gain"])[:, None, None] * above)


@pytest.mark.parametrize(("kind", "layout"), FORMATS)
@pytest.mark.parametrize(("side", "stride"), SIDES)
def test_every_kernel(library: ctypes.CDLL, side: int, stride: int, kind: int, layout: int) -> None:
    """Whole maps, a row or a column less, the least that need this n, and one pixel; the last block not full."""
    n = side * stride
    channels = 11 if n < 32 else 3
    shares = [
        check(library, PlaneRun(n, size, 2, channels, stride, activation=6, soft=soft), kind, layout)
        for size in ((n, n), (n - 1, n), (n // 2 + 1, n - 1), (1, 1))
        for soft in (0, 1)
    ]
    print(f"n = {n}: up to {max(shares):.0%} of the tolerance used")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(run=draw_runs(), form=st.sampled_from(FORMATS))
def test_any_shape(library: ctypes.CDLL, run: PlaneRun, form: tuple[int, int]) -> None:
    check(library, run, *form)


@pytest.mark.parametrize("keep_dc", [0, 1])
@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", [1, 3, 8])
@pytest.mark.parametrize(("kind", "layout"), FORMATS)
def test_paths(library: ctypes.CDLL, kind: int, layout: int, paths: int, soft: int, keep_dc: int) -> None:
    run = PlaneRun(8, (7, 8), 2, 9, paths=paths, soft=soft, keep_dc=keep_dc, activation=1, seed=paths)
    print(f"{check(library, run, kind, layout):.0%} of the tolerance used")


@pytest.mark.parametrize(("kind", "layout"), FORMATS)
@pytest.mark.parametrize("n", [8, 16, 64])
def test_the_contracts_tolerance(library: ctypes.CDLL, n: int, kind: int, layout: int) -> None:
    """Of norms, as on a GPU. The host's tanh is no worse than the GPU's."""
    run = PlaneRun(n, (n, n), 2, 8, paths=2)
    arrays = draw(run, kind)
    reference = run.compute_reference(arrays)
    error = np.linalg.norm(compute(library, run, arrays, kind, layout).astype(np.float64) - reference)
    formula = CONTRACT["tolerances"][("float32", "float16")[kind]].replace("^", "**")
    allowed = eval(formula, {"log2": np.log2}, {"n": n, "paths": 2})
    share = error / np.linalg.norm(reference) / allowed
    print(f"{share:.0%} of the contract's tolerance used")
    assert share <= 1


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize(("kind", "layout"), FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_map(
    library: ctypes.CDLL, value: float, kind: int, layout: int, soft: int
) -> None:
    run = PlaneRun(8, (7, 5), batch=2, channels=5, soft=soft)
    arrays = draw(run, kind)
    y = compute(library, run, arrays, kind, layout).copy()
    arrays["x"][1, 3, 1, 1] = value
    changed = compute(library, run, arrays, kind, layout).copy()
    assert not np.isfinite(changed[1, 3]).any()
    changed[1, 3] = y[1, 3]
    assert changed.tobytes() == y.tobytes()


def test_nobody_waits_for_shared_memory(library: ctypes.CDLL) -> None:
    tiles = range(library.fwht_2d_tiles())
    assert len(tiles) == len(FORMATS) * len(SIDES)
    assert {library.fwht_2d_conflicts(tile, rows) for tile in tiles for rows in (0, 1)} == {1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 128, "height": 128}, "n / stride must be at most 64 on a GPU"),
        ({"n": 12}, "power of two"),
        ({"layout": HWC8}, "HWC8 for float16"),
        ({"type": 2}, "float32 or float16"),
        ({"y": 16}, "one buffer"),
        ({"x": 8}, "no multiple of 16"),
        ({"gain": 0}, "is null"),
        ({"y": 0}, "is null"),
    ],
)
def test_what_is_refused(library: ctypes.CDLL, change: dict[str, Any], words: str) -> None:
    params = PlaneRun(8, (8, 8)).params()
    params.x, params.y, params.thresholds, params.scale, params.gain, params.bias = 16, 32, 48, 64, 80, 96
    assert library.fwht_2d_check(ctypes.byref(params)) is None
    for name, value in change.items():
        setattr(params, name, value)
    assert words in library.fwht_2d_check(ctypes.byref(params)).decode()


@pytest.mark.parametrize(("kind", "layout"), FORMATS)
def test_no_launch_has_too_many_blocks(library: ctypes.CDLL, kind: int, layout: int) -> None:
    """As many maps as are allowed, in which a block has one."""
    params = replace(PlaneRun(64, (64, 64)), batch=2**31 - 1, channels=1).params()
    params.type, params.layout = kind, layout
    assert isinstance(params, Fwht2dParams)
    params.x, params.y, params.thresholds, params.scale, params.gain, params.bias = 16, 32, 48, 64, 80, 96
    refused = library.fwht_2d_check(ctypes.byref(params))
    assert refused is not None or 0 < library.fwht_2d_blocks(ctypes.byref(params)) < 2**31
