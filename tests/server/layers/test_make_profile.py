"""`make profile` and `make compare` as a user types them, and the commands of docs/layers.md."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from server.layers.__main__ import make_parser
from server.settings import DEFAULT_MODEL

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "layers.md").read_text(encoding="utf-8")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    # whatever `make test` was told is not for this one
    told = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
    environment = {key: value for key, value in os.environ.items() if key not in told}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def dry(*arguments: str) -> list[str]:
    """The words of what make would run for a target."""
    done = make("--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return shlex.split(done.stdout, comments=True)


def parsed(words: list[str]) -> dict[str, object]:
    """What `server.layers` takes the words of its command line for."""
    return vars(make_parser().parse_args(words[words.index("server.layers") + 1 :]))


def test_defaults() -> None:
    one = parsed(dry("profile"))
    assert (one["model"], one["precision"], one["image"], one["batch"]) == (DEFAULT_MODEL, "auto", None, None)
    assert parsed(dry("compare"))["models"] == f"efficientnet_lite0,{DEFAULT_MODEL}"
    small = "fwht_efficientnet_lite0_96"
    assert parsed(dry("compare", f"NAME={small}"))["models"] == f"efficientnet_lite0_96,{small}"
    assert parsed(dry("compare", "NAME=fwht_mobilenet_v2"))["models"] == "mobilenet_v2,fwht_mobilenet_v2"


def test_variables() -> None:
    said = ["PRECISION=fp32", "BATCH=4", "IMAGE=a.jpg b.jpg", "ARGS=--rounds 5 --json"]
    one = parsed(dry("profile", "NAME=flowers", *said))
    assert (one["model"], one["precision"], one["batch"], one["rounds"]) == ("flowers", "fp32", 4, 5)
    assert one["image"] == [Path("a.jpg"), Path("b.jpg")] and one["json"]
    two = parsed(dry("compare", "MODELS=flowers:fp32,flowers:fp16", *said))
    assert (two["models"], two["batch"]) == ("flowers:fp32,flowers:fp16", 4)
    assert parsed(dry("compare", "NAME=flowers"))["models"] == "mobilenet_v2,flowers"


def test_profile_and_compare(tiny: Path, tmp_path: Path) -> None:
    few = f"ARGS=--rounds 1 --runs 2 --folder {tmp_path}"
    done = make("profile", f"NAME={tiny}", few)
    assert done.returncode == 0 and "blocks.1.expand" in done.stdout and "medians of 2 runs" in done.stdout
    done = make("compare", f"MODELS={tiny},{tiny}", few)
    assert done.returncode == 0 and "the same within the noise" in done.stdout
    assert len([*tmp_path.glob("*.svg")]) == 4 and len([*tmp_path.glob("*.json")]) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["profile", "NAME=nothing"], "error: there is no model 'nothing'"),
        (["profile", "BATCH=0"], "'0' must be a whole number"),
        (["profile", "PRECISION=int8"], "invalid choice: 'int8'"),
        (["compare", "MODELS=mobilenet_v2"], "two models are compared"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], said: str) -> None:
    done = make(*arguments)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_commands_of_the_page() -> None:
    lines = re.findall(r"^    ((?:make|python -m server\.layers) [^#\n]*)", PAGE, flags=re.MULTILINE)
    assert len(lines) >= 6
    for line in map(str.strip, lines):
        words = dry(*shlex.split(line)[1:]) if line.startswith("make") else shlex.split(line)
        assert parsed(words), line


def test_options_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    options = re.findall(r"`(--[a-z-]+)(?=[` ])", PAGE)
    assert len(options) >= 6
    for command in ("profile", "compare", "diff"):
        with pytest.raises(SystemExit):
            make_parser().parse_args([command, "--help"])
    usage = capsys.readouterr().out
    assert [option for option in options if f" {option}" not in usage] == []
