"""Our server in a process of its own, ready to be asked."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Sequence

from benchmarks.harness.process_tree import ProcessTree, free_port, process_tree
from server.bench.connection import Target

START_S = 60.0


@dataclass(frozen=True)
class OwnServer:
    tree: ProcessTree
    target: Target

    def status(self, path: str) -> int:
        """The status that GET `path` is answered with; 0 where nothing comes within five seconds."""
        try:
            with urllib.request.urlopen(f"http://{self.target.host}:{self.target.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


@contextmanager
def own_server(*flags: str, module: Sequence[str] = ("server",), **environment: str) -> Iterator[OwnServer]:
    """module: what is started, with its own arguments. Raises SystemExit with its log where it is not ready in time."""
    port = free_port()
    with process_tree([sys.executable, "-m", *module, "--port", str(port), *flags], environment) as tree:
        server = OwnServer(tree, Target.from_url(f"http://127.0.0.1:{port}"))
        end = time.monotonic() + START_S
        while server.status("/readyz") != 200:
            if time.monotonic() > end or tree.process.poll() is not None:
                raise SystemExit(f"the server does not start: {tree.log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield server
