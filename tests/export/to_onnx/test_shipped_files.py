"""The ONNX files that are shipped: what they hold, and that they compute what their weights compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from export.models.checkpoint import load_checkpoint
from export.models.hadamard_convolution import HadamardConv2d
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.to_onnx.from_checkpoint import SAMPLES
from export.to_onnx.from_model import build_onnx_model
from export.to_onnx.parity import check_parity, load_real_images
from server.models.preprocess import Preprocessing

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(path.stem for path in (ROOT / "models").glob("*.safetensors"))


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
        path for path, module in model.named_modules() if isinstance(module, (FWHTLayer, MFDepthwiseConv, FWHT2D))
    ]
    for node in custom:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        # than the first version of the op
        later = node.op_type == "FWHTLayer" and (attributes.get("paths", 1) > 1 or attributes.get("soft", 0))
        assert node.domain == "fwht" and attributes["plugin_namespace"] == b""
        assert attributes["plugin_version"] == (b"2" if later else b"1")
    assert {f.name for f in proto.functions} == {node.op_type for node in custom}
    # A BatchNorm behind a sum stays where the layer's input, which can take no gain, is added.
    sums = sum(isinstance(module, HadamardConv2d) and module.residual for module in model.modules())
    assert [node.op_type for node in proto.graph.node].count("BatchNormalization") == sums
    assert len({node.name for node in proto.graph.node}) == len(proto.graph.node)
    properties = {p.key: p.value for p in proto.metadata_props}
    assert json.loads(properties["labels"]) == its_card["labels"]
    assert json.loads(properties["preprocessing"]) == its_card["preprocessing"]
    assert (
        properties["checkpoint_sha256"] == its_card["sha256"] and properties["architecture"] == its_card["architecture"]
    )
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
