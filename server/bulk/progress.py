"""How far a bulk run is, on stderr: one line that is renewed on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

from .output import DonePart

LINE_S = 10.0
TERMINAL_S = 0.2


class Progress:
    """images: of all parts; new: of those that the last run did not know; done: the parts that are finished."""

    def __init__(self, images: int, new: int, done: Sequence[DonePart]) -> None:
        self._images = images
        self._before = self._done = sum(part.images for part in done)
        self._bad = sum(part.bad for part in done)
        self._problems: List[str] = []
        self._terminal = sys.stderr.isatty()
        if self._done < images:
            said = f"{new:,} of them new, " if self._before and new else ""
            print(f"{images:,} images, {said}{self._done:,} done: starting Ray", file=sys.stderr)
        self._began = self._ended = self._shown = time.time()

    def add(self, part: Dict[str, Any]) -> None:
        """Count what Worker returned for a part."""
        if self._done == self._before:
            self._began = float(part["began"])  # until then Ray and the workers were starting
        self._done += int(part["images"])
        self._bad += int(part["bad"])
        if part["problem"]:
            self._problems.append(part["problem"])
        self._ended = now = time.time()
        if now - self._shown > (TERMINAL_S if self._terminal else LINE_S):
            self._shown = now
            print(self._line(), end="  \r" if self._terminal else "\n", file=sys.stderr, flush=True)

    def _line(self) -> str:
        rate = self._rate()
        left = f"{(self._images - self._done) / rate:,.0f} s left" if rate else "nothing written yet"
        return f"{self._done:,} of {self._images:,} images, {self._bad:,} bad, {rate:,.0f}/s, {left}"

    def _rate(self) -> float:
        """Images a second since the first worker began."""
        return (self._done - self._before) / max(self._ended - self._began, 1e-9)

    def end(self, folder: Path) -> Dict[str, Any]:
        """Print and return the totals. `seconds`: since the first worker began, without the start of Ray."""
        for problem in self._problems[:10]:
            print(f"error: {problem}", file=sys.stderr)
        worked, left = self._done - self._before, self._images - self._done
        if left:
            print(f"error: {left:,} of {self._images:,} images have no row: start it again", file=sys.stderr)
        else:
            what = f"{worked:,} of them now, {self._rate():,.0f}/s" if worked else "nothing was left to do"
            bad = f"{self._bad:,} of them bad (column error)"
            print(f"{self._images:,} images in {folder}, {bad}; {what}", file=sys.stderr)
        seconds = self._ended - self._began
        return {"images": self._images, "bad": self._bad, "left": left, "worked": worked, "seconds": seconds}
