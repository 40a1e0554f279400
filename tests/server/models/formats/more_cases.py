"""The rest of the rows: BMP, GIF, and what is no image of these kinds."""

from __future__ import annotations

import struct
from typing import List, Sequence

import numpy as np
from PIL import Image

from tests.server.models.formats.cases import case
from tests.server.models.image_files import encode, gradient, noise

MASKS_4444 = (0x0F00, 0x00F0, 0x000F, 0xF000)
MASKS_10 = (0x3FF00000, 0xFFC00, 0x3FF, 0)


def bmp(bits: int, masks: Sequence[int], header: int = 108, alpha: float = 1.0, top_down: bool = False) -> bytes:
    """The gradient in bit fields, in the order red, green, blue, alpha; alpha from 0 to 1."""
    pixels = np.asarray(gradient()).astype(np.float64) / 255
    values = np.zeros(pixels.shape[:2], np.uint64)
    for mask, channel in zip(masks, (*np.moveaxis(pixels, 2, 0), np.full(values.shape, alpha))):
        shift = (mask & -mask).bit_length() - 1 if mask else 0
        values |= np.rint(channel * (mask >> shift)).astype(np.uint64) << np.uint64(shift)
    width, height = gradient().size
    rows = values if top_down else values[::-1]
    padded = np.pad(rows, ((0, 0), (0, width % 2 if bits == 16 else 0)))
    body = padded.astype(f"<u{bits // 8}").tobytes()
    head = struct.pack(
        "<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, 3, len(body), 0, 0, 0, 0
    )
    head += struct.pack("<IIII", *masks)[: max(12, min(16, header - 40))]
    head += b"\0" * (header - len(head))
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + body


