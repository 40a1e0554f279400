"""Who may ask: API keys for clients, one admin key for the rest."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Iterable, List, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import StartupError, Unauthorized
from ..settings import Settings
from .problems import answer_server_error

HOW = "send it as X-API-Key or as a Bearer token"
# What needs no key: machines that watch the process, and the pages, which hold nothing but this project's own text.
OPEN = frozenset(
    {"/", "/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/openapi.json"}
    | {"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"}
)
OPEN_FOLDER = "/samples/"  # photos of the page


def is_open(path: str) -> bool:
    """Whether this needs no key."""
    return path in OPEN or path.startswith(OPEN_FOLDER)


class Keys:
    """The keys of one server. Only digests are kept and compared: all of one length, and in constant time."""

    def __init__(self, clients: Iterable[str], admin: str) -> None:
        self._clients = [hash_key(key.encode()) for key in clients]
        self._admin = [hash_key(admin.encode())] if admin else []

    @property
    def are_required(self) -> bool:
        """Whether clients need a key at all."""
        return bool(self._clients)

    @property
    def has_admin(self) -> bool:
        return bool(self._admin)

    def is_client(self, key: bytes) -> bool:
        """The admin key opens all that a client's does."""
        return is_one_of(hash_key(key), self._clients + self._admin)

    def is_admin(self, key: bytes) -> bool:
        return is_one_of(hash_key(key), self._admin)


def hash_key(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def is_one_of(given: bytes, known: Sequence[bytes]) -> bool:
    """Compares with every one, so that the time does not tell which was nearest."""
    return sum([hmac.compare_digest(given, key) for key in known]) > 0


def read_key(scope: Scope) -> bytes:
    """The key that a request brought: X-API-Key, else the Bearer token, else nothing."""
    bearer = b""
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization":
            method, _, token = value.partition(b" ")
            bearer = token.strip() if method.lower() == b"bearer" else b""
    return bearer


def read_keys(settings: Settings) -> Keys:
    """The keys of the environment and of the file together. Raises StartupError where one of them cannot be used."""
    clients = list(settings.api_keys) + read_key_file(settings.api_key_file)
    for place, key in [("FWHT_API_KEYS or its file", key) for key in clients] + [
        ("FWHT_ADMIN_KEY", settings.admin_key)
    ]:
        if not all(33 <= ord(letter) <= 126 for letter in key):
            raise StartupError(f"{place} has a key with a space, or a letter that no header carries: choose another.")
    return Keys(clients, settings.admin_key)


def read_key_file(path: str) -> List[str]:
    """One key a line; empty lines and those that begin with # are none."""
    if not path:
        return []
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"FWHT_API_KEY_FILE is {path!r} and cannot be read ({error}): name a text file.") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:  # a file that was truncated must not open the server to everybody
        raise StartupError(f"FWHT_API_KEY_FILE is {path!r} and holds no key: write one on each line.")
    return keys


class KeyCheck:
    """ASGI middleware, there only where keys are set: 401 before anything of the request's body is read."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]) or self.keys.is_client(read_key(scope)):
            await self.app(scope, receive, send)
            return
        refusal = answer_server_error(scope, Unauthorized(f"this server asks for an API key: {HOW}"))
        await refusal(scope, receive, send)
