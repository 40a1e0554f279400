"""BatchNorms, activations, sums and squeeze-and-excite on their way into the graph, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from export.models import build_model
from export.to_onnx.folded_graph import fold_graph
from export.to_onnx.from_model import build_onnx_model
from export.to_onnx.parity import check_parity
from tests.export.to_onnx.plain_card import card


def test_a_resnet_adds_before_its_relu_and_a_shortcut_is_a_layer() -> None:
    proto = build_onnx_model(build_model("resnet32").eval(), card("resnet32"))
    nodes = {node.name: node for node in proto.graph.node}
    assert list(nodes["blocks.6.add"].input) == ["blocks.6.shortcut", "blocks.6.conv2"]
    assert list(nodes["blocks.6.add_relu"].input) == ["blocks.6.add"]
    assert {node.op_type for node in proto.graph.node} == {
        "Conv",
        "Relu",
        "Add",
        "GlobalAveragePool",
        "Flatten",
        "Gemm",
    }


def test_layers_that_are_added_up_take_the_batch_norm_behind_the_sum() -> None:
    """One path adds its input, which can take no gain: there the BatchNorm stays a node."""
    for name, kept in (("fwht2d_resnet20", 9), ("fwht2d_resnet20_p3", 0)):
        proto = build_onnx_model(build_model(name).eval(), card(name))
        nodes = {node.name: node for node in proto.graph.node}
        assert sum(node.op_type == "BatchNormalization" for node in proto.graph.node) == kept
    inputs = {name: list(nodes[f"blocks.4.{name}"].input) for name in ("conv2.add", "conv2.add2", "add")}
    assert inputs == {
        "conv2.add": ["blocks.4.conv2.paths.1.fwht", "blocks.4.conv2.paths.2.fwht"],
        "conv2.add2": ["blocks.4.conv2.add", "blocks.4.conv2.paths.3.fwht"],
        "add": ["blocks.4.shortcut", "blocks.4.conv2.add2"],
    }


def test_hard_activations_and_squeeze_and_excite_in_opset_13() -> None:
    """As nodes of their own, named by the layer they belong to; our op applies a ReLU itself, a hard swish not."""
    model = build_model("fwht2d_mobilenet_v3_large")
    for _ in range(3):
        model.train()(torch.randn(8, 3, 32, 32))  # fills the running statistics
    proto = build_onnx_model(model.eval(), card("fwht2d_mobilenet_v3_large"))
    images = np.random.default_rng(0).normal(size=(5, 3, 32, 32)).astype("f")
    print(check_parity(model, proto.SerializeToString(), images))
    nodes = {node.name: node for node in proto.graph.node}
    assert list(nodes["stem_hard_swish"].input) == ["stem", "stem_hard_sigmoid"]
    excite = [name for name in nodes if name.startswith("blocks.4.excite")]
    ops = ["GlobalAveragePool", "Conv", "Relu", "Conv", "HardSigmoid", "Mul"]
    assert [nodes[name].op_type for name in excite] == ops and excite[-1] == "blocks.4.excite.mul"
    assert list(nodes["blocks.4.excite.mul"].input) == ["blocks.4.depthwise_relu", excite[-2]]
    activations = {
        name: {a.name: a.i for a in node.attribute}.get("activation", 0)
        for name, node in nodes.items()
        if node.op_type == "FWHT2D"
    }
    assert activations["blocks.1.depthwise"] == 1 and activations["blocks.7.depthwise"] == 0
    assert nodes["blocks.7.depthwise_hard_swish"].op_type == "Mul" and "embedding_hard_swish" in nodes


class Sums(nn.Module):
    """BatchNorms behind sums that can take them, and behind sums that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(6))
        self.norms = nn.ModuleList(nn.BatchNorm2d(3) for _ in range(5))
        self.classifier = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b, c, d, e, f = self.convs
        x = torch.relu(self.norms[0](a(x) + b(x)))
        x = self.norms[1](x + c(x))
        x = self.norms[3](self.norms[2](d(x)) + x)
        y = e(x)
        x = torch.relu(self.norms[4](f(x) + y) + y)
        logits: torch.Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


def test_batch_norms_behind_sums() -> None:
    torch.manual_seed(0)
    model = Sums()
    for _ in range(3):
        model.train()(torch.randn(8, 3, 9, 9) + 1)
    for parameter in model.norms.parameters():
        nn.init.normal_(parameter)
    proto = build_onnx_model(model.eval(), card("sums", 4, 9))
    images = np.random.default_rng(0).normal(size=(5, 3, 9, 9)).astype("f")
    parity = check_parity(model, proto.SerializeToString(), images)
    print(parity)
    kept = [node.name for node in proto.graph.node if node.op_type == "BatchNormalization"]
    assert kept == ["norms.1", "norms.3", "norms.4"]
    (logits,) = (np.asarray(output) for output in ReferenceEvaluator(proto).run(None, {"image": images}))
    assert np.abs(logits - model(torch.from_numpy(images)).detach().numpy()).max() <= parity.tolerance


def test_gain_and_bias_of_a_batch_norm_reach_every_kind_of_layer() -> None:
    model = build_model("fwht_mf_mobilenet_v2").train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    with torch.no_grad():
        model(torch.randn(8, 3, 32, 32))  # fills the running statistics
    model.eval()
    layers = {layer.name: layer for layer in fold_graph(model)}
    assert layers["blocks.17.expand"].activation == 6 and layers["blocks.17.project"].activation == 0
    assert all(layer.gain is not None for layer in layers.values() if layer.op in ("conv", "fwht", "mf"))
    proto = build_onnx_model(model, card("fwht_mf_mobilenet_v2"))
    check_parity(model, proto.SerializeToString(), np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype("f"))


def test_what_cannot_be_folded_is_refused() -> None:
    class Bad(nn.Module):
        def __init__(self, *modules: nn.Module) -> None:
            super().__init__()
            self.modules_ = nn.Sequential(*modules)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.modules_(x)
            return y

    with pytest.raises(ValueError, match="cannot be folded"):
        fold_graph(Bad(nn.BatchNorm2d(3)))
    with pytest.raises(ValueError, match="is a Dropout"):
        fold_graph(Bad(nn.Conv2d(3, 3, 1), nn.Dropout()))
