"""Our server in a process of its own: started, waited for, asked, killed, started again.

with run_server("--models", "mobilenet_v2") as server:
    server.fetch_status("/readyz")
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from benchmarks.harness.process_tree import LoggedProcess
from server.bench.connection import Target

START_S = 60.0  # generous: the process imports ONNX Runtime on a machine that may be busy
POLL_S = 0.01
SERVER = ("server",)


class ServerProcess(LoggedProcess):
    """`python -m server` or a module that wraps it. port 0: a free one, which is known once it serves."""

    def __init__(
        self,
        *flags: str,
        log: Path,
        port: int = 0,
        module: Sequence[str] = SERVER,
        environment: Mapping[str, str] | None = None,
        new_session: bool = True,
    ) -> None:
        super().__init__(make_command("--port", str(port), *flags, module=module), log, environment, new_session)
        self.url = f"http://127.0.0.1:{port}"

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def target(self) -> Target:
        return Target.from_url(self.url)

    def wait_until_serving(self) -> None:
        """Wait for the line of its log that says where it serves, at the first start. Raises SystemExit with the log
        where there is none in time."""
        end = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < end:
            found = re.search(r"serving at ([^\s\"]+)", self.log.read_text())
            if found:
                self.url = found[1]
                return
            time.sleep(5 * POLL_S)
        raise SystemExit(f"the server does not start: {self.log.read_text()[-3000:]}")

    def wait_until_ready(self) -> float:
        """Ask /readyz again and again until it is answered 200; the seconds that took. Needs a port that was given.

        Raises SystemExit where it takes more than START_S.
        """
        start = time.perf_counter()
        while time.perf_counter() - start < START_S:
            if self.fetch_status("/readyz") == 200:
                return time.perf_counter() - start
            time.sleep(POLL_S)
        raise SystemExit(f"the server was not ready within {START_S} s")

    def fetch_status(self, path: str) -> int:
        """The status that GET `path` is answered with; 0 where nothing comes within five seconds."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0


def make_command(*flags: str, module: Sequence[str] = SERVER) -> list[str]:
    return [sys.executable, "-m", *module, *flags]


@contextmanager
def run_server(
    *flags: str,
    log: Path | None = None,
    module: Sequence[str] = SERVER,
    environment: Mapping[str, str] | None = None,
    new_session: bool = True,
) -> Iterator[ServerProcess]:
    """Start a server, wait until it serves, and stop it at the end. module: what is started, with its own arguments;
    environment: all of it, None for this process's.

    Raises SystemExit where it does not start or stop in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = log or Path(folder) / "log"
        server = ServerProcess(*flags, log=place, module=module, environment=environment, new_session=new_session)
        server.start()
        try:
            server.wait_until_serving()
            yield server
        finally:
            stopped = server.end()
        if not stopped:
            raise SystemExit(f"the server did not stop in time: {place.read_text()[-3000:]}")
