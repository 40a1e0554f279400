"""Prefixes: what is one, and whose word counts."""

from __future__ import annotations

import pytest

from server.http.prefix import TrustedPeers, is_taken, parse_prefix, read_prefix


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("/", ""),
        ("/a", "/a"),
        ("/a/b-c_d.e~1/", "/a/b-c_d.e~1"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        (" /a ", "/a"),
    ],
)
def test_paths(text: str, wanted: str) -> None:
    assert parse_prefix(text) == wanted


@pytest.mark.parametrize(
    "text", ["a", "//a", "/a//b", "/a b", "/.", "/a/..", "/\u00e9", "/a?b", "/a#b", "/%zz", "/a'", "/<"]
)
def test_no_paths(text: str) -> None:
    assert parse_prefix(text) is None


def test_several_proxies_add_up() -> None:
    header = b"x-forwarded-prefix"
    assert read_prefix([(header, b"/a"), (b"host", b"x"), (header, b"/b/, /c")]) == "/a/b/c"
    assert read_prefix([(header, b"/a, b")]) == read_prefix([(b"host", b"/a")]) == ""


def test_what_begins_as_our_routes_do_is_taken() -> None:
    assert is_taken("/v1") and is_taken("/docs/a") and not is_taken("/v10") and not is_taken("")


def test_trusted_peers() -> None:
    peers = TrustedPeers(["10.0.0.0/8", "::1", "192.168.1.7"])
    assert all(host in peers for host in ("10.1.2.3", "::1", "192.168.1.7", "::ffff:10.1.2.3"))
    assert all(host not in peers for host in ("11.0.0.1", "", "name", "::2", None))
    assert "anything" in TrustedPeers(["*"])
    with pytest.raises(ValueError, match="proxy.example"):
        TrustedPeers(["proxy.example"])
