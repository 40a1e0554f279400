from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.plane_models import PlaneCase, make_plane_model
from export.engine.onnx_wire import read_metadata, read_nodes, remove_functions
from export.engine.parity import is_discontinuous

MODELS = sorted((Path(__file__).parents[3] / "models").glob("*.onnx"))
HYBRID = (Path(__file__).parents[3] / "models/fwht_mf_mobilenet_v2.onnx").read_bytes()


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_same_as_the_onnx_package(path: Path) -> None:
    data, model = path.read_bytes(), onnx.load(path)
    assert read_metadata(data) == {entry.key: entry.value for entry in model.metadata_props}
    integers = [{a.name: a.i for a in n.attribute if a.type == a.INT} for n in model.graph.node]
    wanted = [(n.name, n.op_type, n.domain, ints) for n, ints in zip(model.graph.node, integers)]
    assert [tuple(node) for node in read_nodes(data)] == wanted
    assert [node.name for node in read_nodes(data) if node.is_custom] == [n.name for n in model.graph.node if n.domain]
    del model.functions[:]
    assert onnx.load_from_string(remove_functions(data)) == model


def test_maps_are_custom_nodes_whose_function_goes() -> None:
    case = PlaneCase(7, 8, 8, stride=2, paths=3, soft=1)
    data = make_plane_model(case, case.draw_weights(np.random.default_rng(0))).SerializeToString()
    (node,) = read_nodes(data)
    assert (node.name, node.op_type, node.is_custom) == ("layer", "FWHT2D", True) and is_discontinuous([node])
    assert onnx.load_from_string(data).functions and not onnx.load_from_string(remove_functions(data)).functions


def test_only_the_functions_go() -> None:
    slim = remove_functions(HYBRID)
    assert len(slim) < len(HYBRID)
    assert remove_functions(slim) == slim
    assert read_nodes(slim) == read_nodes(HYBRID) and read_metadata(slim) == read_metadata(HYBRID)


def test_a_negative_attribute() -> None:
    node = onnx.helper.make_node("Softmax", ["x"], ["y"], "last", axis=-1)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "graph", [], []))
    assert read_nodes(model.SerializeToString()) == [("last", "Softmax", "", {"axis": -1})]


@pytest.mark.parametrize("length", [1, 3, 1000, len(HYBRID) - 1])
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="truncated"):
        remove_functions(HYBRID[:length])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_anything_else_is_read_or_refused(data: bytes) -> None:
    try:
        remove_functions(data), read_metadata(data), read_nodes(data)
    except ValueError as error:
        assert "no ONNX file" in str(error)
