"""Cut the small packs and the sample images of this folder out of the whole packed CIFAR-10.

    python -m tests.data.make_packs cifar10_q75.bin

The result depends on the file order alone, so a second run writes the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List

from export.data.packed_images import CIFAR10_LABELS, write_packed
from server.bulk.packed_images import PackedImage, read_packed
from server.files import write_atomically

FOLDER = Path(__file__).parent
# Position among the test images of the class: the first beyond the pack of 1,000 that all shipped models get right.
SAMPLES = {"airplane": 100, "cat": 102, "ship": 100, "frog": 100, "horse": 100}


def main(source: str) -> None:
    train: Dict[int, List[PackedImage]] = {}
    test: Dict[int, List[PackedImage]] = {}
    for image in read_packed(Path(source)):
        (test if image.is_test else train).setdefault(image.class_id, []).append(image)
    classes = range(len(CIFAR10_LABELS))
    write_packed(FOLDER / "cifar10_test_1000.bin", [image for c in classes for image in test[c][:100]])
    few = [image for c in classes for image in train[c][:30]] + [image for c in classes for image in test[c][:10]]
    write_packed(FOLDER / "cifar10_train_400.bin", few)
    for label, position in SAMPLES.items():
        write_atomically(FOLDER / f"{label}.jpg", test[CIFAR10_LABELS.index(label)][position].data)


if __name__ == "__main__":
    main(sys.argv[1])
