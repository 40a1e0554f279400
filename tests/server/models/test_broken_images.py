"""Files that are no images, broken ones, and those that say that they are larger than they are."""

from __future__ import annotations

import random
import struct
import time
import warnings
import zlib
from typing import Any

import pytest

from server.errors import BadRequest, ServerError, TooLarge, UnsupportedMedia
from server.models import images
from tests.server.models.formats.more_cases import run_length_bmp
from tests.server.models.image_files import KINDS, SIZE, encode, gradient, noise, pixels_of


@pytest.mark.parametrize("kind", [*KINDS, "progressive", "restarts", "lossless"])
def test_truncated(kind: str) -> None:
    """Wherever it is cut: refused, unless every pixel is there, as where an end marker alone is missing."""
    options: dict[str, dict[str, Any]] = {
        "progressive": {"progressive": True},
        "restarts": {"restart_marker_blocks": 1, "subsampling": 0},
        "lossless": {"lossless": True},
    }
    format = {"progressive": "JPEG", "restarts": "JPEG", "lossless": "WebP"}.get(kind, kind)
    data = encode(noise(), format, **options.get(kind, {}))
    whole = pixels_of(data)
    few = {"JPEG": 2, "PNG": 20, "GIF": 4, "BMP": 0, "WebP": 1}[format]  # markers and checksums, which hold no pixel
    for length in {*range(1, len(data) - few, max(1, len(data) // 60)), *range(len(data) - 30, len(data))}:
        try:
            shown = pixels_of(data[:length])
        except BadRequest as error:  # noqa: PERF203 - each cut is a case
            assert "truncated" in str(error) or "not an image" in str(error)
        else:
            assert length >= len(data) - few and (shown == whole).all(), length


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
    picture = encode(gradient(), "JPEG", progressive=True)
    at = picture.find(b"\xff\xda")
    scan = picture[at : at + 14]
    with pytest.raises(BadRequest, match="more than 100 scans"):
        images.decode(picture[:at] + scan * 200 + picture[at:], SIZE)
    assert pixels_of(picture + b"\xff\xda" * 200).shape == (40, 60, 3)  # behind the picture they are none


def test_run_length_encoding() -> None:
    data = run_length_bmp(8, 2, b"\x08\x07\0\0\x08\x09\0\0\0\1")
    assert pixels_of(data)[:, 0, 0].tolist() == [9, 7]  # the lowest row comes first
    with pytest.raises(BadRequest, match="run-length encoded"):
        images.decode(run_length_bmp(2000, 2000, b"\1\5" * 1_000_000), SIZE)
