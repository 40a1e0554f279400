"""JPEG: the segments of a file, the scans of its picture, and what can be done where a decoder gives up (ISO 10918-1).

Markers are found as libjpeg finds them (jdmarker.c), so that what is counted here is what it will decode.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from ...errors import BadRequest, UnsupportedMedia
from .limits import MAX_PARTS, SMALL_FILE, refuse_parts

MAX_SCANS = 100  # a progressive JPEG has about ten; each costs a pass over all pixels, even an empty one
MAX_SCAN_PIXELS = 800_000_000  # pixels x scans: ten scans of 64 million took 1.4 s

FEW_ZEROS = 8  # bytes at the end of a file without an end marker

SOS, EOI, DNL = 0xDA, 0xD9, 0xDC
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1, 0xC9), (0xC2, 0xCA)
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
NEEDED = frozenset(range(0xC0, 0xD0)) | {0xDA, 0xDB, 0xDD}  # frames, tables, scans, restart interval
APPLICATION = {0xE0: (b"JFIF\0", 16), 0xE1: (b"Exif\0\0", 8), 0xEE: (b"Adobe", 14)}  # shortest length that is whole
PLAIN = "save it as a plain JPEG of 8 bits, or as PNG"
UNDECODED = {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "a lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "a hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA), "a JPEG with arithmetic coding"),
    0xF7: "JPEG-LS",
}

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the restart markers belong to a scan's data

# What is put behind the data of a picture without an end. Where all of it is there this is passed over; where not,
# blocks are decoded from it, otherwise than from the zeros that libjpeg takes where nothing follows. Two, for one alone
# may hold what the zeros say. The restart markers are for a file that ends in front of one: libjpeg takes any but the
# two that would come after that (jpeg_resync_to_restart), so the tails begin with different ones.
_NOISE = bytes(range(0xB6, 0x06, -11)) + bytes(range(0x6D, 0xFE, 13))


def _make_tail(noise: bytes, first: int) -> bytes:
    markers = (b"\xff" + bytes([0xD0 + number % 8]) + noise[number - first :] for number in range(first, first + 16))
    return noise * 2 + b"".join(markers)


_TAILS = (_make_tail(_NOISE, 0), _make_tail(bytes(255 - value for value in _NOISE), 4))


class Segment(NamedTuple):
    """`marker` at data[begin + 1], and what belongs to it up to `end`; a scan's compressed data belong to it."""

    marker: int
    begin: int
    end: int


class Picture(NamedTuple):
    """The segments up to the end of the picture. whole: all that its frame announces was in its scans, to the last
    bit. closed: its end marker follows."""

    segments: List[Segment]
    scans: int
    whole: bool
    closed: bool


def count_scans(data: bytes) -> int:
    """Markers of a scan, ff da, anywhere in the file: never fewer than the picture has. (bytes.count takes seven times
    as long.)"""
    values = np.frombuffer(data, dtype=np.uint8)
    return int(np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == SOS)))


def check(data: bytes) -> None:
    """Raises BadRequest where reading what is before the picture would take seconds."""
    if len(data) > SMALL_FILE:
        position = parts = 2
        while parts <= MAX_PARTS:
            found = _MARKER.search(data, position)
            if found is None or data[found.start() + 1] == SOS:
                return
            parts += 1 + found.start() - position
            position = _end_of(data, found.start())
        raise refuse_parts("JPEG", "segments and stray bytes before its picture")


def check_scans(data: bytes, pixels: int) -> None:
    """Raises BadRequest where decoding the scans would take seconds, OSError where no decoder will find their end."""
    scans = count_scans(data)
    if data.rfind(b"\xff\xd9") < 0:
        raise OSError("the end marker is missing")
    if scans <= MAX_SCANS and scans * pixels <= MAX_SCAN_PIXELS:
        return
    picture = read_picture(data)
    if picture.scans > MAX_SCANS:
        raise BadRequest(f"the JPEG image has more than {MAX_SCANS} scans: save it as a plain JPEG")
    if picture.scans * pixels > MAX_SCAN_PIXELS:
        raise BadRequest(f"the JPEG image has {picture.scans} scans, too many for its size: save it as a plain JPEG")
    if not picture.closed:
        raise OSError("the end marker is missing")


