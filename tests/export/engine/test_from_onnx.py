"""`make engine` from end to end on stand-ins for TensorRT and pycuda; every failure, and what it leaves."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from benchmarks.harness.fake_gpu import some_library
from benchmarks.harness.tiny_models import LABELS, write_tiny_model
from export.engine.failures import explained
from export.engine.from_onnx import main
from export.engine.options import read_options
from export.engine.process import Failed
from export.engine.progress import Progress
from server.backends.engine_card import EngineCard, file_sha256, read_card
from tests.export.engine import fake_builder as fake

ROOT = Path(__file__).parents[3]
GUARD_S = 20.0  # only a hang takes this long


def write_golden(onnx: Path) -> None:
    image = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype("f")
    logits = onnxruntime.InferenceSession(str(onnx)).run(None, {"image": image})[0]
    sha256 = hashlib.sha256(onnx.read_bytes()).hexdigest()
    golden = onnx.with_name(f"{onnx.stem}.golden.npz")
    np.savez(golden, image=image, logits=logits, tolerance=1e-4, onnx_sha256=sha256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """build/ with an ONNX file, golden answers and a plugin library in it."""
    write_golden(write_tiny_model(tmp_path / "flowers.onnx"))
    (tmp_path / "libfwht_plugin.so").write_bytes(some_library().read_bytes())
    return tmp_path


def run(folder: Path, *more: str, **steps: Any) -> int:
    """Exit status of the command."""
    places = ["--out", str(folder), "--plugin", str(folder / "libfwht_plugin.so")]
    return main([str(folder / "flowers.onnx"), *places, *more], replace(fake.STEPS, **steps))


def card(folder: Path, precision: str = "fp16") -> EngineCard:
    return read_card(folder / f"flowers-{precision}.engine.json")


def files(folder: Path) -> set[str]:
    """What is there that was not before."""
    before = {"flowers.onnx", "flowers.golden.npz", "libfwht_plugin.so", ".engines.lock"}
    return {path.name for path in folder.iterdir()} - before


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_an_engine_is_built_proved_and_kept(folder: Path, capsys: pytest.CaptureFixture[str], precision: str) -> None:
    assert run(folder, "--precision", precision) == 0
    said = capsys.readouterr().err
    assert "for Fake GPU (compute capability 8.7): there was none" in said and "4 of them plugins" in said
    assert "parity with ONNX Runtime on 3 images" in said and "share used" in said
    made = card(folder, precision)
    sha256 = file_sha256(folder / "flowers.onnx")
    assert made.engine == f"flowers-{precision}-{sha256[:8]}.engine" and made.onnx_sha256 == sha256
    assert made.engine_sha256 == file_sha256(folder / made.engine)
    assert made.plugin_sha256 == file_sha256(folder / "libfwht_plugin.so")
    assert (made.tensorrt, made.gpu, made.compute_capability) == ("8.2.1.8", "Fake GPU", "8.7")
    assert made.profile == {"min": 1, "opt": 4, "max": 16} and json.loads(made.metadata["labels"]) == LABELS
    assert [layer["onnx_nodes"] for layer in made.layers if layer["name"] == "blocks.1.expand"] == [["blocks.1.expand"]]
    assert made.parity["equal_labels"] == made.parity["images"] == 3 and 0 <= made.parity["share"] < 1
    assert made.built["workspace_mib"] in (128, 256, 512, 1024) and made.built["seconds"] >= 0
    timings = "tensorrt-8.2.1.8-Fake-GPU-sm87.timings"
    assert files(folder) == {f"flowers-{precision}.engine.json", made.engine, timings}
    assert run(folder, "--precision", precision) == 0
    assert "kept, it fits" in capsys.readouterr().err and card(folder, precision) == made
    assert run(folder, "--precision", precision, "--rebuild") == 0
    assert "as asked for" in capsys.readouterr().err and (folder / timings).read_bytes() == b"one build;" * 2


def test_a_new_onnx_file_replaces_the_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--workspace", "128", "--batch", "2,2,8") == 0
    old = card(folder)
    assert old.built["workspace_mib"] == 128 and old.profile == {"min": 2, "opt": 2, "max": 8}
    write_golden(write_tiny_model(folder / "flowers.onnx", comment="another"))
    assert run(folder) == 0
    assert "the ONNX file has changed since" in capsys.readouterr().err
    new = card(folder)
    assert new.engine != old.engine and not (folder / old.engine).exists() and (folder / new.engine).exists()


def test_a_foreign_engine_is_refused_unless_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 0
    before = card(folder)
    assert run(folder, survey=fake.survey_other_gpu) == 1
    said = capsys.readouterr().err
    assert "built on a Fake GPU (compute capability 8.7) and this is a Xavier (7.2)" in said and "--rebuild" in said
    assert card(folder) == before and (folder / before.engine).exists()
    assert run(folder, "--rebuild") == 0


@pytest.mark.parametrize(
    "step, words",
    [
        ({"survey": fake.survey_no_gpu}, "no GPU that CUDA can use.*nvidia-smi"),
        ({"survey": fake.survey_no_plugin}, "libfwht_plugin.so is not there: build it with `make plugin`"),
        ({"build": fake.build_no_memory}, "not enough memory .*OutOfMemory.*4 GB of swap"),
        ({"build": fake.build_no_implementation}, "built no engine .Could not find any implementation for node head"),
        (
            {"build": fake.build_killed},
            "was killed, as Linux does where memory runs out.*4 GB of swap",
        ),
        ({"build": fake.build_crashed}, "crashed .SIGSEGV.*make plugin"),
        ({"build": fake.build_no_room}, "no room for the engine .*free some"),
        ({"prove": fake.prove_wrong}, "does not compute what the ONNX file does; 3 images: largest difference.*fp32"),
    ],
    ids=["no GPU", "no plugin", "no memory", "refused", "killed", "crashed", "disk full", "wrong answers"],
)
def test_a_failure_says_why_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], step: dict[str, Any], words: str
) -> None:
    assert run(folder, **step) == 1
    said = capsys.readouterr().err
    assert re.search(words, said), said
    assert "no engine was changed" in said
    assert not [name for name in files(folder) if ".engine" in name]


def test_a_failure_leaves_the_old_engine(folder: Path) -> None:
    assert run(folder) == 0
    before = card(folder)
    assert run(folder, "--rebuild", prove=fake.prove_wrong) == 1
    assert card(folder) == before and file_sha256(folder / before.engine) == before.engine_sha256
    assert run(folder) == 0


def test_a_plugin_for_another_tensorrt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "libfwht_plugin.json").write_text('{"tensorrt": "10.3.0"}')
    assert run(folder) == 1
    assert "built for TensorRT 10.3.0 and this is 8.2.1.8: build it again with `make plugin`" in capsys.readouterr().err


def test_a_file_that_is_no_library(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, build=fake.build_broken_plugin) == 1
    assert "does not go with TensorRT 8.2.1.8" in capsys.readouterr().err


def test_this_interpreter_without_tensorrt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The real steps."""
    if find_spec("tensorrt"):
        pytest.skip("TensorRT is here")
    assert main([str(folder / "flowers.onnx"), "--out", str(folder)]) == 1
    assert "TensorRT's Python package cannot be used" in capsys.readouterr().err
    assert not files(folder)


