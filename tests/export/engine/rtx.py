"""TensorRT-RTX in TensorRT's place: its builder and ONNX parser work without a GPU.

Its interface is that of TensorRT 11 (types in the ONNX file, no flag for explicit batch, IProgressMonitor); it takes
function bodies, and no plugins.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.harness.tiny_models import make_tiny_model
from export.to_onnx.function_text import IR_VERSION, OPSET
from server.backends import tensorrt_library


def in_tensorrts_place(patch: pytest.MonkeyPatch) -> Any:
    """Let `import tensorrt` find it, until the patch is undone. Skips the test where the wheel is not there."""
    module = pytest.importorskip("tensorrt_rtx_bindings", reason="needs tensorrt-rtx: pip install '.[builder]'")
    patch.setitem(sys.modules, "tensorrt", module)
    patch.setattr(tensorrt_library, "_LOGGERS", [])
    return module


def plain_model(batch: int | str = "N") -> onnx.ModelProto:
    """The tiny model's first layers, without an operator of ours: input (N, 3, 16, 16), output (N, 4)."""
    whole = make_tiny_model()
    nodes = [node for node in whole.graph.node if node.name in ("stem", "stem_relu6")]
    nodes += [
        helper.make_node("GlobalAveragePool", ["stem_relu6_out"], ["pool"], "pool"),
        helper.make_node("Flatten", ["pool"], ["flat"], "flatten"),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], "classifier"),
    ]
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in whole.graph.initializer if tensor.name in used]
    generator = np.random.default_rng(0)
    constants.append(numpy_helper.from_array(generator.normal(size=(16, 4)).astype("f"), "weight"))
    constants.append(numpy_helper.from_array(generator.normal(size=4).astype("f"), "bias"))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 16, 16])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 4])
    graph = helper.make_graph(nodes, "plain", [image], [logits], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
