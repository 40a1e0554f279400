"""What HTTP, decoding and preprocessing add to a bare session: python -m benchmarks.serving.server

One client with one kept connection, a 32x32 JPEG as a form (as curl sends it), against `session.run` on the same image
already prepared, in turns; the server is a process of its own on the same machine. Both must give the same label, or
nothing is timed. See server/profiling/turns.py for the method.
"""

from __future__ import annotations

import json
import re
import socket
import weakref
from pathlib import Path
from typing import Any, Callable

from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import run_server
from benchmarks.harness.timing import parse_options
from server.bench.images import encode_form
from server.models.images import decode
from server.models.model import load_model
from server.models.preprocess import to_tensor
from server.profiling.turns import alternate

IMAGE = Path("tests/data/cat.jpg")
MODELS = ("mobilenet_v2", "fwht_mobilenet_v2")


def make_http_caller(port: int, body: bytes, media: str) -> Callable[[], bytes]:
    """A function that posts the body over one kept connection and returns the answer's JSON.

    On a bare socket, with the request made beforehand: Python's own HTTP clients take 0.1 ms and more to read a header,
    which would count as the server's.
    """
    head = (
        f"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call() -> bytes:
        connection.sendall(request)
        return read_answer(connection)

    weakref.finalize(call, connection.close)
    return call


def read_answer(connection: socket.socket) -> bytes:
    """The body of one answer. Raises SystemExit where it is not 200."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = re.findall(rb"content-length: (\d+)", head)
    while len(body) < int(length):
        body += connection.recv(65536)
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the server answered {head.splitlines()[0]!r}: {body!r}")
    return body


def make_session_caller(name: str) -> tuple[Callable[[], Any], str]:
    """A function that runs a session on the prepared image, and the label it finds."""
    import onnxruntime  # late: benchmarks/serving/overhead.py uses the rest of this file where it is missing

    model = load_model(f"models/{name}.onnx")
    preprocessing, labels = model.preprocessing, model.labels
    model.backend.close()
    x = to_tensor(decode(IMAGE.read_bytes(), preprocessing.size).image, preprocessing)[None]
    session = onnxruntime.InferenceSession(f"models/{name}.onnx", providers=["CPUExecutionProvider"])
    label = labels[int(session.run(None, {"image": x})[0].argmax())]
    return lambda: session.run(None, {"image": x}), label


def measure_model(name: str, rounds: int, seconds: float) -> dict[str, Any]:
    data = IMAGE.read_bytes()
    bodies = {
        "form": encode_form([data]),
        "raw body": (data, "image/jpeg"),
    }
    # In this session: Linux may share the processors out by sessions, which a lone client would not have measured.
    with run_server("--models", f"models/{name}.onnx", new_session=False) as server:
        port = server.port
        _, label = make_session_caller(name)
        answers = {kind: json.loads(make_http_caller(port, *body)()) for kind, body in bodies.items()}
        found = {kind: answer["results"][0]["predictions"][0]["label"] for kind, answer in answers.items()}
        if set(found.values()) != {label}:
            raise SystemExit(f"{name} is wrong: the session says {label}, the server {found}; nothing was timed")
        makers: dict[str, Any] = {"bare session": lambda: make_session_caller(name)[0]}
        makers.update({kind: (lambda body=body: make_http_caller(port, *body)) for kind, body in bodies.items()})
        times = alternate(makers, rounds, seconds)
    bare = times["bare session"]["median_ms"]
    added = {kind: times[kind]["median_ms"] - bare for kind in bodies}
    return {"model": name, "label": label, "times": times, "added_ms": added}


def main() -> None:
    options = parse_options("serving.server", __doc__, rounds=24, seconds=0.25)
    rows = []
    print("model, side: median ms (p10 to p90), more than the bare session")
    for name in MODELS:
        rows.append(measure_model(name, options.rounds, options.seconds))
        for side, t in rows[-1]["times"].items():
            spread = f"({t['p10_ms']:.2f} to {t['p90_ms']:.2f})"
            print(f"{name:20} {side:14} {t['median_ms']:7.2f} {spread:18} {rows[-1]['added_ms'].get(side, 0):+.2f}")
    print(f"written: {write_result('server', {'rows': rows}, options.out)}")


if __name__ == "__main__":
    main()
