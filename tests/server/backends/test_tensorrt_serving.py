"""The server with the TensorRT backend, from HTTP to the end of the process, on the stand-in for GPU and TensorRT."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.harness.server_process import ServerProcess, make_command
from server.backends.choice import Choice
from server.inference.catalogue import Catalogue
from server.models import model_files
from server.models.model import load_model
from server.settings import Settings
from server.stage_times import StageTimes
from tests.server.routes.test_probes import sample
from tests.server.support.app_client import AppClient
from tests.server.support.gated_client import make_grey_png
from tests.server.support.http_server import ROOT, make_environment, run_http_server

SAMPLES = sorted((ROOT / "tests" / "data").glob("*.jpg"))  # each is named after what it shows


@pytest.fixture
def gpu(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    machine = FakeGpu(tmp_path)
    machine.install(monkeypatch)
    monkeypatch.setattr(model_files, "FOLDERS", (tmp_path,))
    machine.build(Path(shutil.copy(tiny, tmp_path)))
    return machine


@pytest.fixture
def client(gpu: FakeGpu) -> Iterator[AppClient]:
    settings = Settings(models=("tiny",), layer_runs=2, admin_key="chief", cuda_graphs="off")
    catalogue = Catalogue(settings)
    catalogue.load()
    yield AppClient(settings, catalogue)
    catalogue.close()
    assert not +gpu.cuda.live


def test_every_answer_tells_what_ran(client: AppClient, gpu: FakeGpu, cat: bytes) -> None:
    answer = client.post("/v1/classify?layers=true", files={"file": cat}).json()
    assert (answer["backend"], answer["precision"]) == ("tensorrt", "fp16")
    names = [item["name"] for item in answer["layers"]["items"]]
    assert "blocks.1.expand" in names and answer["layers"]["conditions"]["gpu"] == "Fake GPU"
    (described,) = client.get("/v1/models").json()["models"]
    engine = described["engine"]
    assert (described["backend"], described["precision"], described["provider"]) == ("tensorrt", "fp16", "cuda")
    assert described["not_tensorrt"] is None and described["ready"] is True
    assert engine["tensorrt"] == "8.5.3.1" and engine["profile"] == {"min": 1, "opt": 4, "max": 16}
    hashes = {"sha256": described["onnx_sha256"], "engine_sha256": engine["engine_sha256"]}
    assert sample(client, "fwht_model_info", model="tiny", backend="tensorrt", precision="fp16", **hashes) == 1
    assert sample(client, "fwht_model_ready", model="tiny", backend="tensorrt", provider="cuda") == 1
    config = client.get("/v2/models/tiny/config").json()
    assert (config["platform"], config["backend"]) == ("tensorrt_plan", "tensorrt")
    assert config["instance_group"][0]["kind"] == "KIND_GPU"
    assert config["parameters"]["engine_sha256"]["string_value"] == hashes["engine_sha256"]


def test_same_answers_as_onnx_runtime(client: AppClient, tiny: Path, cat: bytes) -> None:
    other = load_model(str(tiny), Choice("onnxruntime"))
    batch = [cat, *(make_grey_png(value) for value in range(0, 250, 12))][:16]
    files = [("file", data) for data in batch]
    results = client.post("/v1/classify", files=files).json()["results"]
    wanted = other.classify(batch, 4, StageTimes())
    for result, right in zip(results, wanted):
        scores, right_scores = (
            {entry["class_id"]: entry["score"] for entry in one["predictions"]} for one in (result, right)
        )
        assert scores == pytest.approx(right_scores, abs=2e-6)  # both are rounded to six decimals


def test_an_error_that_stays_is_500_and_not_ready_until_it_is_gone(client: AppClient, gpu: FakeGpu, cat: bytes) -> None:
    def classify() -> int:
        return client.post("/v1/classify", files={"file": cat}).status_code

    gpu.cuda.faults["execute"] = 1
    assert classify() == 200, "it was tried again on a fresh context"
    gpu.cuda.faults["execute"] = 10**9
    assert classify() == 500
    ready = client.get("/readyz")
    assert (
        ready.status_code == 503 and "tiny: the engine fails (TensorRT did not start the run" in ready.json()["detail"]
    )
    assert client.get("/livez").status_code == 200 and sample(client, "fwht_model_ready", model="tiny") == 0
    gpu.cuda.faults.clear()
    assert classify() == 200 and client.get("/readyz").status_code == 200


def test_reloading_a_newer_engine(client: AppClient, gpu: FakeGpu, cat: bytes) -> None:
    """And a broken one, which leaves the old one serving."""
    admin = {"X-API-Key": "chief"}
    before = client.context.catalogue.get().backend
    gpu.build(gpu.folder / "tiny.onnx", profile=(1, 2, 8))
    assert client.post("/v2/repository/models/tiny/load", headers=admin).status_code == 200
    after = client.context.catalogue.get().backend
    assert after is not before and after.max_batch == 8
    next(gpu.folder.glob("*.engine")).write_bytes(b"")
    (gpu.folder / "tiny.onnx").unlink()  # else ONNX Runtime would take over
    refused = client.post("/v2/repository/models/tiny/load", headers=admin)
    assert refused.status_code == 400 and "is not the file that its card describes" in refused.json()["detail"]
    assert client.post("/v1/classify", files={"file": cat}).json()["backend"] == "tensorrt"


def post(url: str, data: bytes) -> Any:
    request = urllib.request.Request(f"{url}/v1/classify", data, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture(params=["8.2", "10"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """The shipped hybrid on TensorRT, in a process of its own."""
    shutil.copy(ROOT / "models" / "fwht_mobilenet_v2.onnx", tmp_path)
    module = ("tests.server.support.fake_gpu_server", str(tmp_path), request.param)
    with run_http_server(
        tmp_path / "log", "--models", "fwht_mobilenet_v2", "--backend", "tensorrt", module=module
    ) as server:
        yield server


def test_a_process_that_serves_the_shipped_hybrid(serving: ServerProcess) -> None:
    """Right labels, with several clients at once; and an end without a word of CUDA's."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: post(serving.url, path.read_bytes()), SAMPLES * 4))
    assert [answer["results"][0]["predictions"][0]["label"] for answer in answers] == [p.stem for p in SAMPLES * 4]
    assert {answer["backend"] for answer in answers} == {"tensorrt"}
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(timeout=30) == 0
    log = serving.log.read_text()
    assert "model fwht_mobilenet_v2: tensorrt, fp16, plugin, on cuda" in log
    assert "left on the GPU" not in log and "Traceback" not in log


