"""The images that the load tool sends, and the two ways to send them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import List, Optional, Tuple

from PIL import Image

from ..errors import StartupError

BOUNDARY = "fwht-bench-boundary"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})


def read_images(path: Optional[Path]) -> List[bytes]:
    """The images of a folder and its folders, sorted by name, or the one; one made here for None."""
    if path is None:
        return [make_image()]
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise StartupError(f"--images is {str(path)!r}, where there is no image: name an image or a folder with some")
    return [file.read_bytes() for file in files]


def make_image() -> bytes:
    """A colour gradient of 32 x 32, as a JPEG."""
    buffer = io.BytesIO()
    red, blue = Image.linear_gradient("L").resize((32, 32)), Image.radial_gradient("L").resize((32, 32))
    Image.merge("RGB", (red, red.transpose(Image.Transpose.ROTATE_90), blue)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def guess_media_type(data: bytes) -> str:
    """The server goes by the bytes; this only has to be a type that it takes for an image."""
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "application/octet-stream"


def encode_form(images: List[bytes]) -> Tuple[bytes, str]:
    """The body and its media type, as `curl -F file=@...` sends it."""
    parts = []
    for number, data in enumerate(images):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{number}"\r\n'
        parts.append(f"{head}Content-Type: {guess_media_type(data)}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
