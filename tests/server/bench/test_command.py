"""`python -m server bench URL` against a real process, and what it says where it cannot begin."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.harness.server_process import ServerProcess
from server.__main__ import main
from server.bench.images import encode_form, make_image, read_images
from tests.server.support.http_server import ROOT

SHORT = ["--duration", "0.3", "--warm-up", "0"]
IMAGES = str(ROOT / "tests" / "data")


@pytest.mark.parametrize(
    "more, images",
    [
        ([], 1),
        (["--raw", "--concurrency", "2"], 1),
        (["--batch", "3", "--images", IMAGES], 3),
        (["--rate", "20", "--warm-up", "0.1"], 1),
    ],
)
def test_json(running: ServerProcess, more: list[str], images: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", running.url, *SHORT, *more, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == 0 and found["requests"] == found["latency_ms"]["count"] > 0
    assert found["images_per_request"] == images and found["errors"] == {}


def test_table(running: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", running.url, *SHORT]) == 0
    assert "requests/s" in capsys.readouterr().out


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "http://127.0.0.1:9", *SHORT]) == 2
    assert "start the server" in capsys.readouterr().err


def test_a_refused_first_request_is_shown(running: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", f"{running.url}/v1/classify?model=resnet", *SHORT]) == 2
    shown = capsys.readouterr().err
    assert "answered 404, so nothing was measured" in shown and "resnet" in shown


@pytest.mark.parametrize(
    "options, words",
    [
        (["--concurrency", "0"], "--concurrency is 0: it must be at least 1"),
        (["--rate", "0"], "--rate is 0"),
        (["--duration", "nan"], "--duration is nan"),
        (["--warm-up", "-1"], "--warm-up is -1"),
        (["--raw", "--batch", "2"], "leave one of them out"),
        (["--header", "no colon"], "write it as 'Name: value'"),
        (["--header", "a: b\r\nc: d"], "write it as 'Name: value'"),
        (["--images", "nowhere"], "there is no image"),
    ],
)
def test_bad_options(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "http://127.0.0.1:9", *options]) == 2
    shown = capsys.readouterr().err
    assert words in shown and shown.startswith("error: ") and shown.count("\n") == 1


def test_images_of_a_folder_are_sorted_and_others_left_alone(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    assert read_images(tmp_path) == [b"a.PNG", b"b.jpg"]
    assert read_images(tmp_path / "notes.txt") == [b"notes.txt"]


def test_made_image() -> None:
    assert make_image() == make_image()
    assert Image.open(io.BytesIO(make_image())).size == (32, 32)


def test_form_has_every_image() -> None:
    body, media = encode_form([b"\xff\xd8one", b"two"])
    boundary = media.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == 3 and body.endswith(b"--" + boundary + b"--\r\n")
    assert body.count(b'name="file"; filename=') == 2 and b"image/jpeg\r\n\r\n\xff\xd8one\r\n" in body
