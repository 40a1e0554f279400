"""The runtime that ml_server.py names; MLServer imports it in its own processes."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving.rival_apps.classifier import Classifier


class ClassifierRuntime(MLModel):  # type: ignore[misc] # not installed where the types are checked
    async def load(self) -> bool:
        self.classifier = Classifier()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        files = Base64Codec.decode_input(payload.inputs[0])
        rows = self.classifier.compute_scores(np.stack([self.classifier.preprocess(data) for data in files]))
        best = [self.classifier.rank_labels(row) for row in rows]
        labels = [prediction["label"] for row in best for prediction in row]
        scores = np.asarray([[prediction["score"] for prediction in row] for row in best], dtype=np.float32)
        text = StringCodec.encode_output("labels", labels)
        text.shape = list(scores.shape)  # so that batches are split into rows
        return InferenceResponse(
            model_name=self.name, model_version=self.version, outputs=[text, NumpyCodec.encode_output("scores", scores)]
        )