@case("BMP", "1 to 32 bits, from the top or the bottom, any header since OS/2 1")
def _() -> List[bytes]:
    modes = [encode(gradient().convert(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")]
    old = encode(gradient(), "BMP")
    core = struct.pack("<IHHHH", 12, 60, 40, 1, 24)
    os2 = b"BM" + struct.pack("<IHHI", len(old) - 28, 0, 0, 26) + core + old[54:]
    return [*modes, os2, bmp(32, (0xFF0000, 0xFF00, 0xFF, 0), 40), bmp(16, (0xF800, 0x7E0, 0x1F, 0), 40, top_down=True)]


@case("BMP", "bit fields of any width, as 4-4-4-4 or 10-10-10")
def _() -> List[bytes]:
    ten = [bmp(32, MASKS_10, header, top_down=way) for header in (40, 52, 56, 124) for way in (False, True)]
    return [bmp(16, MASKS_4444), bmp(16, (0x7C00, 0x3E0, 0x1F, 0x8000), 124), bmp(16, (0x1F, 0x7E0, 0xF800, 0)), *ten]


@case("BMP", "alpha of 0 everywhere: taken as opaque")
def _() -> List[bytes]:
    return [bmp(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 124, alpha=0), bmp(16, MASKS_4444, alpha=0)]


def run_length_bmp(width: int, height: int, runs: bytes) -> bytes:
    """A grey 8-bit BMP; `runs` are pairs of a length and a level."""
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    start = 14 + 40 + len(palette)
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + sizes + palette + runs


@case("BMP", "run-length encoded, up to a megabyte")
def _() -> List[bytes]:
    return [run_length_bmp(8, 2, b"\x08\x07\0\0\x08\x09\0\0\0\1")]


@case("BMP", "run-length encoded, above a megabyte", "run-length encoded and above 1,000,000 bytes: save it as PNG")
def _() -> List[bytes]:
    return [run_length_bmp(2000, 2000, b"\1\5" * 1_000_000)]


@case("BMP", "a JPEG or PNG inside, other compressions", "BMP image .* is not supported: (save|send)")
def _() -> List[bytes]:
    plain = encode(gradient(), "BMP")
    return [plain[:30] + bytes([value]) + plain[31:] for value in (4, 5, 11)] + [plain[:28] + b"\2" + plain[29:]]


@case("GIF", "its first frame, with transparent colours (put on white)")
def _() -> List[bytes]:
    moving = encode(gradient(), "GIF", save_all=True, append_images=[noise()])
    return [encode(gradient(), "GIF"), moving, encode(gradient().convert("P"), "GIF", transparency=3)]


@case("GIF", "trailer missing; something behind its end; long comments")
def _() -> List[bytes]:
    whole = encode(gradient(), "GIF")
    at = 13 + 3 * 2 ** (1 + (whole[10] & 7))
    comment = b"!\xfe" + (b"\xff" + b"a" * 255) * 9000 + b"\0"
    return [whole[:-1], whole + b"more", whole[:at] + comment + whole[at:], whole[:at] + b"!\x01\1a\0" + whole[at:]]


@case("GIF", "cut: a row is missing", "truncated")
def _() -> List[bytes]:
    whole = encode(noise(), "GIF")
    return [whole[: int(share * len(whole))] for share in (0.1, 0.5, 0.9)]


@case("GIF", "more than 65,536 blocks before its first frame", "more than 65,536 blocks before its first frame")
def _() -> List[bytes]:
    whole = encode(gradient(), "GIF")
    at = 13 + 3 * 2 ** (1 + (whole[10] & 7))
    fillers = b"!\xfe\0" * 70_000, b"!\xfe" + b"\1a" * 70_000 + b"\0", b"\1" * 70_000
    return [whole[:at] + filler + whole[at:] for filler in fillers]


@case("any", "0 pixels", "0 pixels")
def _() -> List[bytes]:
    gif, picture = encode(gradient(), "GIF"), encode(gradient(), "BMP")
    return [gif[:6] + b"\0\0" + gif[8:], picture[:18] + b"\0\0\0\0" + picture[22:]]


@case("any", "more than 64 million pixels (`FWHT_MAX_PIXELS`)", "900,000,000 pixels, the limit is 64,000,000")
def _() -> List[bytes]:
    gif, picture = encode(gradient(), "GIF"), encode(gradient(), "BMP")
    return [
        gif[:6] + struct.pack("<HH", 30_000, 30_000) + gif[10:],
        picture[:18] + struct.pack("<ii", 30_000, 30_000) + picture[26:],
    ]


def media(major: bytes, *brands: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(brands)) + b"ftyp" + major + b"\0\0\0\0" + b"".join(brands) + b"\0" * 40


@case(
    "HEIC, HEIF, AVIF",
    "also where it is called .jpg; with the iPhone's setting that cures it",
    "^(HEIC|HEIF|AVIF)[^:]* is not",
)
def _() -> List[bytes]:
    majors = b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"avif", b"avis"
    return [*[media(one) for one in majors], media(b"mif1", b"mif1", b"avif"), media(b"msf1", b"hevc", b"miaf")]


@case("TIFF, raw files", "", "(TIFF|raw file).*is not supported")
def _() -> List[bytes]:
    return [encode(gradient(), "TIFF"), b"MM\0*" + b"\0" * 40, b"FUJIFILMCCD-RAW 0201", media(b"crx ")]


@case(
    "JPEG 2000, JPEG XL, QOI, BPG, JNG, icons", "", "(JPEG 2000|JPEG XL|QOI|BPG|JNG|icon|PBM, PGM, PPM or PAM) is not"
)
def _() -> List[bytes]:
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x0a\0\0", b"\xff\x4f\xff\x51\0"
    return [
        *boxed,
        b"qoif" + b"\0" * 9,
        b"BPG\xfb\0",
        b"\x8bJNG\r\n",
        encode(gradient(), "ICO"),
        encode(gradient(), "PPM"),
    ]


@case(
    "Photoshop, GIMP, PDF, PostScript, SVG, OpenEXR, DICOM",
    "",
    "(Photoshop|XCF|PDF|PostScript|SVG|OpenEXR|DICOM) is not",
)
def _() -> List[bytes]:
    return [
        b"8BPS\0\1",
        b"gimp xcf v011",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0",
        b"<?xml?>\n<svg/>",
        b"v/1\1\2\0",
        b"\0" * 128 + b"DICM",
    ]


@case("video: MP4, QuickTime, AVI, Matroska", "", "video is not supported: send a single frame")
def _() -> List[bytes]:
    return [media(b"isom"), media(b"qt  "), b"RIFF\0\0\0\0AVI LIST", b"\x1aE\xdf\xa3\0", b"\0\0\0\x08wide\0\0\0\0mdat"]


@case(
    "archives, web pages, data URLs, base64 text, Git LFS pointers, Thumbs.db, .DS_Store",
    "",
    "(archive|page|URL|text|pointer|Thumbs|DS_Store|attributes).* is not supported",
)
def _() -> List[bytes]:
    texts = b"data:image/png;base64,iVBORw0KGgo=", b"/9j/4AAQSkZJRgABAQ", b"iVBORw0KGgoAAAANSUhEUg", b"R0lGODlhAQABAIA"
    pages = b"<!DOCTYPE html>\n<html>", b"\n<HTML><body>"
    return [
        b"\0\5\x16\7\0\2",
        b"\0\0\0\1Bud1\0",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"PK\3\4\0",
        b"\x1f\x8b\x08\0",
        b"Rar!\x1a\7\0",
        b"version https://git-lfs.github.com/spec/v1\n",
        *texts,
        *pages,
    ]


@case("anything else", "", "is not an image.*of no known format.*send a JPEG, PNG, WebP, BMP or GIF image")
def _() -> List[bytes]:
    return [b"this is text", bytes(range(200)), Image.new("L", (4, 4)).tobytes()]
