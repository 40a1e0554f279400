"""A file of every row of the table in docs/images.md: format, variant, the files, and the words of a refusal."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from tests.server.models.image_files import encode, gradient, noise

END = b"\xff\xd9"
TRAILER = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * 150 + END
Key = Tuple[str, str]


@dataclass(frozen=True)
class Case:
    """files: each by itself. refusal: None where they are classified, else a pattern of the reason."""

    files: Callable[[], Sequence[bytes]]
    refusal: Optional[str] = None


CASES: Dict[Key, Case] = {}
Make = Callable[[], Sequence[bytes]]


def case(kind: str, variant: str, refusal: Optional[str] = None) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        CASES[kind, variant] = Case(make, refusal)
        return make

    return add


def jpeg(**options: object) -> bytes:
    return encode(gradient(), "JPEG", **{"quality": 90, **options})


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def insert(data: bytes, *segments: bytes) -> bytes:
    """Behind a JPEG's first marker."""
    return data[:2] + b"".join(segments) + data[2:]


@case("JPEG", "baseline, progressive, grey, CMYK, turned by EXIF")
def _() -> List[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    cmyk, grey = (encode(gradient().convert(mode), "JPEG") for mode in ("CMYK", "L"))
    return [jpeg(), jpeg(progressive=True), cmyk, grey, jpeg(exif=exif)]


@case("JPEG", "something behind its end: a motion photo's video, a second picture, a phone's own data")
def _() -> List[bytes]:
    return [jpeg() + TRAILER, jpeg() + jpeg() * 120, jpeg(progressive=True) + TRAILER, jpeg() + b"SEFH" * 9]


@case("JPEG", "end marker missing or half there, every row there")
def _() -> List[bytes]:
    return [one[:-cut] for one in (jpeg(), jpeg(progressive=True), jpeg(subsampling=0)) for cut in (1, 2)]


@case("JPEG", "end marker missing, and then other data; every row there")
def _() -> List[bytes]:
    trailers = b"SEFH" * 9, TRAILER, b"\0" * 5000, b"\xff\xe1\0\x08junk\xff"
    return [one[:-2] + trailer for one in (jpeg(), jpeg(progressive=True)) for trailer in trailers]


@case("JPEG", "cut: a row is missing, or a scan of a progressive one", "truncated")
def _() -> List[bytes]:
    files = jpeg(), jpeg(progressive=True), jpeg(restart_marker_blocks=1), jpeg() + TRAILER
    cut = [one[: int(share * len(one.partition(END)[0]))] for one in files for share in (0.3, 0.7, 0.9, 0.98)]
    progressive = jpeg(progressive=True)
    padded = [one + b"\0" * 4096 for one in cut]  # by a program that made the file in its size, and was stopped
    return [*cut, *padded, progressive[: progressive.rfind(b"\xff\xda")], progressive[: progressive.rfind(b"\xff\xc4")]]


@case("JPEG", "damaged comments, profiles, EXIF; stray bytes between segments")
def _() -> List[bytes]:
    damaged = (
        segment(0xE0, b"JFIF"),
        segment(0xE1, b"Exif\0\0" + b"\xff" * 9),
        segment(0xE2, b"MPF\0II*\0" + b"\xff" * 30),
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04"),
        segment(0xEE, b"Adobe"),
        segment(0xFE, b"\xff\xda" * 500),
        b"\xff\xfe\0\0",
        b"\xff\xff\xff",
        segment(0xFE, b"") + b"junk",
    )
    return [insert(jpeg(), one) for one in damaged] + [insert(jpeg(), *damaged)]


@case("JPEG", "restart markers, no end marker, every row there")
def _() -> List[bytes]:
    return [jpeg(progressive=way, restart_marker_blocks=2)[:-2] for way in (False, True)]


def repeat_scan(data: bytes, times: int) -> bytes:
    """With its first scan's header again, and no data: the decoder passes over all pixels all the same."""
    at = data.find(b"\xff\xda")
    return data[:at] + data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")] * times + data[at:]


@case(
    "JPEG", "more than 100 scans in the picture, or scans x pixels above 800 million", "scans.*save it as a plain JPEG"
)
def _() -> List[bytes]:
    many = repeat_scan(jpeg(progressive=True), 100)
    large = bytearray(repeat_scan(jpeg(progressive=True), 90))
    at = large.find(b"\xff\xc2") + 5
    large[at : at + 4] = struct.pack(">HH", 5000, 5000)
    return [many, bytes(large)]


@case("JPEG", "more than 65,536 segments and stray bytes", "more than 65,536 segments and stray bytes")
def _() -> List[bytes]:
    comment = segment(0xFE, b"")
    return [insert(jpeg(), comment, *[one] * 70_000) for one in (comment, b"\xff", b"\0")]


@case("JPEG", "lossless, JPEG-LS, 12 bits, two channels", "JPEG.* is not supported: save it as a plain JPEG of 8 bits")
def _() -> List[bytes]:
    def patched(offset: int, value: int) -> bytes:
        data = bytearray(jpeg())
        data[data.find(b"\xff\xc0") + offset] = value
        return bytes(data)

    return [patched(1, 0xC3), patched(1, 0xF7), patched(1, 0xC5), patched(4, 12), patched(9, 2)]


def chunk(kind: bytes, content: bytes = b"", wrong: int = 0) -> bytes:
    checksum = zlib.crc32(kind + content) ^ wrong
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(*chunks: bytes) -> bytes:
    """With chunks before its pixels."""
    data = encode(gradient(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


@case("PNG", "1 to 16 bits, grey, palette, RGB, with alpha (put on white), interlaced")
def _() -> List[bytes]:
    deep = Image.fromarray(np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8))
    palette = gradient().convert("P", palette=Image.Palette.ADAPTIVE)
    return [encode(one, "PNG") for one in (gradient().convert("1"), deep, palette, gradient().convert("RGBA"))]


@case("PNG", "text or a profile that unpacks to megabytes")
def _() -> List[bytes]:
    large = zlib.compress(b"x" * 2_000_000)
    texts = chunk(b"zTXt", b"a\0\0" + large), chunk(b"iTXt", b"a\0\1\0\0\0" + large), chunk(b"iCCP", b"a\0\0" + large)
    return [png(one) for one in texts] + [png()[:-12] + one + png()[-12:] for one in texts[:2]]


@case("PNG", "wrong checksum in a chunk that no pixel needs")
def _() -> List[bytes]:
    damaged = [
        chunk(kind, b"a\0b", wrong=1) for kind in (b"tEXt", b"zTXt", b"iCCP", b"eXIf", b"gAMA", b"tIME", b"prVt")
    ]
    return [png(one) for one in damaged] + [png(chunk(b"tRNS", b"\0" * 6, wrong=1)), png(chunk(b"pHYs", b"\0"))]


@case("PNG", "end chunk missing or half there, every row there; something behind the end")
def _() -> List[bytes]:
    return [*[png()[:-cut] for cut in (4, 8, 11, 12)], png() + b"more", png() + png(), png()[:-12] + b"more of it"]


@case("PNG", "cut: a row is missing", "truncated")
def _() -> List[bytes]:
    whole = encode(noise(), "PNG")
    return [whole[: int(share * len(whole))] for share in (0.01, 0.1, 0.5, 0.9, 0.98)]


@case("PNG", "wrong checksum of the header", "corrupt")
def _() -> List[bytes]:
    data = bytearray(png())
    data[30] ^= 1
    return [bytes(data)]


@case("PNG", "more than 65,536 chunks", "more than 65,536 chunks")
def _() -> List[bytes]:
    return [png(*[chunk(kind)] * 70_000) for kind in (b"prVt", b"IDAT")]


@case("PNG", "animated: its first picture")
def _() -> List[bytes]:
    whole = encode(gradient(), "PNG", save_all=True, append_images=[noise()])
    return [whole, whole[:-30]]


@case("PNG", "Apple's CgBI", "Apple's CgBI PNG.*pngcrush")
def _() -> List[bytes]:
    data = png()
    return [data[:8] + chunk(b"CgBI", b"\x50\0\x20\2") + data[8:33] + chunk(b"IDAT", b"\x63\0") + data[-12:]]


@case("WebP", "lossy, lossless, with alpha (put on white), animated: its first frame")
def _() -> List[bytes]:
    moving = encode(gradient(), "WebP", lossless=True, save_all=True, append_images=[noise()])
    return [encode(gradient(), "WebP", lossless=way) for way in (False, True)] + [moving, webp_with_exif("RGBA")]


def webp_with_exif(mode: str = "RGB") -> bytes:
    return encode(gradient().convert(mode), "WebP", lossless=True, exif=b"Exif\0\0II*\0" + b"\1" * 40)


@case("WebP", "damaged or missing metadata behind the pixels; something behind its end")
def _() -> List[bytes]:
    data = webp_with_exif()
    at = data.find(b"EXIF")
    longer = data[: at + 4] + struct.pack("<I", 10**6) + data[at + 8 :]
    return [data + b"more", data[:-9], data[:at], longer, webp_with_exif("RGBA")[:-9]]


@case("WebP", "cut", "truncated")
def _() -> List[bytes]:
    whole = encode(noise(), "WebP", lossless=True)
    return [whole[: int(share * len(whole))] for share in (0.1, 0.5, 0.9)]
