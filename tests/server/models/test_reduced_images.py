"""Large JPEG files are decoded at a fraction of their size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from server.models import images, preprocess
from server.models.preprocess import Preprocessing
from tests.server.models.image_files import SIZE, encode

SAMPLES = sorted((Path(__file__).parents[2] / "data").glob("*.jpg"))
PREPROCESSING = Preprocessing(SIZE, "crop", "RGB", (0, 0, 0), (1, 1, 1))


def photo_12_megapixels() -> bytes:
    """A sample enlarged to 4000 x 3000, with the fine grain that a camera adds."""
    image = Image.open(SAMPLES[0]).convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).integers(-6, 7, (3000, 4000, 1), dtype=np.int16)
    return encode(Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8)), "JPEG", quality=80)


def plain_tensor(data: bytes) -> np.ndarray:
    return preprocess.to_tensor(Image.open(io.BytesIO(data)).convert("RGB"), PREPROCESSING)


def our_tensor(data: bytes) -> np.ndarray:
    return preprocess.to_tensor(images.decode(data, SIZE).image, PREPROCESSING)


def test_a_large_jpeg_is_decoded_at_an_eighth_of_its_size() -> None:
    """What that saves is measured by benchmarks/serving/decoding.py."""
    data = photo_12_megapixels()
    decoded = images.decode(data, SIZE)
    assert (decoded.width, decoded.height) == (4000, 3000) and decoded.image.size == (500, 375)
    difference = np.abs(plain_tensor(data) - our_tensor(data))
    print(f"{difference.max():.0f} levels off at most")
    assert difference.max() <= 2  # one for each of two roundings to whole levels: after the DCT and after the resize


def test_a_reduced_jpeg_keeps_twice_the_size_so_that_sharp_edges_stay() -> None:
    """Squares of 37 pixels, the worst case: at 640 x 640 they are finer than a pixel of the result."""
    squares = np.kron(np.indices((18, 18)).sum(axis=0) % 2, np.ones((37, 37)))[:640, :640] * 255
    data = encode(Image.fromarray(squares.astype(np.uint8)).convert("RGB"), "JPEG", quality=95)
    assert images.decode(data, SIZE).image.size == (80, 80)
    difference = np.abs(plain_tensor(data) - our_tensor(data))
    print(f"mean {difference.mean():.2f}, largest {difference.max():.0f} of 255 levels")
    assert difference.mean() < 3
