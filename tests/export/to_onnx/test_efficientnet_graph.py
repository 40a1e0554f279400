"""EfficientNet-Lite0's hybrid from PyTorch to every engine: uneven padding, 5x5 kernels, three soft paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from benchmarks.harness.half_model import HalfSession
from export.engine.network import parse_network
from export.engine.parity_verdict import UNIT_ROUNDOFF
from export.models import build_model
from export.models.checkpoint import save_checkpoint
from export.to_onnx.from_checkpoint import export_checkpoint
from export.to_onnx.parity import load_real_images
from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.backends.tensorrt_library import get_logger
from server.models.preprocess import Preprocessing
from tests.export.engine.rtx import in_tensorrts_place
from tests.plugins.native import build_library

DATA = Path(__file__).parents[2] / "data"
SIZE = 64  # the maps are even down to 4x4, so that every stride meets uneven padding
PLAIN = Preprocessing(SIZE, "crop", "RGB", (127.0,) * 3, (128.0,) * 3)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return load_real_images(DATA / "cifar10_test_1000.bin", PLAIN, 24)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> dict[str, Path]:
    """ONNX files of first weights, whose BatchNorms have seen these images: else everything would be nearly 0."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exported")
    paths = {}
    for name in ("efficientnet_lite0", "fwht_efficientnet_lite0_slim"):
        model = build_model(name, 10, SIZE).train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # an average over what was seen
        with torch.no_grad():
            model(torch.from_numpy(images))
        plain = {"size": SIZE, "resize": "crop", "colour": "RGB", "mean": [127.0] * 3, "std": [128.0] * 3}
        card = {"architecture": name, "labels": [str(i) for i in range(10)], "preprocessing": plain}
        paths[name] = folder / f"{name}.onnx"
        save_checkpoint(folder / f"{name}.safetensors", model, card)
        print(export_checkpoint(folder / f"{name}.safetensors", paths[name], DATA / "cifar10_test_1000.bin", 16))
    return paths


def test_uneven_padding_is_an_attribute_of_the_convolution(exported: dict[str, Path]) -> None:
    """No Pad, which engines would run as a layer of its own; where an even map is halved, one zero more at its end."""
    for path in exported.values():
        nodes = onnx.load(path).graph.node
        assert "Pad" not in {node.op_type for node in nodes}
        pads = {
            n.name: [list(a.ints) for a in n.attribute if a.name == "pads"][0] for n in nodes if n.op_type == "Conv"
        }
        uneven = {name: value for name, value in pads.items() if value[0] != value[2]}
        three, five = [0, 0, 1, 1], [1, 1, 2, 2]
        kernels = {"stem": three, "2": three, "4": five, "6": three, "12": five}
        assert uneven == {f"blocks.{k}.depthwise" if k != "stem" else k: value for k, value in kernels.items()}


def test_native_kernels_answer_alike_and_report_the_layers(exported: dict[str, Path], images: np.ndarray) -> None:
    """Bottleneck 16 has a 3x3 kernel and runs as one op, those before it layer by layer."""
    build_library()
    path = exported["fwht_efficientnet_lite0_slim"]
    tolerance = float(np.load(path.with_suffix(".golden.npz"))["tolerance"])
    body = OnnxRuntimeBackend(path, threads=1, native="off")
    native = OnnxRuntimeBackend(path, threads=1, native="required")
    assert (native.kernels or "").startswith("native ")
    largest = np.abs(native.infer(images) - body.infer(images)).max()
    print(f"largest difference {largest:.2e}, {largest / tolerance:.1%} of the tolerance")
    assert largest <= tolerance
    items = native.profile(images[:1], 3)["items"]
    fwht = [item["name"] for item in items if item["op"] == "FWHTLayer"]
    assert fwht == [*(f"blocks.{i}.{part}" for i in range(12, 17) for part in ("expand", "project")), "head"]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "fwht_efficientnet_lite0_slim"])
def test_float16_typing_keeps_the_answers(name: str, exported: dict[str, Path], images: np.ndarray) -> None:
    """Within the parity's tolerance with float16's roundoff in float32's place; trained weights: test_pretrained.py."""
    single = OnnxRuntimeBackend(exported[name], threads=1, native="off").infer(images)
    ratio = UNIT_ROUNDOFF["fp16"] / UNIT_ROUNDOFF["fp32"]
    tolerance = ratio * float(np.load(exported[name].with_suffix(".golden.npz"))["tolerance"])
    difference = np.abs(HalfSession(exported[name]).infer(images) - single).max()
    print(f"{name}: largest difference {difference:.2e}, {difference / tolerance:.1%} of the tolerance")
    assert 0 < difference <= tolerance


def test_tensorrts_parser_takes_the_padding(exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    trt: Any = in_tensorrts_place(monkeypatch)
    data = exported["efficientnet_lite0"].read_bytes()
    network = parse_network(trt.Builder(get_logger()), data, half=False)
    layers = {network.get_layer(i).name: network.get_layer(i) for i in range(network.num_layers)}
    stem = layers["stem"]
    assert tuple(stem.get_output(0).shape) == (-1, 32, SIZE // 2, SIZE // 2)
    assert tuple(network.get_output(0).shape) == (-1, 10)
