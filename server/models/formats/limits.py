"""What all formats are held to. Pillow reads the parts of a file in Python, one by one, before it decodes a pixel."""

from __future__ import annotations

from ...errors import BadRequest

MAX_PARTS = 65_536  # segments, chunks, blocks and stray bytes of one file; Pillow takes 2 to 7 microseconds for each
SMALL_FILE = 1 << 16  # bytes; a file below cannot hold enough parts to matter, and is not looked through


def refuse_parts(kind: str, what: str) -> BadRequest:
    return BadRequest(f"the {kind} image has more than {MAX_PARTS:,} {what}: save it again")
