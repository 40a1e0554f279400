"""The path under which a proxy shows this server, as /classifier: from FWHT_ROOT_PATH, or from the proxy itself.

`scope["prefix"]` holds it, without a slash at its end, where there is one. Routes are found without it, whether the
proxy takes it off or not; what names a place of this server puts it in front.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Iterable, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

if TYPE_CHECKING:  # settings are shown by `make report` where no package is installed, too
    from starlette.types import Scope

HEADER = b"x-forwarded-prefix"
LONGEST = 256  # characters
# Nothing in it that HTML, a header or a link reads as more than a path.
_PREFIX = re.compile(r"(/(?!\.{1,2}(/|$))([A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+)+")
# Of our routes: behind one of these nobody could tell a path with a prefix from one without.
_TAKEN = ("/v1", "/v2", "/docs", "/metrics", "/livez", "/readyz", "/healthz", "/openapi.json")


def parse_prefix(text: str) -> Optional[str]:
    """`text` without slashes at its end; None where that is no path that can stand in front of ours."""
    prefix = text.strip().rstrip("/")
    return prefix if not prefix or len(prefix) <= LONGEST and _PREFIX.fullmatch(prefix) else None


def is_taken(prefix: str) -> bool:
    """Whether a path of this server begins so."""
    return any(prefix == route or prefix.startswith(route + "/") for route in _TAKEN)


def read_prefix(headers: Iterable[Tuple[bytes, bytes]]) -> str:
    """What proxies say in X-Forwarded-Prefix, the outermost first; nothing where that is no path."""
    said = [part for name, value in headers if name == HEADER for part in value.decode("latin-1").split(",")]
    if not said:
        return ""
    parts = [parse_prefix(part) for part in said]
    return "" if None in parts else parse_prefix("".join(part or "" for part in parts)) or ""


def take_off_prefix(scope: Scope, root_path: str) -> None:
    """Note FWHT_ROOT_PATH in the scope, and take it off the path where the proxy has left it there."""
    scope.setdefault("prefix", root_path)
    path = scope["path"]
    if path == root_path or path.startswith(root_path + "/"):
        scope["path"] = path[len(root_path) :] or "/"


def localise_redirect(headers: List[Tuple[bytes, bytes]], prefix: str) -> List[Tuple[bytes, bytes]]:
    """Redirects with a path alone: a proxy may have another host, port and scheme than it says here."""
    return [(name, _localise(value, prefix) if name == b"location" else value) for name, value in headers]


def _localise(location: bytes, prefix: str) -> bytes:
    found = urlsplit(location.decode("latin-1"))
    path = prefix + "/" + found.path.lstrip("/")  # two slashes would be another host
    return (path + (f"?{found.query}" if found.query else "")).encode("latin-1")


class TrustedPeers:
    """Addresses and networks whose word on the prefix counts; * is everybody. Raises ValueError for anything else."""

    def __init__(self, places: Sequence[str]) -> None:
        self._everybody = "*" in places
        self._networks = [ipaddress.ip_network(place, strict=False) for place in places if place != "*"]

    def __contains__(self, host: object) -> bool:
        if self._everybody:
            return True
        try:
            address = ipaddress.ip_address(str(host))
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)
