"""Reading a packed image file: a whole data set of small images in one file (docs/data_formats.md has the layout)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

HEADER = struct.Struct("<I")  # bytes of the prefix that every image shares
RECORD = struct.Struct("<BBH")  # is_test, class, bytes of this image after the prefix


@dataclass(frozen=True)
class PackedImage:
    """One image: its complete file (any format, here mostly JPEG), its class and the part it belongs to."""

    is_test: bool
    class_id: int
    data: bytes


def read_packed(path: Path) -> Iterator[PackedImage]:
    """The images of a packed file in file order.

    Raises ValueError with the byte position where the file does not follow the layout.
    """
    content = path.read_bytes()
    if len(content) < HEADER.size:
        raise ValueError(f"{path} is no packed image file: it has {len(content)} bytes, the header alone has 4")
    (shared,) = HEADER.unpack_from(content)
    position = HEADER.size + shared
    if position > len(content):
        raise ValueError(f"{path} is no packed image file: it announces a prefix of {shared} bytes, but ends before")
    prefix = content[HEADER.size : position]
    while position < len(content):
        if position + RECORD.size > len(content):
            raise ValueError(f"{path} is cut off: an incomplete record begins at byte {position}")
        is_test, class_id, size = RECORD.unpack_from(content, position)
        start = position + RECORD.size
        position = start + size
        if is_test > 1 or position > len(content):
            what = f"is_test = {is_test}" if is_test > 1 else f"{size} bytes announced, {len(content) - start} left"
            raise ValueError(f"{path} is cut off or no packed image file: record at byte {start - RECORD.size}, {what}")
        yield PackedImage(bool(is_test), class_id, prefix + content[start:position])
