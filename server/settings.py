"""Every setting of the server, in one table: its environment variable, flag, default, limits and meaning.

A flag goes before an environment variable, which goes before the default. `python -m server.settings` writes
docs/settings.md.
"""

from __future__ import annotations

import argparse
import difflib
import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, get_type_hints

from .errors import StartupError

PREFIX = "FWHT_"
# Read by the tests, which the servers they start inherit, and by docker/entrypoint.sh, which health checks do.
NOT_OURS = frozenset({"FWHT_REQUIRE_GPU", "FWHT_REQUIRE_TOOLS", "FWHT_CHECK_MEMORY", "FWHT_ROOT"})

Names = Tuple[str, ...]


def setting(default: Any, help: str, unit: str = "", **rule: Any) -> Any:
    """One row of the table. Rules: `low` and `high` (both allowed), `choices`, `secret` (no flag, never printed)."""
    return field(default=default, metadata={"help": help, "unit": unit, **rule})


@dataclass(frozen=True)
class Settings:
    host: str = setting("127.0.0.1", "Address to listen on; 0.0.0.0 means every network interface.")
    port: int = setting(8000, "TCP port to listen on; 0 takes any free one.", low=0, high=65535)
    models: Names = setting(
        ("fwht_mobilenet_v2",),
        "Models to serve, separated by commas: names (build/NAME.onnx, else models/NAME.onnx, or an engine in build/ "
        "without its ONNX file) or paths of .onnx files. The first is the default.",
    )
    backend: str = setting(
        "auto",
        "What runs the models: auto takes a TensorRT engine (build/NAME-PRECISION.engine.json) that was built for this "
        "machine, else ONNX Runtime, and logs why; tensorrt refuses to start without such an engine.",
        choices=("auto", "tensorrt", "onnxruntime"),
    )
    precision: str = setting(
        "auto",
        "Which TensorRT engine; auto takes fp16 before fp32. ONNX Runtime computes in fp32.",
        choices=("auto", "fp16", "fp32"),
    )
    cuda_graphs: str = setting(
        "auto",
        "auto: TensorRT runs start as one CUDA graph where that is quicker, which is tried before the server is ready.",
        choices=("auto", "off"),
    )
    provider: str = setting(
        "cpu",
        "Where ONNX Runtime computes; auto takes CUDA where it is there. /readyz says no when cuda fell back.",
        choices=("cpu", "cuda", "auto"),
    )
    engine_command: str = setting(
        "",
        "Command, without a shell, that builds a model's engine before the model is loaded, or finds it there. {name}, "
        "{file}, {python} and {precision} in it stand for the model, its ONNX file, this Python and FWHT_PRECISION "
        "(auto: fp16); /readyz says how far it is. Empty, or with FWHT_BACKEND=onnxruntime: none is built.",
    )
    threads: int = setting(0, "Threads of one inference; 0 means one per physical core.", low=0, high=1024)
    concurrency: int = setting(2, "Threads that decode images and run the models.", "threads", low=1, high=1024)
    max_waiting: int = setting(
        32, "Requests that may arrive or wait beyond those; the next one is answered 503.", low=0, high=100_000
    )
    deadline_ms: int = setting(
        10_000, "Time from a request's whole body to its answer; later is answered 504, and does not run.", "ms", low=1
    )
    batch_limit: int = setting(16, "Most images in one run of a model.", "images", low=1, high=10_000)
    batch_delay_ms: int = setting(
        0, "How long a run waits for images being decoded at that moment; without such it never waits.", "ms", low=0
    )
    parallel_batches: int = setting(1, "Runs of one model at the same time.", "runs", low=1, high=1024)
    max_body_bytes: int = setting(16 << 20, "Longest request body; longer ones are answered 413.", "bytes", low=1)
    max_pixels: int = setting(64_000_000, "Most pixels (width x height) of one image; more are 413.", "pixels", low=1)
    max_images: int = setting(16, "Most images in one request.", "images", low=1, high=10_000)
    upload_timeout: int = setting(30, "Time for a request's body to arrive; later is answered 408.", "s", low=1)
    max_headers: int = setting(64, "Most header lines of one request; more are answered 431.", "lines", low=1)
    max_header_bytes: int = setting(
        16 << 10, "Longest head of one request (its address and headers); longer ones are answered 431.", "bytes", low=1
    )
    header_timeout: int = setting(10, "Time for a request's head to arrive; later is answered 408.", "s", low=1)
    drain_delay: int = setting(
        0,
        "Time after SIGTERM in which /readyz already says no and requests are still taken, so that a load balancer "
        "can look away.",
        "s",
        low=0,
    )
    stop_timeout: int = setting(30, "Time for requests in flight to finish after SIGTERM.", "s", low=0)
    api_keys: Names = setting(
        (),
        "Keys, separated by commas, one of which a client must send, as X-API-Key or as a Bearer token; the health "
        "routes and the page itself need none. Empty asks nobody. Has no flag.",
        secret=True,
    )
    api_key_file: str = setting("", "File with more of those keys, one on each line; read when the server starts.")
    layers: str = setting(
        "on",
        "Who may ask for layer times (?layers=true): on is everybody, admin is who sends FWHT_ADMIN_KEY.",
        choices=("on", "admin", "off"),
    )
    layer_runs: int = setting(10, "Profiled runs behind one layer report.", "runs", low=1, high=1000)
    admin_key: str = setting(
        "",
        "Key for FWHT_LAYERS=admin and for loading and unloading models, which nobody can do where it is empty; sent "
        "as X-API-Key or as a Bearer token. Has no flag.",
        secret=True,
    )
    tls_certificate: str = setting(
        "", "PEM file with the certificate and those up to its root; the server then speaks HTTPS alone, TLS 1.2 on."
    )
    tls_key: str = setting("", "PEM file with the certificate's key, without a password; empty: in the same file.")
    cors_origins: Names = setting(
        (),
        "Web origins, separated by commas (https://app.example), whose pages may ask this server; * means all. Empty "
        "means none but its own page.",
    )
    log_level: str = setting(
        "info",
        "debug also logs requests to the health routes and /metrics.",
        choices=("debug", "info", "warning", "error"),
    )
    traces: str = setting(
        "off",
        "otlp sends a trace of each request to OpenTelemetry's collector, as OTEL_EXPORTER_OTLP_ENDPOINT and its other "
        "variables say; it needs `pip install '.[traces]'`.",
        choices=("off", "otlp"),
    )
    log_format: str = setting("text", "json writes each line of the log as one object.", choices=("text", "json"))


