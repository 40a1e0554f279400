"""The models of two-dimensional layers on the way to an engine: the parser, float16, the build on stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from benchmarks.harness.half_model import HalfSession
from export.engine.network import parse_network
from export.models import build_model
from export.to_onnx.from_model import build_onnx_model
from server.backends.tensorrt_library import get_logger
from tests.export.engine.engine_command import read_engine_card, run_command, write_golden
from tests.export.engine.rtx import in_tensorrts_place

HYBRIDS = {"fwht2d_resnet20": 9, "fwht2d_resnet20_p3": 27, "fwht2d_mobilenet_v3_large": 10}  # and their FWHT2D


def write_model(path: Path, name: str) -> onnx.ModelProto:
    """A model of 16 pixels and three classes whose BatchNorms have seen a few images."""
    torch.manual_seed(0)
    model = build_model(name, 3, 16).train()
    with torch.no_grad():
        for _ in range(5):
            model(torch.randn(16, 3, 16, 16))
    preprocessing = {"size": 16, "resize": "crop", "colour": "RGB", "mean": [125.0] * 3, "std": [60.0] * 3}
    card = {"architecture": name, "labels": ["a", "b", "c"], "preprocessing": preprocessing, "sha256": "0" * 64}
    proto = build_onnx_model(model.eval(), card)
    onnx.save(proto, path)
    return proto


@pytest.mark.parametrize("name", HYBRIDS)
def test_an_engine_is_built_and_its_layers_are_named(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proto = write_model(folder / "flowers.onnx", name)
    write_golden(folder / "flowers.onnx")
    assert run_command(folder, "--precision", "fp16") == 0
    said = capsys.readouterr().err
    assert f"{HYBRIDS[name]} of them plugins" in said and "parity with ONNX Runtime on 3 images" in said
    layers = read_engine_card(folder).layers
    owned = [node for layer in layers for node in layer["onnx_nodes"]]
    assert sorted(owned) == sorted(node.name for node in proto.graph.node)
    assert sum(layer["op"] == "FWHT2D" for layer in layers) == HYBRIDS[name]


@pytest.mark.parametrize("name", HYBRIDS)
def test_float16_changes_little(name: str, tmp_path: Path) -> None:
    """As TensorRT 11 takes it: weights of the op in float32, all else in float16."""
    write_model(tmp_path / "model.onnx", name)
    images = np.random.default_rng(0).normal(size=(8, 3, 16, 16)).astype("f")
    wanted = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"image": images})[0]
    found = HalfSession(tmp_path / "model.onnx").infer(images)
    largest, size = float(np.abs(found - wanted).max()), float(np.abs(wanted).max())
    print(f"{name}: largest difference {largest:.1e} of {size:.1e}")
    assert 0 < largest < 0.02 * size


@pytest.mark.parametrize("half", [False, True])
def test_the_parser_takes_hard_activations_and_squeeze_and_excite(
    half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real parser of TensorRT-RTX: every node becomes a layer of its name."""
    trt: Any = in_tensorrts_place(monkeypatch)
    proto = write_model(tmp_path / "model.onnx", "mobilenet_v3_large")
    network = parse_network(trt.Builder(get_logger()), proto.SerializeToString(), half=half)
    names = {network.get_layer(i).name for i in range(network.num_layers)}
    assert {node.name for node in proto.graph.node if node.op_type in ("Conv", "HardSigmoid", "Mul")} <= names
