"""What the server's tests share: a small model, the application in this process, and a real server process."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from benchmarks.harness.fake_gpu import FakeGpu
from benchmarks.harness.process_tree import find_free_port
from benchmarks.harness.server_process import ServerProcess
from benchmarks.harness.tiny_models import write_tiny_model
from server.backends.tensorrt_backend import TensorRTBackend
from server.inference.catalogue import Catalogue
from server.settings import Settings
from tests.server.support.app_client import AppClient
from tests.server.support.gated_engine import GatedEngine
from tests.server.support.http_server import ROOT, run_http_server

CAT = ROOT / "tests" / "data" / "cat.jpg"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX file of a small hybrid called `tiny`."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture
def make_client(tiny: Path) -> Callable[..., AppClient]:
    """Makes a client of an application in this process; keywords are settings."""

    def make(**settings: Any) -> AppClient:
        chosen = Settings(**{"models": (str(tiny),), "threads": 1, **settings})
        catalogue = Catalogue(chosen)
        catalogue.load()
        return AppClient(chosen, catalogue)

    return make


@pytest.fixture
def client(make_client: Callable[..., AppClient]) -> AppClient:
    return make_client()


def exchange_engine(catalogue: Catalogue, engine: GatedEngine) -> None:
    """Have the only model run on another engine."""
    model = catalogue.get()
    model.backend = engine
    catalogue._served = {model.name: catalogue._serve(model)}


@pytest.fixture
def gated(make_client: Callable[..., AppClient]) -> Iterator[Callable[..., tuple[AppClient, GatedEngine]]]:
    """Makes a client whose only model runs on an engine that waits; keywords are settings."""
    engines = []

    def make(**settings: Any) -> tuple[AppClient, GatedEngine]:
        client, engine = make_client(**settings), GatedEngine()
        exchange_engine(client.context.catalogue, engine)
        engines.append(engine)
        return client, engine

    yield make
    for engine in engines:
        engine.gate.set()


@pytest.fixture(scope="session")
def cat() -> bytes:
    """A 32 x 32 JPEG."""
    return CAT.read_bytes()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real process that serves the default model, shared by all tests that do no harm to it."""
    with run_http_server(
        tmp_path_factory.mktemp("server") / "log", "--models", "fwht_mobilenet_v2", "--threads", "1"
    ) as server:
        yield server


@pytest.fixture
def make_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeGpu]]:
    """Makes a machine with a GPU; at the end nothing of it may be left in use."""
    made: list[FakeGpu] = []

    def make(style: str = "8.5", **gpu: Any) -> FakeGpu:
        folder = tmp_path / f"build{len(made)}"
        folder.mkdir()
        made.append(FakeGpu(folder, style, **gpu))
        made[-1].install(monkeypatch)
        return made[-1]

    yield make
    gc.collect()
    for machine in made:
        assert not +machine.cuda.live, "left on the GPU"


@pytest.fixture
def gpu(make_gpu: Callable[..., FakeGpu]) -> FakeGpu:
    return make_gpu()


@pytest.fixture
def opened(gpu: FakeGpu, tiny: Path) -> Iterator[Callable[..., TensorRTBackend]]:
    """Makes a backend of the small model on `gpu`, and closes it."""
    made: list[TensorRTBackend] = []

    def make(graphs: bool = True, **engine: Any) -> TensorRTBackend:
        made.append(TensorRTBackend(gpu.build(tiny, **engine), graphs=graphs))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def free_port() -> int:
    """For a server that must be asked before it says where it listens."""
    return find_free_port()
