"""Engines built before the models load: what the server says meanwhile, and what a build that fails costs.

The command is another program in place of the engine builder, which needs a GPU.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

import httpx
import pytest

from benchmarks.harness.server_process import make_command
from server.commands.engine_building import EngineBuilding, split_command
from server.errors import StartupError
from server.models import model_files
from server.settings import Settings
from tests.server.commands.test_serve import failed_start
from tests.server.support.http_server import ROOT, make_environment

WITHIN_S = 60.0  # a guard against hanging


def until(found: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_S
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def script(tmp_path: Path, text: str) -> str:
    """A command that runs `text` as Python, with the model's name as its argument."""
    file = tmp_path / "build.py"
    file.write_text(text)
    return f"{{python}} '{file}' {{name}}"


class Starting:
    """A server that builds an engine until the file `gate` is there."""

    def __init__(self, tiny: Path, folder: Path, port: int) -> None:
        self.gate, self.log, self.built = folder / "gate", folder / "log", folder / "built"
        text = (
            "import os, pathlib, sys, time\n"
            "print('layer 1 of 2', flush=True)\n"
            f"pathlib.Path({str(folder / 'pid')!r}).write_text(str(os.getpid()))\n"
            f"while not os.path.exists({str(self.gate)!r}): time.sleep(0.01)\n"
            f"pathlib.Path({str(self.built)!r}).write_text(sys.argv[1])\n"
        )
        self.url = f"http://127.0.0.1:{port}"
        self._pid = folder / "pid"
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                make_command("--port", str(port), "--models", str(tiny), "--engine-command", script(folder, text)),
                cwd=ROOT,
                stderr=stderr,
                env=make_environment(),
            )
        until(self._pid.exists, "the command was not run")
        until(lambda: "layer 1 of 2" in self.log.read_text(), "its output is not in the log")

    def status(self, path: str) -> int:
        return httpx.get(self.url + path).status_code

    def build_runs(self) -> bool:
        try:
            os.kill(int(self._pid.read_text()), 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
def starting(tiny: Path, tmp_path: Path, free_port: int) -> Iterator[Starting]:
    found = Starting(tiny, tmp_path, free_port)
    yield found
    found.gate.touch()
    found.process.terminate()
    found.process.wait(WITHIN_S)


def test_alive_but_not_ready_until_the_engine_is_there(starting: Starting, tiny: Path) -> None:
    assert starting.status("/livez") == 200
    until(lambda: "layer 1 of 2" in httpx.get(starting.url + "/readyz").json()["detail"], "it never said how far")
    refused = httpx.get(starting.url + "/readyz")
    assert refused.status_code == 503 and "Retry-After" in refused.headers
    assert re.match(r"building the engine of \S+, \d+ s so far: layer 1 of 2$", refused.json()["detail"])
    assert httpx.post(starting.url + "/v1/classify", files={"file": b"x"}).status_code == 503
    health = [sys.executable, "-m", "server", "health", "--port", starting.url.rsplit(":", 1)[1]]
    asked = subprocess.run(health, cwd=ROOT, env=make_environment(), capture_output=True, text=True)
    assert asked.returncode == 1 and "building the engine" in asked.stderr
    starting.gate.touch()
    until(lambda: starting.status("/readyz") == 200, starting.log.read_text())
    assert starting.built.read_text() == tiny.stem
    asked = subprocess.run(health, cwd=ROOT, env=make_environment(), capture_output=True, text=True)
    assert (asked.returncode, asked.stdout) == (0, "ready\n")


def test_told_to_stop_meanwhile(starting: Starting) -> None:
    starting.process.terminate()
    assert starting.process.wait(WITHIN_S) == 0
    assert not starting.build_runs() and not starting.built.exists()
    assert "Traceback" not in starting.log.read_text()


def test_a_failed_build_stops_the_server_with_its_last_words(tiny: Path, tmp_path: Path) -> None:
    text = "import sys\nprint('one')\nsys.exit('TensorRT is not installed: install it')"
    message = failed_start("--port", "0", "--models", str(tiny), "--engine-command", script(tmp_path, text))
    assert f"engine of {tiny.stem}" in message and "status 1" in message
    assert "one | TensorRT is not installed: install it" in message


def test_a_killed_build_names_memory(tiny: Path, tmp_path: Path) -> None:
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(StartupError, match="memory runs out.*swap"):
        building(tiny, script(tmp_path, text)).run()


def building(tiny: Path, engine_command: str) -> EngineBuilding:
    return EngineBuilding(Settings(models=(str(tiny),), engine_command=engine_command), lambda text: None)


def test_nothing_is_built_without_a_command(tiny: Path) -> None:
    assert building(tiny, "").run()


def test_none_is_started_once_stopped(tiny: Path, tmp_path: Path) -> None:
    stopped = building(tiny, script(tmp_path, f"open({str(tmp_path / 'run')!r}, 'w')"))
    stopped.stop()
    assert not stopped.run() and not (tmp_path / "run").exists()


def test_a_model_that_is_not_there_is_told_before_its_engine_is_built() -> None:
    with pytest.raises(StartupError, match="no model 'nobody'"):
        EngineBuilding(Settings(models=("nobody",), engine_command="true"), lambda text: None).run()


def test_a_program_that_is_not_there(tiny: Path) -> None:
    with pytest.raises(StartupError, match="no-such-program: No such file"):
        building(tiny, "no-such-program {name}").run()


def test_progress_bars_that_return_to_the_line_start(tiny: Path, tmp_path: Path) -> None:
    said: list[str] = []
    text = "import sys\nsys.stdout.write('10 %\\r20 %\\rdone\\n')"
    settings = Settings(models=(str(tiny),), engine_command=script(tmp_path, text))
    assert EngineBuilding(settings, said.append).run()
    assert [line.rpartition(": ")[2] for line in said[1:]] == ["10 %", "20 %", "done"]


@pytest.mark.parametrize("text", ["build 'unclosed", "   ", "build {nome}", "build {"])
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(StartupError, match="FWHT_ENGINE_COMMAND is"):
        split_command(text, "name", Path("name.onnx"), "fp16")


def test_arguments_of_a_command() -> None:
    text = "{python} -m build '{file}' --name={name} {precision}"
    found = split_command(text, "cat", Path("my models/cat.onnx"), "fp32")
    assert found == [sys.executable, "-m", "build", "my models/cat.onnx", "--name=cat", "fp32"]


@pytest.mark.parametrize(("wanted", "built"), [("auto", "fp16"), ("fp32", "fp32")])
def test_the_engine_of_the_precision_that_will_be_served(tiny: Path, tmp_path: Path, wanted: str, built: str) -> None:
    command = script(tmp_path, f"import sys; open({str(tmp_path / 'said')!r}, 'w').write(sys.argv[2])") + " {precision}"
    settings = Settings(models=(str(tiny),), engine_command=command, precision=wanted)
    assert EngineBuilding(settings, lambda text: None).run()
    assert (tmp_path / "said").read_text() == built


def test_none_is_built_for_onnx_runtime(tiny: Path) -> None:
    settings = Settings(models=(str(tiny),), engine_command="no-such-program", backend="onnxruntime")
    assert EngineBuilding(settings, lambda text: None).run()


def test_none_is_built_of_a_model_that_is_an_engine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "FOLDERS", (tmp_path,))
    (tmp_path / "alone-fp16.engine.json").touch()
    settings = Settings(models=("alone",), engine_command="no-such-program")
    assert EngineBuilding(settings, lambda text: None).run()
