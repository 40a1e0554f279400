"""Image files of every allowed kind, colour mode and orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.models import images
from tests.server.models.image_files import KINDS, SIZE, encode, gradient, noise, pixels_of


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("WebP", {"lossless": True}, 0),
        ("WebP", {"quality": 95}, 24),
        ("JPEG", {"quality": 95}, 24),
        ("JPEG", {"quality": 95, "progressive": True}, 24),
        ("GIF", {}, 48),  # 256 colours
    ],
)
def test_every_allowed_kind(kind: str, options: dict[str, Any], tolerance: int) -> None:
    decoded = images.decode(encode(gradient(), kind, **options), SIZE)
    assert (decoded.width, decoded.height) == decoded.image.size == (60, 40)
    difference = np.abs(np.asarray(decoded.image).astype(int) - np.asarray(gradient()).astype(int)).max()
    print(f"{kind} {options}: {difference} of {tolerance} levels")
    assert difference <= tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_one_pixel_is_an_image(kind: str) -> None:
    decoded = images.decode(encode(Image.new("RGB", (1, 1), (10, 200, 30)), kind), SIZE)
    assert (decoded.width, decoded.height) == (1, 1)


def test_gif_first_frame() -> None:
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    assert (pixels_of(encode(red, "GIF", save_all=True, append_images=[blue])) == (255, 0, 0)).all()


def test_a_phones_jpeg_with_a_second_picture_in_it() -> None:
    data = encode(gradient(800, 600), "MPO", save_all=True, append_images=[noise()])
    decoded = images.decode(data, SIZE)
    assert (decoded.width, decoded.height) == (800, 600) and decoded.image.size == (100, 75)


def test_grey() -> None:
    for mode in ("L", "1"):
        pixels = pixels_of(encode(gradient().convert(mode), "PNG"))
        assert (pixels[..., 0] == pixels[..., 2]).all()
        assert pixels.min() < 10 and pixels.max() > 150


def test_16_bit_grey_keeps_its_range() -> None:
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    pixels = pixels_of(encode(Image.fromarray(values), "PNG"))
    assert (pixels == np.rint(values / 257).astype(int)[..., None]).all()


def test_palette() -> None:
    image = gradient().convert("P", palette=Image.Palette.ADAPTIVE)
    assert (pixels_of(encode(image, "PNG")) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_put_on_white(mode: str) -> None:
    image = Image.new("L", (4, 4), 0).convert(mode)
    image.putalpha(Image.fromarray(np.array([[0, 51, 204, 255]] * 4, dtype=np.uint8)))
    assert pixels_of(encode(image, "PNG"))[0, :, 0].tolist() == [255, 204, 51, 0]


def test_transparent_colours_are_put_on_white() -> None:
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "L").convert("P")
    palette.putpalette([200, 0, 0, 0, 0, 200])
    rgb = Image.fromarray(np.array([[[200, 0, 0], [0, 0, 200]]], dtype=np.uint8))
    for data in (
        encode(palette, "PNG", transparency=0),
        encode(palette, "GIF", transparency=0),
        encode(rgb, "PNG", transparency=(200, 0, 0)),
    ):
        assert pixels_of(data)[0].tolist() == [[255, 255, 255], [0, 0, 200]]


def test_cmyk() -> None:
    pixels = pixels_of(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert np.abs(pixels - (255, 0, 0)).max() < 12  # cyan none, magenta and yellow full: red


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_exif_orientation(kind: str, orientation: int) -> None:
    stored = gradient()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WebP" else {"quality": 95} if kind == "JPEG" else {}
    decoded = images.decode(encode(stored, kind, exif=exif, **options), SIZE)
    corner = {1: "tl", 2: "tr", 3: "br", 4: "bl", 5: "tl", 6: "tr", 7: "br", 8: "bl"}[orientation]
    assert (decoded.width, decoded.height) == ((60, 40) if orientation < 5 else (40, 60)) == decoded.image.size
    shown = np.asarray(decoded.image).astype(int).sum(axis=2)
    corners = {"tl": shown[0, 0], "tr": shown[0, -1], "bl": shown[-1, 0], "br": shown[-1, -1]}
    assert min(corners, key=lambda key: int(corners[key])) == corner  # the stored top left is the darkest


def test_orientation_of_a_reduced_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = images.decode(encode(gradient(800, 600), "JPEG", exif=exif), SIZE)
    assert (decoded.width, decoded.height) == (600, 800)
    assert decoded.image.size == (75, 100)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, said once per process
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 40])
def test_a_broken_exif_block_spoils_no_pixel(exif: bytes) -> None:
    assert pixels_of(encode(gradient(), "JPEG", exif=exif)).shape == (40, 60, 3)
