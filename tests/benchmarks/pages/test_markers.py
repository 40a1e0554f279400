"""Generated parts of a page: found by their marker lines, replaced between them, missed with a reason."""

from __future__ import annotations

import pytest

from benchmarks.pages.markers import has_part, replace_part
from benchmarks.pages.renew import renew_page

PAGE = "before\n\n<!-- speed -->\n\nold\n\n<!-- /speed -->\n\nafter\n"


def test_only_what_lies_between_the_markers_is_replaced() -> None:
    assert has_part(PAGE, "speed")
    assert replace_part(PAGE, "speed", "new") == PAGE.replace("old", "new")


def test_an_empty_part_is_filled() -> None:
    empty = "<!-- speed -->\n\n<!-- /speed -->\n"
    assert replace_part(empty, "speed", "new") == "<!-- speed -->\n\nnew\n\n<!-- /speed -->\n"


def test_a_part_that_is_not_there() -> None:
    assert not has_part(PAGE, "accuracy")


@pytest.mark.parametrize("line", ["<!-- speed -->\n", "\n<!-- /speed -->"])
def test_one_marker_alone_is_refused(line: str) -> None:
    with pytest.raises(SystemExit, match="only one of the lines"):
        has_part(PAGE.replace(line, ""), "speed")


def test_a_page_without_a_part_that_it_must_have_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"README\.md lacks the lines <!-- answer -->"):
        renew_page(PAGE)
