"""Results of benchmarks are whole or absent, and say where they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness.result_files import write_result


def test_results_say_where_they_come_from(tmp_path: Path) -> None:
    path = write_result("example", {"rows": [1]}, tmp_path / "deep" / "example.json")
    written = json.loads(path.read_text())
    assert written["benchmark"] == "example" and written["rows"] == [1]
    assert written["machine"]["cores"] >= 1 and written["machine"]["packages"]["numpy"]


def test_results_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_result("example", {"rows": object()}, tmp_path / "example.json")
    assert list(tmp_path.iterdir()) == []
