"""The servers of benchmarks/serving/rivals.py: how each is started, asked and read, and the settings it is tried with.

Every rival is tried with several settings that its documentation advises, and enters the table with the best of them.
"""

from __future__ import annotations

import base64
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

from benchmarks.harness.process_tree import LoggedProcess, find_free_port, run_process
from benchmarks.serving.rival_apps.ml_server import INPUT, write_folder
from server.bench.connection import Target, encode_request
from server.bench.images import encode_form
from server.profiling.machine import list_cpus

CORES = len(list_cpus())
BATCH, DELAY_S = 16, 0.001


@dataclass(frozen=True)
class Side:
    """server: "ours" or a rival. settings: the words of the table. threads: of one ONNX Runtime session, 0 is its
    default. workers: processes. batch: most requests gathered."""

    server: str
    settings: str
    threads: int = 0
    workers: int = 1
    batch: int = 1
    flags: tuple[str, ...] = field(default=())

    @contextmanager
    def run(self, python: str, model: Path) -> Iterator[tuple[LoggedProcess, Target]]:
        """The server with the model, which may still be starting, and where to ask it."""
        port = find_free_port()
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                "RIVAL_MODEL": str(model.resolve()),
                "RIVAL_THREADS": str(self.threads),
                "RIVAL_PORT": str(port),
                "RIVAL_WORKERS": str(self.workers),
                "RIVAL_API_SERVERS": str(self.workers),
                "RIVAL_BATCH": str(self.batch),
                "RIVAL_BATCH_DELAY": str(DELAY_S if self.batch > 1 else 0),
                "PYTHONPATH": str(Path.cwd()),
            }
            with run_process(self.make_command(python, model, port, Path(folder)), environment) as process:
                yield process, Target("127.0.0.1", port, self.path)

    def make_command(self, python: str, model: Path, port: int, folder: Path) -> list[str]:
        if self.server == "ours":
            return [python, "-m", "server", "--port", str(port), "--models", str(model), *self.flags]
        if self.server == "plain":
            served = ["-m", "uvicorn", "benchmarks.serving.rival_apps.plain_fastapi:app", "--port", str(port)]
            return [python, *served, "--workers", str(self.workers), "--log-level", "warning", "--no-access-log"]
        if self.server == "litserve":
            return [python, "-m", "benchmarks.serving.rival_apps.lit_server"]
        ports = (port, find_free_port(), find_free_port())
        write_folder(folder, ports, self.workers, self.batch, DELAY_S if self.batch > 1 else 0)
        return [python, "-c", "from mlserver.cli import main; main()", "start", str(folder)]

    @property
    def path(self) -> str:
        return {"ours": "/v1/classify", "mlserver": "/v2/models/classifier/infer"}.get(self.server, "/predict")

    def make_request(self, target: Target, image: bytes) -> bytes:
        """A form with the file, but for MLServer, which takes files as base64 in JSON only."""
        if self.server != "mlserver":
            return encode_request(target, *encode_form([image]))
        tensor = {"name": INPUT, "datatype": "BYTES", "shape": [1, 1], "parameters": {"content_type": "base64"}}
        body = json.dumps({"inputs": [{**tensor, "data": [base64.b64encode(image).decode()]}]}).encode()
        return encode_request(target, body, "application/json")

    def read_best(self, body: bytes) -> tuple[str, float]:
        """The first label of an answer and its score."""
        answer: dict[str, Any] = json.loads(body)
        if self.server == "mlserver":
            labels, scores = answer["outputs"]
            return labels["data"][0], scores["data"][0]
        first = (answer["results"][0] if self.server == "ours" else answer)["predictions"][0]
        return first["label"], first["score"]


# Ours with its defaults, and with what docs/serving.md advises for several clients at once; with places for 64 of them
# and, like the others, without a line in the log for every request.
COMMON = ("--max-waiting", "128", "--log-level", "warning")
RUN_PER_CORE = ("--parallel-batches", str(CORES), "--concurrency", str(CORES + 1))
MANY_CLIENTS = ("--threads", "1", "--batch-limit", "4", *RUN_PER_CORE)
SIDES = (
    Side("ours", "defaults, longer queue, quiet log", flags=COMMON),
    Side("ours", "a run per core, one thread each", flags=(*COMMON, *MANY_CLIENTS)),
    Side("plain", "one process"),
    Side("plain", "a process per core, one thread each", threads=1, workers=CORES),
    Side("litserve", "one worker"),
    Side("litserve", "one worker, batches", batch=BATCH),
    Side("litserve", "a worker per core, one thread each, batches", threads=1, workers=CORES, batch=BATCH),
    Side("mlserver", "no workers", workers=0),
    Side("mlserver", "no workers, batches", workers=0, batch=BATCH),
    Side("mlserver", "one worker, batches", batch=BATCH),
    Side("mlserver", "a worker per core, one thread each, batches", threads=1, workers=CORES, batch=BATCH),
)
SERVERS = ("ours", "plain", "litserve", "mlserver")
PACKAGES = ("onnxruntime", "numpy", "pillow", "fastapi", "starlette", "uvicorn", "uvloop", "litserve", "mlserver")
