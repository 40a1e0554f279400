"""FWHT2D's function body in ONNX Runtime and in onnx's reference evaluator, against the float64 reference; a module as
a node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.node_models import Weights, make_model
from benchmarks.harness.plane_models import PlaneCase, make_plane_model
from export.ops.fwht_2d import FWHT2D
from export.to_onnx.from_model import build_onnx_model
from export.to_onnx.fwht_2d_body import make_fwht_2d_function, make_fwht_2d_node
from export.to_onnx.parity import check_parity
from tests.export.to_onnx.plain_card import card
from tests.export.to_onnx.test_function_body import assert_close, evaluate, run


def compare(case: PlaneCase, x: np.ndarray, weights: Weights, y: np.ndarray) -> None:
    assert_close(y, case.compute_reference(x, weights), case.compute_tolerance(x, weights))


def check(case: PlaneCase, batch: int = 2, evaluator: bool = False) -> None:
    generator = np.random.default_rng(case.n + case.height)
    weights = case.draw_weights(generator)
    x = generator.normal(0.3, 1.5, (batch, 3, case.height, case.width)).astype(np.float32)
    proto = make_plane_model(case, weights)
    compare(case, x, weights, (evaluate if evaluator else run)(proto, x))


@pytest.mark.parametrize(("stride", "n"), [(s, 2**k) for s in (1, 2, 4) for k in range(1, 8) if s <= 2**k])
def test_every_side_and_stride(stride: int, n: int) -> None:
    check(PlaneCase(n, max(n - 1, 1), n, stride))
    check(PlaneCase(max(n // 2 - 1, 1), max(n // 2 + 1, 1), n, stride), 1)


@pytest.mark.parametrize("keep_dc", [0, 1])
@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", [1, 3, 8])
@pytest.mark.parametrize("activation", [0, 1, 6])
def test_every_attribute(paths: int, soft: int, keep_dc: int, activation: int) -> None:
    kind = {"keep_dc": keep_dc, "paths": paths, "soft": soft, "activation": activation}
    check(PlaneCase(7, 8, 8, **kind))
    check(PlaneCase(13, 10, 16, stride=2, **kind))


@pytest.mark.parametrize("case", [PlaneCase(7, 5, 8, paths=2, keep_dc=1), PlaneCase(6, 8, 8, stride=2, soft=1)])
def test_reference_evaluator(case: PlaneCase) -> None:
    check(case, evaluator=True)


def test_several_nodes_share_the_body() -> None:
    """Smooth and soft, of several sizes, in one model."""
    cases = {
        "a": PlaneCase(15, 13, 16, stride=2, activation=6),
        "b": PlaneCase(8, 7, 8, keep_dc=1, paths=3, soft=1),
        "c": PlaneCase(8, 7, 32, keep_dc=1),
    }
    generator = np.random.default_rng(7)
    weights = {name: case.draw_weights(generator) for name, case in cases.items()}
    tensors = {"a": ("x", "1"), "b": ("1", "2"), "c": ("2", "y")}
    nodes = [case.make_node(name, *tensors[name]) for name, case in cases.items()]
    named = {f"{layer}.{name}": values for layer, group in weights.items() for name, values in group.items()}
    proto = make_model(nodes, named, (3, 15, 13), (3, 8, 7), [make_fwht_2d_function(nodes)])
    for tensor in ("1", "2"):
        proto.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    x = generator.normal(0, 1, (2, 3, 15, 13)).astype(np.float32)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    y, first, second = session.run(None, {"x": x})
    for name, given, got in (("a", x, first), ("b", first, second), ("c", second, y)):
        compare(cases[name], given, weights[name], got)


@pytest.mark.parametrize(
    ("case", "bent"),
    [(PlaneCase(7, 8, 8, activation=6), "Tanh"), (PlaneCase(14, 9, 16, 2, paths=3, soft=1), "Sign")],
)
def test_all_that_can_fold_folds(case: PlaneCase, bent: str, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3  # it warns that such a file suits this machine only
    proto = make_plane_model(case, case.draw_weights(np.random.default_rng(0)))
    onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ops = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    wanted = ["MatMul"] * 4 + ["Mul"] * 3 + ["LeakyRelu", "Sub", "Relu", bent, "Add", "Clip", "Unsqueeze", "Reshape"]
    assert sorted(ops) == sorted(wanted)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 12}, "12 is not, with a map of 7x8"),
        ({"n": 4}, "at least height, width"),
        ({"n": 256}, "from 2 to 128"),
        ({"n": 8, "stride": 3}, "stride is 3"),
        ({"n": 8, "activation": 2}, "activation is 2"),
    ],
)
def test_a_node_that_breaks_the_rules_is_refused(options: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=f"blocks.1: .*{words}"):
        make_fwht_2d_node("blocks.1", ["x", "t", "s", "g", "b"], "y", height=7, width=8, **options)


def test_names_inside_the_body_carry_a_prefix() -> None:
    nodes = [PlaneCase(2, 2, 2, soft=soft).make_node("layer", "x", "y") for soft in (0, 1)]
    for body in (make_fwht_2d_function(some) for some in ([], nodes[:1], nodes[1:], nodes)):
        assert all(name == "Y" or name.startswith("fwht_2d_") for node in body.node for name in node.output)


class SmallNet(nn.Module):
    """A layer before a BatchNorm and a ReLU, one that strides behind it, and the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.plane = FWHT2D(6, 32, paths=3)
        self.norm = nn.BatchNorm2d(6)
        self.down = FWHT2D(6, (32, 32), stride=2, keep_dc=True, soft=True)
        self.head = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.plane(self.stem(x))))
        y: Tensor = self.head(self.down(x).mean(dim=(2, 3)))
        return y


def test_a_module_is_exported_as_a_node() -> None:
    torch.manual_seed(0)
    model = SmallNet().eval()
    assert model.norm.running_mean is not None
    nn.init.normal_(model.norm.running_mean)
    proto = build_onnx_model(model, card("small"))
    batch = np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype(np.float32)
    print(check_parity(model, proto.SerializeToString(), batch))
    nodes = {node.name: node for node in proto.graph.node if node.domain == "fwht"}
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in nodes["plane"].attribute}
    assert list(nodes) == ["plane", "down"] and [f.name for f in proto.functions] == ["FWHT2D"]
    assert (attributes["paths"], attributes["activation"], attributes["stride"]) == (3, 1, 1)
    assert attributes["plugin_version"] == b"1" and attributes["plugin_namespace"] == b""
    shapes = {i.name: list(i.dims) for i in proto.graph.initializer}
    assert [shapes[name] for name in nodes["plane"].input[1:]] == [[3072], [3072], [6], [6]]
