"""A function in a process of its own: what crashes, is killed or runs out of memory there leaves this one alone.

The process is a fresh interpreter (no fork: CUDA does not survive one), and ends when this one does, however that ends.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Callable, Iterator, Optional, Tuple, Type

Report = Callable[[str], None]  # how a function reports its progress
Errors = Tuple[Type[BaseException], ...]
PR_SET_PDEATHSIG = 1  # linux/prctl.h
TICK_S = 0.5


class ProcessDied(Exception):
    """The process ended without an answer. status: its exit status, or the signal that ended it, negative."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return signal.Signals(-self.status).name if self.status < 0 else f"status {self.status}"


class ProcessFailed(Exception):
    """The function raised what cannot be passed on as it is; its words. The traceback is on stderr."""


def run_in_own_process(
    function: Callable[..., Any], arguments: Tuple[Any, ...], expected: Errors, tick: Callable[[str], None]
) -> Any:
    """What function(*arguments, report) returns. tick(text) is called twice a second, with the last report.

    Raises what the function raises, where it is among `expected` or a MemoryError, and Failed for anything else; Died
    where there was no answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run_in_child, args=(theirs, os.getpid(), function, arguments, expected))
    try:
        with _ignore_interrupts():
            process.start()
        theirs.close()
        return _wait_for_answer(ours, process, tick)
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        ours.close()


def _wait_for_answer(pipe: Connection, process: Any, tick: Callable[[str], None]) -> Any:
    last = ""
    while True:
        if not pipe.poll(TICK_S):
            tick(last)
            continue
        try:
            kind, value = pipe.recv()
        except (EOFError, OSError):
            process.join()
            raise ProcessDied(process.exitcode) from None
        if kind == "answer":
            return value
        if kind == "error":
            raise value
        last = value


def _run_in_child(
    pipe: Connection, parent: int, function: Callable[..., Any], arguments: Any, expected: Errors
) -> None:
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: the other one decides
    die_with_parent(parent)
    sent: Any
    try:
        sent = ("answer", function(*arguments, lambda text: pipe.send(("report", text))))
    except expected as error:
        sent = ("error", error)
    except MemoryError as error:
        sent = ("error", MemoryError(str(error)))
    except Exception as error:  # of any kind: the other process must hear of it
        traceback.print_exc()
        sent = ("error", ProcessFailed(f"{type(error).__name__}: {error}"))
    pipe.send(sent)
    sys.stdout.flush()
    sys.stderr.flush()
    pipe.close()


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when `parent` ends. Without Linux it runs to its own end."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _ignore_interrupts() -> Iterator[None]:
    """A process that is started meanwhile does not hear of Ctrl-C, not even while it starts."""
    before: Optional[Any] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
