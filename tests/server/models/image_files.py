"""Image files for tests, and the pixels that the server makes of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from server.models import images

KINDS = ["JPEG", "PNG", "WebP", "BMP", "GIF"]
SIZE = 32


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    """Red grows to the right, green downwards."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


def noise(width: int = 60, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def pixels_of(data: bytes) -> np.ndarray:
    decoded = images.decode(data, SIZE)
    assert decoded.image.mode == "RGB"
    return np.asarray(decoded.image).astype(int)
