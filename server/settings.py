"""Every setting of the server, in one table: its environment variable, flag, default, limits and meaning.

A flag goes before an environment variable, which goes before the default. commands/read_settings.py reads them,
commands/show_settings.py writes docs/settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Tuple, get_type_hints

PREFIX = "FWHT_"
Names = Tuple[str, ...]

DEFAULT_MODEL = "fwht_efficientnet_lite0"  # of what is shipped, as in the Makefile and docker/compose.yaml


def declare_setting(default: Any, help: str, unit: str = "", **rule: Any) -> Any:
    """One row of the table. Rules: `low` and `high` (both allowed), `choices`, `secret` (no flag, never printed)."""
    return field(default=default, metadata={"help": help, "unit": unit, **rule})


@dataclass(frozen=True)
class Settings:
    host: str = declare_setting("127.0.0.1", "Address to listen on; 0.0.0.0 means every network interface.")
    port: int = declare_setting(8000, "TCP port to listen on; 0 takes any free one.", low=0, high=65535)
    models: Names = declare_setting(
        (DEFAULT_MODEL,),
        "Models to serve, separated by commas: names (build/NAME.onnx, else models/NAME.onnx, or an engine in build/ "
        "without its ONNX file) or paths of .onnx files. The first is the default.",
    )
    backend: str = declare_setting(
        "auto",
        "What runs the models: auto takes a TensorRT engine (build/NAME-PRECISION.engine.json) that was built for this "
        "machine, else ONNX Runtime, and logs why; tensorrt refuses to start without such an engine.",
        choices=("auto", "tensorrt", "onnxruntime"),
    )
    precision: str = declare_setting(
        "auto",
        "Which TensorRT engine; auto takes fp16 before fp32. ONNX Runtime computes in fp32.",
        choices=("auto", "fp16", "fp32"),
    )
    cuda_graphs: str = declare_setting(
        "auto",
        "auto: TensorRT runs start as one CUDA graph where that is quicker, which is tried before the server is ready.",
        choices=("auto", "off"),
    )
    provider: str = declare_setting(
        "cpu",
        "Where ONNX Runtime computes; auto takes CUDA where it is there. /readyz says no when cuda fell back.",
        choices=("cpu", "cuda", "auto"),
    )
    engine_command: str = declare_setting(
        "",
        "Command, without a shell, that builds a model's engine before the model is loaded, or finds it there. {name}, "
        "{file}, {python} and {precision} in it stand for the model, its ONNX file, this Python and FWHT_PRECISION "
        "(auto: fp16); /readyz says how far it is. Empty, or with FWHT_BACKEND=onnxruntime: none is built.",
    )
    threads: int = declare_setting(0, "Threads of one inference; 0 means one per physical core.", low=0, high=1024)
    native: str = declare_setting(
        "auto",
        "Native CPU kernels of our ops, which `make native` builds: off runs the ONNX file's function bodies, required "
        "refuses to start without the kernels.",
        choices=("auto", "off", "required"),
    )
    concurrency: int = declare_setting(2, "Threads that decode images and run the models.", "threads", low=1, high=1024)
    max_waiting: int = declare_setting(
        32, "Requests that may arrive or wait beyond those; the next one is answered 503.", low=0, high=100_000
    )
    deadline_ms: int = declare_setting(
        10_000, "Time from a request's whole body to its answer; later is answered 504, and does not run.", "ms", low=1
    )
    batch_limit: int = declare_setting(16, "Most images in one run of a model.", "images", low=1, high=10_000)
    batch_delay_ms: int = declare_setting(
        0, "How long a run waits for images being decoded at that moment; without such it never waits.", "ms", low=0
    )
    parallel_batches: int = declare_setting(1, "Runs of one model at the same time.", "runs", low=1, high=1024)
    max_body_bytes: int = declare_setting(
        16 << 20, "Longest request body; longer ones are answered 413.", "bytes", low=1
    )
    max_pixels: int = declare_setting(
        64_000_000, "Most pixels (width x height) of one image; more are 413.", "pixels", low=1
    )
    min_score: str = declare_setting(
        "",
        "Lowest score, 0 to 1, with which an image gets a label, where the query says none; below it the label is null "
        "and the reason beside it. Empty: what the model's card says, if anything.",
    )
    max_images: int = declare_setting(16, "Most images in one request.", "images", low=1, high=10_000)
    upload_timeout: int = declare_setting(30, "Time for a request's body to arrive; later is answered 408.", "s", low=1)
    max_headers: int = declare_setting(64, "Most header lines of one request; more are answered 431.", "lines", low=1)
    max_header_bytes: int = declare_setting(
        16 << 10, "Longest head of one request (its address and headers); longer ones are answered 431.", "bytes", low=1
    )
    header_timeout: int = declare_setting(10, "Time for a request's head to arrive; later is answered 408.", "s", low=1)
    keep_alive: int = declare_setting(
        75,
        "Time that an idle connection stays open; more than a proxy in front keeps its own (60 s for most), or a "
        "request may meet the closing and be answered 502 there.",
        "s",
        low=1,
    )
    root_path: str = declare_setting(
        "",
        "Path under which a proxy shows this server, as /classifier, whether the proxy takes it off or not; one that "
        "sends X-Forwarded-Prefix says it by itself.",
    )
    trusted_proxies: Names = declare_setting(
        ("127.0.0.1", "::1"),
        "Addresses and networks (10.0.0.0/8), separated by commas, of proxies whose X-Forwarded-Prefix, -For and "
        "-Proto are believed; * is everybody.",
    )
    drain_delay: int = declare_setting(
        0,
        "Time after SIGTERM in which /readyz already says no and requests are still taken, so that a load balancer "
        "can look away.",
        "s",
        low=0,
    )
    stop_timeout: int = declare_setting(30, "Time for requests in flight to finish after SIGTERM.", "s", low=0)
    api_keys: Names = declare_setting(
        (),
        "Keys, separated by commas, one of which a client must send, as X-API-Key or as a Bearer token; the health "
        "routes and the page itself need none. Empty asks nobody. Has no flag.",
        secret=True,
    )
    api_key_file: str = declare_setting(
        "", "File with more of those keys, one on each line; read when the server starts."
    )
    layers: str = declare_setting(
        "on",
        "Who may ask for layer times (?layers=true): on is everybody, admin is who sends FWHT_ADMIN_KEY.",
        choices=("on", "admin", "off"),
    )
    layer_runs: int = declare_setting(10, "Profiled runs behind one layer report.", "runs", low=1, high=1000)
    admin_key: str = declare_setting(
        "",
        "Key for FWHT_LAYERS=admin and for loading and unloading models, which nobody can do where it is empty; sent "
        "as X-API-Key or as a Bearer token. Has no flag.",
        secret=True,
    )
    tls_certificate: str = declare_setting(
        "", "PEM file with the certificate and those up to its root; the server then speaks HTTPS alone, TLS 1.2 on."
    )
    tls_key: str = declare_setting(
        "", "PEM file with the certificate's key, without a password; empty: in the same file."
    )
    cors_origins: Names = declare_setting(
        (),
        "Web origins, separated by commas (https://app.example), whose pages may ask this server; * means all. Empty "
        "means none but its own page.",
    )
    log_level: str = declare_setting(
        "info",
        "debug also logs requests to the health routes and /metrics.",
        choices=("debug", "info", "warning", "error"),
    )
    traces: str = declare_setting(
        "off",
        "otlp sends a trace of each request to OpenTelemetry's collector, as OTEL_EXPORTER_OTLP_ENDPOINT and its other "
        "variables say; it needs `pip install '.[traces]'`.",
        choices=("off", "otlp"),
    )
    log_format: str = declare_setting(
        "text", "json writes each line of the log as one object.", choices=("text", "json")
    )


TABLE = fields(Settings)
ROWS = {row.name: row for row in TABLE}
TYPES = get_type_hints(Settings)


def name_variable(name: str) -> str:
    return PREFIX + name.upper()


def name_flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def format_value(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
