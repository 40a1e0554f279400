"""From the bytes of an image file to RGB pixels, for files that nobody vouches for.

Five decoders are allowed: JPEG, PNG, WebP, BMP and GIF (its first frame). The size is checked before a pixel is
decoded, a large JPEG is decoded at a fraction of its size, transparent pixels are put on white, EXIF orientation is
applied, colour profiles are ignored.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Optional

import numpy as np
from PIL import Image, WebPImagePlugin  # noqa: F401 - the import registers WebP, which Pillow loads late

from ..errors import BadRequest, ServerError, TooLarge, UnsupportedMedia

ALLOWED = "JPEG, PNG, WebP, BMP or GIF"
MAX_PIXELS = 64_000_000  # a 50-megapixel phone photo passes; decoded to RGBA it takes 256 MB
MAX_JPEG_SCANS = 100  # a progressive JPEG has about ten; each costs a pass over all pixels, even an empty one
MAX_RLE_BYTES = 1_000_000  # Pillow decodes run-length encoded BMP in Python, at about 5 MB/s

# decode() has its own limit, which refuses. Pillow's would warn, and refuse only at twice its number.
Image.MAX_IMAGE_PIXELS = None

_SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP", b"GIF87a": "GIF", b"GIF89a": "GIF"}
_FOREIGN_SIGNATURES = {
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"8BPS": "Photoshop",
    b"\x00\x00\x01\x00": "icon",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\x00\x00\x00\x0cJXL": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"%PDF": "PDF",
    b"<svg": "SVG",
}
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """An RGB image and the width and height in pixels as a viewer shows it.

    A large JPEG's `image` is smaller than that, but has at least twice the size asked for on its shorter side.
    """

    image: Image.Image
    width: int
    height: int


def decode(data: bytes, size: int, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Decode an image file that will be resized to `size` x `size`.

    Raises UnsupportedMedia (another image format), TooLarge (more than `max_pixels`), BadRequest (no image, truncated
    or corrupt).
    """
    kind = _kind(data)
    _check_file(kind, data)
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=[kind])
        width, height = image.size
        _check_pixels(kind, width, height, max_pixels)
        image.draft(None, (2 * size, 2 * size))  # JPEG only: decode at 1/2, 1/4 or 1/8, the nearest above
        image.load()
        orientation = _orientation(image)
        pixels = _rgb(image)
    except ServerError:
        raise
    except Exception as error:  # on corrupt data the decoders raise what they like: SyntaxError, struct.error and more
        raise BadRequest(
            f"the {kind} image cannot be decoded, it is truncated, corrupt or has 0 pixels: send the complete file"
        ) from error
    if orientation in _TRANSPOSE:
        pixels = pixels.transpose(_TRANSPOSE[orientation])
    return Decoded(pixels, *((height, width) if orientation in (5, 6, 7, 8) else (width, height)))


def _check_file(kind: str, data: bytes) -> None:
    """Refuse what Pillow would take: unfinished or empty images, and those that keep a decoder busy for seconds."""
    if kind == "PNG" and b"IEND" not in data:
        raise BadRequest("the PNG image is truncated: send the complete file")
    if kind == "GIF" and 0 in struct.unpack("<HH", data[6:10].ljust(4, b"\0")):
        raise BadRequest("the GIF image has 0 pixels: send one of at least 1 x 1")
    if kind == "JPEG" and _jpeg_scans(data) > MAX_JPEG_SCANS:
        raise BadRequest(f"the JPEG image has more than {MAX_JPEG_SCANS} scans: save it as a plain JPEG")
    if kind == "BMP" and data[30:31] in (b"\1", b"\2") and len(data) > MAX_RLE_BYTES:
        raise BadRequest(f"the BMP image is run-length encoded and above {MAX_RLE_BYTES:,} bytes: save it as PNG")


def _jpeg_scans(data: bytes) -> int:
    """Start-of-scan markers, ff da; in pixel data ff is followed by 00. (bytes.count takes seven times as long.)"""
    values = np.frombuffer(data, dtype=np.uint8)
    return int(np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == 0xDA)))


def _check_pixels(kind: str, width: int, height: int, limit: int) -> None:
    if width * height > limit:
        pixels = f"{width} x {height} = {width * height:,} pixels"
        raise TooLarge(f"the {kind} image has {pixels}, the limit is {limit:,}: send a smaller one")


def _kind(data: bytes) -> str:
    """Pillow's name of an allowed format, by the first bytes: names and media types are often wrong."""
    if not data:
        raise BadRequest(f"the file is empty: send a {ALLOWED} image")
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    foreign = _foreign_kind(data)
    if foreign:
        raise UnsupportedMedia(f"{foreign} is not supported: send a {ALLOWED} image")
    raise BadRequest(f"the file is not an image ({len(data):,} bytes, of no known format): send a {ALLOWED} image")


def _foreign_kind(data: bytes) -> Optional[str]:
    """Name of a format that is refused, for the message; None where the bytes are of no known kind."""
    for signature, kind in _FOREIGN_SIGNATURES.items():
        if data.startswith(signature):
            return kind
    if data[4:8] == b"ftyp":
        return {b"avif": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF"}.get(data[8:12], "video")
    return "SVG" if b"<svg" in data[:1000] else None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or the EXIF block is broken, which spoils no pixel."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would cut at 255
        return Image.fromarray(np.rint(np.asarray(image) / 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        if image.mode != "RGBA":  # else this would be a copy
            image = image.convert("RGBA")
        page = Image.new("RGB", image.size, (255, 255, 255))
        page.paste(image, mask=image.getchannel("A"))
        return page
    return image.convert("RGB")
