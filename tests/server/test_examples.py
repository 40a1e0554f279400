"""The examples as somebody copies and runs them, against a real process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.support.http_server import ROOT

CAT, SHIP = "tests/data/cat.jpg", "tests/data/ship.jpg"


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="curl is not installed")
def test_curl(running: ServerProcess) -> None:
    done = run("sh", "examples/classify.sh", running.url, CAT, SHIP, API_KEY="any")
    assert done.returncode == 0, done.stderr
    cat, ship = done.stdout.splitlines()
    assert '"label":"cat"' in cat and '"label":"ship"' in ship


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="curl is not installed")
def test_curl_shows_a_refusal(running: ServerProcess) -> None:
    done = run("sh", "examples/classify.sh", running.url, "examples/classify.sh")
    assert done.returncode == 22 and "not an image" in done.stdout


def test_httpx(running: ServerProcess) -> None:
    done = run(sys.executable, "examples/classify.py", running.url, CAT, SHIP)
    assert done.returncode == 0, done.stderr
    cat, ship, timing = done.stdout.splitlines()
    assert cat.startswith(f"{CAT}: cat ") and ship.startswith(f"{SHIP}: ship ") and timing.endswith(" ms")


def test_httpx_shows_a_refusal(running: ServerProcess) -> None:
    done = run(sys.executable, "examples/classify.py", running.url, "examples/classify.py")
    assert done.returncode == 1 and "400: the file is not an image" in done.stderr


@pytest.mark.skipif(find_spec("tritonclient") is None, reason="tritonclient is not installed")
def test_tritonclient(running: ServerProcess) -> None:
    done = run(sys.executable, "examples/infer_tensor.py", running.url.partition("//")[2], CAT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cat: ") and len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("example", ["classify.py", "infer_tensor.py"])
def test_without_arguments_it_says_how(example: str) -> None:
    if example == "infer_tensor.py" and find_spec("tritonclient") is None:
        pytest.skip("tritonclient is not installed")
    done = run(sys.executable, f"examples/{example}")
    assert done.returncode == 1 and f"python examples/{example} " in done.stderr
