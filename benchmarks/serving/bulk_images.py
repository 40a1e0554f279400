"""A folder of many small JPEGs for the bulk classifier: those of a packed file, again and again under other names."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

from server.bulk.packed_images import read_packed

PACK = Path("tests/data/cifar10_test_1000.bin")
FOLDER = 1000  # images in each


def write_images(folder: Path, count: int, pack: Path = PACK) -> list[str]:
    """Write `count` images; their paths relative to `folder`, sorted. Nothing in them is new after the pack's last."""
    names = []
    for number, image in enumerate(islice(cycle(list(read_packed(pack))), count)):
        name = f"{number // FOLDER:04d}/{number:07d}.jpg"
        if number % FOLDER == 0:
            (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(image.data)
        names.append(name)
    return names
