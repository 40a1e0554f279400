"""From ONNX to TensorRT's network, every custom node a layer of our plugin: what differs between 8.2 and 11 in that.

    explicit batch      a flag up to 9, ignored by 10, gone from 11, where its bit means something else
    function bodies     dropped: from 9.0 to 10.6 the parser silently takes them in place of the plugins
    types               the builder's choice up to 10, from 11 on those of the ONNX file (export/engine/onnx_half.py)

Features are tested for, not versions. Source: TensorRT's Python API reference of 8.2, 8.5, 10.3 and 11.1, and
ModelImporter.cpp of onnx-tensorrt.
"""

from __future__ import annotations

import re
from typing import Any, List, Sequence

from export.engine.onnx_half import convert_to_float16
from export.engine.onnx_wire import Node, read_nodes, remove_functions
from server.backends.tensorrt_library import get_logger, import_tensorrt, take_trt_errors

REBUILD_PLUGIN = "build it again with `make plugin`"


class BuildError(Exception):
    """Why there is no engine, and the cure."""


def parse_network(builder: Any, onnx: bytes, half: bool) -> Any:
    """The network of an ONNX file, every custom node of it a plugin layer. Raises BuildError, in the parser's words."""
    trt = import_tensorrt()
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(0 if explicit is None else 1 << int(explicit))
    known = read_nodes(onnx)
    bare = remove_functions(onnx)
    if half and not builder_chooses_types():
        try:
            bare = convert_to_float16(bare)
        except ValueError as error:
            raise BuildError(f"{error}: build it with PRECISION=fp32") from error
    parser = trt.OnnxParser(network, get_logger())
    if not parser.parse(bare):
        raise BuildError(describe_parser_errors(parser, read_nodes(bare)))
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    plugins = {layer.name for layer in layers if str(layer.type).rpartition(".")[2].startswith("PLUGIN")}
    require_plugins(known, plugins)
    return network


def builder_chooses_types() -> bool:
    """Whether the builder chooses the types inside an engine, and not the ONNX file, as from TensorRT 11 on."""
    return hasattr(import_tensorrt().BuilderFlag, "FP16")


def describe_parser_errors(parser: Any, graph: Sequence[Node]) -> str:
    """What it said of each node it could not take, and the cure."""
    reasons = []
    for error in (parser.get_error(i) for i in range(parser.num_errors)):
        place = error.node()
        node = f"{graph[place].name} ({graph[place].op_type})" if 0 <= place < len(graph) else "the model"
        reasons.append(f"{node}: {error.desc().strip()}")
    text = "; ".join(reasons) or take_trt_errors()
    if "plugin not found" in text.lower():
        return (
            f"TensorRT did not find the plugin of a layer ({text}): the library is of another version, {REBUILD_PLUGIN}"
        )
    return (
        f"TensorRT {import_tensorrt().__version__} cannot read the ONNX file ({text}): export it again with `make onnx`"
    )


def require_plugins(graph: Sequence[Node], plugins: Any) -> None:
    """Raises BuildError where a custom node is not among the names of the plugin layers: its body was imported."""
    missing = [node for node in graph if node.is_custom and node.name not in plugins]
    if missing:
        names = ", ".join(f"{node.name or 'one without a name'} ({node.op_type})" for node in missing)
        raise BuildError(
            f"{len(missing)} layers did not become layers of our plugin: {names}. The engine would compute them in many"
            f" small steps: {REBUILD_PLUGIN}, and export the ONNX file again with `make onnx`"
        )


def find_plugin_nodes(inspected: Sequence[Any], graph: Sequence[Node]) -> List[str]:
    """Custom nodes that are plugin layers of a finished engine. inspected: what Engine.inspect_layers returned."""
    names = []
    for layer in inspected:
        if isinstance(layer, dict) and "plugin" in str(layer.get("LayerType", "")).lower():
            words = {str(layer["Name"]), *re.split(r"\s*[+|]+\s*", str(layer["Name"]))}
            listed = str(layer.get("Metadata", ""))
            names += [n.name for n in graph if n.name in words or (n.name and f"[ONNX Layer: {n.name}]" in listed)]
    return names
