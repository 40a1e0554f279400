"""Image files of every allowed kind, and files that are none."""

from __future__ import annotations

import io
import random
import struct
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.errors import BadRequest, ServerError, TooLarge, UnsupportedMedia
from server.models import images, preprocess
from server.models.preprocess import Preprocessing

KINDS = ["JPEG", "PNG", "WebP", "BMP", "GIF"]
SAMPLES = sorted((Path(__file__).parents[2] / "data").glob("*.jpg"))
SIZE = 32
PREPROCESSING = Preprocessing(SIZE, "crop", "RGB", (0, 0, 0), (1, 1, 1))


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


@pytest.mark.parametrize("kind", [*KINDS, "progressive", "lossless"])
def test_truncated(kind: str) -> None:
    options = {"progressive": {"progressive": True}, "lossless": {"lossless": True}}.get(kind, {})
    data = encode(noise(), {"progressive": "JPEG", "lossless": "WebP"}.get(kind, kind), **options)
    for length in {*range(1, len(data) - 2, max(1, len(data) // 60)), len(data) - 8}:
        with pytest.raises(BadRequest, match="truncated|not an image"):
            images.decode(data[:length], SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_corrupt_files_raise_only_our_errors(kind: str) -> None:
    good = encode(noise(), kind)
    randomness = random.Random(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for attempt in range(200):
            data = bytearray(good)
            for _ in range(randomness.randint(1, 20)):
                data[randomness.randrange(len(data) if attempt % 2 else 60)] = randomness.randrange(256)
            try:
                images.decode(bytes(data), SIZE)
            except ServerError as error:
                assert error.status in (400, 413, 415) and error.detail


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", BadRequest, "empty"),
        (b"this is text in a file called photo.jpg", BadRequest, "not an image.*JPEG, PNG, WebP, BMP or GIF"),
        (b"BMW is a car, not a bitmap" * 9, BadRequest, "BMP image cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n", BadRequest, "truncated"),
        (b"\xff\xd8\xff", BadRequest, "JPEG"),
        (b"<?xml version='1.0'?><svg></svg>", UnsupportedMedia, "SVG.*JPEG, PNG, WebP, BMP or GIF"),
        (b"%PDF-1.7", UnsupportedMedia, "PDF"),
        (b"\0\0\0\x20ftypavif", UnsupportedMedia, "AVIF"),
        (b"\0\0\0\x20ftypheic", UnsupportedMedia, "HEIC"),
    ],
)
def test_no_image(data: bytes, error: type[ServerError], message: str) -> None:
    with pytest.raises(error, match=message):
        images.decode(data, SIZE)


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM", "TGA", "PCX"])
def test_formats_that_are_not_allowed(kind: str) -> None:
    with pytest.raises((UnsupportedMedia, BadRequest), match="JPEG, PNG, WebP, BMP or GIF"):
        images.decode(encode(gradient(), kind), SIZE)


def with_size(kind: str, width: int, height: int) -> bytes:
    """A valid small file whose header claims another size."""
    if kind == "PNG":
        header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        chunks = [header, b"IDAT" + zlib.compress(b""), b"IEND"]
        framed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
        return b"\x89PNG\r\n\x1a\n" + b"".join(framed)
    animation = {"save_all": True, "append_images": [noise()]} if kind == "WebP" else {}  # has the size at byte 24
    data = bytearray(encode(gradient(), kind, **animation))
    if kind == "JPEG":
        data[(start := data.find(b"\xff\xc0") + 5) : start + 4] = struct.pack(">HH", height, width)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    else:
        data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_before_a_pixel_is_decoded(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own warning must not appear
        start = time.perf_counter()
        with pytest.raises(TooLarge, match=r"30000 x 30000 = 900,000,000 pixels, the limit is 64,000,000"):
            images.decode(with_size(kind, 30_000, 30_000), SIZE)
        assert time.perf_counter() - start < 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_no_pixels(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(BadRequest, match="0 pixels"):
        images.decode(with_size(kind, *size), SIZE)


def test_the_limit_is_the_callers() -> None:
    data = encode(gradient(60, 40), "PNG")
    assert images.decode(data, SIZE, max_pixels=2400).width == 60
    with pytest.raises(TooLarge, match="2,400 pixels, the limit is 2,399"):
        images.decode(data, SIZE, max_pixels=2399)


def test_endless_scans() -> None:
    with pytest.raises(BadRequest, match="more than 100 scans"):
        images.decode(encode(gradient(), "JPEG") + b"\xff\xda" * 200, SIZE)


def run_length_bmp(width: int, height: int, runs: bytes) -> bytes:
    """A grey 8-bit BMP; `runs` are pairs of a length and a level."""
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    start = 14 + 40 + len(palette)
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + sizes + palette + runs


def test_run_length_encoding() -> None:
    data = run_length_bmp(8, 2, b"\x08\x07\0\0\x08\x09\0\0\0\1")
    assert pixels_of(data)[:, 0, 0].tolist() == [9, 7]  # the lowest row comes first
    with pytest.raises(BadRequest, match="run-length encoded"):
        images.decode(run_length_bmp(2000, 2000, b"\1\5" * 1_000_000), SIZE)


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
