"""GIF: the blocks in front of the first frame (GIF89a specification)."""

from __future__ import annotations

import struct
from typing import Optional, Tuple

from ...errors import BadRequest
from .limits import MAX_PARTS, SMALL_FILE, refuse_parts

HEADER = 13  # bytes
EXTENSION, FRAME, GRAPHIC_CONTROL = 0x21, 0x2C, 0xF9


def check(data: bytes) -> None:
    """Raises BadRequest for 0 pixels, and where reading the blocks would take seconds."""
    if 0 in struct.unpack("<HH", data[6:10].ljust(4, b"\0")):
        raise BadRequest("the GIF image has 0 pixels: send one of at least 1 x 1")
    if len(data) > SMALL_FILE:
        _find_frame(data)


def mend(data: bytes) -> Tuple[bytes, ...]:
    """The file without the extensions in front of its first frame, but the one that says what is transparent."""
    frame, control = _find_frame(data)
    if frame is None:
        return ()
    return (data[: _end_of_header(data)] + control + data[frame:] + b"\0;",)


def _find_frame(data: bytes) -> Tuple[Optional[int], bytes]:
    """Where the first frame begins, None where there is none, and the graphic control extension in front of it."""
    position, control, parts = _end_of_header(data), b"", 0
    while position < len(data):
        parts += 1
        begin, block = position, data[position]
        if block == FRAME:
            return begin, control
        position += 1
        if block == EXTENSION:
            position += 1
            while position < len(data) and data[position]:
                position += 1 + data[position]
                parts += 1
                if parts > MAX_PARTS:
                    break
            position += 1
            if data[begin + 1 : begin + 3] == bytes([GRAPHIC_CONTROL, 4]):
                control = data[begin:position]
        if parts > MAX_PARTS:
            raise refuse_parts("GIF", "blocks before its first frame")
    return None, control


def _end_of_header(data: bytes) -> int:
    """Behind the global colour table."""
    flags = data[10] if len(data) > 10 else 0
    return HEADER + (3 * 2 ** (1 + (flags & 7)) if flags & 0x80 else 0)


def explain(data: bytes) -> None:
    """Every GIF is of a kind that is decoded."""