def read_picture(data: bytes) -> Picture:
    """Walk through the file to the end of its picture. Raises BadRequest where it has too many parts."""
    segments: List[Segment] = []
    left: Dict[int, int] = {}  # of each component, a bit for each coefficient that is not yet known to its last bit
    scans, position, parts, progressive = 0, 2, 0, False
    while True:
        found = _MARKER.search(data, position)
        parts += 1 + (found.start() - position if found and not scans else 0)
        if parts > MAX_PARTS:
            raise refuse_parts("JPEG", "segments and stray bytes")
        if found is None:
            return Picture(segments, scans, False, False)
        begin = found.start()
        marker = data[begin + 1]
        if marker == EOI:
            return Picture(segments, scans, False, True)
        position = _end_of(data, begin)
        if marker in FRAMES:
            progressive = marker in PROGRESSIVE
            left = dict.fromkeys(data[begin + 10 : position : 3], 2**64 - 1 if progressive else 1)
        elif marker == SOS:
            scans += 1
            _cross_off(left, data[begin + 4 : position], progressive)
            following = _AFTER_SCAN.search(data, position)
            position = following.start() if following else len(data)
            if left and not any(left.values()):
                segments.append(Segment(marker, begin, position))
                return Picture(segments, scans, True, following is not None and data[position + 1] == EOI)
        segments.append(Segment(marker, begin, position))


def _end_of(data: bytes, begin: int) -> int:
    """Where the segment ends whose marker is at `begin`; those up to bf and the restart markers have no length."""
    marker = data[begin + 1]
    if marker < 0xC0 or 0xD0 <= marker <= 0xD9:
        return begin + 2
    return begin + 2 + max(2, int.from_bytes(data[begin + 2 : begin + 4], "big"))


def _cross_off(left: Dict[int, int], header: bytes, progressive: bool) -> None:
    """Take what a scan brings off what is `left`. header: the scan's, without marker and length."""
    count = header[0] if header else 0
    if len(header) < 4 + 2 * count:
        return
    first, last, bits = header[1 + 2 * count : 4 + 2 * count]
    band = (2 << last) - (1 << first) if progressive and bits & 15 == 0 and first <= last < 64 else 0
    for component in header[1 : 1 + 2 * count : 2]:
        if component in left:
            left[component] &= ~(band if progressive else 1)


def mend(data: bytes) -> Tuple[bytes, ...]:
    """The picture with nothing around it: files that all decode to the same pixels if it is there as a whole. None
    is returned where it cannot be.

    Without an end marker nobody knows whether the last rows are there. Files with different ends tell.
    """
    picture = read_picture(data)
    if not picture.scans or not (picture.whole or picture.closed):
        return ()
    kept = [data[begin:end] for marker, begin, end in picture.segments if _is_needed(data, marker, begin, end)]
    start = b"\xff\xd8" + b"".join(kept)
    if picture.closed:
        return (start + b"\xff\xd9",)
    start = _strip_padding(start)
    return tuple(start + tail + b"\xff\xd9" for tail in (b"", *_TAILS))


def _strip_padding(data: bytes) -> bytes:
    """Without half of the missing marker, and without the zeros of a file that was made in its size and never filled:
    they would be taken for blocks. A few zeros may be a picture's own; one behind ff always is."""
    data = data.rstrip(b"\xff")
    kept = data.rstrip(b"\0")
    if len(data) - len(kept) <= FEW_ZEROS:
        return data
    return kept + b"\0" if kept.endswith(b"\xff") else kept


def _is_needed(data: bytes, marker: int, begin: int, end: int) -> bool:
    if marker in APPLICATION:
        name, shortest = APPLICATION[marker]
        return data.startswith(name, begin + 4) and end - begin >= shortest + 2
    return marker in NEEDED


def explain(data: bytes) -> None:
    """Raises UnsupportedMedia for a kind of JPEG that is not decoded."""
    segments = read_picture(data).segments
    frame: Optional[Segment] = next((one for one in segments if one.marker in FRAMES), None)
    if frame is None or frame.begin + 10 > len(data):
        return
    precision, height = data[frame.begin + 4], int.from_bytes(data[frame.begin + 5 : frame.begin + 7], "big")
    if frame.marker in UNDECODED:
        raise UnsupportedMedia(f"{UNDECODED[frame.marker]} is not supported: {PLAIN}")
    if precision != 8:
        raise UnsupportedMedia(f"a JPEG of {precision} bits is not supported: {PLAIN}")
    if data[frame.begin + 9] not in (1, 3, 4):
        raise UnsupportedMedia(f"a JPEG of {data[frame.begin + 9]} colour channels is not supported: {PLAIN}")
    if height == 0 and any(one.marker == DNL for one in segments):
        raise UnsupportedMedia(f"a JPEG that says its height behind its rows is not supported: {PLAIN}")
