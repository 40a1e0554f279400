"""Kept results are what `benchmarks.pages.renew --renew` makes of those that were measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.pages.renew import drop_samples
from benchmarks.pages.results import RESULTS


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_without_raw_samples(path: Path) -> None:
    """A benchmark that wrote straight into the folder would put ten megabytes of them into every clone."""
    result = json.loads(path.read_text())
    assert drop_samples(result) == result, f"take it over: python -m benchmarks.pages.renew --renew {path.stem}"
