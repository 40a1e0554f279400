"""What the plugins of the ops take: plugins/<op>/contract.json, which kernels and adapters keep to as well."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

PLUGINS = Path(__file__).parents[2] / "plugins"


@lru_cache(maxsize=None)
def read_contract(op: str) -> dict[str, Any]:
    """The contract in plugins/<op>, for example "fwht_layer"."""
    found: dict[str, Any] = json.loads((PLUGINS / op / "contract.json").read_text(encoding="utf-8"))
    return found


def make_contract_node(
    op: str, name: str, inputs: list[str], output: str, attributes: dict[str, Any], **more: Any
) -> onnx.NodeProto:
    """A node called `name` that the plugin of the same op type takes; `more` are attributes it does not know.

    An attribute newer than version 1 (`since`) is left out where it has its default, and the node's plugin_version is
    the oldest that knows the others: an older library computes every node that it can and refuses the rest.

    Raises ValueError where inputs or attributes are not those of the contract, or a value is outside its range.
    """
    terms = read_contract(op)
    if len(inputs) != len(terms["inputs"]):
        wanted = ", ".join(each["name"] for each in terms["inputs"])
        raise ValueError(f"{name}: {terms['name']} has the inputs {wanted}, not {len(inputs)} of them")
    known = {each["name"]: each for each in terms["attributes"]}
    wrong = sorted(attributes.keys() - known.keys())
    if wrong:
        raise ValueError(f"{name}: {terms['name']} has no attribute {wrong[0]}, only {', '.join(known)}")
    for attribute, term in known.items():
        if attribute in attributes:
            _check_value(name, term, attributes[attribute])
        elif term["required"]:
            raise ValueError(f"{name}: {terms['name']} needs the attribute {attribute}")
    used = {
        key: value
        for key, value in attributes.items()
        if value != known[key].get("default") or "since" not in known[key]
    }
    version = max(known[key].get("since", terms["version"]) for key in used)
    plugin = {"plugin_version": version, "plugin_namespace": terms["namespace"]}
    return helper.make_node(
        terms["name"], inputs, [output], name=name, domain=terms["domain"], **used, **more, **plugin
    )


def _check_value(name: str, term: dict[str, Any], value: Any) -> None:
    values = value if term["type"] == "ints" else [value]
    if len(values) != term.get("length", 1):
        raise ValueError(f"{name}: {term['name']} is {value}, it must have {term['length']} values")
    for each in values:
        if "values" in term and each not in term["values"]:
            raise ValueError(f"{name}: {term['name']} is {each}, it must be one of {term['values']}")
        if "min" in term and not term["min"] <= each <= term["max"]:
            raise ValueError(f"{name}: {term['name']} is {each}, it must be from {term['min']} to {term['max']}")
