"""FWHT2D in training on the CPU, forward and backward, against the float64 references, on every instruction set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.harness.cpu_library import CpuLibrary, Refused
from tests.plugins.cpu_fwht_2d_training_case import NAMES, TrainingRun, draw_training_runs
from tests.plugins.native import native_libraries


@pytest.fixture(scope="module")
def libraries() -> dict[str, CpuLibrary]:
    return native_libraries()


@pytest.mark.parametrize("n", [2**k for k in range(1, 8)])
def test_every_side(libraries: dict[str, CpuLibrary], n: int) -> None:
    """Whole maps, a row or a column less, one pixel; a block of channels, fewer, and some that begin before it."""
    channels = (16, 21) if n < 128 else (5,)
    shares = [
        TrainingRun(n, size, 1, count, stride, soft=soft, apart=soft, paths=1 + soft).check(libraries)
        for size in ((n, n), (n, n - 1), (n - 1, n), (1, 1))
        for count in channels
        for stride in (1, 2, 4)
        for soft in (0, 1)
        if stride <= n and (n < 64 or size != (1, 1))
    ]
    print(f"n = {n}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("apart", [0, 1])
@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", range(1, 9))
def test_paths(libraries: dict[str, CpuLibrary], paths: int, soft: int, apart: int) -> None:
    for n, size in ((2, (2, 1)), (8, (7, 7)), (16, (16, 16))):
        for keep_dc in (0, 1):
            run = TrainingRun(n, size, paths=paths, keep_dc=keep_dc, soft=soft, apart=apart, seed=paths)
            print(f"{run.check(libraries):.0%} of the tolerance used")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(run=draw_training_runs())
def test_any_shape(libraries: dict[str, CpuLibrary], run: TrainingRun) -> None:
    run.check(libraries)


@pytest.mark.parametrize("bfloat16", [0, 1])
@pytest.mark.parametrize(("n", "size"), [(2, (2, 2)), (8, (8, 8)), (8, (7, 7)), (32, (20, 32))])
def test_the_same_bits_with_any_threads(
    libraries: dict[str, CpuLibrary], n: int, size: tuple[int, int], bfloat16: int
) -> None:
    run = TrainingRun(n, size, batch=5, channels=37, paths=2, apart=1, bfloat16=bfloat16)
    arrays = run.draw_arrays()
    for library in libraries.values():
        alone = run.run(library, arrays)
        for threads in (2, 3, 8):
            again = run.run(library, arrays, threads)
            assert all(again[name].tobytes() == alone[name].tobytes() for name in NAMES)
        last = {**arrays, **{name: arrays[name][4:] for name in ("x", "y_gradient")}}
        image = replace(run, batch=1).run(library, last)
        assert all(image[name].tobytes() == alone[name][4:].tobytes() for name in NAMES[:2])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize(("n", "size"), [(2, (2, 2)), (8, (7, 5)), (16, (16, 16))])
def test_nan_and_infinity_stay_in_their_map(
    libraries: dict[str, CpuLibrary], n: int, size: tuple[int, int], soft: int, value: float
) -> None:
    for bfloat16 in (0, 1):
        run = TrainingRun(n, size, channels=21, soft=soft, bfloat16=bfloat16)
        arrays = run.draw_arrays()
        x = arrays["x"].copy()
        x[1, 20, 1, 1] = value
        for library in libraries.values():
            found, changed = run.run(library, arrays), run.run(library, {**arrays, "x": x})
            for name in NAMES[:2]:
                maps = changed[name].copy()
                assert name != "y" or not np.isfinite(maps[1, 20]).any()
                maps[1, 20] = found[name][1, 20]
                assert maps.tobytes() == found[name].tobytes()


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zeros_and_negative_thresholds(libraries: dict[str, CpuLibrary], soft: int, zero: float) -> None:
    """At s = 0 the derivatives are 0, whatever its sign, although nothing is cut off."""
    run = TrainingRun(8, (8, 8), soft=soft)
    arrays = run.draw_arrays()
    arrays["x"][:], arrays["thresholds"][:], arrays["scale"][:] = zero, -1, -1
    references = run.compute_references(arrays)
    for library in libraries.values():
        for name, found in run.run(library, arrays).items():
            if soft:
                assert not found.any() and not references[name].any()
            np.testing.assert_allclose(found, references[name], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 12}, "power of two from 2 to 128"),
        ({"n": 256}, "larger maps than 128x128"),
        ({"size": (9, 8)}, "height and width of X must be from 1 to n"),
        ({"stride": 3}, "stride must be 1, 2 or 4"),
        ({"n": 2, "size": (2, 2), "stride": 4}, "at least the stride"),
        ({"paths": 9}, "paths must be from 1 to 8"),
        ({"soft": 2}, "soft must be"),
        ({"keep_dc": -1}, "keep_dc must be"),
        ({"channels": 0}, "at least one channel"),
        ({"channels": 2**30, "apart": 1}, "fewer than 2.31 channels"),
        ({"batch": 2**31}, "N . C .* below"),
        ({"apart": 2}, "apart and bfloat16 must be 0 or 1"),
        ({"bfloat16": -1}, "apart and bfloat16 must be 0 or 1"),
    ],
)
def test_what_is_refused(libraries: dict[str, CpuLibrary], change: dict[str, Any], words: str) -> None:
    params = replace(TrainingRun(8, (8, 8), batch=1), **change).params()
    for library in libraries.values():
        with pytest.raises(Refused, match=words):
            library.run_fwht_2d_training(params)
