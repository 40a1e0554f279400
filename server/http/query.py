"""Values of a query string, and the sentence that says what is wrong with one."""

from __future__ import annotations

import re
from typing import Mapping, Optional

from ..errors import BadRequest
from ..numbers import parse_score

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
TRUTHS = {
    **dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False),
}


def parse_whole_number(query: Mapping[str, str], name: str) -> Optional[int]:
    """None where there is none. Raises BadRequest for anything but a whole number of up to 18 digits."""
    value = query.get(name)
    if value is None:
        return None
    if not WHOLE_NUMBER.fullmatch(value):
        raise _wrong(name, value, "a whole number of at most 18 digits")
    return int(value)


def parse_fraction(query: Mapping[str, str], name: str) -> Optional[float]:
    """None where there is none. Raises BadRequest for anything but a number from 0 to 1."""
    value = query.get(name)
    if value is None:
        return None
    try:
        return parse_score(value)
    except ValueError as error:
        raise BadRequest(f"{name} is {error}") from None


def parse_flag(query: Mapping[str, str], name: str, default: bool) -> bool:
    """true or false, in the spellings FastAPI takes too. Raises BadRequest for anything else."""
    value = query.get(name)
    if value is None:
        return default
    if value.lower() not in TRUTHS:
        raise _wrong(name, value, "true or false")
    return TRUTHS[value.lower()]


def _wrong(name: str, value: str, wanted: str) -> BadRequest:
    return BadRequest(f"{name} is {value[:80]!r}, it must be {wanted}")
