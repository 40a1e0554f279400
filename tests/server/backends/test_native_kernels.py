"""When the native kernels are used, and that nothing which is wrong with them stops a model: on stand-ins."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path

import pytest

from server.backends import native_kernels
from server.backends.engine_card import file_sha256
from server.backends.native_kernels import choose_kernels, has_native_ops, read_mode
from server.errors import StartupError

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = "1.20.0"
STUB = """
int fwht_native_abi() { return ABI; }
const char *fwht_native_refusal() { return REFUSAL; }
const char *fwht_native_self_check() { return WRONG; }
const char *fwht_native_instruction_set() { return "avx2"; }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the library is looked for."""
    monkeypatch.setattr(native_kernels, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(native_kernels, "_WARNED", set())
    return tmp_path


def compile_stub(folder: Path, abi: int = native_kernels.ABI, refusal: str = "0", wrong: str = "0") -> Path:
    """A library with the interface of the real one, and its card; refusal and wrong are C expressions."""
    return compile_library(folder, STUB, f"-DABI={abi}", f"-DREFUSAL={refusal}", f"-DWRONG={wrong}")


def compile_library(folder: Path, source: str, *macros: str) -> Path:
    library = folder / native_kernels.NAME
    command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", *macros, "-xc", "-", "-o", str(library)]
    subprocess.run(command, input=source, text=True, check=True)
    write_card(library)
    return library


def write_card(library: Path) -> None:
    library.with_suffix(".json").write_text(json.dumps({"sha256": file_sha256(library)}))


def test_a_library_that_passes_its_check_is_used(folder: Path) -> None:
    library = compile_stub(folder)
    assert choose_kernels("auto", RUNTIME) == (library, "avx2")


def test_off_does_not_look_for_it(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_stub(folder)
    assert choose_kernels("off", RUNTIME) is None and caplog.records == []


def refusals(folder: Path, caplog: pytest.LogCaptureFixture, runtime: str = RUNTIME) -> str:
    """The one line that says why the kernels are not used; where they are required it is the error."""
    with caplog.at_level(logging.WARNING):
        assert choose_kernels("auto", runtime) is None
        assert choose_kernels("auto", runtime) is None
    (record,) = caplog.records
    with pytest.raises(StartupError, match="FWHT_NATIVE is 'required', but"):
        choose_kernels("required", runtime)
    return record.getMessage()


def test_without_a_library_the_cure_is_told_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert "function bodies" in (text := refusals(folder, caplog)) and "`make native`" in text


@pytest.mark.parametrize("size", [0, 100, 4096])
def test_a_damaged_library_is_refused(folder: Path, caplog: pytest.LogCaptureFixture, size: int) -> None:
    """Half a library would end the process as it is loaded."""
    library = compile_stub(folder)
    library.write_bytes(library.read_bytes()[:size])
    assert "is not the file that its card" in refusals(folder, caplog)


@pytest.mark.parametrize("card", [None, "", "[]", '{"sha256": 1}', "{}"])
def test_a_library_without_its_card_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture, card: str | None
) -> None:
    file = compile_stub(folder).with_suffix(".json")
    file.unlink()
    if card is not None:
        file.write_text(card)
    assert "card" in refusals(folder, caplog)


def test_a_file_that_is_no_library_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = folder / native_kernels.NAME
    library.write_bytes(b"this is no library")
    write_card(library)
    assert "cannot be loaded" in refusals(folder, caplog)


def test_a_library_of_another_program_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_library(folder, "int a;")
    assert "cannot be loaded" in refusals(folder, caplog)


def test_another_interface_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_stub(folder, abi=99)
    assert "has version 99 of its interface" in refusals(folder, caplog)


def test_wrong_answers_are_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_stub(folder, wrong='"FWHTLayer is 3.5 and should be 2"')
    assert "FWHTLayer is 3.5 and should be 2" in refusals(folder, caplog)


def test_an_instruction_set_that_is_not_there_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_stub(folder, refusal='"FWHT_CPU is neon, which this machine lacks"')
    assert "FWHT_CPU is neon" in refusals(folder, caplog)


def test_an_old_runtime_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_stub(folder)
    assert "need ONNX Runtime 1.17 or later, this is 1.16.3" in refusals(folder, caplog, "1.16.3")


def test_the_mode_is_one_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWHT_NATIVE", "off")
    assert read_mode() == "off"
    monkeypatch.setenv("FWHT_NATIVE", "maybe")
    with pytest.raises(StartupError, match="FWHT_NATIVE is 'maybe': it must be one of auto, off, required"):
        read_mode()
    monkeypatch.delenv("FWHT_NATIVE")
    assert read_mode() == "auto"


@pytest.mark.parametrize(
    "name, found", [("mobilenet_v2", False), ("fwht_mobilenet_v2", True), ("fwht_mf_mobilenet_v2", True)]
)
def test_models_with_our_ops_are_told_from_others(name: str, found: bool) -> None:
    assert has_native_ops((ROOT / "models" / f"{name}.onnx").read_bytes()) is found
