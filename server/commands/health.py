"""`python -m server health`: is the server of these settings ready? For container health checks, which have no curl."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import sys
from contextlib import closing
from typing import List, Tuple

from ..settings import Settings
from .read_settings import add_flags, read_settings

TIMEOUT_S = 4.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def main(arguments: List[str]) -> int:
    """Exit status: 0 ready, 1 not; the reason is printed. Raises StartupError for bad settings, as the server does."""
    parser = argparse.ArgumentParser(
        prog="python -m server health",
        description="Ask /readyz of the server that has the same settings. Exit status 0: ready, 1: not.",
    )
    add_flags(parser)
    settings, _ = read_settings(vars(parser.parse_args(arguments)), os.environ)
    ready, said = ask_readiness(settings)
    print(said, file=sys.stdout if ready else sys.stderr)
    return 0 if ready else 1


def ask_readiness(settings: Settings) -> Tuple[bool, str]:
    host = EVERYWHERE.get(settings.host, settings.host)
    try:
        with closing(connect(settings, host)) as connection:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            body = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return False, f"no answer from {host} port {settings.port}: {error}"
    if answer.status == 200:
        return True, "ready"
    return False, str(body.get("detail", body)) if isinstance(body, dict) else f"status {answer.status}"


def connect(settings: Settings, host: str) -> http.client.HTTPConnection:
    if not settings.tls_certificate:
        return http.client.HTTPConnection(host, settings.port, timeout=TIMEOUT_S)
    unverified = ssl.create_default_context()  # the certificate is for a public name, and this asks the machine itself
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.port, timeout=TIMEOUT_S, context=unverified)
