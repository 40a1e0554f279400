"""LitServe with its batching and its fast queue: python -m benchmarks.serving.rival_apps.lit_server

RIVAL_PORT, RIVAL_WORKERS (processes with the model), RIVAL_API_SERVERS (processes that speak HTTP), RIVAL_BATCH,
RIVAL_BATCH_DELAY (seconds).
"""

# No `from __future__ import annotations`: LitServe looks for the class Request in the signature, and takes no string.

import os
from typing import Any

import litserve
import numpy as np
from fastapi import Request

from benchmarks.serving.rival_apps.classifier import Classifier

BATCH = int(os.environ.get("RIVAL_BATCH", "1"))


class ClassifierAPI(litserve.LitAPI):  # type: ignore[misc] # not installed where the types are checked
    def setup(self, device: str) -> None:
        self.classifier = Classifier()

    def decode_request(self, request: Request) -> np.ndarray:
        file = request["file"]  # LitServe hands the form over, under the name of the request
        return self.classifier.preprocess(file.file.read())

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """With batching LitServe stacks the tensors itself and takes the result apart again."""
        return self.classifier.compute_scores(batch) if BATCH > 1 else self.classifier.compute_scores(batch[None])[0]

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"predictions": self.classifier.rank_labels(output)}


def main() -> None:
    api = ClassifierAPI(max_batch_size=BATCH, batch_timeout=float(os.environ.get("RIVAL_BATCH_DELAY", "0")))
    workers = int(os.environ.get("RIVAL_WORKERS", "1"))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["RIVAL_PORT"]),
        num_api_servers=int(os.environ.get("RIVAL_API_SERVERS", "1")),
        log_level="warning",
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
