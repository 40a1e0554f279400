"""The device functions of MFDepthwiseConv, compiled for the host, against the float64 reference.

mf_host.cpp runs them as the kernels do, by loops over blocks and threads. Every output is poisoned beforehand.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.tensor_layout import DTYPES, FLOAT16, FLOAT32, HWC8, NCHW, pack, packed_shape, unpack
from export.ops.native_structures import MfDepthwiseConvParams
from tests.plugins.host import Memory, load_compiled
from tests.plugins.mf_case import CONTRACT, WEIGHTS, Arrays, Case

FOLDER = Path(__file__).parent
FORMATS = [(FLOAT32, NCHW), (FLOAT16, NCHW), (FLOAT16, HWC8)]
NO_LIMIT = 2**31 - 1


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    library = load_compiled(FOLDER / "mf_host.cpp")
    library.mf_check.restype = ctypes.c_char_p
    library.mf_run.restype = library.mf_run_last_image.restype = ctypes.c_bool
    library.mf_run.argtypes = [ctypes.POINTER(MfDepthwiseConvParams), ctypes.c_int64, ctypes.c_bool]
    library.mf_blocks.restype = ctypes.c_int64
    return library


def run(
    library: ctypes.CDLL, case: Case, arrays: Arrays, most_blocks: int = NO_LIMIT, wide: bool = False
) -> np.ndarray:
    """y as the kernel leaves it; checks that nothing beside it was written and that what fills channels up is 0."""
    item = DTYPES[case.kind].itemsize
    source = Memory(int(np.prod(packed_shape(case.shape, case.layout))) * item)
    target = Memory(int(np.prod(packed_shape(case.out_shape, case.layout))) * item)
    source.inside[:] = pack(arrays["x"], case.kind, case.layout).view(np.uint8).reshape(-1)
    params = case.params()
    params.x, params.y = source.pointer, target.pointer
    for name in WEIGHTS:
        setattr(params, name, arrays[name].ctypes.data)
    assert library.mf_check(ctypes.byref(params)) is None, library.mf_check(ctypes.byref(params))
    assert library.mf_run(ctypes.byref(params), most_blocks, wide)
    assert target.guards_hold(), "bytes beside the output were overwritten"
    y, fill = unpack(target.inside, case.out_shape, case.kind, case.layout)
    assert not fill.any(), "the channels that fill HWC8 up are not 0"
    return y


def check(library: ctypes.CDLL, case: Case) -> float:
    """The share of the tolerance that was used; fails above 1, and where an output is NaN or unwritten."""
    arrays = case.arrays()
    y, reference = run(library, case, arrays), case.reference(arrays)
    assert y.shape == reference.shape and y.dtype == DTYPES[case.kind]
    share = float((np.abs(y - reference) / case.tolerance(arrays, reference)).max())
    assert share <= 1, f"{case}: {share:.0%} of the tolerance"
    return share


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kernel = draw(st.sampled_from([3, 5]))
    pads = draw(st.tuples(*[st.integers(0, kernel - 1)] * 4))
    kind, layout = draw(st.sampled_from(FORMATS))
    return Case(
        batch=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 70)),  # HWC8: a block has 64
        height=draw(st.integers(max(1, kernel - pads[0] - pads[2]), 11)),
        width=draw(st.integers(max(1, kernel - pads[1] - pads[3]), 11)),
        kernel=kernel,
        strides=draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        pads=pads,
        op=draw(st.sampled_from([1, 2, 3])),
        activation=draw(st.sampled_from([0, 1, 6])),
        kind=kind,
        layout=layout,
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(case=cases())
def test_any_shape(library: ctypes.CDLL, case: Case) -> None:
    check(library, case)


@pytest.mark.parametrize("kind, layout", FORMATS)
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("op", [1, 2, 3])
def test_every_kernel(library: ctypes.CDLL, op: int, kernel: int, kind: int, layout: int) -> None:
    """Strides of 1 and 2, which may differ, on maps from 1x1 to larger than a thread's outputs."""
    pad = kernel // 2
    shares = [
        check(library, Case(3, 11, *size, kernel, strides, (pad,) * 4, op, 6, kind, layout))
        for size in ((1, 1), (1, 6), (4, 4), (8, 8), (9, 5))
        for strides in ((1, 1), (2, 2), (1, 2), (2, 1), (3, 1))
    ]
    print(f"operator {op}, {kernel}x{kernel}: up to {max(shares):.0%} of the tolerance used")


