"""`python -m server health` against a real server; test_engine_building.py has one that is not ready."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from server.commands.health import ask_readiness, main
from server.settings import Settings
from tests.server.http.test_tls import certificate, needs_openssl
from tests.server.support.http_server import ROOT, make_environment, run_http_server


def test_nobody_listens(free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(free_port)]) == 1
    assert f"no answer from 127.0.0.1 port {free_port}" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [b"", b"hello\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{{{"])
def test_another_program_on_the_port(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        ready, said = ask_readiness(Settings(port=listener.getsockname()[1]))
        thread.join()
    assert not ready and "no answer" in said


def test_wrong_settings_are_told_as_by_the_server() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "server", "health", "--port", "many"],
        cwd=ROOT,
        env=make_environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2 and "--port is 'many'" in result.stderr


def test_the_address_everywhere_is_asked_at_home(tiny: Path, tmp_path: Path) -> None:
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--host", "0.0.0.0") as server:
        assert ask_readiness(Settings(host="0.0.0.0", port=server.port)) == (True, "ready")


@needs_openssl
def test_https(tiny: Path, tmp_path: Path) -> None:
    both = ("--tls-certificate", "--tls-key")
    flags = [part for pair in zip(both, map(str, certificate(tmp_path))) for part in pair]
    with run_http_server(tmp_path / "log", "--models", str(tiny), *flags) as server:
        settings = Settings(port=server.port, tls_certificate=flags[1], tls_key=flags[3])
        assert ask_readiness(settings) == (True, "ready")
