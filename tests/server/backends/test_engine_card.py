"""The card beside an engine: written and read, and what it tells of an engine that does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from server.backends.engine_card import (
    EngineCard,
    Machine,
    card_path,
    engine_name,
    file_sha256,
    read_card,
    why_outdated,
    why_wrong_machine,
    why_wrong_plugin,
)
from server.errors import StartupError

CARD = EngineCard(
    name="flowers",
    precision="fp16",
    engine="flowers-fp16-aaaaaaaa.engine",
    engine_sha256="e" * 64,
    onnx_sha256="a" * 64,
    plugin_sha256="b" * 64,
    tensorrt="8.5.2.2",
    cuda="11.4",
    gpu="Orin",
    compute_capability="8.7",
    multiprocessors=16,
    board="NVIDIA Jetson AGX Orin Developer Kit",
    profile={"min": 1, "opt": 4, "max": 16},
    metadata={"labels": '["Gänseblümchen"]'},
    layers=[{"name": "stem + stem_relu6", "op": "Conv", "onnx_nodes": ["stem", "stem_relu6"]}],
    parity={"images": 8},
    built={"seconds": 61.5},
)
HERE = Machine("8.5.2.2", "Orin", "8.7", 16, CARD.board, "b" * 64)


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = card_path(tmp_path, "flowers", "fp16")
    path.write_text(CARD.to_json(), encoding="utf-8")
    assert path.name == "flowers-fp16.engine.json" and read_card(path) == CARD
    assert engine_name("flowers", "fp16", CARD.onnx_sha256) == CARD.engine


def test_a_later_field_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**json.loads(CARD.to_json()), "new": 1}))
    assert read_card(path) == CARD


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 3}', '{"schema": 1}', '{"schema": 2}', "\xff"])
def test_no_card(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(StartupError, match="no card of an engine.*make engine"):
        read_card(path)
    with pytest.raises(StartupError, match="No such file"):
        read_card(tmp_path / "other.json")


def test_foreign() -> None:
    assert why_wrong_machine(CARD, HERE) is None
    assert "built on a Orin (compute capability 8.7) and this is a Xavier (7.2)" in str(
        why_wrong_machine(CARD, replace(HERE, gpu="Xavier", compute_capability="7.2"))
    )
    assert "TensorRT 8.5.2.2 and this is 8.6.2.3" in str(why_wrong_machine(CARD, replace(HERE, tensorrt="8.6.2.3")))


def test_one_orin_is_not_another() -> None:
    """All are called Orin, of compute capability 8.7: multiprocessors tell most, the device tree the rest."""
    nano = replace(HERE, multiprocessors=8, board="NVIDIA Jetson Orin Nano Developer Kit")
    said = str(why_wrong_machine(CARD, nano))
    assert said == "the engine was built on a Orin with 16 multiprocessors and this is one with 8"
    in_container = replace(CARD, multiprocessors=8, board="")
    assert why_wrong_machine(in_container, nano) is None
    assert why_wrong_machine(replace(in_container, board=nano.board), replace(nano, board="")) is None
    nx = replace(in_container, board="NVIDIA Jetson Orin NX Developer Kit")
    assert "built on a NVIDIA Jetson Orin NX Developer Kit and this is a NVIDIA Jetson Orin Nano" in str(
        why_wrong_machine(nx, nano)
    )
    renamed = replace(nano, board=f"{nano.board} Super")
    assert why_wrong_machine(replace(in_container, board=nano.board), renamed) is None, "by JetPack 6.2, the same board"


def test_stale() -> None:
    assert why_outdated(CARD, "a" * 64, "b" * 64) is None and why_outdated(CARD, None, "b" * 64) is None
    assert "it was aaaaaaaa and is cccccccc" in str(why_outdated(CARD, "c" * 64, "b" * 64))
    assert "plugin library" in str(why_outdated(CARD, None, "c" * 64))


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "built, here, wrong",
    [
        ("8.5.3", "8.5.3.1", False),
        ("8.5.2", "8.5.3.1", False),
        ("8.5.3", "8.2.1.8", True),
        ("10.3.0", "10.13.3.9", True),
        ("8.5.3", "10.3.0", True),
        ("", "8.5.3", False),
    ],
)
def test_a_plugin_of_another_tensorrt(tmp_path: Path, built: str, here: str, wrong: bool) -> None:
    library = tmp_path / "libfwht_plugin.so"
    library.with_suffix(".json").write_text(json.dumps({"version": "0.1.0", "tensorrt": built}))
    problem = why_wrong_plugin(library, here)
    assert (problem is not None) is wrong
    if problem:
        assert built in problem and here in problem and "make plugin" in problem


@pytest.mark.parametrize("text", [None, "{", "[]", '{"tensorrt": null}'])
def test_a_plugin_that_does_not_tell(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "libfwht_plugin.json").write_text(text)
    assert why_wrong_plugin(tmp_path / "libfwht_plugin.so", "8.5.3.1") is None
