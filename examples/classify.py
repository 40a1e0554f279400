"""Labels of image files with httpx: python examples/classify.py http://127.0.0.1:8000 picture.jpg...

All files go in one request (a server takes 16 by default). Needs `pip install httpx`. A server with API keys wants one
in the environment variable API_KEY.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx

TRIES = 4
PAUSE_S = 1.0


def classify(client: httpx.Client, images: list[Path]) -> dict[str, Any]:
    """The answer's JSON. A full server (503) is asked again after the time it names; other refusals raise SystemExit
    with the server's sentence."""
    for left in reversed(range(TRIES)):
        files = [("file", (image.name, image.read_bytes())) for image in images]
        response = client.post("/v1/classify", params={"top_k": 3}, files=files)
        if response.status_code != 503 or not left:
            break
        time.sleep(float(response.headers.get("Retry-After", PAUSE_S)))
    if response.status_code != 200:
        raise SystemExit(f"{response.status_code}: {response.json()['detail']}")
    answer: dict[str, Any] = response.json()
    return answer


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    images = [Path(name) for name in sys.argv[2:]]
    headers = {"X-API-Key": os.environ["API_KEY"]} if "API_KEY" in os.environ else {}
    with httpx.Client(base_url=sys.argv[1], headers=headers, timeout=30) as client:
        answer = classify(client, images)
    for image, result in zip(images, answer["results"]):
        found = ", ".join(f"{each['label']} {each['score']:.3f}" for each in result["predictions"])
        print(f"{image}: {found}")
    print(f"{answer['model']}: {answer['timings_ms']['total']:.2f} ms")


if __name__ == "__main__":
    main()
