"""Compressed request bodies, unpacked no further than the limit on bodies."""

from __future__ import annotations

import zlib

from ..errors import BadRequest, TooLarge, UnsupportedMedia

WINDOWS = {"gzip": 31, "deflate": 15}  # zlib's numbers for the two formats


def unpack(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body behind a Content-Encoding, which is gzip, deflate (in zlib's format) or nothing.

    Raises UnsupportedMedia for another, BadRequest for a damaged body, TooLarge beyond `max_bytes`.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in WINDOWS:
        raise UnsupportedMedia(f"Content-Encoding is {encoding[:80]!r}, it may be gzip or deflate")
    unpacker = zlib.decompressobj(WINDOWS[encoding])
    try:
        data = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise BadRequest(f"the body is not {encoding} as Content-Encoding says: {error}") from None
    if len(data) > max_bytes:
        raise TooLarge(f"the unpacked body may have {max_bytes} bytes and has more: send a smaller batch")
    if not unpacker.eof or unpacker.unused_data:
        raise BadRequest(f"the body does not end where its {encoding} ends: send it whole and nothing after it")
    return data
