"""Triton's own client, unchanged, against a running server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import httpx
import numpy as np
import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.support.http_server import run_http_server

triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http], which is in the dev extra")

MODEL, OTHER = "fwht_mobilenet_v2", "mobilenet_v2"
SIZE, CLASSES = 32, 10
KEY = "the-admin-key"
ADMIN = {"X-API-Key": KEY}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with run_http_server(
        tmp_path_factory.mktemp("triton") / "log", "--models", "fwht_mobilenet_v2", "--threads", "1", FWHT_ADMIN_KEY=KEY
    ) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 3, SIZE, SIZE)).astype(np.float32)


def wrapped(tensor: np.ndarray, binary: bool = True, name: str = "image") -> Any:
    tensors = {np.dtype(np.float32): "FP32", np.dtype(np.float64): "FP64", np.dtype(np.uint8): "UINT8"}
    wanted = triton.InferInput(name, tensor.shape, tensors[tensor.dtype])
    return wanted.set_data_from_numpy(tensor, binary_data=binary)


def test_health(client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("nothing") and not client.is_model_ready(MODEL, "2")


def test_metadata_and_configuration_agree(client: Any) -> None:
    extensions = client.get_server_metadata()["extensions"]
    assert {"binary_tensor_data", "classification", "model_configuration", "statistics"} <= set(extensions)
    metadata, config = client.get_model_metadata(MODEL), client.get_model_config(MODEL, "1")
    assert metadata["name"] == config["name"] == MODEL and metadata["versions"] == ["1"]
    assert metadata["platform"] == config["platform"] == "onnxruntime_onnx"
    assert config["max_batch_size"] == 16  # so the metadata's first dimension is the batch, and the config has none
    for told, configured in ((metadata["inputs"], config["input"]), (metadata["outputs"], config["output"])):
        assert told[0]["name"] == configured[0]["name"]
        assert told[0]["shape"] == [-1, *configured[0]["dims"]]
        assert configured[0]["data_type"] == "TYPE_" + told[0]["datatype"]


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("binary_in", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("outputs", ["binary", "json", "unsaid"])
def test_infer(client: Any, count: int, binary_in: bool, outputs: str) -> None:
    asked = None if outputs == "unsaid" else [triton.InferRequestedOutput("logits", binary_data=outputs == "binary")]
    answer = client.infer(MODEL, [wrapped(images(count), binary_in)], outputs=asked, request_id="mine")
    logits = answer.as_numpy("logits")
    assert logits.shape == (count, CLASSES) and logits.dtype == np.float32
    told = answer.get_response()
    assert (told["id"], told["model_name"], told["model_version"]) == ("mine", MODEL, "1")
    assert ("data" in answer.get_output("logits")) == (outputs == "json")
    alone = client.infer(MODEL, [wrapped(images(count)[:1])]).as_numpy("logits")
    np.testing.assert_allclose(logits[:1], alone, rtol=1e-3, atol=1e-4)  # a batch may add up in another order


def test_infer_with_version_compression_and_parameters_it_may_ignore(client: Any) -> None:
    plain = client.infer(MODEL, [wrapped(images(2))]).as_numpy("logits")
    for algorithm in ("gzip", "deflate"):
        packed = client.infer(
            MODEL,
            [wrapped(images(2))],
            model_version="1",
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
            priority=1,
            timeout=1_000_000,
            parameters={"note": "mine"},
        )
        np.testing.assert_allclose(packed.as_numpy("logits"), plain, rtol=1e-5, atol=1e-6)


def test_many_at_once(client: Any, server: ServerProcess) -> None:
    busy = triton.InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=8)
    pending = [busy.async_infer(MODEL, [wrapped(images(1 + number % 4))]) for number in range(32)]
    for number, request in enumerate(pending):
        count = 1 + number % 4
        alone = client.infer(MODEL, [wrapped(images(count))]).as_numpy("logits")
        np.testing.assert_allclose(request.get_result().as_numpy("logits"), alone, rtol=1e-3, atol=1e-4)
    busy.close()


@pytest.mark.parametrize("binary", [True, False])
def test_classification(client: Any, server: ServerProcess, binary: bool) -> None:
    labels = httpx.get(f"{server.url}/v1/models").json()["models"][0]["labels"]
    logits = client.infer(MODEL, [wrapped(images(2))]).as_numpy("logits")
    asked = [triton.InferRequestedOutput("logits", binary_data=binary, class_count=3)]
    named = client.infer(MODEL, [wrapped(images(2))], outputs=asked).as_numpy("logits")
    assert named.shape == (2, 3)
    for row, names in zip(logits, named):
        best = np.argsort(-row)[:3]
        for index, name in zip(best, names):
            text = name.decode() if binary else name
            value, number, label = text.split(":")
            assert (int(number), label) == (index, labels[index]) and float(value) == pytest.approx(
                row[index], abs=2e-3
            )


def test_more_classes_than_there_are(client: Any) -> None:
    asked = [triton.InferRequestedOutput("logits", class_count=1000)]
    assert client.infer(MODEL, [wrapped(images(1))], outputs=asked).as_numpy("logits").shape == (1, CLASSES)


WRONG = {
    "shape": (wrapped(np.zeros((1, 3, SIZE, SIZE - 1), np.float32)), "[N, 3, 32, 32]"),
    "dimensions": (wrapped(np.zeros((3, SIZE, SIZE), np.float32)), "[N, 3, 32, 32]"),
    "no_image": (wrapped(np.zeros((0, 3, SIZE, SIZE), np.float32)), "at least 1"),
    "too_many": (wrapped(np.zeros((17, 3, SIZE, SIZE), np.float32)), "16"),
    "json_shape": (wrapped(np.zeros((1, 3, 2, 2), np.float32), binary=False), "[N, 3, 32, 32]"),
    "name": (wrapped(images(1), name="picture"), "'image'"),
    "type": (wrapped(np.zeros((1, 3, SIZE, SIZE), np.float64)), "FP32"),
    "not_finite": (wrapped(np.full((1, 3, SIZE, SIZE), np.nan, np.float32)), "finite"),
    "shared_memory": (triton.InferInput("image", [1, 3, SIZE, SIZE], "FP32").set_shared_memory("r", 1), "shared"),
    "no_data": (triton.InferInput("image", [1, 3, SIZE, SIZE], "FP32"), "data"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(client: Any, case: str) -> None:
    tensor, told = WRONG[case]
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(MODEL, [tensor])
    assert caught.value.status() == "400" and told in caught.value.message()


def test_wrong_names(client: Any) -> None:
    for model, version in (("nothing", ""), (MODEL, "9")):
        with pytest.raises(triton.InferenceServerException) as caught:
            client.infer(model, [wrapped(images(1))], model_version=version)
        assert caught.value.status() == "404" and MODEL in caught.value.message()
    for inputs, outputs in (([images(1)] * 2, "logits"), ([images(1)], "scores")):
        with pytest.raises(triton.InferenceServerException) as caught:
            asked = [triton.InferRequestedOutput(outputs)]
            client.infer(MODEL, [wrapped(tensor) for tensor in inputs], outputs=asked)
        assert caught.value.status() == "400"


def test_statistics(client: Any) -> None:
    (before,) = client.get_inference_statistics(MODEL)["model_stats"]
    client.infer(MODEL, [wrapped(images(5))])
    with pytest.raises(triton.InferenceServerException):
        client.infer(MODEL, [WRONG["shape"][0]])
    (after,) = client.get_inference_statistics(MODEL, "1")["model_stats"]
    assert after["inference_count"] == before["inference_count"] + 5
    assert after["execution_count"] == before["execution_count"] + 1
    assert after["last_inference"] > before["last_inference"] - 1
    stats = after["inference_stats"]
    assert stats["success"]["count"] == before["inference_stats"]["success"]["count"] + 1
    assert stats["fail"]["count"] == before["inference_stats"]["fail"]["count"] + 1
    assert 0 < stats["compute_infer"]["ns"] < stats["success"]["ns"]
    assert any(run["batch_size"] == 5 and run["compute_infer"]["ns"] > 0 for run in after["batch_stats"])
    names = [entry["name"] for entry in client.get_inference_statistics()["model_stats"]]
    assert MODEL in names


def test_repository(client: Any) -> None:
    def state() -> dict[str, str]:
        return {entry["name"]: entry["state"] for entry in client.get_model_repository_index(headers=ADMIN)}

    assert state()[MODEL] == "READY" and state()[OTHER] == "UNAVAILABLE"
    client.load_model(OTHER, headers=ADMIN)
    assert state()[OTHER] == "READY" and client.is_model_ready(OTHER)
    assert client.infer(OTHER, [wrapped(images(1))]).as_numpy("logits").shape == (1, CLASSES)
    client.load_model(OTHER, headers=ADMIN)  # again: a reload
    assert client.infer(OTHER, [wrapped(images(1))]).as_numpy("logits").shape == (1, CLASSES)
    client.unload_model(OTHER, headers=ADMIN)
    assert state()[OTHER] == "UNAVAILABLE" and not client.is_model_ready(OTHER)
    assert client.is_server_ready()


def test_repository_refuses(client: Any) -> None:
    def refused(status: str, call: Any, *arguments: Any, **more: Any) -> None:
        with pytest.raises(triton.InferenceServerException) as caught:
            call(*arguments, **more)
        assert caught.value.status() == status, caught.value

    for call in (client.load_model, client.unload_model):
        refused("401", call, MODEL)
        refused("401", call, MODEL, headers={"X-API-Key": "another"})
        for name in ("nothing", "", "../models/mobilenet_v2", "models/mobilenet_v2", "mobilenet_v2.onnx"):
            refused("404", call, name, headers=ADMIN)
    refused("401", client.get_model_repository_index)
    refused("400", client.load_model, MODEL, headers=ADMIN, config="{}")


def test_log_has_no_traceback(client: Any, server: ServerProcess) -> None:
    assert "Traceback" not in Path(server.log).read_text()
