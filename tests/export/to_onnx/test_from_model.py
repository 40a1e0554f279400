"""The exported file: what it holds, that it computes the same everywhere, and that it is refused when it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from export.engine.parity_verdict import ParityError
from export.models import MODELS, build_model
from export.models.checkpoint import load_checkpoint
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.to_onnx.folded_graph import fold_graph
from export.to_onnx.from_checkpoint import SAMPLES
from export.to_onnx.from_model import build_onnx_model, make_metadata
from export.to_onnx.parity import check_parity, load_real_images
from server.models.preprocess import Preprocessing

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(path.stem for path in (ROOT / "models").glob("*.safetensors"))
CIFAR = Preprocessing(32, "crop", "RGB", (125.3, 123.0, 113.9), (63.0, 62.1, 66.7))


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return load_real_images(SAMPLES, CIFAR)


def card(architecture: str, classes: int = 10, size: int = 32) -> dict[str, Any]:
    preprocessing = {"size": size, "resize": "crop", "colour": "RGB", "mean": [120.0] * 3, "std": [60.0] * 3}
    labels = [f"class {i}" for i in range(classes)]
    return {"architecture": architecture, "labels": labels, "preprocessing": preprocessing, "sha256": "0" * 64}


def test_metadata_of_scores() -> None:
    """As server/models/model.py reads them."""
    card = {"name": "a", "sha256": "0", "temperature": 1.25, "min_score": {"cat": 0.5}}
    found = make_metadata(card)
    assert (found["temperature"], found["min_score"]) == ("1.25", '{"cat": 0.5}')


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_onnx_is_what_the_exporter_makes_today(name: str) -> None:
    model, its_card = load_checkpoint(ROOT / "models" / f"{name}.safetensors")
    shipped = onnx.load(ROOT / "models" / f"{name}.onnx")
    made = build_onnx_model(model, its_card)
    assert made == shipped, f"run `make ship` to renew models/{name}.onnx"


@pytest.mark.parametrize("name", SHIPPED)
def test_parity_on_real_images(name: str) -> None:
    model, its_card = load_checkpoint(ROOT / "models" / f"{name}.safetensors")
    batch = load_real_images(SAMPLES, Preprocessing(**its_card["preprocessing"]))
    parity = check_parity(model, (ROOT / "models" / f"{name}.onnx").read_bytes(), batch)
    print(name, parity)
    assert parity.passed


@pytest.mark.parametrize("name", SHIPPED)
def test_reference_evaluator_of_onnx_runs_the_same_file(name: str) -> None:
    golden = np.load(ROOT / "tests" / "data" / f"{name}.golden.npz")
    image = golden["image"][:2]
    evaluator = ReferenceEvaluator(str(ROOT / "models" / f"{name}.onnx"))
    # The body of a soft threshold finds signs by a factor that may take values beyond float32, and clips them.
    with np.errstate(over="ignore"):
        (logits,) = (np.asarray(output) for output in evaluator.run(None, {"image": image}))
    allowed = float(golden["tolerance"])
    largest = np.abs(logits - golden["logits"][:2]).max()
    print(f"{name}: largest difference {largest:.2e}, tolerance {allowed:.2e}, share used {largest / allowed:.1%}")
    assert largest <= allowed


@pytest.mark.parametrize("name", SHIPPED)
def test_format_names_and_metadata(name: str) -> None:
    model, its_card = load_checkpoint(ROOT / "models" / f"{name}.safetensors")
    proto = onnx.load(ROOT / "models" / f"{name}.onnx")
    assert proto.ir_version == 8 and {i.domain: i.version for i in proto.opset_import}[""] == 13
    custom = [node for node in proto.graph.node if node.domain]
    assert [node.name for node in custom] == [
        path for path, module in model.named_modules() if isinstance(module, (FWHTLayer, MFDepthwiseConv))
    ]
    for node in custom:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        later = attributes.get("paths", 1) > 1 or attributes.get("soft", 0)  # than the first version of the op
        assert node.domain == "fwht" and attributes["plugin_namespace"] == b""
        assert attributes["plugin_version"] == (b"2" if later else b"1")
    assert {f.name for f in proto.functions} == {node.op_type for node in custom}
    assert "BatchNormalization" not in {node.op_type for node in proto.graph.node}
    assert len({node.name for node in proto.graph.node}) == len(proto.graph.node)
    properties = {p.key: p.value for p in proto.metadata_props}
    assert json.loads(properties["labels"]) == its_card["labels"]
    assert json.loads(properties["preprocessing"]) == its_card["preprocessing"]
    assert properties["checkpoint_sha256"] == its_card["sha256"] and properties["architecture"] == name
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


@pytest.mark.parametrize("name", sorted(MODELS.keys() - set(SHIPPED)) + ["resnet32"])
def test_parity_of_what_is_not_shipped(name: str, batch: np.ndarray) -> None:
    model = build_model(name).eval()
    proto = build_onnx_model(model, card(name))
    print(name, check_parity(model, proto.SerializeToString(), batch[:16]))
    assert len({node.name for node in proto.graph.node}) == len(proto.graph.node)


@pytest.mark.parametrize("variant", [{"paths": 3}, {"soft": True}, {"paths": 2, "soft": True, "pool": True}])
def test_paths_and_soft_are_exported(variant: dict[str, object], batch: np.ndarray) -> None:
    model = build_model("fwht_mobilenet_v2", variant=variant).eval()
    proto = build_onnx_model(model, card("fwht_mobilenet_v2"))
    print(variant, check_parity(model, proto.SerializeToString(), batch[:16]))
    nodes = [node for node in proto.graph.node if node.op_type == "FWHTLayer"]
    for node in nodes:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        assert attributes["plugin_version"] == b"2"
        assert (attributes["paths"], attributes["soft"]) == (variant.get("paths", 1), int(bool(variant.get("soft"))))
    shapes = {i.name: list(i.dims) for i in proto.graph.initializer}
    count = 1024 * len(model.get_parameter("blocks.13.expand.thresholds").reshape(-1, 1024))
    assert len(nodes) == 10 and shapes[nodes[0].input[1]] == shapes[nodes[0].input[2]] == [count]


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
    print(check_parity(model, proto.SerializeToString(), images))
    kept = [node.name for node in proto.graph.node if node.op_type == "BatchNormalization"]
    assert kept == ["norms.1", "norms.3", "norms.4"]


@pytest.mark.parametrize("size, classes", [(33, 3), (65, 2)])
def test_other_sizes_and_class_counts(size: int, classes: int) -> None:
    model = build_model("fwht_mf_mobilenet_v2", classes, size).eval()
    proto = build_onnx_model(model, card("fwht_mf_mobilenet_v2", classes, size))
    check_parity(model, proto.SerializeToString(), np.random.default_rng(0).normal(size=(3, 3, size, size)).astype("f"))


class Odd(nn.Module):
    """The options of the ops that no named model uses, in one network."""

    def __init__(self) -> None:
        super().__init__()
        self.first = FWHTLayer(3, 24, keep_dc=False, scale=True)
        self.first_bn = nn.BatchNorm2d(24)
        self.second = MFDepthwiseConv(24, 5, 2, operator=2)
        self.third = MFDepthwiseConv(24, 3, 1, operator=3)
        self.fourth = FWHTLayer(24, 7, n=64, pool=3, paths=2, soft=True)
        self.fifth = nn.Conv2d(7, 7, 3, padding=1)
        self.classifier = nn.Linear(7, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first_bn(self.first(x)))
        x = nn.functional.relu(self.fifth(self.fourth(self.third(self.second(x)))))
        logits: torch.Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


def test_every_option_of_the_ops() -> None:
    model = Odd().eval()
    proto = build_onnx_model(model, card("odd", 4, 9))
    images = np.random.default_rng(0).normal(size=(5, 3, 9, 9)).astype("f")
    print(check_parity(model, proto.SerializeToString(), images))


class Blocks(nn.Module):
    """The way up and down of a bottleneck in blocks, and a layer without, as the paper on blocks mixes them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.expand = FWHTLayer(24, 144, block=16, keep_dc=False, scale=True)
        self.expand_bn = nn.BatchNorm2d(144)
        self.project = FWHTLayer(144, 24, block=16, keep_dc=False, scale=True, pool=6)
        self.head = FWHTLayer(24, 30)
        self.classifier = nn.Linear(30, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.project(nn.functional.relu6(self.expand_bn(self.expand(x))))
        logits: torch.Tensor = self.classifier(torch.relu(self.head(x)).mean(dim=(2, 3)))
        return logits


def test_blocks_are_exported() -> None:
    model = Blocks()
    model.train()(torch.randn(8, 3, 9, 9))  # fills the running statistics
    proto = build_onnx_model(model.eval(), card("blocks", 4, 9))
    images = np.random.default_rng(0).normal(size=(5, 3, 9, 9)).astype("f")
    print(check_parity(model, proto.SerializeToString(), images))
    nodes = {
        node.name: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in proto.graph.node
    }
    versions = {name: nodes[name]["plugin_version"] for name in ("expand", "project", "head")}
    assert versions == {"expand": b"3", "project": b"3", "head": b"1"}
    assert [nodes[name]["block"] for name in versions] == [16, 16, 0]
    assert {i.name: list(i.dims) for i in proto.graph.initializer}["expand.thresholds"] == [16]


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


def test_not_a_number_fails_parity(batch: np.ndarray) -> None:
    model, its_card = load_checkpoint(ROOT / "models" / "fwht_mobilenet_v2.safetensors")
    proto = build_onnx_model(model, its_card)
    (weight,) = (w for w in proto.graph.initializer if w.name == "classifier.bias")
    weight.CopyFrom(numpy_helper.from_array(np.full(10, np.nan, "f"), weight.name))
    with pytest.raises(ParityError):
        check_parity(model, proto.SerializeToString(), batch[:2])