@pytest.mark.parametrize("kind, layout", FORMATS)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_fewer_blocks_than_tasks_need_give_the_same(
    library: ctypes.CDLL, strides: tuple[int, int], kind: int, layout: int
) -> None:
    case = Case(2, 130, 13, 9, 3, strides, kind=kind, layout=layout)
    arrays = case.arrays()
    y = run(library, case, arrays)
    for blocks in (1, 3, 7):
        assert run(library, case, arrays, blocks).tobytes() == y.tobytes()
        assert run(library, case, arrays, blocks, wide=True).tobytes() == y.tobytes()


@pytest.mark.parametrize("kind, layout", FORMATS)
@pytest.mark.parametrize("op", [1, 2, 3])
@pytest.mark.parametrize("activation", [0, 1, 6])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "weight"])
def test_nan_and_infinity(
    library: ctypes.CDLL, name: str, value: float, activation: int, op: int, kind: int, layout: int
) -> None:
    """What the reference makes of them; and NaN where a window holds one, of which operator 3's definition says 0."""
    case = Case(op=op, activation=activation, kind=kind, layout=layout)
    arrays = case.arrays()
    arrays["weight"][arrays["weight"] == 0] = 0.5
    arrays[name][1, 0, 1, 1] = value
    y = run(library, case, arrays)
    with np.errstate(invalid="ignore"):
        reference, mark = case.reference(arrays), replace(case, op=1, activation=0).reference(arrays)
        allowed = case.tolerance(arrays, reference)
        near = np.abs(y - reference) <= allowed
    if np.isnan(value):
        assert np.isnan(mark).any() and np.isnan(y[np.isnan(mark)]).all()
        reference[np.isnan(mark)] = np.nan
    assert (near | (y == reference) | (np.isnan(y) & np.isnan(reference))).all()


@pytest.mark.parametrize("layout", [NCHW, HWC8])
def test_what_float16_cannot_hold_becomes_infinite(library: ctypes.CDLL, layout: int) -> None:
    case = Case(kind=FLOAT16, layout=layout)
    arrays = case.arrays()
    arrays["gain"][:], arrays["bias"][:] = 0, [65519, 65520, -65519, -65520, 1e9]
    y = run(library, case, arrays)
    assert (y == np.array([65504, np.inf, -65504, -np.inf, np.inf])[:, None, None]).all()


@pytest.mark.parametrize("kind, layout", FORMATS)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_the_last_image_of_a_tensor_beyond_2_to_the_32_values(
    library: ctypes.CDLL, strides: tuple[int, int], kind: int, layout: int
) -> None:
    """Only that image is there; the addresses of x and y are those that the first would have."""
    small = Case(1, 67, 5, 7, 3, strides, kind=kind, layout=layout)
    large = replace(small, batch=2**22)
    arrays = small.arrays()
    item = DTYPES[kind].itemsize
    sizes = [int(np.prod(packed_shape(shape, layout))) * item for shape in (small.shape, small.out_shape)]
    source, target = map(Memory, sizes)
    source.inside[:] = pack(arrays["x"], kind, layout).view(np.uint8).reshape(-1)
    params = large.params()
    params.x, params.y = (m.pointer - (large.batch - 1) * size for m, size in zip((source, target), sizes))
    for name in WEIGHTS:
        setattr(params, name, arrays[name].ctypes.data)
    assert np.prod(large.out_shape) > 2**31 < 2**32 < np.prod(large.shape)
    assert library.mf_check(ctypes.byref(params)) is None
    assert 0 < library.mf_blocks(ctypes.byref(params)) < 2**31
    assert library.mf_run_last_image(ctypes.byref(params))
    assert target.guards_hold()
    y = unpack(target.inside, small.out_shape, kind, layout)[0]
    assert y.tobytes() == run(library, small, arrays).tobytes()


