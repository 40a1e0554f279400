"""A process with its children: start it, ask what it has used, stop it. Linux (/proc)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class ProcessTree:
    """pid: the first process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def list_pids(self) -> list[int]:
        """The first process and all that descend from it."""
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                fields = read_stat(int(entry.name))
                if fields:
                    parents.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def read_cpu_s(self) -> float:
        """Processor seconds so far, of those that live: user and system."""
        return sum(int(fields[11]) + int(fields[12]) for fields in map(read_stat, self.list_pids()) if fields) / TICKS

    def read_memory(self) -> int:
        """Resident bytes; pages that processes share count in each."""
        return sum(int(fields[21]) for fields in map(read_stat, self.list_pids()) if fields) * os.sysconf(
            "SC_PAGE_SIZE"
        )


def read_stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (its third); empty where the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


class LoggedProcess:
    """A command that runs in the repository's root and can be started again once it has ended.

    log: the file to which all that it prints is added. environment: all of it; None: this process's. new_session:
    whether it leads a session of its own, so that what it leaves behind can be ended with it.
    """

    process: subprocess.Popen[bytes]  # once it was started

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        new_session: bool = True,
    ) -> None:
        self.command, self.log, self.environment, self.new_session = command, log, environment, new_session

    @property
    def tree(self) -> ProcessTree:
        return ProcessTree(self.process.pid)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=self.new_session,
            )

    def kill(self) -> None:
        """SIGKILL, whether it runs or not."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = STOP_S) -> int:
        """SIGTERM; the exit status. Raises subprocess.TimeoutExpired where it does not end in time."""
        self.process.terminate()
        return self.process.wait(timeout)

    def end(self) -> bool:
        """SIGTERM, and SIGKILL for what is left of its session; whether it stopped in time by itself."""
        stopped = False
        with suppress(subprocess.TimeoutExpired):
            self.stop()
            stopped = True
        if self.new_session:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.kill()
        return stopped


@contextmanager
def run_process(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[LoggedProcess]:
    """Start a command with `variables` added to the environment, and end it with all that descend from it."""
    with tempfile.TemporaryDirectory() as folder:
        process = LoggedProcess(command, Path(folder) / "log", {**os.environ, **variables})
        process.start()
        try:
            yield process
        finally:
            process.end()


def find_free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
