"""Two of our servers behind nginx with the committed configuration, each of which can be killed and started again."""

from __future__ import annotations

import http.client
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, NamedTuple

from benchmarks.harness.nginx import AROUND, find_nginx
from benchmarks.harness.process_tree import find_free_port
from benchmarks.harness.server_process import ServerProcess
from server.bench.connection import Target

CONFIGURATION = Path("examples/nginx.conf")
PORTS = ("8001", "8002")  # in it
RETRY = " non_idempotent"
START_S = 60.0


class LoggedRequest(NamedTuple):
    """A request as nginx saw it: time.time() of its begin and end, its status, whether the whole answer went to the
    client, and where it was sent, one after the other, with what came back from there ("-" where nothing did)."""

    begin: float
    end: float
    status: int
    whole: bool
    ports: list[int]
    statuses: list[str]


@dataclass
class BehindNginx:
    target: Target
    servers: list[ServerProcess]
    folder: Path

    def read_requests(self) -> list[LoggedRequest]:
        """Every request so far that was sent on to a server. One that is not comes after them: once nginx, which is one
        process, has answered it, it has logged them."""
        last = http.client.HTTPConnection(self.target.host, self.target.port)
        last.request("GET", "/metrics")
        last.getresponse().read()
        last.close()
        lines = (self.folder / "access").read_text().splitlines()
        return [parse_request(line) for line in lines if not line.endswith("-|-")]

    def read_errors(self) -> str:
        return (self.folder / "errors").read_text()


def parse_request(line: str) -> LoggedRequest:
    end, seconds, status, body, sent = line.split(" ", 4)
    addresses, _, statuses = sent.partition("|")
    ports = [int(address.rpartition(":")[2]) for address in addresses.split(", ")]
    came, _, announced = body.partition("/")  # $request_completion says OK where an answer broke off, too
    begin, whole = float(end) - float(seconds), announced in (came, "-")
    return LoggedRequest(begin, float(end), int(status), whole, ports, statuses.split(", "))


def make_configuration(listen: int, ports: list[int], retry: bool) -> str:
    """The committed one with other ports; retry=False: a POST that was sent is not sent again, nginx's own default."""
    text = CONFIGURATION.read_text().replace("listen 8000;", f"listen 127.0.0.1:{listen};")
    for old, new in zip(PORTS, ports):
        text = text.replace(f"server 127.0.0.1:{old} ", f"server 127.0.0.1:{new} ")
    return text if retry else text.replace(RETRY, "")


@contextmanager
def run_behind_nginx(*flags: str, retry: bool = True) -> Iterator[BehindNginx]:
    """Start two servers with `flags` and nginx before them; end all three. Raises SystemExit where one cannot start."""
    program = find_nginx()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, listen = Path(name), find_free_port()
        servers = [ServerProcess(*flags, log=folder / f"server{n}", port=find_free_port()) for n in range(2)]
        for server in servers:
            server.start()
            stack.callback(server.kill)
            server.wait_until_ready()
        (folder / "classifiers.conf").write_text(make_configuration(listen, [server.port for server in servers], retry))
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        command = [program, "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]
        before = subprocess.Popen(command)
        stack.callback(before.wait)
        stack.callback(before.terminate)
        wait_for_nginx(before, folder)
        yield BehindNginx(Target.from_url(f"http://127.0.0.1:{listen}"), servers, folder)


def wait_for_nginx(process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + START_S
    while not (folder / "pid").exists():  # written once its sockets listen
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"nginx does not start: {(folder / 'errors').read_text()}")
        time.sleep(0.01)
