"""Node data for Model Explorer: every time once, at a node that the ONNX file has."""

from __future__ import annotations

from server.layers.model_explorer import make_node_data

from .sides import item, report


def test_times_stand_at_the_first_node_of_a_layer() -> None:
    conditions = {"backend": "onnxruntime", "precision": "fp32"}
    items = [item("stem", 0.2, nodes=["stem", "stem_relu6"]), item("stem -> head", 0.1, nodes=[]), item("head", 0.3)]
    made = make_node_data(report(*items, item("head", 0.4, op="Mul"), conditions=conditions))
    assert made["results"] == {"stem": {"value": 0.2}, "head": {"value": 0.7}}
    assert made["name"] == "layer times in ms, onnxruntime fp32"
    assert [stop["stop"] for stop in made["gradient"]] == [0, 1]
