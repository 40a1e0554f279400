"""Settings from flags and environment variables: checked by the same code, refused with key, value and cure."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, Dict, Mapping, Optional, Tuple

from ..errors import StartupError
from ..http.prefix import TrustedPeers, is_taken, parse_prefix
from ..numbers import parse_score
from ..settings import PREFIX, ROWS, TABLE, TYPES, Names, Settings, format_value, name_flag, name_variable

# Read by docker/entrypoint.sh, whose environment a container's health check inherits; by the native kernels.
NO_SETTINGS = frozenset({"FWHT_CHECK_MEMORY", "FWHT_CPU"})
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag per row, read as text so that flags and variables are checked by the same code."""
    for row in TABLE:
        if not row.metadata.get("secret"):
            text = f"{row.metadata['help']} (default {format_value(row.default)})".replace("%", "%%")
            metavar = row.metadata["unit"].upper() or row.name.upper()
            parser.add_argument(name_flag(row.name), dest=row.name, metavar=metavar, help=text)


def read_settings(
    flags: Mapping[str, Optional[str]], environment: Mapping[str, str]
) -> Tuple[Settings, Dict[str, str]]:
    """The settings, and for each name where its value came from: "flag", "environment" or "default".

    Raises StartupError for an unknown FWHT_ variable or a bad value, naming key, value and cure.
    """
    refuse_unknown(environment)
    values, sources = {}, {}
    for row in TABLE:
        name = row.name
        given = flags.get(name)
        if given is not None:
            values[name], sources[name] = parse_value(name, name_flag(name), given), "flag"
        elif name_variable(name) in environment:
            values[name], sources[name] = (
                parse_value(name, name_variable(name), environment[name_variable(name)]),
                "environment",
            )
        else:
            sources[name] = "default"
    settings = Settings(**values)
    refuse_contradictions(settings)
    return settings, sources


def refuse_contradictions(settings: Settings) -> None:
    if settings.layers == "admin" and not settings.admin_key:
        raise StartupError("FWHT_LAYERS is 'admin' but FWHT_ADMIN_KEY is empty: set the key, or FWHT_LAYERS=on or off.")
    if settings.backend == "onnxruntime" and settings.precision == "fp16":
        raise StartupError(
            "FWHT_PRECISION is 'fp16' but FWHT_BACKEND is 'onnxruntime', which computes in fp32: leave one of them out."
        )
    if settings.tls_key and not settings.tls_certificate:
        raise StartupError("FWHT_TLS_KEY is set but FWHT_TLS_CERTIFICATE is not: name the certificate's file, too.")
    if parse_prefix(settings.root_path) is None or is_taken(settings.root_path):
        raise StartupError(
            f"FWHT_ROOT_PATH is {settings.root_path!r}: give a path like /classifier, of letters, digits and -._~, and "
            "none that the server has itself."
        )
    try:
        TrustedPeers(settings.trusted_proxies)
    except ValueError as error:
        raise StartupError(f"FWHT_TRUSTED_PROXIES: {error}; give addresses like 10.1.2.3 or 10.0.0.0/8.") from None
    try:
        parse_score(settings.min_score or "0")
    except ValueError as error:
        raise StartupError(f"FWHT_MIN_SCORE is {error}.") from None
    for origin in settings.cors_origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise StartupError(
                f"FWHT_CORS_ORIGINS has {origin!r}: write it as a browser does, like https://app.example or "
                "http://localhost:3000, or * for all."
            )


def refuse_unknown(environment: Mapping[str, str]) -> None:
    known = [name_variable(row.name) for row in TABLE]
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in NO_SETTINGS and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {near[0]}?" if near else "`python -m server --print-config` lists all of them."
            raise StartupError(f"{name} is no setting of this server: {cure}")


def parse_value(name: str, key: str, text: str) -> Any:
    """The value that `text`, given as `key`, stands for. Raises StartupError naming key, value and cure."""
    text = text.strip()
    row = ROWS[name]
    rule = row.metadata
    shown = "(secret)" if rule.get("secret") else repr(text)
    if TYPES[name] is int:
        return parse_int(text, f"{key} is {shown}", rule.get("low"), rule.get("high"))
    if TYPES[name] is Names:
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        if not names and row.default:
            raise StartupError(f"{key} is {shown}: give at least one name.")
        return names
    if "choices" in rule and text not in rule["choices"]:
        raise StartupError(f"{key} is {shown}: it must be one of {', '.join(rule['choices'])}.")
    if not text and row.default != "":
        raise StartupError(f"{key} is empty: give a value, or leave it out for the default.")
    return text


def parse_int(text: str, problem: str, low: Optional[int], high: Optional[int]) -> int:
    limits = f"from {low} to {high}" if high is not None else f"of at least {low}"
    try:
        value = int(text)
    except ValueError:
        raise StartupError(f"{problem}: it must be a whole number {limits}.") from None
    if (low is not None and value < low) or (high is not None and value > high):
        raise StartupError(f"{problem}: it must be a whole number {limits}.")
    return value
