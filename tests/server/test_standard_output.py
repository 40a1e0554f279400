"""Commands whose output is read no more end without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", [["server", "--print-config"], ["server", "classify", "tests/data/cat.jpg"]])
def test_output_that_nobody_reads(command: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()  # as head does, which has seen enough
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141, said
    assert "Traceback" not in said and "BrokenPipe" not in said


def test_another_pipe_that_breaks_is_an_error() -> None:
    program = "from server.standard_output import run_command\ndef fail(): raise BrokenPipeError('a socket')\n"
    program += "run_command(fail)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "BrokenPipeError: a socket" in done.stderr
