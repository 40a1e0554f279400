"""The shell scripts: shellcheck, and their tests in bats (*.bats in this folder)."""

from __future__ import annotations

import sys

import pytest

from tests.docker.tools import DOCKER, ROOT, passes, tool


def test_shellcheck() -> None:
    others = ("tests/docker/machine.bash", "benchmarks/on_gpu.sh", "plugins/sanitize.sh")
    passes(tool("shellcheck"), *map(str, sorted(DOCKER.glob("*.sh"))), *(str(ROOT / name) for name in others))


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "tests/docker").glob("*.bats")))
def test_bats(name: str) -> None:
    passes(tool("bats"), f"tests/docker/{name}", PYTHON=sys.executable)
