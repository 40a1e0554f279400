"""A scan that skipped something must not look like a clean one."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests import dependency_audit
from tests.dependency_audit import CLEAN, NOT_RUN, WEAK, judge

GOOD = {"name": "anyio", "version": "4.16.0", "vulns": []}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}
BAD = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
OURS = {"name": "fwht-classifier", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    "packages, status, words",
    [
        ([GOOD, OURS], CLEAN, ["no known weakness"]),
        ([GOOD, SKIPPED], NOT_RUN, ["not run", "torch"]),
        ([], NOT_RUN, ["not run"]),
        ([GOOD, BAD], WEAK, ["old 1.0", "PYSEC-1", "1.1"]),
        ([BAD, SKIPPED], WEAK, ["PYSEC-1", "torch", "1 of 2"]),
    ],
)
def test_status(packages: list[Any], status: int, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(packages) == status
    shown = capsys.readouterr().out
    assert all(word in shown for word in words), shown


def test_no_report_is_not_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = subprocess.CompletedProcess([], 1, stdout="", stderr="No module named pip_audit")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert dependency_audit.main() == NOT_RUN
    assert "pip_audit" in capsys.readouterr().err
