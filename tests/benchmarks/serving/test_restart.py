"""The time a killed server is away, measured once: whatever it is, the server comes back on its port."""

from __future__ import annotations

import sys

import pytest

from benchmarks.serving.restart import away, load_seconds


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_one_round() -> None:
    (seconds,) = away(1)
    assert seconds > 0 and load_seconds() > 0