def test_a_process_that_ends_without_closing_frees_the_gpu(tmp_path: Path, tiny: Path) -> None:
    """As a script does that loads a model and just ends."""
    shutil.copy(tiny, tmp_path)
    code = (
        "import sys, atexit, pytest; from pathlib import Path; from server.models import model_files;"
        "from server.models.model import *;"
        "from benchmarks.harness.fake_gpu import FakeGpu;"
        "from tests.server.support.fake_gpu_server import report_leaks;"
        f"gpu = FakeGpu(Path({str(tmp_path)!r})); gpu.install(pytest.MonkeyPatch());"
        "atexit.register(report_leaks, gpu);"
        f"model_files.FOLDERS = (gpu.folder,); gpu.build(gpu.folder / 'tiny.onnx'); kept = load_model('tiny');"
        "print(kept.backend.name)"
    )
    script = [sys.executable, "-c", code]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tensorrt\n", "")


@pytest.mark.parametrize("backend", ["auto", "tensorrt"])
def test_a_process_whose_engine_is_foreign(tmp_path: Path, tiny: Path, backend: str) -> None:
    """Falls back aloud, or refuses: as configured."""
    shutil.copy(tiny, tmp_path)
    FakeGpu(tmp_path).build(tmp_path / "tiny.onnx", gpu="Orin")
    flags = ("--backend", backend, "--models", str(tmp_path / "tiny.onnx"), "--port", "0")
    if backend == "auto":
        with run_http_server(tmp_path / "log", *flags[:4]) as server:
            assert post(server.url, SAMPLES[0].read_bytes())["backend"] == "onnxruntime"
        assert "runs on ONNX Runtime, not on TensorRT" in (tmp_path / "log").read_text()
        return
    done = subprocess.run(
        make_command(*flags), cwd=ROOT, env=make_environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("error: ")
    assert "TensorRT's Python package cannot be used" in done.stderr
