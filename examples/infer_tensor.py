"""A tensor of one's own with Triton's client: python examples/infer_tensor.py 127.0.0.1:8000 picture.jpg

The client prepares the image as GET /v1/models says the model wants it; the tensor travels in binary. Needs
`pip install tritonclient[http] pillow`. The server classifies image files without all that: see classify.py.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from typing import Any

import numpy as np
from PIL import Image
from tritonclient import http as triton

KEY = {"X-API-Key": os.environ["API_KEY"]} if "API_KEY" in os.environ else {}


def first_model(address: str) -> dict[str, Any]:
    """Name, labels and preprocessing of the server's first model."""
    request = urllib.request.Request(f"http://{address}/v1/models", headers=KEY)
    with urllib.request.urlopen(request, timeout=30) as answer:
        model: dict[str, Any] = json.load(answer)["models"][0]
    return model


def tensor(path: str, wanted: dict[str, Any]) -> np.ndarray:
    """float32 (1, 3, size, size): the centre square of the image, normalised."""
    image = Image.open(path).convert("RGB")
    side, size = min(image.size), wanted["size"]
    left, top = (image.width - side) / 2, (image.height - side) / 2
    image = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    mean, std = np.asarray(wanted["mean"], np.float32), np.asarray(wanted["std"], np.float32)
    pixels = (np.asarray(image, np.float32) - mean) / std
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    address, path = sys.argv[1:]
    model = first_model(address)
    values = tensor(path, model["preprocessing"])
    with triton.InferenceServerClient(address) as client:
        image = triton.InferInput("image", list(values.shape), "FP32")
        image.set_data_from_numpy(values, binary_data=True)
        wanted = triton.InferRequestedOutput("logits", binary_data=True)
        logits = client.infer(model["name"], [image], outputs=[wanted], headers=KEY).as_numpy("logits")[0]
    for index in np.argsort(-logits)[:3]:
        print(f"{model['labels'][index]}: {logits[index]:.3f}")


if __name__ == "__main__":
    main()
