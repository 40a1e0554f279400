"""The measurement of the server against an engine of a known speed, in short, and its judgement."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.serving import throughput
from tests.server.support.http_server import ROOT, make_environment


def test_on_the_stand_in(tmp_path: Path) -> None:
    """It ends, every label is right under load, and batches are formed; how fast it was is not asked here."""
    command = [sys.executable, "-m", "benchmarks.serving.throughput", "--batches", "4", "--seconds", "0.5", "--ms", "5"]
    command += ["--out", str(tmp_path / "found.json")]
    subprocess.run(command, cwd=ROOT, env=make_environment(), capture_output=True, timeout=120, check=False)
    found = json.loads((tmp_path / "found.json").read_text())
    (entry,) = found["found"]
    assert 0 < entry["bare_images_per_s"] <= 4 / 0.005
    for row in entry["rows"]:
        assert row["failed"] == row["wrong_labels"] == 0 and row["images_per_s"] > 0 and row["mean_batch"] > 1


def test_problems() -> None:
    def entry(share: float, **more: int) -> dict[str, Any]:
        row = {"sent_as": "form", "share": share, "failed": 0, "wrong_labels": 0, **more}
        return {"batch": 8, "rows": [{**row, "share": 0.1}, row]}

    assert throughput.find_problems([entry(0.91)]) == []
    assert throughput.find_problems([entry(0.89)]) == ["batch 8: 89.0% of the bare loop, 90% is asked for"]
    assert "3 wrong" in throughput.find_problems([entry(1, wrong_labels=3)])[0]
