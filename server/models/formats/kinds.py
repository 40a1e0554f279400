"""What a file is, by its first bytes: names and media types are often wrong."""

from __future__ import annotations

import re
from typing import Dict, Optional, Tuple

from ...errors import BadRequest, UnsupportedMedia

ALLOWED = "JPEG, PNG, WebP, BMP or GIF"
SEND = f"send a {ALLOWED} image"

_SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP", b"GIF87a": "GIF", b"GIF89a": "GIF"}

# What else people send: first bytes, name, and the cure where SEND is none.
_PHONE = "save it as JPEG; an iPhone does by itself with Settings > Camera > Formats > Most Compatible"
_EXPORT = f"open it in the program that made it, and export a {ALLOWED} image"
_UNPACK = "unpack it, and send the images in it"
_STILL = "send a single frame of it as an image"
_DECODE = "decode the text, and send the bytes themselves"
_FOREIGN: Tuple[Tuple[bytes, str, str], ...] = (
    (b"II*\x00", "TIFF, or a camera's raw file,", SEND),
    (b"MM\x00*", "TIFF, or a camera's raw file,", SEND),
    (b"II+\x00", "TIFF", SEND),
    (b"MM\x00+", "TIFF", SEND),
    (b"IIRO", "a camera's raw file", SEND),
    (b"IIU\x00", "a camera's raw file", SEND),
    (b"FUJIFILMCCD-RAW", "a camera's raw file", SEND),
    (b"8BPS", "Photoshop", _EXPORT),
    (b"gimp xcf", "GIMP's XCF", _EXPORT),
    (b"\x00\x00\x01\x00", "icon", SEND),
    (b"\x00\x00\x02\x00", "cursor", SEND),
    (b"\x00\x00\x00\x0cjP", "JPEG 2000", SEND),
    (b"\xff\x4f\xff\x51", "JPEG 2000", SEND),
    (b"\x00\x00\x00\x0cJXL", "JPEG XL", SEND),
    (b"\xff\x0a", "JPEG XL", SEND),
    (b"\x8aMNG", "MNG", SEND),
    (b"\x8bJNG", "JNG", SEND),
    (b"qoif", "QOI", SEND),
    (b"BPG\xfb", "BPG", SEND),
    (b"DDS ", "DDS texture", _EXPORT),
    (b"\xabKTX ", "KTX texture", _EXPORT),
    (b"v/1\x01", "OpenEXR", _EXPORT),
    (b"#?RADIANCE", "Radiance HDR", _EXPORT),
    (b"SIMPLE  =", "FITS", _EXPORT),
    (b"\xd7\xcd\xc6\x9a", "Windows Metafile", _EXPORT),
    (b"%PDF", "PDF", "save the page as an image"),
    (b"%!PS", "PostScript", "save the page as an image"),
    (b"<svg", "SVG", SEND),
    (b"\x1aE\xdf\xa3", "Matroska or WebM video", _STILL),
    (b"PK\x03\x04", "ZIP archive (or an office document)", _UNPACK),
    (b"\x1f\x8b", "gzip archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "RAR archive", _UNPACK),
    (b"\x00\x05\x16\x07", "a Mac's file of attributes (._name)", "send the picture beside it"),
    (b"\x00\x00\x00\x01Bud1", "a Mac's .DS_Store", "leave it out"),
    (b"\xd0\xcf\x11\xe0", "Thumbs.db or an old office document", "leave it out"),
    (b"version https://git-lfs", "a pointer of Git LFS", "get the file itself by `git lfs pull`"),
    (b"data:image/", "a data URL", _DECODE),
    (b"/9j/", "base64 text of a JPEG", _DECODE),
    (b"iVBORw0KGgo", "base64 text of a PNG", _DECODE),
    (b"R0lGOD", "base64 text of a GIF", _DECODE),
    (b"UklGR", "base64 text of a WebP", _DECODE),
)
_PNM = re.compile(rb"P[1-7F][\s#]")
_WEB_PAGE = re.compile(rb"\s*<(!doctype\s+html|html|head|body)", re.IGNORECASE)

# Brands of the ISO base media file format, in the order in which one of several counts (ISO/IEC 14496-12, 23008-12).
_BRANDS: Tuple[Tuple[str, Tuple[bytes, ...], str], ...] = (
    ("AVIF", (b"avif", b"avis", b"avio"), SEND),
    ("HEIC (a HEIF image)", (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), _PHONE),
    ("JPEG XL", (b"jxl ",), SEND),
    ("JPEG 2000", (b"jp2 ", b"jpx ", b"jpm "), SEND),
    ("a Canon raw file", (b"crx ",), SEND),
    ("HEIF", (b"mif1", b"mif2", b"msf1", b"miaf", b"jpeg", b"jpgs", b"heif", b"avci", b"avcs"), _PHONE),
    ("audio", (b"M4A ", b"M4B "), SEND),
)
LONGEST_BRANDS = 256  # bytes of the box that are looked at


def find_kind(data: bytes) -> str:
    """Pillow's name of an allowed format.

    Raises UnsupportedMedia for another that is known, with its name and the cure; BadRequest for what is no image.
    """
    kind = match_kind(data)
    if kind:
        return kind
    if not data:
        raise BadRequest(f"the file is empty: {SEND}")
    foreign = _find_foreign(data)
    if foreign:
        raise UnsupportedMedia(f"{foreign[0]} is not supported: {foreign[1]}")
    raise BadRequest(f"the file is not an image ({len(data):,} bytes, of no known format): {SEND}")


def match_kind(data: bytes) -> Optional[str]:
    """The same without a word: None where the format is not allowed."""
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            return kind
    return "WebP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _find_foreign(data: bytes) -> Optional[Tuple[str, str]]:
    """Name and cure of a format that is refused; None where the bytes are of no known kind."""
    for signature, name, cure in _FOREIGN:
        if data.startswith(signature):
            return name, cure
    if data[4:8] == b"ftyp":
        return _name_brand(data)
    if data[:4] == b"RIFF":
        return {b"AVI ": ("AVI video", _STILL), b"WAVE": ("audio", SEND)}.get(data[8:12])
    if data[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):  # QuickTime files without a brand
        return "QuickTime video", _STILL
    if data[128:132] == b"DICM":
        return "DICOM", _EXPORT
    if _PNM.match(data):
        return "PBM, PGM, PPM or PAM", SEND
    if b"<svg" in data[:1000]:
        return "SVG", SEND
    if _WEB_PAGE.match(data):
        return "a web page", "send the image itself, not the page that shows it"
    return None


def _name_brand(data: bytes) -> Tuple[str, str]:
    """By the major brand; by the compatible ones where that is a general one, as mif1 is."""
    length = min(int.from_bytes(data[:4], "big"), LONGEST_BRANDS)
    major, others = data[8:12], [data[at : at + 4] for at in range(16, length - 3, 4)]
    general: Dict[bytes, Tuple[str, str]] = {b"qt  ": ("QuickTime video", _STILL)}
    for name, brands, cure in _BRANDS[:-2]:
        if major in brands:
            return name, cure
    pictures = {brand for _, brands, _ in _BRANDS for brand in brands}
    candidates = [major, *others] if major in pictures else [major]
    for name, brands, cure in _BRANDS:
        if any(brand in brands for brand in candidates):
            return name, cure
    return general.get(major, ("video", _STILL))
