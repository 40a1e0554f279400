"""Schemathesis over the server's own OpenAPI document: python -m benchmarks.serving.schema_fuzz --examples 500

Every answer must be documented, fit its schema and be below 500, and what the document forbids must be refused. One of
its checks is left out, that whatever the document allows is accepted: JSON Schema cannot say that `data` has as many
numbers as `shape` tells, nor that a file is an image.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness.server_process import run_server

LEFT_OUT = "positive_data_acceptance"
PHASES = "examples,coverage,fuzzing"


def run_schemathesis(url: str, examples: int, seed: int, folder: Path) -> tuple[int, str]:
    """Exit status (0: nothing found) and what it printed. Its caches go to `folder`."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--no-color"]
    options = ["--max-examples", str(examples), "--seed", str(seed), "--exclude-checks", LEFT_OUT, "--phases", PHASES]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.schema_fuzz", description="Schemathesis.")
    parser.add_argument("--examples", type=int, default=500, help="most examples of an operation (500)")
    parser.add_argument("--seed", type=int, default=1, help="of the examples (1)")
    options = parser.parse_args()
    with run_server() as server, tempfile.TemporaryDirectory() as folder:
        url = f"http://{server.target.host}:{server.target.port}"
        status, shown = run_schemathesis(url, options.examples, options.seed, Path(folder))
    print(shown)
    sys.exit(status)


if __name__ == "__main__":
    main()
