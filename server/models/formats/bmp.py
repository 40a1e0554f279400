"""BMP: pixels in bit fields of any width, and the compressions (Microsoft, BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from typing import Tuple

import numpy as np

from ...errors import BadRequest, UnsupportedMedia

MAX_RLE_BYTES = 1_000_000  # Pillow decodes run-length encoded BMP in Python, at about 5 MB/s
HEADERS = (40, 52, 56, 64, 108, 124)
BIT_FIELDS = (3, 6)
COMPRESSIONS = {4: "a JPEG", 5: "a PNG"}
SAVE = "save it as PNG"
# BITMAPV4HEADER of 32 bits, blue, green, red, alpha; size, planes, bits, compression, ..., masks, the colour space
_HEADER = struct.Struct("<IiiHHIIiiIIIIII52x")
_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def check(data: bytes) -> None:
    """Raises BadRequest for what would keep Pillow busy for seconds."""
    if data[30:31] in (b"\1", b"\2") and len(data) > MAX_RLE_BYTES:
        raise BadRequest(f"the BMP image is run-length encoded and above {MAX_RLE_BYTES:,} bytes: {SAVE}")


def mend(data: bytes) -> Tuple[bytes, ...]:
    """An image whose pixels are bit fields as one with a byte for each channel; none for any other, or a cut one."""
    if len(data) < 66:
        return ()
    header, width, height, planes, bits, compression = struct.unpack_from("<IiiHHI", data, 14)
    (offset,) = struct.unpack_from("<I", data, 10)
    stride = (width * bits + 31) // 32 * 4
    if header not in HEADERS or compression not in BIT_FIELDS or bits not in (16, 32) or width < 1 or not height:
        return ()
    if offset < 54 or offset + stride * abs(height) > len(data):
        return ()
    red, green, blue = struct.unpack_from("<III", data, 54)
    (alpha,) = struct.unpack_from("<I", data, 66) if (header >= 56 or compression == 6) and len(data) >= 70 else (0,)
    values = np.frombuffer(data, f"<u{bits // 8}", stride * abs(height) // (bits // 8), offset)
    values = values.reshape(abs(height), -1)[:, :width]
    pixels = np.full((*values.shape, 4), 255, np.uint8)
    for channel, mask in enumerate((blue, green, red, alpha)):
        if channel < 3 or mask:
            pixels[..., channel] = _extract(values, mask)
    start = 14 + _HEADER.size
    made = _HEADER.pack(_HEADER.size, width, height, 1, 32, 3, pixels.nbytes, 0, 0, 0, 0, *_MASKS)
    return (b"".join((b"BM", struct.pack("<IHHI", start + pixels.nbytes, 0, 0, start), made, pixels.data)),)


def _extract(values: np.ndarray, mask: int) -> np.ndarray:
    """One channel, its whole range spread over 0..255: uint8 in the shape of `values`."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    kind = values.dtype.type
    mask &= 2 ** (8 * values.dtype.itemsize) - 1
    shift = max(
        (mask & -mask).bit_length() - 1, mask.bit_length() - 16
    )  # more than 16 bits of a channel change nothing
    most = max(1, mask >> shift)
    levels = np.rint(np.arange(most + 1) * (255 / most)).astype(np.uint8)
    result: np.ndarray = levels[(values & kind(mask)) >> kind(shift)]
    return result


def explain(data: bytes) -> None:
    """Raises UnsupportedMedia for a kind of BMP that is not decoded."""
    if len(data) < 34:
        return
    (header,) = struct.unpack_from("<I", data, 14)
    if header not in HEADERS and header != 12:
        return
    if header == 12:
        bits, compression = struct.unpack_from("<H", data, 24)[0], 0
    else:
        bits, compression = struct.unpack_from("<HI", data, 28)
    if compression in COMPRESSIONS:
        raise UnsupportedMedia(f"a BMP image that holds {COMPRESSIONS[compression]} is not supported: send that one")
    if compression > 6:
        raise UnsupportedMedia(f"a BMP image of compression {compression} is not supported: {SAVE}")
    if bits not in (1, 4, 8, 16, 24, 32):
        raise UnsupportedMedia(f"a BMP image of {bits} bits is not supported: {SAVE}")
