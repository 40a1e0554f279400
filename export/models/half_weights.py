"""Trained weights as they are shipped, in float16: `python -m export.models.half_weights NAME ... [--data-note TEXT]`.

BUILD/NAME.safetensors and its card -> models/NAME.safetensors and models/NAME.json. `make ship` makes the ONNX files of
them, `make accuracy` measures what the rounding did.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from export.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint

ROOT = Path(__file__).resolve().parents[2]
LARGEST = torch.finfo(torch.float16).max


def write_half_weights(source: Path, target: Path, data_note: str = "") -> str:
    """Raises CheckpointError for weights that cannot be read, ValueError for values that float16 does not hold."""
    model, card = load_checkpoint(source)
    if "accuracy" in card:
        accuracy = {**card["accuracy"], **({"data": data_note} if data_note else {})}
        note = f"{accuracy.get('note', '')}; of the weights before they were rounded to float16"
        accuracy["note"] = note.lstrip("; ")
        card = {**card, "accuracy": accuracy}
    beyond = [name for name, value in model.state_dict().items() if value.abs().max() > LARGEST]
    if beyond:
        raise ValueError(f"{source}: float16 does not hold the values of {', '.join(beyond)}")
    save_checkpoint(target, model, {**card, "name": target.stem, "dtype": "float16"}, torch.float16)
    return f"{target}: {target.stat().st_size:,} bytes"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export.models.half_weights", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("names", nargs="+", help="trained artefacts in BUILD")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder of what was trained (build)")
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder to write into (models)")
    parser.add_argument("--data-note", default="", help="what the card says of the data in place of the file's name")
    args = parser.parse_args(arguments)
    try:
        for name in args.names:
            print(
                write_half_weights(
                    args.build / f"{name}.safetensors", args.models / f"{name}.safetensors", args.data_note
                )
            )
    except (CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
