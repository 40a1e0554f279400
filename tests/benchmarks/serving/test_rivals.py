"""The comparison with other servers: how answers are read, settings chosen, figures combined. No speed is asserted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.serving import rivals
from benchmarks.serving.rival_apps.classifier import Classifier
from benchmarks.serving.rival_apps.ml_server import write_folder
from benchmarks.serving.rival_sides import SERVERS, SIDES, Side
from server.bench.connection import Target
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor

MODEL = Path("models/fwht_mobilenet_v2.onnx")
IMAGES = sorted(Path("tests/data").glob("*.jpg"))


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> Classifier:
    monkeypatch.setenv("RIVAL_MODEL", str(MODEL))
    monkeypatch.setenv("RIVAL_THREADS", "1")
    return Classifier()


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: str(path.stem))
def test_the_rivals_prepare_an_image_as_we_do(classifier: Classifier, image: Path) -> None:
    preprocessing = Preprocessing.from_json(json.dumps(classifier.preprocessing))
    ours = to_tensor(decode(image.read_bytes(), preprocessing.size).image, preprocessing)
    np.testing.assert_array_equal(classifier.preprocess(image.read_bytes()), ours)


@pytest.mark.parametrize("server", ["ours", "plain"])
def test_one_round(server: str) -> None:
    side = next(side for side in SIDES if side.server == server)
    options = argparse.Namespace(model=MODEL, seconds=0.1, concurrency=rivals.CONCURRENCY)
    found = rivals.measure(side, sys.executable, options, rivals.find_expected(MODEL))
    assert [turn["concurrency"] for turn in found] == [1, 16, 64]
    assert all(turn["latency"]["count"] > 0 and turn["failed"] == 0 for turn in found)


def test_a_wrong_answer_is_not_timed() -> None:
    side = Side("ours", "defaults")
    options = argparse.Namespace(model=MODEL, seconds=0.1, concurrency=rivals.CONCURRENCY)
    with pytest.raises(SystemExit, match="nothing was timed"):
        rivals.measure(side, sys.executable, options, ("ship", 0.5))


def test_every_server_has_settings_and_they_differ() -> None:
    assert {side.server for side in SIDES} == set(SERVERS)
    assert len({(side.server, side.settings) for side in SIDES}) == len(SIDES)


def test_answers_of_each_kind() -> None:
    prediction = {"predictions": [{"label": "cat", "score": 0.9}]}
    tensors = {"outputs": [{"data": ["cat", "dog"]}, {"data": [0.9, 0.1]}]}
    bodies: dict[str, Any] = {"ours": {"results": [prediction]}, "plain": prediction, "mlserver": tensors}
    for server, body in bodies.items():
        assert Side(server, "").read_best(json.dumps(body).encode()) == ("cat", 0.9)


def test_mlserver_gets_base64() -> None:
    request = Side("mlserver", "").make_request(Target("127.0.0.1", 1, "/x"), b"\xff\xd8")
    (tensor,) = json.loads(request.partition(b"\r\n\r\n")[2])["inputs"]
    assert tensor["data"] == ["/9g="] and tensor["datatype"] == "BYTES"


def test_folder_of_mlserver(tmp_path: Path) -> None:
    write_folder(tmp_path, (1, 2, 3), workers=2, batch=16, delay_s=0.001)
    assert json.loads((tmp_path / "settings.json").read_text())["parallel_workers"] == 2
    assert json.loads((tmp_path / "model-settings.json").read_text())["max_batch_size"] == 16


def test_medians() -> None:
    def turn(value: float | None, failed: int) -> dict[str, Any]:
        return {**dict.fromkeys(rivals.FIGURES, value), "failed": failed}

    found = rivals.compute_medians([turn(1.0, 0), turn(3.0, 2), turn(None, 1)])
    assert found["median_ms"] == 2 and found["failed"] == 3
    assert rivals.compute_medians([turn(None, 1)])["cpu_ms"] is None


def test_the_best_settings_enter_the_table() -> None:
    def row(settings: str, concurrency: int, median: float | None, rate: float) -> dict[str, Any]:
        return {
            "server": "plain",
            "settings": settings,
            "concurrency": concurrency,
            "median_ms": median,
            "requests_per_s": rate,
        }

    rows = [row("a", 1, 2.0, 9), row("b", 1, 1.0, 5), row("a", 16, 2.0, 9), row("b", 16, 1.0, 5), row("c", 1, None, 0)]
    assert [(best["settings"], best["concurrency"]) for best in rivals.choose_best_rows(rows)] == [("b", 1), ("a", 16)]
