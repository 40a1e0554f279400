"""What ONNX Runtime answers for every shipped model on the test images: python -m tests.plugins.onnx_labels [DATA.bin]

Writes build/onnx_labels.npz: `pixels` (N, 32, 32, 3) as decoded, `truth` (N,), and for each model `<name>.logits`. The
engines' tests compare with it, also under a Python that has TensorRT but neither ONNX Runtime nor Pillow. DATA is a
packed file (docs/data_formats.md), of which the test images are taken; without it the pack of 1,000 in tests/data.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "tests" / "data" / "cifar10_test_1000.bin"
LABELS = ROOT / "build" / "onnx_labels.npz"
BATCH = 100


def normalised(pixels: np.ndarray, metadata: dict[str, str]) -> np.ndarray:
    """(N, H, W, 3) bytes -> the model's input, (N, 3, H, W) float32."""
    preprocessing = json.loads(metadata["preprocessing"])
    mean, std = (np.array(preprocessing[name]) for name in ("mean", "std"))
    return np.ascontiguousarray(((pixels - mean) / std).transpose(0, 3, 1, 2), np.float32)


def logits(model: Path, pixels: np.ndarray) -> np.ndarray:
    import onnxruntime  # late: `normalised` is used where it is missing

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    x = normalised(pixels, session.get_modelmeta().custom_metadata_map)
    return np.concatenate([session.run(None, {"image": x[i : i + BATCH]})[0] for i in range(0, len(x), BATCH)])


def read_test_images(pack: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and classes."""
    from PIL import Image

    from server.bulk.packed_images import read_packed

    images = [image for image in read_packed(pack) if image.is_test]
    pixels = [np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB")) for image in images]
    return np.stack(pixels), np.array([image.class_id for image in images])


def main(pack: Path) -> None:
    pixels, truth = read_test_images(pack)
    answers = {model.stem: logits(model, pixels) for model in sorted((ROOT / "models").glob("*.onnx"))}
    for name, values in answers.items():
        print(f"{name:24} {(values.argmax(1) == truth).mean():.2%} of {len(truth)} images right")
    LABELS.parent.mkdir(exist_ok=True)
    arrays: dict[str, Any] = {f"{name}.logits": values for name, values in answers.items()}
    np.savez(LABELS, pixels=pixels, truth=truth, **arrays)
    print(f"written: {LABELS.relative_to(ROOT)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PACK)
