"""Loading and unloading over HTTP: who may, what is refused, and that nobody else notices."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import httpx
import numpy as np
import pytest

from benchmarks.harness.server_process import ServerProcess
from benchmarks.harness.tiny_models import SIZE
from server.models import model_files
from tests.server.support.app_client import AppClient
from tests.server.support.http_server import read_memory, run_http_server

KEY = "the-admin-key"
ADMIN = {"X-API-Key": KEY}
RELOADS = 20
CLIENTS = 4
SECONDS = 60.0
MIB = 1 << 20


@pytest.fixture
def admin(make_client: Callable[..., AppClient]) -> AppClient:
    return make_client(admin_key=KEY)


def act(client: AppClient, path: str, **request: Any) -> httpx.Response:
    return client.post(f"/v2/repository/{path}", **{"headers": ADMIN, **request})


PATHS = ("index", "models/tiny/load", "models/tiny/unload")


@pytest.mark.parametrize("path", PATHS)
def test_off_without_an_admin_key(client: AppClient, path: str) -> None:
    response = act(client, path)
    assert response.status_code == 404 and "FWHT_ADMIN_KEY" in response.json()["error"]
    assert client.context.catalogue.get("tiny")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": KEY + "x"}, {"Authorization": "Bearer no"}])
def test_only_with_the_admin_key(admin: AppClient, path: str, headers: dict[str, str]) -> None:
    assert act(admin, path, headers=headers).status_code == 401
    assert admin.context.catalogue.get("tiny")


def test_a_clients_key_is_not_enough(make_client: Callable[..., AppClient]) -> None:
    client = make_client(admin_key=KEY, api_keys=("client",))
    assert act(client, "index", headers={"X-API-Key": "client"}).status_code == 401
    assert act(client, "index", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_index(admin: AppClient) -> None:
    everything = act(admin, "index").json()
    assert {"name": "tiny", "version": "1", "state": "READY", "reason": ""} in everything
    assert {entry["name"] for entry in everything} >= {"tiny", "mobilenet_v2"}
    assert [entry["name"] for entry in act(admin, "index", json={"ready": True}).json()] == ["tiny"]


@pytest.mark.parametrize("body", [b"[", b"[]", b"5", b'{"ready": 1}', b"[" * 100_000, b"\xff"])
def test_bad_body(admin: AppClient, body: bytes) -> None:
    response = act(admin, "index", content=body)
    assert response.status_code == 400 and 10 < len(response.json()["error"]) < 600


@pytest.mark.parametrize("parameters", [{"config": "{}"}, {"file:1/model.onnx": "aGVsbG8="}])
def test_nothing_is_loaded_from_the_request(admin: AppClient, parameters: dict[str, str]) -> None:
    response = act(admin, "models/tiny/load", json={"parameters": parameters})
    assert response.status_code == 400 and "as its file is" in response.json()["error"]


@pytest.mark.parametrize(
    "name", ["nothing", "..%2Fmodels%2Fmobilenet_v2", "%2Fetc%2Fpasswd", "tiny.onnx", "%00", "%ff"]
)
def test_no_paths(admin: AppClient, name: str) -> None:
    for verb in ("load", "unload"):
        assert act(admin, f"models/{name}/{verb}").status_code == 404


def test_load_reload_unload(admin: AppClient, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "FOLDERS", (tmp_path,))
    shutil.copy(tiny, tmp_path / "other.onnx")
    assert act(admin, "models/other/load").json() == {}
    assert act(admin, "models/other/load", json={}).status_code == 200
    assert [model["name"] for model in admin.get("/v1/models").json()["models"]] == ["tiny", "other"]
    assert 'model="other"' in ready_series(admin)
    assert act(admin, "models/other/unload", json={"parameters": {"unload_dependents": False}}).status_code == 200
    assert admin.get("/v2/models/other").status_code == 404
    assert act(admin, "models/other/unload").status_code == 404
    assert 'model="other"' not in ready_series(admin) and 'model="tiny"' in ready_series(admin)


def ready_series(client: AppClient) -> str:
    return "\n".join(line for line in client.get("/metrics").text.splitlines() if line.startswith("fwht_model_ready{"))


def test_broken_file_is_refused_with_the_reason(
    admin: AppClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "FOLDERS", (tmp_path,))
    (tmp_path / "other.onnx").write_bytes(b"no model")
    response = act(admin, "models/other/load")
    assert response.status_code == 400 and "export it again" in response.json()["error"]
    entry = next(entry for entry in act(admin, "index").json() if entry["name"] == "other")
    assert entry["state"] == "UNAVAILABLE" and "export it again" in entry["reason"]
    assert admin.get("/readyz").status_code == 200


class Load:
    """Clients that infer until they are stopped; `answers` holds the status of each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[int] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS)

    def _run(self) -> None:
        image = np.zeros((1, 3, SIZE, SIZE), np.float32).tobytes()
        with httpx.Client(timeout=SECONDS, headers={"Inference-Header-Content-Length": "0"}) as client:
            while not self._stop.is_set():
                self.answers.append(client.post(self.url, content=image).status_code)


@pytest.fixture
def served(tiny: Path, tmp_path: Path) -> Iterator[tuple[ServerProcess, Path]]:
    """A process that serves a copy of the small model, and the copy."""
    copy = tmp_path / "mine.onnx"
    shutil.copy(tiny, copy)
    flags = ("--threads", "1", "--models", str(copy))
    with run_http_server(tmp_path / "log", *flags, FWHT_ADMIN_KEY=KEY) as server:
        yield server, copy


def test_reloads_under_load(served: tuple[ServerProcess, Path], tiny: Path) -> None:
    """No request fails, also while broken versions are refused; memory does not grow by the models of the past."""
    server, copy = served

    def reload() -> int:
        url = f"{server.url}/v2/repository/models/mine/load"
        return httpx.post(url, headers=ADMIN, timeout=SECONDS).status_code

    def write(content: bytes) -> None:
        fresh = copy.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(copy)

    with Load(f"{server.url}/v2/models/mine/infer") as load:
        assert [reload() for _ in range(3)] == [200] * 3
        before = read_memory(server)
        for number in range(RELOADS):
            write(b"broken" if number % 4 == 3 else tiny.read_bytes())
            assert reload() == (400 if number % 4 == 3 else 200)
            assert httpx.get(f"{server.url}/readyz").status_code == 200
        grown = read_memory(server) - before
    assert len(load.answers) > RELOADS and set(load.answers) == {200}
    print(f"{len(load.answers)} requests during {RELOADS} reloads; grown by {grown / MIB:.1f} MiB")
    assert grown < 32 * MIB
    assert "Traceback" not in server.log.read_text()