@pytest.mark.parametrize("kind, layout", FORMATS)
@pytest.mark.parametrize("case", [Case(), Case(batch=2**30), Case(channels=2**30), Case(height=2**30)])
def test_no_launch_has_too_many_blocks(library: ctypes.CDLL, case: Case, kind: int, layout: int) -> None:
    params = replace(case, kind=kind, layout=layout).params()
    assert 0 < library.mf_blocks(ctypes.byref(params)) < 2**31


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"x": 0}, "x or y is null"),
        ({"y": 0}, "x or y is null"),
        ({"weight": 0}, "weight, gain or bias is null"),
        ({"gain": 0}, "weight, gain or bias is null"),
        ({"bias": 0}, "weight, gain or bias is null"),
        ({"y": 16}, "one buffer"),
        ({"x": 18}, "not aligned"),
        ({"bias": 18}, "not aligned"),
        ({"layout": HWC8, "type": FLOAT16, "y": 40}, "multiple of 16"),
        ({"kernel_size": 4}, "neither 3 nor 5"),
        ({"op": 0}, "not 1, 2 or 3"),
        ({"op": 4}, "not 1, 2 or 3"),
        ({"activation": 2}, "not 0 (none), 1 (ReLU) or 6 (ReLU6)"),
        ({"type": 2}, "float16"),
        ({"layout": 2}, "HWC8"),
        ({"layout": HWC8}, "take NCHW for float32"),
        ({"batch": 0}, "batch, channels"),
        ({"channels": 0}, "batch, channels"),
        ({"height": -1}, "height"),
        ({"width": 2**30 + 1}, "width"),
        ({"out_height": 0}, "out_height"),
        ({"out_width": 0}, "out_width"),
        ({"batch": 2**62}, "split the batch"),
        ({"stride_h": 0}, "stride"),
        ({"stride_w": -1}, "stride"),
        ({"pad_top": -1}, "pad_top"),
        ({"pad_left": 3}, "pad_left"),
        ({"out_height": 5}, "out_height does not follow"),
        ({"out_height": 9}, "out_height does not follow"),
        ({"out_width": 4}, "out_width does not follow"),
        ({"out_width": 8}, "out_width does not follow"),
    ],
)
def test_wrong_parameters_are_refused(library: ctypes.CDLL, changes: dict[str, int], words: str) -> None:
    params = Case().params()
    params.x, params.y, params.weight, params.gain, params.bias = 16, 32, 48, 64, 80
    assert library.mf_check(ctypes.byref(params)) is None
    for name, value in changes.items():
        setattr(params, name, value)
    assert words in library.mf_check(ctypes.byref(params)).decode()


def test_the_contract_and_the_check_agree(library: ctypes.CDLL) -> None:
    """Every value that contract.json lists is taken, and its neighbours are not."""
    attributes = {attribute["name"]: attribute for attribute in CONTRACT["attributes"]}
    fields = {
        "op": attributes["operator"]["values"],
        "activation": attributes["activation"]["values"],
        "kernel_size": CONTRACT["ranges"]["k"]["values"],
        "pad_top": range(min(attributes["pads"]["max"], 2) + 1),
    }
    for name, allowed in fields.items():
        for value in range(-1, 8):
            params = Case(height=20, width=20).params()
            params.x, params.y, params.weight, params.gain, params.bias = 16, 32, 48, 64, 80
            setattr(params, name, value)
            params.out_height = 20 + params.pad_top + 1 - params.kernel_size + 1
            params.out_width = 20 + 2 - params.kernel_size + 1
            assert (library.mf_check(ctypes.byref(params)) is None) == (value in allowed), (name, value)
    for index, kind in enumerate(("float32", "float16")):
        for layout, name in enumerate(("NCHW", "HWC8")):
            params = Case(kind=index, layout=layout).params()
            params.x, params.y, params.weight, params.gain, params.bias = 16, 32, 48, 64, 80
            assert (library.mf_check(ctypes.byref(params)) is None) == (kind in CONTRACT["layouts"][name])
