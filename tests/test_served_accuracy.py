"""Served accuracy = PyTorch accuracy: test images, sent over HTTP as files, against the model they came from.

Every tenth of 1,000 images, and all of them with --full.
"""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from export.models.checkpoint import load_checkpoint
from server.bulk.packed_images import read_packed
from tests.server.support.http_server import run_http_server

ROOT = Path(__file__).resolve().parents[1]
PACK = ROOT / "tests" / "data" / "cifar10_test_1000.bin"
BATCH = 10
MAX_DIFFERENT = 2  # of 1,000


def torch_class_ids(name: str, files: list[bytes]) -> np.ndarray:
    """PyTorch's answers, the images decoded and normalised by another route than the server's."""
    model, card = load_checkpoint(ROOT / "models" / f"{name}.safetensors")
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64) for data in files])
    normal = (pixels - card["preprocessing"]["mean"]) / card["preprocessing"]["std"]
    x = torch.from_numpy(normal).float().permute(0, 3, 1, 2)
    with torch.inference_mode():
        return np.concatenate([model(part).argmax(1).numpy() for part in torch.tensor_split(x, 10)])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fwht_mobilenet_v2", "fwht_mf_mobilenet_v2"])
def test_images_over_http(name: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    images = list(read_packed(PACK))[:: 1 if pytestconfig.getoption("--full") else 10]
    allowed = MAX_DIFFERENT * len(images) // 1000
    files = [image.data for image in images]
    served = []
    with run_http_server(tmp_path / "log", "--models", f"models/{name}.onnx") as server, httpx.Client() as client:
        for start in range(0, len(files), BATCH):
            parts = [("file", ("image.jpg", data, "image/jpeg")) for data in files[start : start + BATCH]]
            answer = client.post(f"{server.url}/v1/classify?top_k=1", files=parts, timeout=60).raise_for_status().json()
            served += [result["predictions"][0]["class_id"] for result in answer["results"]]
    wanted = torch_class_ids(name, files)
    truth = np.array([image.class_id for image in images])
    different = int((np.array(served) != wanted).sum())
    print(
        f"{name}: {different} of {len(images)} labels differ ({allowed} allowed); "
        f"served accuracy {(np.array(served) == truth).mean():.1%}, PyTorch {(wanted == truth).mean():.1%}"
    )
    assert different <= allowed
