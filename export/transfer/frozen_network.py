"""A network whose weights stay as they are, the frozen front or the teacher, answered by ONNX Runtime.

On a CPU that takes a fraction of PyTorch's time in float32 (docs/training.md): BatchNorms and activations are folded
into the convolutions, and nothing is kept for a backward pass. PyTorch answers where the network holds the ops of this
project, for which it has its own kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from export.to_onnx.folded_graph import FoldedLayer, fold_graph
from export.to_onnx.from_model import emit_nodes
from export.to_onnx.function_text import IR_VERSION, OPSET

OWN_OPS = ("fwht", "mf", "fwht_2d")


def freeze(network: nn.Module) -> Callable[[Tensor], Any]:
    """`network`, on the CPU and in eval mode, as a function: float32 (N, C, H, W) -> its answer, or answers.

    Two are what `expose_embedding` makes: embedding and logits. The network must learn no more: ONNX Runtime has a copy
    of its weights.
    """
    network.eval()
    if isinstance(network, nn.Identity):  # nothing is frozen
        return network
    layers = fold_graph(network)
    if any(layer.op in OWN_OPS for layer in layers):
        return network
    names = [layers[-1].name]
    if count_outputs(network) == 2:
        names.insert(0, layers[-1].inputs[0])
    return OnnxNetwork(layers, names)


def count_outputs(network: nn.Module) -> int:
    graph = getattr(network, "graph", None)
    if graph is None:
        return 1
    return len(next(node for node in graph.nodes if node.op == "output").all_input_nodes)


class OnnxNetwork:
    """The layers as a session of ONNX Runtime that answers with the tensors of those called `outputs`."""

    def __init__(self, layers: list[FoldedLayer], outputs: Sequence[str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that wait by spinning take the cores from PyTorch, which works between two answers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = make_model(layers, outputs)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, images: Tensor) -> Any:
        found = self._session.run(None, {"image": np.ascontiguousarray(images.numpy())})
        answers = tuple(torch.from_numpy(answer) for answer in found)
        return answers if len(answers) > 1 else answers[0]


def make_model(layers: list[FoldedLayer], outputs: Sequence[str]) -> bytes:
    """An ONNX file without a card: input `image`, any size; every output of any shape."""
    nodes, constants, tensors = emit_nodes(layers)
    graph = helper.make_graph(
        nodes,
        "frozen",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", "C", "H", "W"])],
        [helper.make_tensor_value_info(tensors[name], TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", OPSET)]
    content: bytes = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=imports).SerializeToString()
    return content
