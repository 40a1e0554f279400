"""The yardstick is a time of this machine; how much it moves is measured, not tested."""

from __future__ import annotations

from server.yardstick import yardstick_ms


def test_work_takes_time() -> None:
    assert 0 < yardstick_ms() < 10_000
