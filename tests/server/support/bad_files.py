"""Files that the server refuses, each with the status of the answer."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A 1-bit grey PNG with a correct header and checksums, whatever the size says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb(side: int) -> bytes:
    """A complete PNG of side x side zeros: under 200 KB that unpack to side * side / 8 bytes, and more once decoded."""
    squeeze = zlib.compressobj(1)
    row = b"\0" * (1 + (side + 7) // 8)
    return png(side, side, b"".join([squeeze.compress(row * 100) for _ in range(side // 100)]) + squeeze.flush())


def corrupt_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    data[2:40] = b"\x55" * 38
    return bytes(data)


BAD_FILES = {
    "empty": (b"", 400),
    "text_named_jpg": (b"this is not an image", 400),
    "corrupt": (corrupt_jpeg(), 400),
    "no_pixels": (png(0, 0), 400),
    "bomb": (bomb(30_000), 413),
    "bomb_header_only": (png(30_000, 30_000), 413),
    "tiff": (b"II*\x00" + b"\0" * 100, 415),
}
