"""Requests of an inference, right ones and mutated ones: a tensor, or one sentence that says what is wrong."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.tiny_models import SIZE
from server.backends.choice import Choice
from server.errors import BadRequest, TooLarge
from server.models.model import Model, load_model
from server.openinference.request import InferRequest, read_request

MOST = 4
SHAPE = [2, 3, SIZE, SIZE]
BYTES = np.linspace(-1, 1, 2 * 3 * SIZE * SIZE, dtype=np.float32).tobytes()


@pytest.fixture(scope="module")
def model(tiny: Path) -> Model:
    return load_model(str(tiny), Choice(threads=1))


def header(**changes: Any) -> dict[str, Any]:
    """The JSON of a good binary request; None takes a key of its input out."""
    tensor = {"name": "image", "datatype": "FP32", "shape": SHAPE, "parameters": {"binary_data_size": len(BYTES)}}
    tensor.update(changes)
    return {"inputs": [{key: value for key, value in tensor.items() if value is not None}]}


def read(model: Model, asked: Any, binary: bytes = BYTES) -> InferRequest:
    text = json.dumps(asked).encode()
    return read_request(text + binary, [str(len(text))], model, MOST)


def refused(model: Model, asked: Any, told: str, binary: bytes = BYTES) -> None:
    with pytest.raises(BadRequest, match=told):
        read(model, asked, binary)


def test_binary(model: Model) -> None:
    asked = read(model, {**header(), "id": "mine"})
    assert (asked.id, asked.binary, asked.classes) == ("mine", False, 0)
    np.testing.assert_array_equal(asked.batch.ravel(), np.frombuffer(BYTES, np.float32))


def test_bytes_alone_are_one_image(model: Model) -> None:
    asked = read_request(BYTES[: len(BYTES) // 2], ["0"], model, MOST)
    assert asked.batch.shape == (1, 3, SIZE, SIZE) and asked.binary
    with pytest.raises(BadRequest, match="needs 3072 bytes"):
        read_request(BYTES, ["0"], model, MOST)


@pytest.mark.parametrize("default, own, binary", [(True, None, True), (True, False, False), (None, True, True)])
def test_an_output_goes_before_the_default(model: Model, default: Any, own: Any, binary: bool) -> None:
    asked: dict[str, Any] = header()
    if default is not None:
        asked["parameters"] = {"binary_data_output": default}
    if own is not None:
        asked["outputs"] = [{"name": "logits", "parameters": {"binary_data": own}}]
    assert read(model, asked).binary is binary


@pytest.mark.parametrize("key", ["inputs", "outputs", "parameters", "id"])
@pytest.mark.parametrize("value", [0, 1.5, True, "text", [1], [[]], [None], {"a": []}])
def test_wrong_kind_at_the_top(model: Model, key: str, value: Any) -> None:
    if (key, value) not in [("id", "text"), ("parameters", {"a": []})]:
        refused(model, {**header(), key: value}, key if key != "inputs" else "input")


@pytest.mark.parametrize("count", [2.0, True, -2, 0, 10**30, MOST + 1, "2", None, [2]])
def test_bad_count(model: Model, count: Any) -> None:
    refused(model, header(shape=[count, 3, SIZE, SIZE]), "the input's shape is")


@pytest.mark.parametrize(
    "shape",
    [None, [], 5, "2", {}, [2], [2, 3, SIZE], [2, 3, SIZE, SIZE, 1], [2, 3, -SIZE, -SIZE], [2, 3.0, SIZE, SIZE]],
)
def test_bad_shape(model: Model, shape: Any) -> None:
    refused(model, header(shape=shape), "the input's shape is")


@pytest.mark.parametrize("classes", [-1, 1.5, True, "3", None, [3]])
def test_bad_classification(model: Model, classes: Any) -> None:
    output = {"name": "logits", "parameters": {"classification": classes}}
    refused(model, {**header(), "outputs": [output]}, "classification is")


@pytest.mark.parametrize("flag", [0, 1, "true", None, []])
def test_bad_flag(model: Model, flag: Any) -> None:
    refused(model, {**header(), "parameters": {"binary_data_output": flag}}, "binary_data_output is")


def test_data_in_one_place(model: Model) -> None:
    refused(model, header(data=[1.0]), "both data and binary_data_size")
    refused(model, header(parameters=None), "has no binary_data_size")
    refused(model, header(parameters={"shared_memory_region": "r"}), "shared memory")
    refused(model, header(parameters={"binary_data_size": 0}), "binary_data_size", b"")
    with pytest.raises(BadRequest, match="needs the header"):
        read_request(json.dumps(header()).encode(), [], model, MOST)


def test_numbers_that_are_none(model: Model) -> None:
    for value in (np.nan, np.inf, -np.inf):
        refused(model, header(), "finite", BYTES[:-4] + np.float32(value).tobytes())


def test_json_that_is_longer_than_any_tensor(model: Model) -> None:
    """Empty lists take forty times their text, so that a whole body of them would take all memory."""
    body = b'{"inputs":[' + b"[]," * 5_000_000 + b"[]]}"
    tracemalloc.start()
    with pytest.raises(TooLarge, match="binary data"):
        read_request(body, [], model, MOST)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"[[]],", b'"a",', b"1.5,"])
def test_json_as_long_as_a_tensor(model: Model, unit: bytes) -> None:
    """What is parsed takes no more than a few times the longest tensor's text."""
    count = 64 * MOST * 3 * SIZE * SIZE // len(unit)
    body = json.dumps(header(parameters=None, data=[])).encode()
    body = body.replace(b'"data": []', b'"data": [' + unit * count + unit[:-1] + b"]")
    tracemalloc.start()
    with pytest.raises(BadRequest):
        read_request(body, [], model, MOST)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 16 * len(body)


def test_nested_data(model: Model) -> None:
    data = np.frombuffer(BYTES, np.float32).reshape(SHAPE)
    text = json.dumps(header(parameters=None, data=data.tolist()), indent=4).encode()
    np.testing.assert_array_equal(read_request(text, [], model, MOST).batch, data)


WORDS = st.sampled_from(
    [
        b"0",
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
        b"true",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b",",
        b":",
        b"\\ud800",
        b"\xff",
        b"\0",
    ]
    + [b"99999999999999999999", b"binary_data_size", b'"inputs"', b'"outputs":[{}]', b'"parameters":{}', b""]
)
CUTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 6), WORDS), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(cuts=CUTS, off=st.integers(-3, 3), binary=st.integers(-5, 5))
def test_mutated(model: Model, cuts: list[tuple[int, int, bytes]], off: int, binary: int) -> None:
    """Whatever is changed in header, JSON and bytes: a tensor that the request asked for, or a refusal."""
    text = json.dumps(header()).encode()
    for start, count, word in cuts:
        text = text[:start] + word + text[start + count :]
    length = str(max(0, len(text) + off))
    data = BYTES[:binary] if binary < 0 else BYTES + b"\0" * binary
    try:
        asked = read_request(text + data, [length], model, MOST)
    except (BadRequest, TooLarge) as error:
        assert len(error.detail) > 10
    else:
        assert asked.batch.dtype == np.float32 and asked.batch.shape[1:] == (3, SIZE, SIZE)
