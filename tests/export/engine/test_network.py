"""From ONNX to a network: by the real parser of TensorRT-RTX, and by stand-ins for what that never returns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from benchmarks.harness.node_models import LayerCase, make_fwht_layer_model
from benchmarks.harness.tiny_models import make_tiny_model
from export.engine import network as network_module
from export.engine.network import BuildError, find_plugin_nodes, parse_network, require_plugins
from export.engine.onnx_wire import Node, read_nodes
from server.backends.tensorrt_library import get_logger
from tests.export.engine.rtx import in_tensorrts_place, plain_model

CUSTOM = ["blocks.1.expand", "blocks.1.depthwise", "blocks.1.project", "blocks.2.expand"]


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> Any:
    return in_tensorrts_place(monkeypatch)


def test_a_network_of_layers_named_as_the_nodes(trt: Any) -> None:
    model = plain_model()
    network = parse_network(trt.Builder(get_logger()), model.SerializeToString(), half=False)
    names = [network.get_layer(i).name for i in range(network.num_layers)]
    assert [name for name in names if name in {node.name for node in model.graph.node}][:2] == ["stem", "stem_relu6"]
    assert tuple(network.get_input(0).shape) == (-1, 3, 16, 16)


def test_functions_are_dropped_so_an_operator_without_plugin_fails(trt: Any) -> None:
    """RTX would take the bodies of the functions; without them it needs plugins, and says so of each node."""
    with pytest.raises(BuildError, match="did not find the plugin.*make plugin") as caught:
        parse_network(trt.Builder(get_logger()), make_tiny_model().SerializeToString(), half=False)
    assert all(f"{name} (" in str(caught.value) for name in CUSTOM)


def test_a_plugin_library_from_before_paths_is_told_apart(trt: Any) -> None:
    """As it has no version 2 of the op: the node is refused, not computed as a layer of one path."""
    layer = LayerCase(3, 5, 8, paths=2, soft=1)
    model = make_fwht_layer_model(layer, layer.draw_weights(np.random.default_rng(0)), 4, 4)
    assert [node.integers["paths"] for node in read_nodes(model.SerializeToString())] == [2]
    with pytest.raises(BuildError, match=r"did not find the plugin.*layer \(FWHTLayer\).*another version.*make plugin"):
        parse_network(trt.Builder(get_logger()), model.SerializeToString(), half=False)


def test_an_imported_body_is_noticed(trt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As TensorRT 10.3 does it silently where the functions are left in the file."""
    monkeypatch.setattr(network_module, "remove_functions", lambda data: data)
    with pytest.raises(BuildError, match="4 layers did not become layers of our plugin") as caught:
        parse_network(trt.Builder(get_logger()), make_tiny_model().SerializeToString(), half=False)
    assert all(name in str(caught.value) for name in CUSTOM)


def test_half_precision_where_the_file_has_the_types(trt: Any) -> None:
    network = parse_network(trt.Builder(get_logger()), plain_model().SerializeToString(), half=True)
    kinds = {layer.name: layer.get_output(0).dtype for layer in map(network.get_layer, range(network.num_layers))}
    assert kinds["stem"] == kinds["stem_relu6"] == kinds["pool"] == trt.float16
    assert network.get_input(0).dtype == network.get_output(0).dtype == trt.float32


def test_an_operator_nobody_knows_is_named(trt: Any) -> None:
    model = plain_model()
    model.graph.node[2].op_type = "GlobalNonsensePool"
    with pytest.raises(BuildError, match=r"pool \(GlobalNonsensePool\)"):
        parse_network(trt.Builder(get_logger()), model.SerializeToString(), half=False)


def test_types_that_float16_cannot_take(trt: Any) -> None:
    model = plain_model()
    model.graph.node.append(onnx.helper.make_node("Cast", ["logits"], ["more"], "cast", to=TensorProto.DOUBLE))
    with pytest.raises(BuildError, match=r"cast \(Cast\): build it with PRECISION=fp32"):
        parse_network(trt.Builder(get_logger()), model.SerializeToString(), half=True)


class FakeParsing:
    """A TensorRT whose parser makes a network of given layers; `version` tells which of its names are there."""

    def __init__(self, layers: list[tuple[str, str]], explicit_batch: bool) -> None:
        flags = {"EXPLICIT_BATCH": 0} if explicit_batch else {"STRONGLY_TYPED": 0}
        self.NetworkDefinitionCreationFlag = SimpleNamespace(**flags)
        self.BuilderFlag = SimpleNamespace(FP16=0)
        made = [SimpleNamespace(name=name, type=f"LayerType.{kind}") for name, kind in layers]
        self.network = SimpleNamespace(num_layers=len(made), get_layer=made.__getitem__)
        self.flags: list[int] = []
        self.seen = b""
        self.OnnxParser = lambda network, logger: SimpleNamespace(parse=self._parse)

    def _parse(self, data: bytes) -> bool:
        self.seen = data
        return True

    def create_network(self, flags: int) -> Any:
        self.flags.append(flags)
        return self.network


@pytest.mark.parametrize("kind", ["PLUGIN_V2", "PLUGIN_V3", "PLUGIN"])
@pytest.mark.parametrize("explicit_batch", [True, False])
def test_plugin_layers_are_accepted(monkeypatch: pytest.MonkeyPatch, kind: str, explicit_batch: bool) -> None:
    fake = FakeParsing([("stem", "CONVOLUTION"), *((name, kind) for name in CUSTOM)], explicit_batch)
    monkeypatch.setattr(network_module, "import_tensorrt", lambda: fake)
    monkeypatch.setattr(network_module, "get_logger", lambda: None)
    data = make_tiny_model().SerializeToString()
    assert parse_network(fake, data, half=True) is fake.network
    assert fake.flags == [1 if explicit_batch else 0]
    assert read_nodes(fake.seen) == read_nodes(data) and not onnx.load_from_string(fake.seen).functions


NODES = [Node("stem", "Conv", "", {}), Node("a.expand", "FWHTLayer", "fwht", {}), Node("b", "FWHTLayer", "fwht", {})]


@pytest.mark.parametrize(
    "told, found",
    [
        ([{"Name": "a.expand", "LayerType": "PluginV2"}, {"Name": "b", "LayerType": "PluginV2"}], ["a.expand", "b"]),
        ([{"Name": "a.expand", "LayerType": "PluginV3"}, "b"], ["a.expand"]),
        ([{"Name": "a.expand + b", "LayerType": "plugin"}], ["a.expand", "b"]),
        ([{"Name": "x", "LayerType": "PluginV2", "Metadata": "[ONNX Layer: b]"}], ["b"]),
        ([{"Name": "a.expand", "LayerType": "Myelin"}, {"Name": "stem", "LayerType": "CaskConvolution"}], []),
        ([{"Name": "Reformatting CopyNode for Input Tensor 0 to b", "LayerType": "Reformat"}], []),
    ],
)
def test_plugin_layers_of_a_finished_engine(told: list[Any], found: list[str]) -> None:
    assert find_plugin_nodes(told, NODES) == found
    if len(found) < 2:
        with pytest.raises(BuildError, match="did not become layers of our plugin"):
            require_plugins(NODES, found)
    else:
        require_plugins(NODES, found)


def test_a_custom_node_without_a_name_is_refused() -> None:
    with pytest.raises(BuildError, match=r"one without a name \(FWHTLayer\)"):
        require_plugins([Node("", "FWHTLayer", "fwht", {})], find_plugin_nodes([], NODES))
