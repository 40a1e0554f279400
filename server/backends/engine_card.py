"""The card beside a TensorRT engine: what it was built from and for, and whether it fits the machine that reads it.

    build/<name>-<precision>.engine.json           the card; it is written last, so an engine without one is no engine
    build/<name>-<precision>-<8 digits>.engine     the engine, named by the hash of its ONNX file

An engine is good for one ONNX file, one plugin library, one TensorRT and one kind of GPU. TensorRT itself refuses most
others late and in other words; the card shows it beforehand, so that the error can name the cure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Optional

from ..errors import StartupError

SCHEMA = 2
PRECISIONS = ("fp16", "fp32")  # in the order of preference
HASH_DIGITS = 8


@dataclass(frozen=True)
class EngineCard:
    """What is written beside an engine.

    name: of the artefact, as `make serve NAME=` takes it. engine: file name, in the card's folder. tensorrt, cuda:
    full versions. gpu, compute_capability: as CUDA names them ("Orin", "8.7"). multiprocessors: they tell one Orin
    from another. board: the device tree's name of it, empty where it is not known, as in a container. profile: batch
    sizes min, opt and max.
    metadata: that of the ONNX file (labels, preprocessing). layers: of the engine, in their order: `name`, `op`,
    `onnx_nodes`. parity: what the comparison after the build found. built: when, how long, and on which board in which
    power mode, where known.
    """

    name: str
    precision: str
    engine: str
    engine_sha256: str
    onnx_sha256: str
    plugin_sha256: str
    tensorrt: str
    cuda: str
    gpu: str
    compute_capability: str
    multiprocessors: int
    board: str
    profile: Dict[str, int]
    metadata: Dict[str, str]
    layers: List[Dict[str, Any]]
    parity: Dict[str, Any]
    built: Dict[str, Any]

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Machine:
    """What this process runs on, as far as an engine depends on it; the names are the card's."""

    tensorrt: str
    gpu: str
    compute_capability: str
    multiprocessors: int
    board: str
    plugin_sha256: str


def card_path(folder: Path, name: str, precision: str) -> Path:
    return folder / f"{name}-{precision}.engine.json"


def engine_name(name: str, precision: str, onnx_sha256: str) -> str:
    return f"{name}-{precision}-{onnx_sha256[:HASH_DIGITS]}.engine"


def read_card(path: Path) -> EngineCard:
    """Raises StartupError where it is not there, or no card of this layout."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        schema = values.pop("schema")
        if schema != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, this version reads {SCHEMA}")
        return EngineCard(**{row.name: values[row.name] for row in fields(EngineCard)})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise StartupError(f"{path} is no card of an engine ({error!r}): build it again with `make engine`") from error


def why_wrong_machine(card: EngineCard, machine: Machine) -> Optional[str]:
    """Why the engine cannot run here although nothing is wrong with it: another GPU or another TensorRT. None where it
    can."""
    if (card.gpu, card.compute_capability) != (machine.gpu, machine.compute_capability):
        return (
            f"the engine was built on a {card.gpu} (compute capability {card.compute_capability}) and this is a"
            f" {machine.gpu} ({machine.compute_capability})"
        )
    if card.multiprocessors != machine.multiprocessors:
        return (
            f"the engine was built on a {card.gpu} with {card.multiprocessors} multiprocessors and this is one with"
            f" {machine.multiprocessors}"
        )
    if card.board and machine.board and name_board(card.board) != name_board(machine.board):
        return f"the engine was built on a {card.board} and this is a {machine.board}"
    if card.tensorrt != machine.tensorrt:
        return f"the engine was built by TensorRT {card.tensorrt} and this is {machine.tensorrt}"
    return None


def name_board(model: str) -> str:
    """JetPack 6.2 calls an Orin Nano or NX that was there before "Super"."""
    return model[: -len(" Super")] if model.endswith(" Super") else model


def why_outdated(card: EngineCard, onnx_sha256: Optional[str], plugin_sha256: str) -> Optional[str]:
    """Why the engine is out of date: its ONNX file or the plugin library has changed. None where it is not.

    onnx_sha256: None where there is no ONNX file, as on a board that was given the engine's folder alone.
    """
    if onnx_sha256 is not None and card.onnx_sha256 != onnx_sha256:
        was, now = card.onnx_sha256[:HASH_DIGITS], onnx_sha256[:HASH_DIGITS]
        return f"the ONNX file has changed since the engine was built (it was {was} and is {now})"
    if card.plugin_sha256 != plugin_sha256:
        return "the plugin library has changed since the engine was built"
    return None


def file_sha256(path: Path) -> str:
    """Of the whole file, read in parts: an engine need not fit into memory twice."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def why_wrong_plugin(plugin: Path, tensorrt: str) -> Optional[str]:
    """Why a plugin library does not go with this TensorRT, by what `make plugin` wrote beside it; None where it
    does, or where that is not known. One of another version may load, and register its layers in the wrong registry."""
    try:
        built = str(json.loads(plugin.with_suffix(".json").read_text(encoding="utf-8"))["tensorrt"] or "")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not built or built.split(".")[:2] == tensorrt.split(".")[:2]:
        return None
    cure = "build it again with `make plugin`"
    return f"the plugin library {plugin} was built for TensorRT {built} and this is {tensorrt}: {cure}"
