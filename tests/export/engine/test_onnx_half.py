"""float16 by the wire format: the types as the onnx package sees them, and the answers, to float16's rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from benchmarks.harness.half_model import HalfSession
from export.engine.onnx_half import convert_to_float16

ROOT = Path(__file__).parents[3]
MODELS = sorted((ROOT / "models").glob("*.onnx"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_types(path: Path) -> None:
    """What is not ours is float16 throughout; ours have X in float16 and weights in float32; in and out are float32."""
    model = onnx.load_from_string(convert_to_float16(path.read_bytes()))
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    kinds.update({tensor.name: tensor.type.tensor_type.elem_type for tensor in model.graph.input})
    for node in model.graph.node:
        found = [kinds[name] for name in node.input]
        if node.op_type == "Cast":
            kinds[node.output[0]] = node.attribute[0].i
            continue
        kinds[node.output[0]] = TensorProto.FLOAT16
        wanted = TensorProto.FLOAT if node.domain else TensorProto.FLOAT16
        assert found[0] == TensorProto.FLOAT16 and set(found[1:]) <= {wanted, TensorProto.FLOAT16}, node.name
        assert not node.domain or set(found[1:]) == {TensorProto.FLOAT}
    assert kinds["logits"] == TensorProto.FLOAT
    before = onnx.load(path)
    assert [n.name for n in model.graph.node if n.op_type != "Cast"] == [n.name for n in before.graph.node]
    onnx.checker.check_model(model)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_answers(path: Path) -> None:
    golden = np.load(ROOT / "tests" / "data" / f"{path.stem}.golden.npz")
    logits = HalfSession(path).infer(golden["image"])
    difference = np.abs(logits - golden["logits"]).max()
    print(f"{path.stem}: largest difference {difference:.1e}")
    assert golden["tolerance"] / 100 < difference < 0.02 * np.abs(golden["logits"]).max()
    assert (logits.argmax(1) == golden["logits"].argmax(1)).all()


def test_an_operator_with_a_type_of_its_own_is_refused() -> None:
    node = helper.make_node("Cast", ["x"], ["y"], "cast", to=TensorProto.FLOAT)
    model = helper.make_model(helper.make_graph([node], "graph", [], []))
    with pytest.raises(ValueError, match=r"type of their own.*cast \(Cast\)"):
        convert_to_float16(model.SerializeToString())


def test_an_initializer_that_counts_stays(tmp_path: Path) -> None:
    """A Reshape's shape is int64, and is not cast."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 4])
    node = helper.make_node("Reshape", ["image", "shape"], ["logits"], "reshape")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 2, 2])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph([node], "graph", [image], [logits], [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    half = convert_to_float16(model.SerializeToString())
    session = onnxruntime.InferenceSession(half)
    x = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    np.testing.assert_array_equal(session.run(None, {"image": x})[0], x.reshape(2, 4))
