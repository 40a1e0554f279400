"""The answer in docs/ is laid out as README shows it, and is one that a server gave."""

from __future__ import annotations

import json

from benchmarks.pages.answer import format_answer
from benchmarks.pages.verdict import ANSWER


def test_the_layout_is_that_of_the_page() -> None:
    text = ANSWER.read_text()
    assert format_answer(json.loads(text)) == text
    assert len(text.splitlines()) == 13 and max(map(len, text.splitlines())) < 150
