"""Resize, crop and normalise, and what the metadata may say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.models import preprocess
from server.models.preprocess import Preprocessing

MEAN, STD = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)
VALUES = {"size": 8, "resize": "crop", "colour": "RGB", "mean": list(MEAN), "std": list(STD)}


def random_image(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def reference(image: Image.Image) -> np.ndarray:
    """Pixel by pixel in float64, for an image that has its size already."""
    width, height = image.size
    result = np.empty((3, height, width))
    for y in range(height):
        for x in range(width):
            for c in range(3):
                result[c, y, x] = (image.getpixel((x, y))[c] - MEAN[c]) / STD[c]  # type: ignore[index]
    return result


@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_an_image_of_the_right_size_is_untouched(resize: str) -> None:
    image = random_image(8, 8)
    tensor = preprocess.to_tensor(image, Preprocessing(8, resize, "RGB", MEAN, STD))
    assert tensor.dtype == np.float32 and tensor.shape == (3, 8, 8) and tensor.flags["C_CONTIGUOUS"]
    # Two float32 roundings, of a difference below 256 and of a quotient below 256 / 62.
    tolerance = 256 / min(STD) * 2 * np.finfo(np.float32).eps
    error = np.abs(tensor - reference(image)).max()
    print(f"{error / tolerance:.0%} of the tolerance")
    assert error <= tolerance


@pytest.mark.parametrize(("width", "height"), [(24, 8), (8, 24), (25, 8), (8, 23)])
def test_crop_takes_the_centre(width: int, height: int) -> None:
    image = random_image(width, height)
    left, top = (width - 8) / 2, (height - 8) / 2
    tensor = preprocess.to_tensor(image, Preprocessing(8, "crop", "RGB", (0, 0, 0), (1, 1, 1)))
    rows = np.asarray(image).astype(float).transpose(2, 0, 1)
    expected = (
        rows[:, int(top) : int(top) + 8, int(left) : int(left) + 8]
        + rows[:, int(np.ceil(top)) : int(np.ceil(top)) + 8, int(np.ceil(left)) : int(np.ceil(left)) + 8]
    ) / 2  # an odd rest puts the window between two pixels, where bilinear takes their mean
    assert np.abs(tensor - expected).max() <= 1  # rounded to whole levels


@pytest.mark.parametrize(("width", "height"), [(64, 48), (48, 64), (31, 57)])
def test_crop_is_resize_then_crop(width: int, height: int) -> None:
    """Against the two steps, on an image whose shorter side shrinks by a whole factor or not."""
    pixels = np.add.outer(np.linspace(0, 200, height), np.linspace(0, 50, width)).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGB")
    side = min(width, height)
    scaled = image.resize((round(width * 8 / side), round(height * 8 / side)), Image.Resampling.BILINEAR)
    left, top = (scaled.width - 8) // 2, (scaled.height - 8) // 2
    expected = np.asarray(scaled.crop((left, top, left + 8, top + 8))).transpose(2, 0, 1)
    tensor = preprocess.to_tensor(image, Preprocessing(8, "crop", "RGB", (0, 0, 0), (1, 1, 1)))
    slope = 200 / 8  # levels per pixel of the result; the two steps place the window on a whole pixel
    assert np.abs(tensor - expected).max() <= 0.5 * slope + 1


def test_stretch_takes_all_of_it() -> None:
    image = Image.new("RGB", (64, 8), "black")
    image.paste((255, 255, 255), (32, 0, 64, 8))
    row = preprocess.to_tensor(image, Preprocessing(8, "stretch", "RGB", (0, 0, 0), (1, 1, 1)))[0, 4]
    assert row[0] == 0 and row[7] == 255 and (np.diff(row) >= 0).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 2)])
def test_extreme_shapes(size: tuple[int, int]) -> None:
    tensor = preprocess.to_tensor(
        Image.new("RGB", size, (10, 20, 30)), Preprocessing(32, "crop", "RGB", (0,) * 3, (1,) * 3)
    )
    assert tensor.shape == (3, 32, 32)
    assert (tensor == np.array([10, 20, 30]).reshape(3, 1, 1)).all()


def test_from_json() -> None:
    assert Preprocessing.from_json(json.dumps({**VALUES, "later": 1})) == Preprocessing(8, "crop", "RGB", MEAN, STD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size is 0"),
        ({"size": "32"}, "size is '32'"),
        ({"size": 2.5}, "size is 2.5"),
        ({"size": True}, "size is True"),
        ({"size": 10**9}, "from 1 to 4096"),
        ({"resize": "squash"}, "resize is 'squash'.*crop, stretch"),
        ({"colour": "BGR"}, "colour is 'BGR'"),
        ({"mean": [1, 2]}, "mean is .* three finite numbers"),
        ({"mean": 5}, "mean is 5"),
        ({"std": [1, 2, float("nan")]}, "std is .* three finite numbers"),
        ({"std": [1, 0, 1]}, "std is .* above 0"),
        ({"std": None}, "std is None"),
    ],
)
def test_bad_metadata(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing.from_json(json.dumps({**VALUES, **change}))


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "size, resize")])
def test_metadata_that_is_no_object(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing.from_json(text)
