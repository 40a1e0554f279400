"""Before a model is loaded: its engine is built by a process of its own, the command of FWHT_ENGINE_COMMAND.

An engine belongs to the board, so a container builds it at its first start, for up to half an hour on a Jetson Nano;
the server answers meanwhile, /readyz with how far it is. A build that is killed or fails costs no engine made before.
"""

from __future__ import annotations

import logging
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Callable, Deque, List, Optional

from ..backends.choice import Choice, find_cards
from ..errors import StartupError
from ..models import model_files
from ..models.model_files import ROOT, find_model
from ..settings import Settings

SAID_LAST = 5  # lines of a failed command that the error repeats
STOP_S = 10.0
LOG = logging.getLogger("server.engine")


class EngineBuilding:
    """Runs the command for every model that the settings name, one after the other.

    tell: gets one sentence whenever there is something new to say. `run` belongs to one thread, `stop` to any.
    """

    def __init__(self, settings: Settings, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._child: Optional[subprocess.Popen[str]] = None
        self._stopped = False

    def run(self) -> bool:
        """True when all is done, False where it was stopped.

        Raises StartupError where a model is not there, or its command cannot be run or fails.
        """
        wanted = self._settings.engine_command and self._settings.backend != "onnxruntime"
        for file in filter(None, map(self._onnx_file, self._settings.models if wanted else ())):
            if not self._stopped:
                self._build(file)
        return not self._stopped

    def _onnx_file(self, source: str) -> Optional[Path]:
        """None for a model of which there is an engine alone."""
        try:
            return find_model(source)
        except StartupError:
            if find_cards(source, model_files.FOLDERS, Choice(precision=self._settings.precision)):
                return None
            raise

    def stop(self) -> None:
        """End the command, where one runs, and start none any more."""
        self._stopped = True
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()

    def _build(self, file: Path) -> None:
        name = file.stem
        began = time.monotonic()
        self._tell(f"building the engine of {name}")
        child = self._start(split_command(self._settings.engine_command, name, file, self._precision()))
        said: Deque[str] = deque(maxlen=SAID_LAST)
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                if line.strip():
                    said.append(line.strip())
                    LOG.info("%s: %s", name, said[-1])
                    self._tell(f"building the engine of {name}, {time.monotonic() - began:.0f} s so far: {said[-1]}")
        status = child.wait()
        if self._stopped:
            return
        if status != 0:
            raise StartupError(" | ".join([f"the engine of {name} was not built: {explain_status(status)}", *said]))
        LOG.info("the engine of %s is there after %.0f s", name, time.monotonic() - began)

    def _precision(self) -> str:
        return Choice(precision=self._settings.precision).precisions[0]

    def _start(self, arguments: List[str]) -> subprocess.Popen[str]:
        try:
            child = subprocess.Popen(
                arguments,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for the server, which ends it then
            )
        except OSError as error:
            raise StartupError(
                f"FWHT_ENGINE_COMMAND cannot be run ({arguments[0]}: {error.strerror}): name a program that is there"
            ) from error
        self._child = child
        if self._stopped:  # told to stop while it was starting
            with suppress(ProcessLookupError):
                child.terminate()
        return child


def split_command(command: str, name: str, file: Path, precision: str) -> List[str]:
    """The command as the list of a program and its arguments. Raises StartupError where it is none."""
    try:
        parts = shlex.split(command)
        if not parts:
            raise ValueError("it is blank")
        return [part.format(name=name, file=file, python=sys.executable, precision=precision) for part in parts]
    except (ValueError, LookupError) as error:
        raise StartupError(
            f"FWHT_ENGINE_COMMAND is {command!r} ({error}): write a program and its arguments, in which {{name}}, "
            "{file}, {python} and {precision} stand for the model, its ONNX file, this Python and fp16 or fp32"
        ) from error


def explain_status(status: int) -> str:
    """What a process's exit status, not 0, tells its owner."""
    if status == -signal.SIGKILL:
        return (
            "its process was killed, which is what the system does when memory runs out: stop other programs, add swap"
            " (docs/jetson_nano.md), and start again"
        )
    if status < 0:
        return f"its process ended by signal {-status}"
    return f"its process ended with status {status}"
