"""A slice of `make soak`: the running server keeps to its OpenAPI document."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from benchmarks.harness.server_process import run_server
from benchmarks.serving.schema_fuzz import run_schemathesis

EXAMPLES, SEED = 5, 1


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_answers_are_as_documented(tmp_path: Path) -> None:
    with run_server("--threads", "1") as server:
        status, shown = run_schemathesis(f"http://127.0.0.1:{server.target.port}", EXAMPLES, SEED, tmp_path)
    assert status == 0, shown
    assert "Tested: 0" not in shown and "Tested:" in shown
