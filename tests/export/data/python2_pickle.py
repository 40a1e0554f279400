"""Pickles as Python 2 wrote them: CIFAR-10's batches hold `str` of that time, which are bytes."""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any


def _save_old_string(pickler: Any, value: bytes | str) -> None:
    data = value.encode() if isinstance(value, str) else value
    pickler.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)


def dumps(value: Any) -> bytes:
    """Protocol 2, every string and byte string as BINSTRING, numpy's module under its name of that time."""
    buffer = io.BytesIO()
    pickler: Any = vars(pickle)["_Pickler"](buffer, protocol=2)  # the one in Python, whose table can be changed
    pickler.dispatch = {**pickler.dispatch, bytes: _save_old_string, str: _save_old_string}
    pickler.dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
