"""docs/metrics.md against what is there."""

from __future__ import annotations

import re

from server.metrics.metrics import Metrics
from tests.server.support.http_server import ROOT


def test_the_page_names_every_series() -> None:
    text = Metrics().render([], taken=0, layers=True).decode()
    series = set(re.findall(r"^# TYPE (fwht_\w+) ", text, flags=re.MULTILINE))
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(fwht_\w+)` ", page, flags=re.MULTILINE)) == series
