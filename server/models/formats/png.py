"""PNG: the chunks of a file, and those that its pixels need (W3C, Portable Network Graphics)."""

from __future__ import annotations

import struct
import zlib
from typing import Iterator, NamedTuple, Tuple

from ...errors import UnsupportedMedia
from .limits import MAX_PARTS, SMALL_FILE, refuse_parts

SIGNATURE = 8  # bytes
NEEDED = (b"IHDR", b"PLTE", b"IDAT")
WANTED = (b"tRNS", b"eXIf")  # transparency and orientation, where they are undamaged
LONGEST_EXIF = 1 << 16
END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


class Chunk(NamedTuple):
    """`kind` at data[begin + 4]; `end` is behind its checksum, or where the file ends."""

    kind: bytes
    begin: int
    end: int


def check(data: bytes) -> None:
    """Raises BadRequest where reading the chunks would take seconds."""
    if len(data) > SMALL_FILE:
        for _ in read_chunks(data):
            pass


def read_chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks up to IEND, or to the end of the file. Raises BadRequest where they are too many."""
    position = SIGNATURE
    for _ in range(MAX_PARTS):
        if position + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IEND":
            return
        begin, position = position, position + 12 + length
        yield Chunk(kind, begin, min(position, len(data)))
    raise refuse_parts("PNG", "chunks")


def mend(data: bytes) -> Tuple[bytes, ...]:
    """The file with the chunks alone that its pixels need, in one run, and an end."""
    chunks = list(read_chunks(data))
    kept = [data[begin:end] for kind, begin, end in chunks if _is_needed(data, kind, begin, end)]
    if chunks and chunks[-1].kind == b"IDAT" and kept[-1:]:
        kept[-1] = _close(kept[-1])
    return (data[:SIGNATURE] + b"".join(kept) + END,)


def _close(chunk: bytes) -> bytes:
    """A chunk that the end of the file may have cut, with the length that it has; what follows is no part of it."""
    length = min(int.from_bytes(chunk[:4], "big"), len(chunk) - 8)
    content = chunk[4 : 8 + length]
    return length.to_bytes(4, "big") + content + zlib.crc32(content).to_bytes(4, "big")


def _is_needed(data: bytes, kind: bytes, begin: int, end: int) -> bool:
    if kind in WANTED and end - begin <= LONGEST_EXIF:
        return zlib.crc32(data[begin + 4 : end - 4]).to_bytes(4, "big") == data[end - 4 : end]
    return kind in NEEDED


def explain(data: bytes) -> None:
    """Raises UnsupportedMedia for Apple's variant."""
    if data[12:16] == b"CgBI":
        raise UnsupportedMedia(
            "Apple's CgBI PNG, which Xcode puts into apps, is not supported: send the original, or turn it back by "
            "`pngcrush -revert-iphone-optimizations`"
        )
