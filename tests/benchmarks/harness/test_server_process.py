"""A server process: what is said where it does not start. That it starts, stops and comes back, other tests need."""

from __future__ import annotations

import pytest

from benchmarks.harness.server_process import run_server


def test_a_server_that_does_not_start_shows_its_log() -> None:
    with pytest.raises(SystemExit, match="the server does not start: (.|\n)*there is no model"), run_server(
        "--models", "resnet"
    ):
        raise AssertionError("it must not serve")
