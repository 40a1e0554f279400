"""The tools that check what docker/ holds. Not everybody has them: without one its tests are skipped, saying which.

`make test-docker` installs those of the package index into .venv-docker, asks for the others, and skips nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
OWN = Path(sys.executable).parent
DEBIAN = {
    "bats": "bats",
    "docker-compose": "docker-compose",
    "kubectl": "kubernetes-client",
    "systemd-analyze": "systemd",
}


def tool(name: str) -> str:
    """The program's path; where it is missing the test is skipped, or fails with FWHT_REQUIRE_TOOLS=1."""
    found = shutil.which(name, path=f"{OWN}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        missing(f"{name} is not here: " + (f"apt install {DEBIAN[name]}" if name in DEBIAN else "make test-docker"))
    return str(found)


def missing(reason: str) -> None:
    pytest.skip(reason)


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run in the root of the repository; output and errors come together."""
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def passes(*arguments: str, **variables: str) -> str:
    result = run(*arguments, **variables)
    assert result.returncode == 0, f"{' '.join(arguments)}:\n{result.stdout}"
    return result.stdout


def versions() -> dict[str, dict[str, str]]:
    """docker/versions.env: {platform: {build argument: value}}."""
    found: dict[str, dict[str, str]] = {}
    lines = [line for line in (DOCKER / "versions.env").read_text().splitlines() if line and not line.startswith("#")]
    prefixes = [line.partition("_DOCKERFILE=")[0] for line in lines if "_DOCKERFILE=" in line]
    for line in lines:
        name, _, value = line.partition("=")
        prefix = next(prefix for prefix in prefixes if name.startswith(prefix + "_"))
        found.setdefault(prefix.lower().replace("_", "."), {})[name[len(prefix) + 1 :]] = value
    return found
