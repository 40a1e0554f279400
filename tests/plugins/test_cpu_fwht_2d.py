"""The CPU kernel of FWHT2D against the float64 reference, on every instruction set of this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.harness.cpu_library import CpuLibrary, Refused
from tests.plugins.cpu_fwht_2d_case import PlaneRun, draw_runs
from tests.plugins.native import native_libraries


@pytest.fixture(scope="module")
def libraries() -> dict[str, CpuLibrary]:
    return native_libraries()


@pytest.mark.parametrize("n", [2**k for k in range(1, 8)])
def test_every_side(libraries: dict[str, CpuLibrary], n: int) -> None:
    """Whole maps, a row or a column less, the least that need this n, and one pixel; groups that are not full."""
    least = n // 2 + 1 if n > 2 else 1
    shares = [
        PlaneRun(n, size, batch=2, channels=17 if n < 32 else 2, stride=stride, activation=6, soft=soft).check(
            libraries
        )
        for size in ((n, n), (n, n - 1), (n - 1, n), (least, least), (1, 1))
        for stride in (1, 2, 4)
        for soft in (0, 1)
        if stride <= n
    ]
    print(f"n = {n}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("keep_dc", [0, 1])
@pytest.mark.parametrize("paths", range(1, 9))
def test_paths(libraries: dict[str, CpuLibrary], paths: int, keep_dc: int, soft: int) -> None:
    for n, size in ((2, (2, 1)), (8, (7, 7)), (16, (16, 16))):
        run = PlaneRun(n, size, paths=paths, keep_dc=keep_dc, soft=soft, activation=1, seed=paths)
        print(f"{run.check(libraries):.0%} of the tolerance used")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(run=draw_runs())
def test_any_shape(libraries: dict[str, CpuLibrary], run: PlaneRun) -> None:
    run.check(libraries)


@pytest.mark.parametrize(("n", "size"), [(2, (2, 2)), (4, (3, 4)), (8, (8, 8)), (8, (7, 7)), (32, (20, 32))])
def test_the_same_bits_with_any_threads_and_at_any_place_of_a_batch(
    libraries: dict[str, CpuLibrary], n: int, size: tuple[int, int]
) -> None:
    run = PlaneRun(n, size, batch=5, channels=37, stride=1, paths=2)
    arrays = run.draw_arrays()
    for library in libraries.values():
        y = run.run(library, arrays)
        for threads in (2, 3, 8):
            assert run.run(library, arrays, threads).tobytes() == y.tobytes()
        for place in range(5):
            alone = {**arrays, "x": arrays["x"][place : place + 1]}
            assert replace(run, batch=1).run(library, alone).tobytes() == y[place : place + 1].tobytes()


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize(("value", "activation"), [(np.nan, 6), (np.nan, 0), (np.inf, 0), (-np.inf, 0)])
@pytest.mark.parametrize(("n", "size"), [(2, (2, 2)), (8, (7, 5)), (16, (16, 16))])
def test_nan_and_infinity_stay_in_their_map(
    libraries: dict[str, CpuLibrary], n: int, size: tuple[int, int], value: float, activation: int, soft: int
) -> None:
    run = PlaneRun(n, size, batch=2, channels=5, activation=activation, soft=soft)
    arrays = run.draw_arrays()
    for library in libraries.values():
        y = run.run(library, arrays)
        x = arrays["x"].copy()
        x[1, 3, 1, 1] = value
        changed = run.run(library, {**arrays, "x": x})
        assert not np.isfinite(changed[1, 3]).any()
        assert np.isnan(changed[1, 3]).all() or not np.isnan(value)
        changed[1, 3] = y[1, 3]
        assert changed.tobytes() == y.tobytes()


@pytest.mark.parametrize("soft", [0, 1])
def test_zeros_and_negative_thresholds(libraries: dict[str, CpuLibrary], soft: int) -> None:
    """sgn(0) = 0: what is not there stays away although its threshold is below 0."""
    run = PlaneRun(8, (7, 7), soft=soft)
    arrays = run.draw_arrays()
    arrays["thresholds"][:] = -1
    arrays["x"][:] = 0
    for library in libraries.values():
        assert (run.run(library, arrays) == arrays["bias"][:, None, None]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 12}, "power of two from 2 to 128"),
        ({"n": 256}, "larger maps than 128x128"),
        ({"size": (9, 8)}, "height and width of X must be from 1 to n"),
        ({"size": (8, 0)}, "height and width of X must be from 1 to n"),
        ({"stride": 3}, "stride must be 1, 2 or 4"),
        ({"n": 2, "size": (2, 2), "stride": 4}, "at least the stride"),
        ({"paths": 9}, "paths must be from 1 to 8"),
        ({"soft": 2}, "soft must be"),
        ({"keep_dc": -1}, "keep_dc must be"),
        ({"activation": 2}, "activation must be"),
        ({"channels": 0}, "at least one channel"),
        ({"batch": 2**31}, "N . C .* below"),
    ],
)
def test_what_is_refused(libraries: dict[str, CpuLibrary], change: dict[str, Any], words: str) -> None:
    params = replace(PlaneRun(8, (8, 8)), **change).params()
    for library in libraries.values():
        with pytest.raises(Refused, match=words):
            library.run_fwht_2d(params)


def test_other_types_and_layouts_are_refused(libraries: dict[str, CpuLibrary]) -> None:
    for field in ("type", "layout"):
        params = PlaneRun(8, (8, 8)).params()
        setattr(params, field, 1)
        with pytest.raises(Refused, match="float32 in layout NCHW"):
            next(iter(libraries.values())).run_fwht_2d(params)
