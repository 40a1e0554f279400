"""The query of POST /v1/classify, read by hand: the route goes around FastAPI's own reading (classify_route.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from starlette.datastructures import QueryParams

from .errors import BadRequest

TRUE, FALSE = ("true", "1", "on", "yes"), ("false", "0", "off", "no")
LONGEST_NUMBER = 18  # digits: what is longer fits no machine word, and int() refuses thousands of them
LONGEST_SHOWN = 80  # characters of a wrong value in the message about it

PARAMETERS: List[Dict[str, Any]] = [
    {
        "name": "top_k",
        "in": "query",
        "description": "How many labels per image, 1 to the number of classes; by default 5, or all if fewer.",
        "schema": {"type": "integer", "minimum": 1},
    },
    {
        "name": "model",
        "in": "query",
        "description": "Name of the model; by default the first of GET /v1/models.",
        "schema": {"type": "string"},
    },
    {
        "name": "layers",
        "in": "query",
        "description": "Also measure each layer, in profiled runs of their own. Slow.",
        "schema": {"type": "boolean", "default": False},
    },
]


@dataclass(frozen=True)
class ClassifyQuery:
    """top_k and model are None where they are not given."""

    top_k: Optional[int]
    model: Optional[str]
    layers: bool


def classify_query(parameters: QueryParams) -> ClassifyQuery:
    """Raises BadRequest for a value of the wrong kind; other parameters are ignored."""
    top_k, layers = parameters.get("top_k"), parameters.get("layers", "false")
    if layers.lower() not in TRUE + FALSE:
        raise _wrong("layers", layers, "true or false")
    return ClassifyQuery(
        top_k=None if top_k is None else _whole_number("top_k", top_k),
        model=parameters.get("model"),
        layers=layers.lower() in TRUE,
    )


def _whole_number(name: str, text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        raise _wrong(name, text, "a whole number")
    if len(digits) > LONGEST_NUMBER:
        raise _wrong(name, text, "a whole number of fewer digits")
    return int(text)


def _wrong(name: str, value: str, wanted: str) -> BadRequest:
    return BadRequest(f"{name} is {value[:LONGEST_SHOWN]!r}, it must be {wanted}")
