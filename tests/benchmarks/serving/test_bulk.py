"""The bare session's side, measured for a moment; the bulk classifier's is run by test_bulk_kills.py."""

from __future__ import annotations

from pathlib import Path

from benchmarks.serving.bulk import measure_bare_in_process
from benchmarks.serving.bulk_images import write_images


def test_bare(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images", 3)
    assert names == ["0000/0000000.jpg", "0000/0000001.jpg", "0000/0000002.jpg"]
    assert measure_bare_in_process(tmp_path / "images", "fwht_mobilenet_v2", 2, 1, 0.01) > 0
