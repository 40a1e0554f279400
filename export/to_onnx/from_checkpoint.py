"""The command behind `make onnx`: weights and card -> ONNX file and golden inputs and outputs, proved right first.

python -m export.to_onnx NAME [--checkpoint FILE] [--out FILE] [--data IMAGES]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np

from export.data.names import escape_unprintable_output
from export.engine.parity_verdict import ParityError
from export.models.checkpoint import CheckpointError, load_checkpoint
from export.to_onnx.from_model import build_onnx_model
from export.to_onnx.parity import check_parity, load_real_images, run_onnx
from server.errors import ServerError
from server.files import write_atomically
from server.models.preprocess import Preprocessing

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "data" / "cifar10_test_1000.bin"
GOLDEN_IMAGES = 8


def find_checkpoint(name: str) -> Path:
    """build/<name>.safetensors where it was trained here, else the shipped one. Raises CheckpointError."""
    places = [ROOT / folder / f"{name}.safetensors" for folder in ("build", "models")]
    for place in places:
        if place.is_file():
            return place
    there = sorted({path.stem for place in places for path in place.parent.glob("*.safetensors")})
    raise CheckpointError(f"there are no weights called {name!r}; there are {', '.join(there)}")


def make_golden(onnx_bytes: bytes, batch: np.ndarray, tolerance: float) -> bytes:
    """`image` (8, 3, S, S), ONNX Runtime's `logits` for it, float32's `tolerance`, and the hash of the ONNX file they
    belong to: parity on any other machine."""
    image = batch[:: max(1, len(batch) // GOLDEN_IMAGES)][:GOLDEN_IMAGES]
    buffer = io.BytesIO()
    sha256 = hashlib.sha256(onnx_bytes).hexdigest()
    logits = run_onnx(onnx_bytes, image)
    np.savez_compressed(buffer, image=image, logits=logits, tolerance=tolerance, onnx_sha256=sha256)
    return buffer.getvalue()


def export_checkpoint(checkpoint: Path, out: Path, data: Path, count: int) -> str:
    """Write `out` and, beside it, `<name>.golden.npz`; nothing where parity fails. Returns the report."""
    model, card = load_checkpoint(checkpoint)
    batch = load_real_images(data, Preprocessing.from_json(json.dumps(card["preprocessing"])), count)
    onnx_bytes = build_onnx_model(model, card).SerializeToString()
    parity = check_parity(model, onnx_bytes, batch)
    write_atomically(out.with_name(f"{out.stem}.golden.npz"), make_golden(onnx_bytes, batch, parity.tolerance))
    write_atomically(out, onnx_bytes)
    classes, pixels = len(card["labels"]), batch.shape[-1]
    what = f"{card['architecture']}, {classes} classes, {pixels}x{pixels} pixels, {len(onnx_bytes):,} bytes"
    return f"{out}: {what}\nparity with PyTorch on {parity}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m export.to_onnx", description=__doc__.splitlines()[0])
    parser.add_argument("name", help="name of the artefact: build/NAME.safetensors or models/NAME.safetensors")
    parser.add_argument("--checkpoint", type=Path, help="weights to export instead, their card beside them")
    parser.add_argument("--out", type=Path, help="the ONNX file to write (build/NAME.onnx)")
    parser.add_argument("--data", type=Path, default=SAMPLES, help="data set whose test images are compared on")
    parser.add_argument("--images", type=int, default=64, help="how many images to compare on (64)")
    args = parser.parse_args(arguments)
    if args.images < 1:
        parser.error(f"--images is at least 1, not {args.images}")
    escape_unprintable_output()
    out = args.out or ROOT / "build" / f"{args.name}.onnx"
    try:
        print(export_checkpoint(args.checkpoint or find_checkpoint(args.name), out, args.data, args.images))
    except (CheckpointError, ParityError, ServerError, ValueError, OSError) as error:
        print(f"error: {error}\n{out} was not written", file=sys.stderr)
        return 1
    return 0
