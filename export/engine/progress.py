"""What a build shows while it works: on a terminal one line that counts the time, elsewhere a line now and then."""

from __future__ import annotations

import time
from typing import Any

EVERY_S = 30.0  # where it is no terminal


class Progress:
    """Lines go to `stream`; `update` is called repeatedly with what is being done."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._live = bool(stream.isatty())
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def print_line(self, text: str) -> None:
        self.clear()
        print(text, file=self._stream, flush=True)

    def update(self, doing: str) -> None:
        now = time.monotonic()
        if not self._live and now - self._shown < EVERY_S:
            return
        self._shown = now
        seconds = int(now - self._begun)
        text = f"  {seconds // 60}:{seconds % 60:02d} {doing}"[:79]
        if self._live:
            self._stream.write(f"\r{text.ljust(self._width)}")
            self._stream.flush()
            self._width = len(text)
        else:
            print(text, file=self._stream, flush=True)

    def clear(self) -> None:
        """Clear the line."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._width = 0
