"""The time a killed server is away, measured once: whatever it is, the server comes back on its port."""

from __future__ import annotations

import sys

import pytest

from benchmarks.serving.restart import measure_load, measure_outages


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_one_round() -> None:
    (seconds,) = measure_outages(1)
    assert seconds > 0 and measure_load() > 0
