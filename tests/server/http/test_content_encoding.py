"""Compressed bodies, and those that unpack to more than they should."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from server.errors import BadRequest, TooLarge, UnsupportedMedia
from server.http.content_encoding import unpack

GZIPPED = gzip.compress(b"text", mtime=0)  # no time in it: a test has one name in every process


@pytest.mark.parametrize(
    "encoding, body",
    [
        ("", b"text"),
        ("identity", b"text"),
        ("gzip", GZIPPED),
        (" GZIP ", GZIPPED),
    ]
    + [("deflate", zlib.compress(b"text"))],
)
def test_unpacked(encoding: str, body: bytes) -> None:
    assert unpack(body, encoding, 4) == b"text"


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd", "x" * 1000])
def test_other_encodings(encoding: str) -> None:
    with pytest.raises(UnsupportedMedia, match="gzip or deflate"):
        unpack(b"text", encoding, 100)


@pytest.mark.parametrize("body", [b"", b"text", GZIPPED[:-1], GZIPPED + b"more"])
def test_damaged(body: bytes) -> None:
    with pytest.raises(BadRequest, match="gzip"):
        unpack(body, "gzip", 100)


def test_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
    tracemalloc.start()
    with pytest.raises(TooLarge, match="1000"):
        unpack(bomb, "deflate", 1000)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 1 << 20
