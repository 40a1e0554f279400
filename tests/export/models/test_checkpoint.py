"""Weights and cards: what is written comes back, and what does not fit is refused with the reason."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from export.models import build_model, count_parameters, get_weights
from export.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from export.ops.layers import FWHTLayer

MODELS = Path(__file__).parents[3] / "models"
CARD: dict[str, Any] = {
    "architecture": "fwht_mobilenet_v2_slim",
    "labels": ["no", "yes"],
    "preprocessing": {"size": 32, "resize": "crop", "colour": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1]},
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, build_model(CARD["architecture"], 2), CARD)
    return path


def change_card(path: Path, **changes: Any) -> None:
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, **changes}))


def change_weights(path: Path, change: Any) -> None:
    """Rewrite the file and its hash, as somebody who converts weights would."""
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    change_card(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_round_trip(saved: Path) -> None:
    model, card = load_checkpoint(saved)
    torch.manual_seed(0)
    wanted = get_weights(build_model(CARD["architecture"], 2))
    assert not model.training
    assert all(torch.equal(value, get_weights(model)[name]) for name, value in load_file(saved).items())
    assert get_weights(model).keys() == wanted.keys()
    assert card["name"] == "mine" and card["parameters"] == sum(v.numel() for v in wanted.values())
    assert sorted(p.name for p in saved.parent.iterdir()) == ["mine.json", "mine.safetensors"]


def test_a_variant_is_built_as_its_card_says(tmp_path: Path) -> None:
    variant, path = {"scale": True}, tmp_path / "varied.safetensors"
    save_checkpoint(path, build_model(CARD["architecture"], 2, variant=variant), {**CARD, "variant": variant})
    model, _ = load_checkpoint(path)
    assert model.get_parameter("head.scale").shape == (2048,)
    for wrong, message in (({"scales": True}, "has no variant 'scales'"), ("scale", "mine|varied.*json")):
        change_card(path, variant=wrong)
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(path)


def test_paths_and_soft_come_back(tmp_path: Path) -> None:
    variant, path = {"paths": 3, "soft": True}, tmp_path / "varied.safetensors"
    made = build_model(CARD["architecture"], 2, variant=variant)
    save_checkpoint(path, made, {**CARD, "variant": variant})
    model, card = load_checkpoint(path)
    head = model.get_submodule("head")
    assert isinstance(head, FWHTLayer) and (head.paths, head.soft) == (3, True)
    assert head.thresholds.shape == (3, 2048) and torch.equal(head.thresholds, made.get_parameter("head.thresholds"))
    assert card["parameters"] == count_parameters(build_model(CARD["architecture"], 2)) + 5 * (10 * 1024 + 2048)
    for wrong in ({"paths": 9}, {"paths": 0}, {"paths": "3"}, {"soft": 1}):
        change_card(path, variant=wrong)
        with pytest.raises(CheckpointError, match=f"cannot have {next(iter(wrong))}"):
            load_checkpoint(path)


def test_missing_extra_and_misshapen_weights_are_named(saved: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        del tensors["stem.weight"]
        tensors["tail.weight"] = torch.zeros(1)
        tensors["head.thresholds"] = torch.zeros(1024)

    change_weights(saved, change)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(saved)
    message = str(caught.value)
    assert "missing: stem.weight" in message and "not of this model: tail.weight" in message
    assert "head.thresholds is (1024,) instead of (2048,)" in message


def test_wrong_hash(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1] + b"\1")
    with pytest.raises(CheckpointError, match="SHA-256 .* its card says"):
        load_checkpoint(saved)


def test_a_pickle_is_never_opened(saved: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    data = pickle.dumps(Trap())
    saved.write_bytes(data)
    change_card(saved, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(saved)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"architecture": "resnet18"}, "no model is called 'resnet18'"),
        ({"labels": ["a", "b", "c"]}, r"classifier.bias is \(2,\) instead of \(3,\)"),
        ({"preprocessing": {}}, "size"),
        ({"preprocessing": None}, "json"),
    ],
)
def test_a_card_that_does_not_fit(saved: Path, changes: dict[str, Any], word: str) -> None:
    change_card(saved, **changes)
    with pytest.raises(CheckpointError, match=word):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    "text, word", [(None, "is missing"), ("{", "not JSON"), ("{}", "lacks architecture"), ("7", "lacks")]
)
def test_a_card_that_cannot_be_read(saved: Path, text: str | None, word: str) -> None:
    card = saved.with_suffix(".json")
    card.unlink() if text is None else card.write_text(text)
    with pytest.raises(CheckpointError, match=word):
        load_checkpoint(saved)


def test_missing_weights(saved: Path) -> None:
    saved.unlink()
    with pytest.raises(CheckpointError, match="cannot read"):
        load_checkpoint(saved)


@pytest.mark.parametrize("name", sorted(p.stem for p in MODELS.glob("*.safetensors")))
def test_shipped_weights_load_and_their_card_says_what_they_are(name: str) -> None:
    _, card = load_checkpoint(MODELS / f"{name}.safetensors")
    architecture, size = card["architecture"], card["preprocessing"]["size"]
    assert card["name"] == name and name in (architecture, f"{architecture}_{size}")
    assert card["accuracy"]["images"] == 10_000 and "JPEG" in card["accuracy"]["data"]
    training = card["training"]
    if "origin" not in card:  # from random weights, and how
        assert "teacher_sha256" not in training and "--init" not in training.get("command", "")
        assert "command" in training or "Stand-in" in training["note"]
    else:  # whose weights they come from, or whose answers they have learned, and on what terms
        origin = card["origin"]
        while "from" in origin:
            origin = origin["from"]
        if origin["weights"].endswith(f"({architecture})"):  # from a shorter training of its own
            assert card["origin"]["teacher"]["sha256"] == training["teacher_sha256"]
            assert "non-commercial" in json.dumps(card["origin"]["teacher"])
        else:
            assert "Apache-2.0" in origin["weights"]
        assert "ImageNet" in origin["terms"]
