"""A function in a process of its own: answers, errors, deaths, and what happens when the one that waits is killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from export.engine.network import BuildError
from export.engine.process import ProcessDied, ProcessFailed, run_in_own_process

ROOT = Path(__file__).parents[3]
GUARD_S = 20.0  # only a hang takes this long
Report = Callable[[str], None]


def run(function: Callable[..., Any], *arguments: Any, ticks: list[str] | None = None) -> Any:
    return run_in_own_process(function, arguments, (BuildError, OSError), (ticks if ticks is not None else []).append)


def answer(value: int, report: Report) -> tuple[int, int]:
    return value + 1, os.getpid()


def refuse(report: Report) -> None:
    raise BuildError("no engine, and the cure")


def lack_room(report: Report) -> None:
    raise OSError(28, "No space left on device", "build/x.engine")


def surprise(report: Report) -> None:
    raise KeyError("surprise")


def use_memory(report: Report) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
    bytearray(1 << 33)


def be_killed(number: int, report: Report) -> None:
    os.kill(os.getpid(), number)
    time.sleep(GUARD_S)


def leave(report: Report) -> None:
    os._exit(7)


def tell_and_wait(report: Report) -> None:
    report("counting")
    time.sleep(1.2)  # two ticks


def test_an_answer_from_another_process() -> None:
    value, process = run(answer, 41)
    assert value == 42 and process != os.getpid()


def test_what_was_expected_is_raised_as_it_is() -> None:
    with pytest.raises(BuildError, match="no engine, and the cure"):
        run(refuse)
    with pytest.raises(OSError, match="No space left") as caught:
        run(lack_room)
    assert caught.value.errno == 28 and caught.value.filename == "build/x.engine"


def test_anything_else_keeps_its_words_and_shows_its_place(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProcessFailed, match="KeyError: 'surprise'"):
        run(surprise)
    assert 'in surprise\n    raise KeyError("surprise")' in capfd.readouterr().err


def test_no_memory_for_python() -> None:
    with pytest.raises(MemoryError):
        run(use_memory)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_death_by_a_signal(number: signal.Signals) -> None:
    with pytest.raises(ProcessDied, match=number.name) as caught:
        run(be_killed, number)
    assert caught.value.status == -number


def test_an_exit_without_an_answer() -> None:
    with pytest.raises(ProcessDied, match="status 7"):
        run(leave)


def test_ticks_tell_the_last_report() -> None:
    ticks: list[str] = []
    run(tell_and_wait, ticks=ticks)
    assert "counting" in ticks


def say_and_wait(path: str, report: Report) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(GUARD_S)


def waiting(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A process that waits for another, and the other's number."""
    file = folder / "pid"
    code = (
        "import sys; from export.engine.process import run_in_own_process\n"
        "from tests.export.engine.test_process import *\n"
        "if __name__ == '__main__': run_in_own_process(say_and_wait, (sys.argv[1],), (), lambda text: None)"
    )
    script = folder / "wait.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, str(script), str(file)], env=environment, start_new_session=True)
    end = time.monotonic() + GUARD_S
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    return process, int(file.read_text())


def gone(process: int) -> bool:
    """Whether it ended; its new parent may not have asked how."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's part in it is Linux's")
@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_it_ends_with_the_one_that_waits(tmp_path: Path, how: str) -> None:
    """Killed alone, or interrupted with its whole group, as Ctrl-C does."""
    process, other = waiting(tmp_path)
    if how == "killed":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)
    process.wait(GUARD_S)
    end = time.monotonic() + GUARD_S
    while not gone(other):
        assert time.monotonic() < end
        time.sleep(0.01)
