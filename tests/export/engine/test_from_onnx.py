"""`make engine` from end to end on stand-ins for TensorRT and pycuda; every failure, and what it leaves."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.tiny_models import LABELS, write_tiny_model
from export.engine.from_onnx import main
from server.backends.engine_card import file_sha256
from tests.export.engine import fake_builder as fake
from tests.export.engine.engine_command import new_files, read_engine_card, run_command, write_golden


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_an_engine_is_built_proved_and_kept(folder: Path, capsys: pytest.CaptureFixture[str], precision: str) -> None:
    assert run_command(folder, "--precision", precision) == 0
    said = capsys.readouterr().err
    assert "for Fake GPU (compute capability 8.7): there was none" in said and "4 of them plugins" in said
    assert "parity with ONNX Runtime on 3 images" in said and "share used" in said
    made = read_engine_card(folder, precision)
    sha256 = file_sha256(folder / "flowers.onnx")
    assert made.engine == f"flowers-{precision}-{sha256[:8]}.engine" and made.onnx_sha256 == sha256
    assert made.engine_sha256 == file_sha256(folder / made.engine)
    assert made.plugin_sha256 == file_sha256(folder / "libfwht_plugin.so")
    assert (made.tensorrt, made.gpu, made.compute_capability, made.multiprocessors) == ("8.2.1.8", "Fake GPU", "8.7", 8)
    assert made.profile == {"min": 1, "opt": 4, "max": 16} and json.loads(made.metadata["labels"]) == LABELS
    assert [layer["onnx_nodes"] for layer in made.layers if layer["name"] == "blocks.1.expand"] == [["blocks.1.expand"]]
    assert made.parity["equal_labels"] == made.parity["images"] == 3 and 0 <= made.parity["share"] < 1
    assert made.built["workspace_mib"] in (128, 256, 512, 1024) and made.built["seconds"] >= 0
    timings = "tensorrt-8.2.1.8-Fake-GPU-sm87x8.timings"
    assert new_files(folder) == {f"flowers-{precision}.engine.json", made.engine, timings}
    assert run_command(folder, "--precision", precision) == 0
    assert "kept, it fits" in capsys.readouterr().err and read_engine_card(folder, precision) == made
    assert run_command(folder, "--precision", precision, "--rebuild") == 0
    assert "as asked for" in capsys.readouterr().err and (folder / timings).read_bytes() == b"one build;" * 2


def test_a_new_onnx_file_replaces_the_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(folder, "--workspace", "128", "--batch", "2,2,8") == 0
    old = read_engine_card(folder)
    assert old.built["workspace_mib"] == 128 and old.profile == {"min": 2, "opt": 2, "max": 8}
    write_golden(write_tiny_model(folder / "flowers.onnx", comment="another"))
    assert run_command(folder) == 0
    assert "the ONNX file has changed since" in capsys.readouterr().err
    new = read_engine_card(folder)
    assert new.engine != old.engine and not (folder / old.engine).exists() and (folder / new.engine).exists()


def test_a_foreign_engine_is_refused_unless_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(folder) == 0
    before = read_engine_card(folder)
    assert run_command(folder, identify_machine=fake.identify_other_gpu) == 1
    said = capsys.readouterr().err
    assert "built on a Fake GPU (compute capability 8.7) and this is a Xavier (7.2)" in said and "--rebuild" in said
    assert read_engine_card(folder) == before and (folder / before.engine).exists()
    assert run_command(folder, "--rebuild") == 0


@pytest.mark.parametrize(
    "step, words",
    [
        ({"identify_machine": fake.identify_no_gpu}, "no GPU that CUDA can use.*nvidia-smi"),
        ({"identify_machine": fake.identify_no_plugin}, "libfwht_plugin.so is not there: build it with `make plugin`"),
        ({"build_engine": fake.build_no_memory}, "not enough memory .*OutOfMemory.*4 GB of swap"),
        (
            {"build_engine": fake.build_no_implementation},
            "built no engine .Could not find any implementation for node head",
        ),
        (
            {"build_engine": fake.build_killed},
            "was killed, as Linux does where memory runs out.*4 GB of swap",
        ),
        ({"build_engine": fake.build_crashed}, "crashed .SIGSEGV.*make plugin"),
        ({"build_engine": fake.build_no_room}, "no room for the engine .*free some"),
        (
            {"prove_engine": fake.prove_wrong},
            "does not compute what the ONNX file does; 3 images: largest difference.*fp32",
        ),
    ],
    ids=["no GPU", "no plugin", "no memory", "refused", "killed", "crashed", "disk full", "wrong answers"],
)
def test_a_failure_says_why_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], step: dict[str, Any], words: str
) -> None:
    assert run_command(folder, **step) == 1
    said = capsys.readouterr().err
    assert re.search(words, said), said
    assert "no engine was changed" in said
    assert not [name for name in new_files(folder) if ".engine" in name]


def test_a_failure_leaves_the_old_engine(folder: Path) -> None:
    assert run_command(folder) == 0
    before = read_engine_card(folder)
    assert run_command(folder, "--rebuild", prove_engine=fake.prove_wrong) == 1
    assert read_engine_card(folder) == before and file_sha256(folder / before.engine) == before.engine_sha256
    assert run_command(folder) == 0


def test_a_plugin_for_another_tensorrt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "libfwht_plugin.json").write_text('{"tensorrt": "10.3.0"}')
    assert run_command(folder) == 1
    assert "built for TensorRT 10.3.0 and this is 8.2.1.8: build it again with `make plugin`" in capsys.readouterr().err


def test_a_file_that_is_no_library(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(folder, build_engine=fake.build_broken_plugin) == 1
    assert "does not go with TensorRT 8.2.1.8" in capsys.readouterr().err


def test_this_interpreter_without_tensorrt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The real steps."""
    if find_spec("tensorrt"):
        pytest.skip("TensorRT is here")
    assert main([str(folder / "flowers.onnx"), "--out", str(folder)]) == 1
    assert "TensorRT's Python package cannot be used" in capsys.readouterr().err
    assert not new_files(folder)


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
    assert run_command(folder) == 1
    said = capsys.readouterr().err
    assert re.search(words, said), said
