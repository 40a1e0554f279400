from __future__ import annotations

from typing import Any

import pytest

from export.ops.contract import make_contract_node, read_contract

FWHT = ["x", "thresholds", "scale", "gain", "bias"]
MF = ["x", "w", "gain", "bias"]


def test_a_node_names_its_plugin() -> None:
    node = make_contract_node("fwht_layer", "layer", FWHT, "y", {"out_channels": 3}, in_channels=2)
    attributes = {attribute.name: attribute for attribute in node.attribute}
    assert (node.op_type, node.domain, node.name) == ("FWHTLayer", "fwht", "layer")
    assert attributes["plugin_version"].s == b"1" and attributes["plugin_namespace"].s == b""
    assert attributes["in_channels"].i == 2


@pytest.mark.parametrize(
    ("newer", "version"), [({"paths": 1, "soft": 0}, b"1"), ({"paths": 2}, b"2"), ({"paths": 1, "soft": 1}, b"2")]
)
def test_only_a_node_that_uses_what_is_newer_asks_for_a_newer_plugin(newer: dict[str, int], version: bytes) -> None:
    node = make_contract_node("fwht_layer", "layer", FWHT, "y", {"out_channels": 3, **newer})
    attributes = {attribute.name: attribute for attribute in node.attribute}
    assert attributes["plugin_version"].s == version
    used = {name: attributes[name].i for name in newer if name in attributes}
    assert used == {name: value for name, value in newer.items() if value != {"paths": 1, "soft": 0}[name]}


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "words"),
    [
        ("fwht_layer", FWHT[:4], {"out_channels": 3}, "inputs X, thresholds, scale, gain, bias, not 4"),
        ("fwht_layer", FWHT, {}, "needs the attribute out_channels"),
        ("fwht_layer", FWHT, {"out_channels": 0}, "out_channels is 0, it must be from 1 to 4096"),
        ("fwht_layer", FWHT, {"out_channels": 3, "activation": 2}, r"activation is 2, it must be one of \[0, 1, 6\]"),
        ("fwht_layer", FWHT, {"out_channels": 3, "pools": 2}, "no attribute pools, only out_channels, keep_dc"),
        ("fwht_layer", FWHT, {"out_channels": 3, "paths": 9}, "paths is 9, it must be from 1 to 8"),
        ("fwht_layer", FWHT, {"out_channels": 3, "soft": 2}, r"soft is 2, it must be one of \[0, 1\]"),
        ("fwht_2d", FWHT, {"stride": 3}, r"stride is 3, it must be one of \[1, 2, 4\]"),
        ("fwht_2d", FWHT, {"size": 8}, "no attribute size, only stride, keep_dc"),
        ("mf_depthwise_conv", MF, {"group": 3, "strides": [1]}, r"strides is \[1\], it must have 2 values"),
        ("mf_depthwise_conv", MF, {"group": 3, "pads": [1, 1, 1, 5]}, "pads is 5, it must be from 0 to 4"),
        ("mf_depthwise_conv", MF, {"group": 3, "operator": 4}, "operator is 4"),
    ],
)
def test_what_the_contract_does_not_allow(op: str, inputs: list[str], attributes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"layer: .*{words}"):
        make_contract_node(op, "layer", inputs, "y", attributes)


@pytest.mark.parametrize("op", ["fwht_layer", "mf_depthwise_conv", "fwht_2d"])
def test_tolerances_are_given_for_every_type(op: str) -> None:
    assert set(read_contract(op)["types"]) <= read_contract(op)["tolerances"].keys()
