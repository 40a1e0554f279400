"""The arguments of `python -m export.engine`."""

from __future__ import annotations

import pytest

from export.engine.from_onnx import main
from export.engine.options import read_options


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
