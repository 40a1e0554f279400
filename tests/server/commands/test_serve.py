"""Starting and stopping: what cannot be served stops the process at once, with the reason and the cure."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.harness.server_process import make_command
from benchmarks.harness.tiny_models import write_tiny_model
from tests.server.support.http_server import ROOT, make_environment, run_http_server

AT_ONCE_S = 30.0  # the time to import ONNX Runtime on a busy machine; a process that waits for anything takes longer


def failed_start(*flags: str, **variables: str) -> str:
    """Start a server that must not start, and return what it says."""
    result = subprocess.run(
        make_command(*flags),
        cwd=ROOT,
        env=make_environment(**variables),
        capture_output=True,
        text=True,
        timeout=AT_ONCE_S,
    )
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr and result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("error: "), result.stderr
    return result.stderr


def test_unknown_model_names_those_there_are() -> None:
    assert "fwht_mobilenet_v2" in failed_start("--port", "0", "--models", "resnet")


def test_missing_file(tmp_path: Path) -> None:
    assert "missing.onnx" in failed_start("--port", "0", "--models", str(tmp_path / "missing.onnx"))


@pytest.mark.parametrize("content", [b"", b"not an ONNX file", None])
def test_broken_file(tmp_path: Path, tiny: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(tiny.read_bytes()[:3000] if content is None else content)
    message = failed_start("--port", "0", "--models", str(path))
    assert "broken.onnx" in message and "make onnx" in message


def test_labels_that_do_not_match_the_outputs(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "labels.onnx", labels=["red", "green", "blue"])
    message = failed_start("--port", "0", "--models", str(path))
    assert "3 labels" in message and "label" in message


def test_two_models_of_one_name(tiny: Path) -> None:
    assert "rename" in failed_start("--port", "0", "--models", f"{tiny},{tiny}")


def test_one_broken_model_of_two_stops_all(tiny: Path, tmp_path: Path) -> None:
    assert "missing.onnx" in failed_start("--port", "0", "--models", f"{tiny},{tmp_path / 'missing.onnx'}")


def test_port_in_use_is_found_before_models_are_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = failed_start("--port", port, "--models", str(tmp_path / "missing.onnx"))
    assert port in message and "--port" in message and "missing.onnx" not in message


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_address_of_another_machine(host: str) -> None:
    assert "--host" in failed_start("--host", host, "--port", "0")


@pytest.mark.parametrize(
    "flags, variables, word",
    [(["--port", "x"], {}, "--port"), ([], {"FWHT_PORT": "x"}, "FWHT_PORT"), ([], {"FWHT_PROT": "1"}, "FWHT_PORT")],
)
def test_bad_setting(flags: list[str], variables: dict[str, str], word: str) -> None:
    assert word in failed_start(*flags, **variables)


def test_fallback_is_served_but_not_ready(tiny: Path, tmp_path: Path) -> None:
    """CUDA is asked for where there is none: the process answers, and /readyz says why it should not be asked."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA is here: nothing falls back")
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--provider", "cuda") as server:
        response = httpx.get(f"{server.url}/readyz")
        assert response.status_code == 503 and "CUDA" in response.json()["detail"]
        assert httpx.get(f"{server.url}/livez").status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to stop by")
def test_sigterm_finishes_what_is_in_flight(tiny: Path, tmp_path: Path, cat: bytes) -> None:
    """A request that takes about a second (a long profile) is answered although the process was told to stop."""
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--layer-runs", "1000", FWHT_THREADS="1") as server:
        answers: list[Any] = []

        def ask() -> None:
            url = f"{server.url}/v1/classify?layers=true"
            answers.append(httpx.post(url, files={"file": cat}, timeout=60))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until_in_progress(server.url)
        server.process.terminate()
        asking.join()
        assert answers[0].status_code == 200 and answers[0].json()["layers"]["runs"] == 1000
        server.process.wait(timeout=30)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/livez")
        assert "Traceback" not in server.log.read_text()


def wait_until_in_progress(url: str) -> None:
    end = time.monotonic() + 10
    while "fwht_requests_in_progress 1.0" not in httpx.get(f"{url}/metrics").text:
        assert time.monotonic() < end, "the request never began"


def test_server_that_waits_for_no_one_stops_at_once(tiny: Path, tmp_path: Path) -> None:
    with run_http_server(tmp_path / "log", "--models", str(tiny)) as server:
        start = time.monotonic()
        with httpx.Client() as idle:  # a kept-alive connection is no request in flight
            idle.get(f"{server.url}/livez")
            server.process.terminate()
            server.process.wait(timeout=30)
        assert time.monotonic() - start < 5
