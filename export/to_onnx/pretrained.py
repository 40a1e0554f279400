"""The command behind `make pretrained`: EfficientNet-Lite0 with ImageNet's weights and 1000 names, ready to be served.

python -m export.to_onnx.pretrained [--name NAME] [--image-size PIXELS] makes BUILD/NAME.safetensors with its card,
BUILD/NAME.onnx and BUILD/NAME.golden.npz.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from export.data.names import check_name
from export.engine.parity_verdict import ParityError
from export.models import build_model, imagenet
from export.models.checkpoint import CheckpointError, save_checkpoint
from export.models.initial_weights import IMAGENET, read_initial_weights, take_weights
from export.to_onnx.from_checkpoint import ROOT, SAMPLES, export_checkpoint
from server.errors import ServerError
from server.standard_output import run_command

NAME = f"{imagenet.ARCHITECTURE}_{IMAGENET}"
SIZE = 224  # what the weights were trained on
PARITY_IMAGES = 16


def make_card(name: str, size: int, labels: list[str]) -> dict[str, Any]:
    plain = {"size": size, "resize": "crop", "colour": "RGB", "mean": imagenet.MEAN, "std": imagenet.STD}
    return {
        "name": name,
        "architecture": imagenet.ARCHITECTURE,
        "labels": labels,
        "preprocessing": plain,
        "origin": imagenet.ORIGIN,
    }


def make_pretrained(build: Path, name: str, size: int) -> str:
    """Write weights, card, ONNX file and golden outputs; the report.

    Raises CheckpointError where the weights cannot be had, ParityError where ONNX Runtime disagrees; files made before
    stay as they are then.
    """
    initial, labels = read_initial_weights(IMAGENET), imagenet.read_labels()
    model = build_model(imagenet.ARCHITECTURE, len(labels), size)
    lines = take_weights(model, initial, labels)
    build.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{name}.", dir=build) as temporary:
        weights = Path(temporary) / f"{name}.safetensors"
        save_checkpoint(weights, model, make_card(name, size, labels))
        lines.append(export_checkpoint(weights, weights.with_suffix(".onnx"), SAMPLES, PARITY_IMAGES))
        for path in sorted(Path(temporary).iterdir()):
            path.replace(build / path.name)
    return "\n".join(lines).replace(temporary, str(build))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export.to_onnx.pretrained", description="EfficientNet-Lite0 with ImageNet's weights, to serve."
    )
    parser.add_argument("--name", type=check_name, default=NAME, help=f"of what is made ({NAME})")
    parser.add_argument("--image-size", type=int, default=SIZE, help=f"side in pixels ({SIZE}, as in its training)")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder for what is made (build)")
    args = parser.parse_args(arguments)
    if not 32 <= args.image_size <= 1024:
        parser.error(f"--image-size is from 32 to 1024, not {args.image_size}")
    try:
        print(make_pretrained(args.build, args.name, args.image_size))
    except (CheckpointError, ParityError, ServerError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
