"""What JPEG DCT scaling saves on a 12-megapixel photo: python -m benchmarks.serving.decoding

The server's decoding and preprocessing to 32x32 against plain Pillow (decode all of it, resize, crop, normalise), in
turns, on pictures of 4000x3000 pixels: a sample image enlarged, with more and more grain, so that the files grow.
Entropy decoding cannot be skipped, so the larger the file the smaller the gain. Nothing is timed before both sides
agree to 2 grey levels. See server/profiling/turns.py for the method.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import parse_options
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor
from server.profiling.turns import alternate

WIDTH, HEIGHT = 4000, 3000
GRAINS = (0, 4, 8, 16)  # standard deviation in grey levels
PREPROCESSING = Preprocessing(32, "crop", "RGB", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
MOST_LEVELS = 2.0


def make_photo(grain: int) -> bytes:
    """A JPEG of quality 85, colour at half resolution, as cameras write it."""
    small = Image.open("tests/data/cat.jpg").convert("RGB")
    pixels = np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH, 1)) * grain
    buffer = io.BytesIO()
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85, subsampling=2)
    return buffer.getvalue()


def decode_scaled(data: bytes) -> np.ndarray:
    return to_tensor(decode(data, PREPROCESSING.size).image, PREPROCESSING)


def decode_whole(data: bytes) -> np.ndarray:
    return to_tensor(Image.open(io.BytesIO(data)).convert("RGB"), PREPROCESSING)


def measure_grain(grain: int, rounds: int, seconds: float) -> dict[str, Any]:
    data = make_photo(grain)
    difference = float(np.abs(decode_scaled(data) - decode_whole(data)).max())
    if not difference <= MOST_LEVELS:
        raise SystemExit(f"grain {grain}: {difference:.1f} grey levels apart, {MOST_LEVELS} allowed; nothing was timed")
    times = alternate(
        {"plain": lambda: lambda: decode_whole(data), "server": lambda: lambda: decode_scaled(data)}, rounds, seconds
    )
    share = times["server"]["median_ms"] / times["plain"]["median_ms"]
    return {"bytes": len(data), "grain": grain, "difference_levels": difference, "times": times, "share": share}


def main() -> None:
    options = parse_options("serving.decoding", __doc__, rounds=5, seconds=0.5)
    rows = []
    print("file, ms plain, ms server: medians; share")
    for grain in GRAINS:
        rows.append(measure_grain(grain, options.rounds, options.seconds))
        medians = [rows[-1]["times"][side]["median_ms"] for side in ("plain", "server")]
        print(f"{rows[-1]['bytes'] / 1e6:5.1f} MB {medians[0]:8.1f} {medians[1]:8.1f} {rows[-1]['share']:6.2f}")
    print(f"written: {write_result('decoding', {'size': [WIDTH, HEIGHT], 'rows': rows}, options.out)}")


if __name__ == "__main__":
    main()
