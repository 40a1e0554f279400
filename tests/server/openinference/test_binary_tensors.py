"""JSON and bytes in one body: every length that is told is checked against those that are there."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import BadRequest
from server.openinference import binary_tensors


@pytest.mark.parametrize(
    "lengths, json, binary", [([], b"{}1234", None), (["2"], b"{}", b"1234"), (["0"], b"", b"{}1234")]
)
def test_split(lengths: list[str], json: bytes, binary: bytes | None) -> None:
    found = binary_tensors.split_body(b"{}1234", lengths)
    assert found.json == json and (found.binary is None if binary is None else bytes(found.binary or b"") == binary)


@pytest.mark.parametrize(
    "lengths",
    [["7"], ["-1"], ["+2"], ["2.0"], ["0x2"], [""], [" 2"], ["٢"], ["9" * 18], ["9" * 5000], ["2", "2"], ["1_0"]],
)
def test_bad_length(lengths: list[str]) -> None:
    with pytest.raises(BadRequest, match="Inference-Header-Content-Length"):
        binary_tensors.split_body(b"{}1234", lengths)


def test_json_before_bytes_is_short() -> None:
    with pytest.raises(BadRequest, match="65536"):
        binary_tensors.split_body(b" " * 70_000, ["65537"])


@pytest.mark.parametrize("start", range(5))
def test_numbers_at_any_address(start: int) -> None:
    """After JSON of any length they are read as they are, and handed on where an engine can take them."""
    values = np.arange(6, dtype="<f4").reshape(1, 6)
    read = binary_tensors.decode_fp32(memoryview(b"x" * start + values.tobytes())[start:], 24, (1, 6))
    np.testing.assert_array_equal(read, values)
    assert read.dtype == np.float32 and read.flags.aligned and read.flags.c_contiguous


@pytest.mark.parametrize("declared", [23, 25, -24, 24.0, True, "24", None, 10**30, [24]])
def test_bad_size(declared: object) -> None:
    with pytest.raises(BadRequest, match="binary_data_size is .* needs 24 bytes"):
        binary_tensors.decode_fp32(memoryview(b"\0" * 24), declared, (1, 6))


@pytest.mark.parametrize("there", [0, 23, 25])
def test_other_bytes_than_declared(there: int) -> None:
    with pytest.raises(BadRequest, match=f"{there} bytes follow"):
        binary_tensors.decode_fp32(memoryview(b"\0" * there), 24, (1, 6))


def test_texts() -> None:
    assert binary_tensors.encode_texts(["a", "", "é"]) == b"\1\0\0\0a\0\0\0\0\2\0\0\0\xc3\xa9"
