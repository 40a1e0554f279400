"""Tensors as bytes in a request or an answer: JSON first, then the numbers, little-endian and row by row.

Source: Triton's binary tensor data extension. Every length comes from the sender, so each is checked against the bytes
that are really there before anything is made of it.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Iterable, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..errors import BadRequest

HEADER = "Inference-Header-Content-Length"
LONGEST_JSON = 64 << 10  # bytes of the JSON in front of binary tensors, which holds no numbers of a tensor
LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
FP32 = np.dtype("<f4")


class SplitBody(NamedTuple):
    """A body in two: `binary` is None where no header says that there is any."""

    json: bytes
    binary: Optional[memoryview]


def split_body(body: bytes, lengths: Sequence[str]) -> SplitBody:
    """Cut a body where the header says. lengths: the values of all headers of that name. Raises BadRequest."""
    if not lengths:
        return SplitBody(body, None)
    if len(lengths) > 1 or not LENGTH.fullmatch(lengths[0]):
        raise BadRequest(f"{HEADER} is {', '.join(lengths)[:80]!r}, it must be the length of the JSON in bytes")
    length = int(lengths[0])
    if length > len(body):
        raise BadRequest(f"{HEADER} is {length}, the whole body has only {len(body)} bytes")
    if length > LONGEST_JSON:
        raise BadRequest(
            f"{HEADER} is {length}, the JSON before binary tensors may have {LONGEST_JSON}: send the data as bytes"
        )
    return SplitBody(body[:length], memoryview(body)[length:])


def decode_fp32(binary: memoryview, declared: Any, shape: Tuple[int, ...]) -> np.ndarray:
    """The float32 tensor of `shape` that the bytes are. declared: binary_data_size, in bytes. Raises BadRequest."""
    wanted = FP32.itemsize * int(np.prod(shape, dtype=np.int64))
    if type(declared) is not int or declared != wanted:
        raise BadRequest(f"binary_data_size is {declared!r}, the shape {list(shape)} of FP32 needs {wanted} bytes")
    if len(binary) != wanted:
        raise BadRequest(f"{len(binary)} bytes follow the JSON, binary_data_size is {wanted}")
    values = np.frombuffer(binary, dtype=FP32).reshape(shape)
    # The JSON may have any length, so the numbers may begin at any address; engines want them at multiples of four.
    aligned: np.ndarray = np.require(values, np.float32, ["C_CONTIGUOUS", "ALIGNED"])
    return aligned


def encode_texts(values: Iterable[str]) -> bytes:
    """A BYTES tensor: before each element its length, as four bytes."""
    encoded = [value.encode("utf-8", "replace") for value in values]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)
