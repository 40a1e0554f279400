from __future__ import annotations

import pytest

from server.errors import BadRequest
from server.http.query import parse_flag, parse_whole_number


@pytest.mark.parametrize(("value", "number"), [("5", 5), ("-1", -1), ("+7", 7), ("007", 7)])
def test_whole_number(value: str, number: int) -> None:
    assert parse_whole_number({"top_k": value}, "top_k") == number


@pytest.mark.parametrize("value", ["", "x", "1.5", " 1", "1_0", "\u0661", "9" * 19, "0x10", "--1"])
def test_no_whole_number(value: str) -> None:
    with pytest.raises(BadRequest, match="top_k is .*, it must be a whole number"):
        parse_whole_number({"top_k": value}, "top_k")


@pytest.mark.parametrize(("value", "found"), [("true", True), ("YES", True), ("1", True), ("off", False), ("0", False)])
def test_truth(value: str, found: bool) -> None:
    assert parse_flag({"layers": value}, "layers", not found) is found


@pytest.mark.parametrize("value", ["", "maybe", "2"])
def test_no_truth(value: str) -> None:
    with pytest.raises(BadRequest, match="layers is .*, it must be true or false"):
        parse_flag({"layers": value}, "layers", False)


def test_absent() -> None:
    assert parse_whole_number({}, "top_k") is None
    assert parse_flag({}, "layers", True) is True
