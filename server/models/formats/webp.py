"""WebP: the chunks of a still image (RFC 9649)."""

from __future__ import annotations

import struct
from typing import Dict, List, Tuple

HEADER = 12  # bytes
EXTENDED = b"VP8X"
ALPHA_FLAG = 0x10
MAX_CHUNKS = 64  # a still image has at most seven that are known


def check(data: bytes) -> None:
    """Its parts are read by libwebp, which is quick."""


def mend(data: bytes) -> Tuple[bytes, ...]:
    """The file with the chunks alone that its pixels need; none for an animation."""
    chunks: Dict[bytes, bytes] = {}
    position = HEADER
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : position + 8 + length]
        if len(content) == length:
            chunks.setdefault(kind, content)
        position += 8 + length + length % 2
    pixels = [kind for kind in (b"VP8 ", b"VP8L") if kind in chunks]
    if not pixels:
        return ()
    kept: List[Tuple[bytes, bytes]] = [(pixels[0], chunks[pixels[0]])]
    if b"ALPH" in chunks and len(chunks.get(EXTENDED, b"")) == 10:
        flags = bytes([chunks[EXTENDED][0] & ALPHA_FLAG])
        kept = [(EXTENDED, flags + chunks[EXTENDED][1:]), (b"ALPH", chunks[b"ALPH"]), *kept]
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for kind, content in kept
    )
    return (b"RIFF" + struct.pack("<I", len(body)) + body,)


def explain(data: bytes) -> None:
    """Every WebP is of a kind that is decoded."""
