"""The progress of a build, on a terminal and elsewhere."""

from __future__ import annotations

import io
import time

import pytest

from export.engine.progress import Progress


def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line; elsewhere one every half minute."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    for terminal, wanted in ((True, "\r  0:20 a\r  0:40 bb\r        \rdone\n"), (False, "  0:40 bb\ndone\n")):
        clock = iter(range(0, 1000, 20))
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        progress = Progress(stream)
        progress.update("a")
        progress.update("bb")
        progress.print_line("done")
        assert stream.getvalue().replace("\r  0:40 bb\r         \r", "\r  0:40 bb\r        \r") == wanted
