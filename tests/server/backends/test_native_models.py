"""The shipped models on native kernels: the answers of the function bodies, and the same names in reports."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from benchmarks.harness.node_models import LayerCase, make_model
from export.to_onnx.fwht_function import make_fwht_layer_function
from server.backends import native_kernels
from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.bulk.packed_images import read_packed
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor
from tests.plugins.native import ROOT, build_library

HYBRIDS = ("fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")
IMAGES = ROOT / "tests" / "data" / "cifar10_test_1000.bin"
BATCH = 50


@pytest.fixture(scope="module", autouse=True)
def library() -> Path:
    return build_library()


def open_model(name: str, native: str) -> OnnxRuntimeBackend:
    return OnnxRuntimeBackend(ROOT / "models" / f"{name}.onnx", threads=1, native=native)


@pytest.fixture(scope="module")
def images(pytestconfig: pytest.Config) -> np.ndarray:
    """Test images, prepared as the server does: float32 (200, 3, 32, 32); with --full all 1,000."""
    count = None if pytestconfig.getoption("--full") else 200
    preprocessing = Preprocessing.from_json(open_model(HYBRIDS[0], "off").metadata["preprocessing"])
    return np.stack(
        [to_tensor(decode(image.data, 32).image, preprocessing) for image in islice(read_packed(IMAGES), count)]
    )


def infer(backend: OnnxRuntimeBackend, images: np.ndarray) -> np.ndarray:
    parts = [backend.infer(images[begin : begin + BATCH]) for begin in range(0, len(images), BATCH)]
    return np.concatenate(parts)


@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.slow
def test_both_answer_alike(name: str, images: np.ndarray) -> None:
    """Within the tolerance of the model's golden answers; sgn(x) jumps at 0, so 2 % of a model that has it may not."""
    native, body = open_model(name, "required"), open_model(name, "off")
    assert (native.kernels or "").startswith("native ") and body.kernels == native_kernels.FUNCTION_BODY
    with np.load(ROOT / "tests" / "data" / f"{name}.golden.npz") as golden:
        tolerance = float(golden["tolerance"])
    found, wanted = infer(native, images), infer(body, images)
    differences = np.abs(found - wanted).max(axis=1)
    beyond = int((differences > tolerance).sum())
    print(f"{name}: largest difference {differences.max():.2e}, {differences.max() / tolerance:.1%} of the tolerance")
    assert beyond <= (0.02 * len(images) if name == "fwht_mf_mobilenet_v2" else 0)
    assert (found.argmax(axis=1) == wanted.argmax(axis=1)).all()


def test_a_report_has_the_same_layers(images: np.ndarray) -> None:
    native, body = (open_model("fwht_mobilenet_v2", mode).profile(images[:1], 3) for mode in ("required", "off"))
    assert native["conditions"]["kernels"].startswith("native ") and body["conditions"]["kernels"] == "function body"
    layers = [
        [(item["name"], item["op"]) for item in report["items"] if item["onnx_nodes"]] for report in (native, body)
    ]
    added = [("blocks.13.add", "Add"), ("blocks.15.add", "Add"), ("blocks.16.add", "Add")]  # within project
    assert layers[0] == [layer for layer in layers[1] if layer not in added]
    nodes = [sorted(node for item in report["items"] for node in item["onnx_nodes"]) for report in (native, body)]
    assert nodes[0] == nodes[1]
    assert [item["op"] for item in native["items"]].count("FWHTLayer") == 10


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_fused_report_has_the_times_of_the_three_layers(name: str, images: np.ndarray) -> None:
    """The whole lies within what the layers take one by one; each of them took some time."""
    report = open_model(name, "required").profile(images[:1], 12)
    items = {item["name"]: item for item in report["items"]}
    for block in range(13, 18):
        parts = [items[f"blocks.{block}.{layer}"] for layer in ("expand", "depthwise", "project")]
        assert all(0 < part["ms"] < 0.2 * report["profiled_ms"] for part in parts)
        assert [part["op"] for part in parts][::2] == ["FWHTLayer", "FWHTLayer"]
    assert sum(item["op"].startswith("Reorder") for item in report["items"]) <= 3


@pytest.mark.parametrize("name", HYBRIDS)
def test_fused_and_not_answer_alike(name: str, images: np.ndarray) -> None:
    path = ROOT / "models" / f"{name}.onnx"
    fused, apart = (OnnxRuntimeBackend(path, threads=2, native="required", fused=fuse) for fuse in (True, False))
    for batch in (1, 3, 16, 64):
        found, wanted = fused.infer(images[:batch]), apart.infer(images[:batch])
        alike = np.abs(found - wanted).max(axis=1) <= 1e-5 * np.abs(wanted).max()
        assert alike.all() if name != "fwht_mf_mobilenet_v2" else alike.mean() >= 0.9  # sgn(x) jumps at 0
        assert fused.infer(images[:batch]).tobytes() == found.tobytes()


def make_bottleneck_of_blocks(path: Path) -> None:
    """Expand and project in blocks of 16, as in arXiv 2201.02711, with a depthwise convolution between."""
    layers = {
        "expand": LayerCase(24, 144, 16, keep_dc=0, activation=6, block=16),
        "project": LayerCase(144, 24, 16, keep_dc=0, pool=6, block=16),
    }
    generator = np.random.default_rng(0)
    weights = {
        f"{name}.{key}": value for name, each in layers.items() for key, value in each.draw_weights(generator).items()
    }
    weights["depthwise.weight"] = generator.normal(0, 0.3, (144, 1, 3, 3)).astype(np.float32)
    filtered = helper.make_node(
        "Conv", ["expand", "depthwise.weight"], ["depthwise"], name="depthwise", group=144, pads=[1] * 4
    )
    nodes = [layers["expand"].make_node("expand", "x", "expand"), filtered]
    nodes.append(layers["project"].make_node("project", "depthwise", "y"))
    model = make_model(nodes, weights, (24, 8, 8), (24, 8, 8), [make_fwht_layer_function(nodes)])
    path.write_bytes(model.SerializeToString())


def test_layers_with_blocks_run_one_by_one(tmp_path: Path) -> None:
    """They are not taken into a fused bottleneck; a report has them by name, whichever kernels run them."""
    make_bottleneck_of_blocks(tmp_path / "blocks.onnx")
    x = np.random.default_rng(1).normal(0, 1, (2, 24, 8, 8)).astype(np.float32)
    native, body = (
        OnnxRuntimeBackend(tmp_path / "blocks.onnx", threads=1, native=mode) for mode in ("required", "off")
    )
    assert (native.kernels or "").startswith("native ") and body.kernels == native_kernels.FUNCTION_BODY
    wanted = body.infer(x)
    assert np.abs(native.infer(x) - wanted).max() <= 1e-5 * np.abs(wanted).max()
    for backend in (native, body):
        items = [(item["name"], item["op"]) for item in backend.profile(x, 3)["items"] if item["onnx_nodes"]]
        assert items == [("expand", "FWHTLayer"), ("depthwise", "Conv"), ("project", "FWHTLayer")]


def test_a_model_without_our_ops_needs_no_kernels() -> None:
    assert open_model("mobilenet_v2", "required").kernels is None
