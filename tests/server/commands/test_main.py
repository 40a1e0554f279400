"""The command line around the two commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from server import __version__
from server.__main__ import main
from server.settings import TABLE
from tests.server.support.http_server import ROOT, make_environment


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out == f"fwht-classifier {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"]])
def test_help_has_every_flag_and_the_other_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    shown = capsys.readouterr().out
    assert end.value.code == 0 and "classify" in shown
    assert all("--" + row.name.replace("_", "-") in shown for row in TABLE if not row.metadata.get("secret"))


def test_print_config(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWHT_THREADS", "3")
    assert main(["--print-config", "--port", "81"]) == 0
    shown = capsys.readouterr().out
    assert "(flag)\nFWHT_PORT=81\n" in shown
    assert "(environment)\nFWHT_THREADS=3\n" in shown
    assert "(default)\nFWHT_HOST=127.0.0.1\n" in shown


@pytest.mark.parametrize("arguments", [["--prot", "1"], ["sevre"]])
def test_unknown_argument(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and arguments[0] in capsys.readouterr().err


def test_bad_setting_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "x"]) == 2
    assert capsys.readouterr().err.startswith("error: --port is 'x'")


def test_help_needs_neither_fastapi_nor_onnx_runtime() -> None:
    code = "import sys, server.__main__; print([m for m in ('fastapi', 'onnxruntime', 'numpy') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=make_environment(), capture_output=True, text=True, check=True
    )
    assert shown.stdout == "[]\n"