TABLE = fields(Settings)
ROWS = {row.name: row for row in TABLE}
TYPES = get_type_hints(Settings)
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")


def variable(name: str) -> str:
    return PREFIX + name.upper()


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag per row, read as text so that flags and variables are checked by the same code."""
    for row in TABLE:
        if not row.metadata.get("secret"):
            text = f"{row.metadata['help']} (default {as_text(row.default)})".replace("%", "%%")
            metavar = row.metadata["unit"].upper() or row.name.upper()
            parser.add_argument(flag(row.name), dest=row.name, metavar=metavar, help=text)


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
            values[name], sources[name] = parse(name, flag(name), given), "flag"
        elif variable(name) in environment:
            values[name], sources[name] = parse(name, variable(name), environment[variable(name)]), "environment"
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
    for origin in settings.cors_origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise StartupError(
                f"FWHT_CORS_ORIGINS has {origin!r}: write it as a browser does, like https://app.example or "
                "http://localhost:3000, or * for all."
            )


def refuse_unknown(environment: Mapping[str, str]) -> None:
    known = [variable(row.name) for row in TABLE]
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in NOT_OURS and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {near[0]}?" if near else "`python -m server --print-config` lists all of them."
            raise StartupError(f"{name} is no setting of this server: {cure}")


def parse(name: str, key: str, text: str) -> Any:
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


def as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def printed(settings: Settings, sources: Mapping[str, str]) -> str:
    """The settings as a commented environment file; a secret is left out."""
    lines: List[str] = []
    for row in TABLE:
        lines.append(f"# {row.metadata['help']} ({sources[row.name]})")
        value = as_text(getattr(settings, row.name))
        if row.metadata.get("secret"):
            lines.append(f"# {variable(row.name)} is {'set' if value else 'not set'}")
        else:
            lines.append(f"{variable(row.name)}={value}")
    return "\n".join(lines)


def markdown(rows: Sequence[Any] = TABLE) -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "<!-- Written by `python -m server.settings > docs/settings.md`. -->",
        "A flag goes before an environment variable, which goes before the default.",
        "`python -m server --print-config` shows the values in use and where each came from.",
        "Uploads take at most (FWHT_CONCURRENCY + FWHT_MAX_WAITING) x FWHT_MAX_BODY_BYTES of memory.",
        "",
        "| variable | flag | default | unit | meaning |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        assert row.default is not MISSING
        shown_flag = "" if row.metadata.get("secret") else f"`{flag(row.name)}`"
        default = f"`{as_text(row.default)}`" if row.default not in ("", ()) else ""
        text = row.metadata["help"]
        if "choices" in row.metadata:
            text += f" One of {', '.join(row.metadata['choices'])}."
        lines.append(f"| `{variable(row.name)}` | {shown_flag} | {default} | {row.metadata['unit']} | {text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
