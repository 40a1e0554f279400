"""POST /v1/classify: every way to send images, what the answer holds, and what it says while it cannot serve."""

from __future__ import annotations

import asyncio
import io
from typing import Any, Callable

import httpx
import pytest
from PIL import Image

from benchmarks.harness.server_process import ServerProcess
from benchmarks.harness.tiny_models import LABELS
from server.inference.catalogue import Catalogue
from server.settings import Settings
from server.stage_times import STAGES
from tests.server.support.app_client import AppClient

MakeClient = Callable[..., AppClient]


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 64).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def test_answer_has_the_documented_shape(client: AppClient) -> None:
    response = client.post("/v1/classify", files={"file": picture()})
    answer = response.json()
    assert response.status_code == 200
    assert list(answer) == ["id", "model", "version", "backend", "precision", "results", "timings_ms"]
    assert answer["id"] == response.headers["x-request-id"]
    assert (answer["model"], answer["version"], answer["backend"], answer["precision"]) == (
        "tiny",
        "1",
        "onnxruntime",
        "fp32",
    )
    assert answer["results"][0]["image"] == {"width": 40, "height": 30}
    predictions = answer["results"][0]["predictions"]
    assert sorted(p["label"] for p in predictions) == sorted(LABELS)
    assert all(LABELS[p["class_id"]] == p["label"] for p in predictions)
    scores = [p["score"] for p in predictions]
    assert scores == sorted(scores, reverse=True) and sum(scores) == pytest.approx(1, abs=1e-5)


def test_times_add_up_and_travel_in_a_header(client: AppClient) -> None:
    response = client.post("/v1/classify", files={"file": picture()})
    timings = response.json()["timings_ms"]
    assert list(timings) == [*STAGES, "total"]
    assert 0 < sum(timings[stage] for stage in STAGES) <= timings["total"]
    header = response.headers["server-timing"]
    assert header == ", ".join(f"{stage};dur={time}" for stage, time in timings.items())


@pytest.mark.parametrize(
    "request_parts",
    [
        {"files": {"file": picture()}},
        {"files": {"image": picture()}},
        {"content": picture(), "headers": {"Content-Type": "image/png"}},
        {"content": picture(), "headers": {"Content-Type": "IMAGE/JPEG; q=1"}},  # the content decides, not the name
        {"content": picture(), "headers": {"Content-Type": "application/octet-stream"}},
        {"files": {"file": picture()}, "data": {"comment": "is ignored"}},
    ],
)
def test_ways_to_send_an_image(client: AppClient, request_parts: dict[str, Any]) -> None:
    response = client.post("/v1/classify", params={"top_k": 2, "model": "tiny"}, **request_parts)
    assert response.status_code == 200, response.text
    assert len(response.json()["results"][0]["predictions"]) == 2


def test_batch_is_answered_in_order(client: AppClient) -> None:
    sizes = [(10, 20), (30, 40), (50, 60)]
    names = ["file", "image", "file"]
    files = [(name, picture("WEBP", size)) for name, size in zip(names, sizes)]
    results = client.post("/v1/classify", files=files).json()["results"]
    assert [(r["image"]["width"], r["image"]["height"]) for r in results] == sizes
    alone = client.post("/v1/classify", files=files[1:2]).json()["results"]
    assert results[1]["predictions"][0]["class_id"] == alone[0]["predictions"][0]["class_id"]


def test_a_file_larger_than_its_buffer_in_memory(client: AppClient) -> None:
    data = picture("BMP", (800, 600))  # over 1 MiB, which comes in many pieces
    assert len(data) > 1 << 20
    assert client.post("/v1/classify", files={"file": data}).status_code == 200


def test_layer_times_only_when_asked(client: AppClient) -> None:
    assert client.get("/v1/models/tiny/layers").status_code == 404
    answer = client.post("/v1/classify", params={"layers": "true"}, files={"file": picture()}).json()
    report = answer["layers"]
    assert report["schema"] == 1 and report["runs"] == 10
    assert ("blocks.1.expand", "FWHTLayer") in {(item["name"], item["op"]) for item in report["items"]}
    assert client.get("/v1/models/tiny/layers").json() == report


def test_layer_times_can_be_off(make_client: MakeClient) -> None:
    client = make_client(layers="off")
    response = client.post("/v1/classify", params={"layers": "true"}, files={"file": picture()})
    assert response.status_code == 404 and "FWHT_LAYERS" in response.json()["detail"]
    assert client.post("/v1/classify", files={"file": picture()}).status_code == 200


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"Authorization": "Basic hush"}, 401),
        ({"X-API-Key": "hush"}, 200),
        ({"Authorization": "Bearer hush"}, 200),
    ],
)
def test_layer_times_for_the_admin(make_client: MakeClient, headers: dict[str, str], status: int) -> None:
    client = make_client(layers="admin", admin_key="hush", layer_runs=1)
    response = client.post("/v1/classify", params={"layers": "1"}, files={"file": picture()}, headers=headers)
    assert response.status_code == status
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert client.get("/v1/models/tiny/layers", headers=headers).status_code == status


def test_busy_while_models_load(tiny: Any) -> None:
    settings = Settings(models=(str(tiny),))
    client = AppClient(settings, Catalogue(settings))
    response = client.post("/v1/classify", files={"file": picture()})
    assert response.status_code == 503 and response.headers["retry-after"] == "1"
    assert "loading" in response.json()["detail"]


def test_no_more_requests_than_places(make_client: MakeClient) -> None:
    """The rest is refused at once, and the places are free again afterwards."""
    client = make_client(concurrency=1, max_waiting=2)

    async def crowd() -> list[int]:
        requests = [client.send("POST", "/v1/classify", files={"file": picture()}) for _ in range(8)]
        return [response.status_code for response in await asyncio.gather(*requests)]

    statuses = asyncio.run(crowd())
    assert set(statuses) == {200, 503} and statuses.count(200) >= 3
    assert client.context.workers.taken == 0
    assert client.post("/v1/classify", files={"file": picture()}).status_code == 200


def test_slow_upload_is_given_up(make_client: MakeClient) -> None:
    client = make_client(upload_timeout=1)

    async def trickle() -> Any:
        yield b"\xff\xd8\xff"
        await asyncio.sleep(5)

    async def send() -> Any:
        return await client.send("POST", "/v1/classify", content=trickle(), headers={"Content-Type": "image/jpeg"})

    response = asyncio.run(send())
    assert response.status_code == 408 and response.headers["connection"] == "close"
    assert client.context.workers.taken == 0


def test_error_of_the_engine_is_500_without_its_trace(client: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise RuntimeError("a secret of the engine")

    monkeypatch.setattr(client.context.catalogue.get().backend, "infer", broken)
    response = client.post("/v1/classify", files={"file": picture()}, headers={"X-Request-ID": "abc"})
    assert response.status_code == 500 and response.headers["x-request-id"] == "abc"
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text and "abc" in response.json()["detail"]
    assert client.get("/livez").status_code == 200


def test_default_model_of_a_real_process_knows_a_cat(running: ServerProcess, cat: bytes) -> None:
    answer = httpx.post(f"{running.url}/v1/classify", files={"file": cat}).json()
    assert answer["model"] == "fwht_mobilenet_v2"
    assert len(answer["results"][0]["predictions"]) == 5
    assert answer["results"][0]["predictions"][0]["label"] == "cat"
