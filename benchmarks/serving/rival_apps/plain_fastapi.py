"""FastAPI and ONNX Runtime as the two documentations put them together: a plain `def`, which FastAPI runs in threads.

uvicorn benchmarks.serving.rival_apps.plain_fastapi:app
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, UploadFile

from benchmarks.serving.rival_apps.classifier import Classifier

app = FastAPI()
classifier = Classifier()


@app.post("/predict")
def predict(file: UploadFile) -> dict[str, Any]:
    scores = classifier.compute_scores(classifier.preprocess(file.file.read())[None])
    return {"predictions": classifier.rank_labels(scores[0])}
