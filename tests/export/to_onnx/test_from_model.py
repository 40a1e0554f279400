"""What the exporter makes of models: the same everywhere, and refused when it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from export.engine.parity_verdict import ParityError
from export.models import MODELS, build_model
from export.models.checkpoint import load_checkpoint
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.to_onnx.from_checkpoint import SAMPLES
from export.to_onnx.from_model import build_onnx_model, make_metadata
from export.to_onnx.parity import check_parity, load_real_images
from server.models.preprocess import Preprocessing
from tests.export.to_onnx.plain_card import card

ROOT = Path(__file__).parents[3]
CIFAR = Preprocessing(32, "crop", "RGB", (125.3, 123.0, 113.9), (63.0, 62.1, 66.7))
NOT_SHIPPED = sorted(name for name in MODELS if not (ROOT / "models" / f"{name}.safetensors").exists())


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return load_real_images(SAMPLES, CIFAR)


def test_metadata_of_scores() -> None:
    """As server/models/model.py reads them."""
    card = {"name": "a", "sha256": "0", "temperature": 1.25, "min_score": {"cat": 0.5}}
    found = make_metadata(card)
    assert (found["temperature"], found["min_score"]) == ("1.25", '{"cat": 0.5}')


@pytest.mark.parametrize("name", NOT_SHIPPED)
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


def test_not_a_number_fails_parity(batch: np.ndarray) -> None:
    model, its_card = load_checkpoint(ROOT / "models" / "fwht_mobilenet_v2.safetensors")
    proto = build_onnx_model(model, its_card)
    (weight,) = (w for w in proto.graph.initializer if w.name == "classifier.bias")
    weight.CopyFrom(numpy_helper.from_array(np.full(10, np.nan, "f"), weight.name))
    with pytest.raises(ParityError):
        check_parity(model, proto.SerializeToString(), batch[:2])
