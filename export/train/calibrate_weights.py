"""Fit a temperature for weights that have none: `python -m export.train.calibrate_weights NAME ... --data DATA`.

What a training does at its end, for weights of earlier versions. --holdout and --seed are those of the training, so
that the images held out are the ones it never saw. The card gets the temperature; `make onnx` carries it on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.data.datasets import load_dataset
from export.data.names import describe_path, escape_unprintable_output
from export.models.checkpoint import CheckpointError, card_path, load_checkpoint
from export.report.predictions import predict
from export.to_onnx.from_checkpoint import find_checkpoint
from export.train.argument_types import FloatRange, IntRange
from export.train.batches import choose_heldout
from export.train.evaluation import describe_scores
from server.files import write_atomically


def calibrate(checkpoint: Path, data: Path, share: float, seed: int) -> dict[str, Any]:
    """Fit, judge on the test images, and write both into the card. Raises CheckpointError and ValueError."""
    model, card = load_checkpoint(checkpoint)
    plain = card["preprocessing"]
    dataset = load_dataset(data, plain["size"], plain.get("resize", "crop"))
    if dataset.labels != card["labels"]:
        raise ValueError(f"{describe_path(data)} has other classes than {checkpoint}: name what it was trained on")
    _, positions = choose_heldout(dataset, share, seed)
    held_out, test = predict(model, dataset.train, plain, positions), predict(model, dataset.test, plain)
    scores = describe_scores(held_out, dataset.train.class_ids[positions], test, dataset.test.class_ids)
    kept = {key: value for key, value in card.items() if key != "temperature"}
    write_atomically(card_path(checkpoint), (json.dumps({**kept, **scores}, indent=2) + "\n").encode())
    return scores


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export.train.calibrate_weights", description=(__doc__ or "").split(":")[0] + "."
    )
    parser.add_argument("names", nargs="+", help="build/NAME.safetensors, else models/NAME.safetensors")
    parser.add_argument("--data", type=Path, required=True, help="what they were trained on")
    parser.add_argument("--holdout", type=FloatRange(0.001, 0.9), default=0.1, help="as in their training (0.1)")
    parser.add_argument("--seed", type=IntRange(0, 2**31 - 1), default=0, help="likewise (0)")
    args = parser.parse_args(arguments)
    escape_unprintable_output()
    try:
        for name in args.names:
            checkpoint = Path(name) if name.endswith(".safetensors") else find_checkpoint(name)
            print(f"{checkpoint}: {json.dumps(calibrate(checkpoint, args.data, args.holdout, args.seed))}", flush=True)
    except (CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
