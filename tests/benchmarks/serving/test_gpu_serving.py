"""The GPU's check of the whole way, as far as it goes on the stand-in for GPU and TensorRT; and its judgement."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.serving import gpu_serving
from benchmarks.serving.engine_pairs import compare_engines
from server.backends.cuda import Context
from server.backends.engine_card import read_card
from server.backends.tensorrt_library import load_plugin
from server.bulk.packed_images import read_packed
from tests.plugins.onnx_labels import logits, normalised, read_test_images
from tests.server.support.http_server import ROOT

HYBRID = ROOT / "models" / "fwht_mobilenet_v2.onnx"
SOME = 64


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gpu_serving, "BUILD", tmp_path)
    monkeypatch.setattr(gpu_serving, "LABELS", tmp_path / "labels.npz")
    return tmp_path


def test_labels_and_layers_over_http(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(HYBRID, build)
    pixels, _ = read_test_images(gpu_serving.PACK)
    arrays: dict[str, Any] = {"fwht_mobilenet_v2.logits": logits(HYBRID, pixels[:SOME])}
    np.savez(build / "labels.npz", **arrays)
    card = read_card(FakeGpu(build).build(build / HYBRID.name))
    images = [image.data for image in read_packed(gpu_serving.PACK) if image.is_test][:SOME]
    row = gpu_serving.serve(card, images, ("tests.server.support.fake_gpu_server", str(build), "8.5"))
    assert row["other_labels"] == 0 and row["images"] == SOME and row["layers_of_ours"] == 10
    assert gpu_serving.find_serving_problems(row) == []
    assert normalised(pixels[:1], card.metadata).shape == (1, 3, 32, 32)


def test_engines_side_by_side(build: Path, monkeypatch: pytest.MonkeyPatch, tiny_pair: tuple[Path, Path]) -> None:
    gpu = FakeGpu(build)
    gpu.install(monkeypatch)
    hybrid, baseline = (read_card(gpu.build(path, profile=(1, 2, 4))) for path in tiny_pair)
    context = Context()
    load_plugin(gpu.plugin)
    found = compare_engines(hybrid, baseline, build, context, batch=2, rounds=1)
    context.close()
    assert set(found["times"]) == {"tiny", "other"} and not +gpu.cuda.live
    for kind in ("gpu", "call"):
        assert found["ratio"][kind] > 0 and found["times"]["tiny"][kind]["calls"] == 100
    assert found["times"]["tiny"]["gpu_as_graph"] is True


@pytest.fixture
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from benchmarks.harness.tiny_models import write_tiny_model

    folder = tmp_path_factory.mktemp("pair")
    return write_tiny_model(folder / "tiny.onnx"), write_tiny_model(folder / "other.onnx")


def row(**changes: Any) -> dict[str, Any]:
    good = {"model": "hybrid", "precision": "fp32", "images": 1000, "other_labels": 1, "backend": "tensorrt"}
    rest = {"layers_of_ours": 10, "layers_missing": [], "exit_status": 0, "last_words": []}
    return {**good, **rest, **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"other_labels": 2}, "2 of 1000 labels differ"),
        ({"precision": "fp16", "other_labels": 4}, "4 of 1000 labels differ"),
        ({"backend": "onnxruntime"}, "ran on onnxruntime"),
        ({"layers_missing": ["blocks.17.expand"]}, "blocks.17.expand"),
        ({"layers_of_ours": 0}, "names no layer of ours"),
        ({"exit_status": -6, "last_words": ["context stack was not empty"]}, "status -6"),
    ],
)
def test_problems(changes: dict[str, Any], words: str) -> None:
    (problem,) = gpu_serving.find_serving_problems(row(**changes))
    assert words in problem


def test_no_problem() -> None:
    assert gpu_serving.find_serving_problems(row()) == []
    assert gpu_serving.find_serving_problems(row(precision="fp16", other_labels=3)) == []
    assert gpu_serving.find_serving_problems(row(model="mobilenet_v2", layers_of_ours=0)) == []
