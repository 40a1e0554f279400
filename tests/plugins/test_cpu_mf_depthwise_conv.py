"""The CPU kernel of MFDepthwiseConv against the float64 reference, on every instruction set of this machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.cpu_library import CpuLibrary, Refused
from tests.plugins.host import Memory
from tests.plugins.mf_case import WEIGHTS, Arrays, Case
from tests.plugins.native import native_libraries


@pytest.fixture(scope="module")
def libraries() -> dict[str, CpuLibrary]:
    return native_libraries()


def run(library: CpuLibrary, case: Case, arrays: Arrays, threads: int = 1) -> np.ndarray:
    """Y; checks that nothing beside it was written. X ends where its memory ends."""
    source, target = Memory.of(arrays["x"]), Memory(int(np.prod(case.out_shape)) * 4)
    params = case.params()
    params.x, params.y = source.pointer, target.pointer
    for name in WEIGHTS:
        setattr(params, name, arrays[name].ctypes.data)
    library.run_mf_depthwise_conv(params, threads)
    assert target.guards_hold(), "bytes beside the output were overwritten"
    return target.inside.view(np.float32).reshape(case.out_shape)


def check(libraries: dict[str, CpuLibrary], case: Case) -> float:
    """The largest share of the tolerance that was used; fails above 1, and where an output is NaN or unwritten."""
    arrays = case.arrays()
    reference = case.reference(arrays)
    allowed = case.tolerance(arrays, reference)
    shares = {
        name: float((np.abs(run(each, case, arrays) - reference) / allowed).max()) for name, each in libraries.items()
    }
    assert max(shares.values()) <= 1, f"{case}: {shares} of the tolerance"
    return max(shares.values())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kernel = draw(st.sampled_from([3, 5]))
    pads = draw(st.tuples(*[st.integers(0, kernel - 1)] * 4))
    return Case(
        batch=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 20)),
        height=draw(st.integers(max(1, kernel - pads[0] - pads[2]), 13)),
        width=draw(st.integers(max(1, kernel - pads[1] - pads[3]), 40)),
        kernel=kernel,
        strides=draw(st.tuples(st.integers(1, 7), st.integers(1, 7))),
        pads=pads,
        op=draw(st.sampled_from([1, 2, 3])),
        activation=draw(st.sampled_from([0, 1, 6])),
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=cases())
def test_any_shape(libraries: dict[str, CpuLibrary], case: Case) -> None:
    check(libraries, case)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("op", [1, 2, 3])
def test_every_kernel(libraries: dict[str, CpuLibrary], op: int, kernel: int) -> None:
    """Maps from a pixel to such as are made in several bands, and strides beyond all of it."""
    shares = [
        check(libraries, Case(1, 2, *size, kernel, strides, (kernel // 2,) * 4, op, 6))
        for size in ((1, 1), (1, 6), (4, 4), (8, 8), (60, 80))
        for strides in ((1, 1), (3, 2), (2**31 - 1, 2**31 - 1))
    ]
    print(f"operator {op}, {kernel}x{kernel}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("op", [1, 2, 3])
def test_channels_pages_apart(libraries: dict[str, CpuLibrary], op: int) -> None:
    """Where AVX-512 leaves a map to the kernels of AVX2, whose answers are the same."""
    case = Case(2, 37, 32, 32, 3, (1, 1), (1, 1, 1, 1), op, 6)
    check(libraries, case)
    answers = {name: run(each, case, case.arrays()).tobytes() for name, each in libraries.items()}
    assert answers.get("avx512", answers.get("avx2")) == answers.get("avx2")


@pytest.mark.parametrize("op", [1, 2, 3])
def test_the_same_bits_with_any_threads_and_at_any_place_of_a_batch(libraries: dict[str, CpuLibrary], op: int) -> None:
    case = Case(4, 37, 9, 7, 3, (2, 1), op=op)
    arrays = case.arrays()
    for library in libraries.values():
        y = run(library, case, arrays)
        for threads in (2, 5):
            assert run(library, case, arrays, threads).tobytes() == y.tobytes()
        for place in range(4):
            alone = {**arrays, "x": arrays["x"][place : place + 1]}
            assert run(library, replace(case, batch=1), alone).tobytes() == y[place : place + 1].tobytes()


@pytest.mark.parametrize("op", [1, 2, 3])
@pytest.mark.parametrize("activation", [0, 1, 6])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "weight"])
def test_nan_and_infinity(libraries: dict[str, CpuLibrary], name: str, value: float, activation: int, op: int) -> None:
    """What the reference makes of them; and NaN where a window holds one, of which operator 3's definition says 0."""
    case = Case(op=op, activation=activation)
    arrays = case.arrays()
    arrays["weight"][arrays["weight"] == 0] = 0.5
    arrays[name][1, 0, 1, 1] = value
    with np.errstate(invalid="ignore"):
        reference, mark = case.reference(arrays), replace(case, op=1, activation=0).reference(arrays)
        allowed = case.tolerance(arrays, reference)
        if np.isnan(value):
            reference[np.isnan(mark)] = np.nan
        for library in libraries.values():
            y = run(library, case, arrays)
            near = np.abs(y - reference) <= allowed
            assert (near | (y == reference) | (np.isnan(y) & np.isnan(reference))).all()


def test_what_is_refused(libraries: dict[str, CpuLibrary]) -> None:
    case = Case()
    for change, words in (
        ({"kind": 1}, "float32"),
        ({"layout": 1}, "NCHW"),
        ({"op": 4}, "operator"),
        ({"kernel": 4}, "3"),
    ):
        with pytest.raises(Refused, match=words):
            next(iter(libraries.values())).run_mf_depthwise_conv(replace(case, **change).params())  # type: ignore[arg-type]
