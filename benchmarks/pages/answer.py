"""Take the answer and the pictures of README and docs/ anew, with native kernels: python -m benchmarks.pages.answer

Asks a server of the shipped hybrid as README does and keeps the answer as docs/answer.json, takes the pictures of the
page (docs/answer.png, compare.png, phone.png) in Chromium, and writes the answer into README.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any

from benchmarks.harness.server_process import ServerProcess, run_server
from benchmarks.pages import renew
from benchmarks.pages.verdict import ANSWER
from server.bench.images import encode_form
from server.files import write_atomically
from server.settings import DEFAULT_MODEL

WARM_UP = 50  # the first answers of a process are slower


def ask(server: ServerProcess) -> dict[str, Any]:
    """README's request for the cat, and what comes."""
    image = (renew.ROOT / "tests" / "data" / "cat.jpg").read_bytes()
    body, media = encode_form([image])
    request = urllib.request.Request(f"{server.url}/v1/classify?top_k=3", body, {"Content-Type": media})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.loads(answer.read()))


def format_answer(answer: dict[str, Any]) -> str:
    """The JSON in as few lines as are easily read: a line for each member, and for each prediction."""
    lines = []
    for key, value in answer.items():
        text = json.dumps(value)
        if key == "results":
            text = text.replace('[{"label"', '[\n      {"label"').replace('}, {"label"', '},\n      {"label"')
            text = text.replace('], "image"', '],\n    "image"')
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    subprocess.run(["plugins/build_native.sh", "--quiet"], cwd=renew.ROOT, check=True)
    environment = {**os.environ, "FWHT_NATIVE": "required"}
    with run_server("--models", DEFAULT_MODEL, "--threads", "1", environment=environment) as server:
        for _ in range(WARM_UP):
            answer = ask(server)
    write_atomically(ANSWER, format_answer(answer).encode())
    pictures = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/server/page", "-k", "pictures"]
    subprocess.run(pictures, cwd=renew.ROOT, env={**os.environ, "PAGE_PICTURES": "docs"}, check=True)
    renew.renew_pages()


if __name__ == "__main__":
    main()
