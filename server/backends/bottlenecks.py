"""Bottlenecks of a hybrid as one op each: expand, depthwise convolution, project and the residual.

The file stays as it is; what is edited is the graph that a session is opened on, where the native kernels are used and
the pattern is there: FWHTLayer, a 3x3 depthwise convolution (Conv with Clip or Relu, or MFDepthwiseConv), FWHTLayer,
and an Add of what the first one reads. Between them lie no layout conversions then, and the values stay in the cache
(plugins/fwht_bottleneck/).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper, numpy_helper

from .bottleneck_pattern import Bottleneck, find_bottlenecks

DOMAIN = "fwht"
OP, TIMED_OP = "FWHTBottleneck", "FWHTBottleneckTimed"


class FusedModel(NamedTuple):
    """The edited file, and the layers of each fused node by its name."""

    content: bytes
    bottlenecks: Dict[str, Bottleneck]


def fuse_bottlenecks(path: Path, timed: bool = False) -> Optional[FusedModel]:
    """The model in `path` with its bottlenecks fused, None where there are none or the file cannot be edited.

    timed: the nodes have a second output that becomes one of the graph: seconds of the three layers, float32 (3,).
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError):
        return None  # whoever opens it next says what is wrong
    if any(each.data_location == onnx.TensorProto.EXTERNAL for each in model.graph.initializer):
        return None  # that data is found by the path of the file, which an edited copy has not
    found = find_bottlenecks(model.graph)
    if not found:
        return None
    names = _replace(model.graph, found, timed)
    try:
        return FusedModel(model.SerializeToString(), dict(zip(names, found)))
    except ValueError:
        return None  # more than protobuf's 2 GiB


def split_fused_times(
    optimised: onnx.GraphProto, kernel_ms: np.ndarray, bottlenecks: Mapping[str, Bottleneck], seconds: np.ndarray
) -> np.ndarray:
    """Put the layers of each fused node in its place: nodes into the optimised graph, columns into kernel_ms.

    kernel_ms: (runs, nodes + 1), milliseconds. seconds: (runs, fused nodes, 3), what each layer took inside the op, by
    which the node's time is divided. Returns (runs, nodes afterwards + 1).
    """
    seconds = np.maximum(seconds, 1e-12)  # a clock may not see a layer
    shares = dict(zip(bottlenecks, np.moveaxis(seconds / seconds.sum(axis=2, keepdims=True), 1, 0)))
    nodes: List[onnx.NodeProto] = []
    columns: List[np.ndarray] = []
    for node, column in zip(optimised.node, kernel_ms.T):
        fused = node.op_type == TIMED_OP and node.name in bottlenecks
        nodes += bottlenecks[node.name].make_layer_nodes() if fused else [node]
        columns += list((column[:, None] * shares[node.name]).T) if fused else [column]
    del optimised.node[:]
    optimised.node.extend(nodes)
    return np.stack([*columns, kernel_ms[:, -1]], axis=1)


def _replace(graph: onnx.GraphProto, found: List[Bottleneck], timed: bool) -> List[str]:
    """Put a node in the place of each bottleneck's last one; their names."""
    gone = {node.name for each in found for node in each.nodes[:-1]}
    last = {each.nodes[-1].name: each for each in found}
    nodes: List[onnx.NodeProto] = []
    names: List[str] = []
    for node in graph.node:
        if node.name in last:
            nodes.append(_make_node(graph, last[node.name], timed))
            names.append(nodes[-1].name)
        elif node.name not in gone:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return names


def _make_node(graph: onnx.GraphProto, found: Bottleneck, timed: bool) -> onnx.NodeProto:
    name = f"{found.expand.name}_bottleneck"
    channels = found.attributes["hidden_channels"]
    inputs = [found.expand.input[0], *found.expand.input[1:5]]
    inputs += found.filter_inputs(lambda what, value: _add_constant(graph, f"{name}.{what}", channels, value))
    inputs += found.project.input[1:5]
    outputs = [found.nodes[-1].output[0]]
    if timed:
        outputs.append(f"{name}.seconds")
        graph.output.append(helper.make_tensor_value_info(outputs[1], onnx.TensorProto.FLOAT, [3]))
    attributes: Dict[str, Any] = dict(found.attributes)
    return helper.make_node(TIMED_OP if timed else OP, inputs, outputs, name=name, domain=DOMAIN, **attributes)


def _add_constant(graph: onnx.GraphProto, name: str, size: int, value: float) -> str:
    graph.initializer.append(numpy_helper.from_array(np.full(size, value, np.float32), name))
    return name
