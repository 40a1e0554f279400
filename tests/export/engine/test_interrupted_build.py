"""A build that is interrupted or killed: its exit status, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.export.engine.engine_command import new_files, run_command

ROOT = Path(__file__).parents[3]
GUARD_S = 20.0  # only a hang takes this long


def interrupt_build(folder: Path, number: int, whole_group: bool) -> tuple[int, str]:
    """Status and words of a command that gets a signal while it builds."""
    code = (
        "import sys; from dataclasses import replace; from export.engine.from_onnx import main\n"
        "from tests.export.engine import fake_builder as fake\n"
        "if __name__ == '__main__': sys.exit(main(sys.argv[1:], replace(fake.STEPS, build_engine=fake.build_hangs)))"
    )
    script = folder / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(folder / "flowers.onnx"), "--out", str(folder)]
    command += ["--plugin", str(folder / "libfwht_plugin.so")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + GUARD_S
    while not (folder / "building").exists():
        assert time.monotonic() < end and process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, number) if whole_group else os.kill(process.pid, number)
    said = process.communicate(timeout=GUARD_S)[1]
    script.unlink()
    (folder / "building").unlink()
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    status, said = interrupt_build(folder, number, whole_group=number == signal.SIGINT)
    assert status == 130 and "interrupted: no engine was changed" in said and "Traceback" not in said
    assert not new_files(folder)


def test_a_killed_build_leaves_what_the_next_one_removes(folder: Path) -> None:
    status, _ = interrupt_build(folder, signal.SIGKILL, whole_group=False)
    assert status == -signal.SIGKILL
    assert [name[:8] for name in new_files(folder)] == [".engine-"]
    assert run_command(folder) == 0
    assert not [name for name in new_files(folder) if name.startswith(".engine-")]