def interrupted(folder: Path, number: int, whole_group: bool) -> tuple[int, str]:
    """Status and words of a command that gets a signal while it builds."""
    code = (
        "import sys; from dataclasses import replace; from export.engine.from_onnx import main\n"
        "from tests.export.engine import fake_builder as fake\n"
        "if __name__ == '__main__': sys.exit(main(sys.argv[1:], replace(fake.STEPS, build=fake.build_hangs)))"
    )
    script = folder / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(folder / "flowers.onnx"), "--out", str(folder)]
    command += ["--plugin", str(folder / "libfwht_plugin.so")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + GUARD_S
    while not (folder / "building").exists():
        assert time.monotonic() < end and process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, number) if whole_group else os.kill(process.pid, number)
    said = process.communicate(timeout=GUARD_S)[1]
    script.unlink()
    (folder / "building").unlink()
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    status, said = interrupted(folder, number, whole_group=number == signal.SIGINT)
    assert status == 130 and "interrupted: no engine was changed" in said and "Traceback" not in said
    assert not files(folder)


def test_a_killed_build_leaves_what_the_next_one_removes(folder: Path) -> None:
    status, _ = interrupted(folder, signal.SIGKILL, whole_group=False)
    assert status == -signal.SIGKILL
    assert [name[:8] for name in files(folder)] == [".engine-"]
    assert run(folder) == 0
    assert not [name for name in files(folder) if name.startswith(".engine-")]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--batch", "1,2"], "three numbers, as in 1,4,16"),
        (["--batch", "4,1,16"], "must not fall"),
        (["--batch", "0,1,1"], "at least 1"),
        (["--workspace", "8"], "at least 16"),
        (["--workspace", "all"], "a number of MiB"),
        (["--precision", "int8"], "invalid choice"),
    ],
)
def test_wrong_arguments(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["mobilenet_v2", *arguments])
    assert caught.value.code == 2 and words in capsys.readouterr().err


def test_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(["mobilenet_v2"], "about").onnx.name == "mobilenet_v2.onnx"
    assert main(["nobody"]) == 1
    assert "there is no model 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content, words",
    [
        (b"no ONNX file", "no ONNX file"),
        ("without metadata", "no labels and preprocessing in it.*make onnx"),
        ("without golden", "no golden answers to prove an engine by.*make onnx"),
    ],
)
def test_onnx_files_that_will_not_do(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | str, words: str
) -> None:
    path = folder / "flowers.onnx"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "without metadata":
        write_tiny_model(path, labels=None)
    else:
        (folder / "flowers.golden.npz").unlink()
    assert run(folder) == 1
    said = capsys.readouterr().err
    assert re.search(words, said), said


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room for the engine"),
        (PermissionError(errno.EACCES, "Permission denied"), "chown"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.onnx"), "No such file"),
        (MemoryError(), "not enough memory .none was left for Python"),
        (Failed("MemoryError: cuMemAlloc failed: out of memory"), "not enough memory"),
        (Failed("KeyError: 'x'"), "the build failed"),
    ],
)
def test_explanations(error: Exception, words: str) -> None:
    assert re.search(words, explained(error))


def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line; elsewhere one every half minute."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    for terminal, wanted in ((True, "\r  0:20 a\r  0:40 bb\r        \rdone\n"), (False, "  0:40 bb\ndone\n")):
        clock = iter(range(0, 1000, 20))
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        progress = Progress(stream)
        progress.tick("a")
        progress.tick("bb")
        progress.say("done")
        assert stream.getvalue().replace("\r  0:40 bb\r         \r", "\r  0:40 bb\r        \r") == wanted
