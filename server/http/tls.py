"""HTTPS by the server itself (FWHT_TLS_CERTIFICATE)."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Dict

import uvicorn

from ..errors import StartupError
from ..settings import Settings

OLDEST = ssl.TLSVersion.TLSv1_2


def make_tls_options(settings: Settings) -> Dict[str, Any]:
    """What uvicorn.Config is told; nothing where TLS is off. Raises StartupError for files that do not fit."""
    if not settings.tls_certificate:
        return {}
    certificate, key = settings.tls_certificate, settings.tls_key or settings.tls_certificate
    check_readable("FWHT_TLS_CERTIFICATE", certificate)
    check_readable("FWHT_TLS_KEY", key)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password=lambda: "")  # or OpenSSL would ask the terminal for it
    except (ssl.SSLError, ValueError) as error:
        raise StartupError(
            f"certificate {certificate!r} and key {key!r} do not work together ({error}): give two PEM files that "
            "belong to each other, the key without a password."
        ) from error
    return {"ssl_certfile": certificate, "ssl_keyfile": key}


def check_readable(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise StartupError(f"{name} is {path!r} and cannot be read ({error.strerror}): name a PEM file.") from error


def refuse_old_versions(config: uvicorn.Config) -> None:
    """Python 3.8 and 3.9 would still speak TLS 1.0."""
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = OLDEST
