"""Two of our servers behind nginx with the committed configuration, each of which can be killed and started again."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, NamedTuple, Optional

from benchmarks.harness.nginx import find_nginx
from benchmarks.harness.process_tree import free_port
from benchmarks.serving.restart import seconds_until_ready
from server.bench.connection import Target

CONFIGURATION = Path("examples/nginx.conf")
PORTS = ("8001", "8002")  # in it
RETRY = " non_idempotent"
STOP_S = 60.0
# What Debian's nginx.conf has around it, with every path in a folder of our own.
AROUND = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
    log_format asked '$msec $request_time $status $body_bytes_sent/$sent_http_content_length '
        '$upstream_addr|$upstream_status';
    access_log {folder}/access asked;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/classifiers.conf;
}}
"""


@dataclass
class Server:
    """One of the two, a process at a time on its port."""

    port: int
    flags: tuple[str, ...]
    log: Path
    process: Optional[subprocess.Popen[bytes]] = None

    def start(self) -> None:
        """Start it and wait until it is ready. Raises SystemExit where that takes too long."""
        command = [sys.executable, "-m", "server", "--port", str(self.port), *self.flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        seconds_until_ready(self.port)

    def kill(self) -> None:
        """Whether it runs or not."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


class Asked(NamedTuple):
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
    servers: list[Server]
    folder: Path

    def asked(self) -> list[Asked]:
        """Every request so far that was sent on to a server. One that is not comes after them: once nginx, which is one
        process, has answered it, it has logged them."""
        last = http.client.HTTPConnection(self.target.host, self.target.port)
        last.request("GET", "/metrics")
        last.getresponse().read()
        last.close()
        lines = (self.folder / "access").read_text().splitlines()
        return [asked(line) for line in lines if not line.endswith("-|-")]

    def errors(self) -> str:
        return (self.folder / "errors").read_text()


def asked(line: str) -> Asked:
    end, seconds, status, body, sent = line.split(" ", 4)
    addresses, _, statuses = sent.partition("|")
    ports = [int(address.rpartition(":")[2]) for address in addresses.split(", ")]
    came, _, announced = body.partition("/")  # $request_completion says OK where an answer broke off, too
    begin, whole = float(end) - float(seconds), announced in (came, "-")
    return Asked(begin, float(end), int(status), whole, ports, statuses.split(", "))


def configuration(listen: int, ports: list[int], retry: bool) -> str:
    """The committed one with other ports; retry=False: a POST that was sent is not sent again, nginx's own default."""
    text = CONFIGURATION.read_text().replace("listen 8000;", f"listen 127.0.0.1:{listen};")
    for old, new in zip(PORTS, ports):
        text = text.replace(f"server 127.0.0.1:{old} ", f"server 127.0.0.1:{new} ")
    return text if retry else text.replace(RETRY, "")


@contextmanager
def behind_nginx(*flags: str, retry: bool = True) -> Iterator[BehindNginx]:
    """Start two servers with `flags` and nginx before them; end all three. Raises SystemExit where one cannot start."""
    program = find_nginx()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, listen = Path(name), free_port()
        servers = [Server(free_port(), flags, folder / f"server{number}") for number in range(2)]
        for server in servers:
            stack.callback(server.kill)
            server.start()
        (folder / "classifiers.conf").write_text(configuration(listen, [server.port for server in servers], retry))
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        command = [program, "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]
        before = subprocess.Popen(command)
        stack.callback(before.wait)
        stack.callback(before.terminate)
        wait_for_nginx(before, folder)
        yield BehindNginx(Target.from_url(f"http://127.0.0.1:{listen}"), servers, folder)


def wait_for_nginx(process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + STOP_S
    while not (folder / "pid").exists():  # written once its sockets listen
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"nginx does not start: {(folder / 'errors').read_text()}")
        time.sleep(0.01)
