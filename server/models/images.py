"""From the bytes of an image file to RGB pixels, for files that nobody vouches for.

Five decoders are allowed: JPEG, PNG, WebP, BMP and GIF (its first frame). The size is checked before a pixel is
decoded, a large JPEG is decoded at a fraction of its size, transparent pixels are put on white, EXIF orientation is
applied, colour profiles are ignored. What Pillow refuses is tried once more, with nothing but what the pixels need:
browsers show a picture with a damaged comment or without an end marker, too. docs/images.md has the whole policy.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Tuple

import numpy as np
from PIL import Image, WebPImagePlugin  # noqa: F401 - the import registers WebP, which Pillow loads late

from ..errors import BadRequest, ServerError, TooLarge
from .formats import bmp, gif, jpeg, png, webp
from .formats.kinds import find_kind

MAX_PIXELS = 64_000_000  # a 50-megapixel phone photo passes; decoded to RGBA it takes 256 MB

# decode() has its own limit, which refuses. Pillow's would warn, and refuse only at twice its number.
Image.MAX_IMAGE_PIXELS = None

FORMATS = {"JPEG": jpeg, "PNG": png, "WebP": webp, "BMP": bmp, "GIF": gif}
END_MARKS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}

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
    kind = find_kind(data)
    form = FORMATS[kind]
    form.check(data)
    try:
        return _decode(kind, data, size, max_pixels)
    except ServerError:
        raise
    except Exception as error:  # on corrupt data the decoders raise what they like: SyntaxError, struct.error and more
        form.explain(data)
        cause = error
    try:
        return _decode_mended(kind, form.mend(data), size, max_pixels)
    except ServerError:
        raise
    except Exception:
        cut = kind in END_MARKS and END_MARKS[kind] not in data
        wrong = "is truncated" if cut else "cannot be decoded, it is truncated, corrupt or has 0 pixels"
        raise BadRequest(f"the {kind} image {wrong}: send the complete file") from cause


def _decode_mended(kind: str, files: Tuple[bytes, ...], size: int, max_pixels: int) -> Decoded:
    """Raises ValueError unless there are `files`, and all have the same pixels."""
    if not files:
        raise ValueError("there is nothing to mend")
    first, *others = [_decode(kind, data, size, max_pixels, len(files)) for data in files]
    if any(other.image.tobytes() != first.image.tobytes() for other in others):
        raise ValueError("the last rows are missing")
    return first


def _decode(kind: str, data: bytes, size: int, max_pixels: int, times: int = 1) -> Decoded:
    """times: how many files like this one are decoded for one image."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=[kind])
    width, height = image.size
    _check_pixels(kind, width, height, max_pixels)
    if kind == "JPEG":
        jpeg.check_scans(data, times * width * height)
    image.draft(None, (2 * size, 2 * size))  # JPEG only: decode at 1/2, 1/4 or 1/8, the nearest above
    image.load()
    orientation = _orientation(image)
    if kind == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        image = image.convert("RGB")  # many programs leave the fourth byte 0, and viewers show such a file as opaque
    pixels = _rgb(image)
    if orientation in _TRANSPOSE:
        pixels = pixels.transpose(_TRANSPOSE[orientation])
    return Decoded(pixels, *((height, width) if orientation in (5, 6, 7, 8) else (width, height)))


def _check_pixels(kind: str, width: int, height: int, limit: int) -> None:
    if width * height > limit:
        pixels = f"{width} x {height} = {width * height:,} pixels"
        raise TooLarge(f"the {kind} image has {pixels}, the limit is {limit:,}: send a smaller one")


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
