"""POST /v1/classify: image files in, labels, stage times and, where asked for, layer times out."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import request_response

from ..errors import ServerError
from ..http.app_context import get_context
from ..http.openapi import IMAGE_BODY, describe_problems
from ..http.query import parse_flag, parse_fraction, parse_whole_number
from ..http.schemas import ClassifyAnswer
from ..http.uploads import limit_upload_time, read_images
from ..inference.request import InferenceRequest
from ..models.model import Model
from ..models.scores import MinScore, make_min_score
from ..stage_times import format_server_timing

TOP_K = {
    "name": "top_k",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1},
    "description": "How many labels per image, 1 to the number of classes; by default 5, or all if fewer.",
}
MODEL = {
    "name": "model",
    "in": "query",
    "schema": {"type": "string"},
    "description": "Name of the model; by default the first of GET /v1/models.",
}
MIN_SCORE = {
    "name": "min_score",
    "in": "query",
    "schema": {"type": "number", "minimum": 0, "maximum": 1},
    "description": "Below this score the label is null, and `reason` says so; by default the server's or the model's.",
}
LAYERS = {
    "name": "layers",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Also measure each layer, in profiled runs of their own. Slow.",
}

Size = Tuple[int, int]  # (width, height) in pixels


class ImageRequest(InferenceRequest[List[Size]]):
    """Image files, still encoded; `details` are their sizes."""

    def __init__(self, model: Model, files: List[bytes]) -> None:
        super().__init__(model, sum(map(len, files)))
        self.files = files

    def prepare(self) -> Tuple[np.ndarray, List[Size]]:
        try:
            return self.model.prepare(self.files, self.times)
        except ServerError as error:
            if len(self.files) == 1:
                error.index = None  # there is no other image it could be
            raise


async def classify(client: Request) -> Response:
    """Send the files of a form (`file` or `image`, repeated for a batch), or one file as the body.

    The same stage times travel in the header `Server-Timing`.
    """
    query = client.query_params
    top_k, layers = parse_whole_number(query, "top_k"), parse_flag(query, "layers", False)
    min_score = make_min_score(parse_fraction(query, "min_score"))
    context = get_context(client)
    settings = context.settings
    with context.catalogue.use(query.get("model")) as served:
        top_k = served.model.check_top_k(top_k)
        if layers:
            context.check_layers(client)
        with context.workers.hold_place():
            with limit_upload_time(settings.upload_timeout):
                files = await read_images(client, settings.max_images)
            request = ImageRequest(served.model, files)
            logits = await context.dispatcher.infer(request, served, client)
            answer = make_answer(request, logits, top_k, min_score)
            context.count_answer(client, served.model, len(files), answer["timings_ms"])
            if layers:
                answer["layers"] = await context.workers.run(served.profile, files, settings.layer_runs, big=True)
    answer = {"id": client.scope["request_id"], **answer}
    return JSONResponse(answer, headers={"Server-Timing": format_server_timing(answer["timings_ms"])})


def make_answer(
    request: ImageRequest, logits: np.ndarray, top_k: int, min_score: Optional[MinScore] = None
) -> Dict[str, Any]:
    """The answer but for its id and the layers. logits: float32 (N, K)."""
    model = request.model
    results = model.make_results(logits, request.details, top_k, request.times, min_score)
    return {
        "model": model.name,
        "version": model.version,
        "backend": model.backend.name,
        "precision": model.backend.precision,
        "results": results,
        "timings_ms": request.times.timings_ms(),
    }


class DirectRoute(APIRoute):
    """A route that FastAPI describes and finds, and Starlette answers.

    FastAPI solves a route's dependencies anew for every request, which was a fifth of the event loop's work on one.
    """

    def __init__(self, path: str, endpoint: Any, **described: Any) -> None:
        super().__init__(path, endpoint, **described)
        self.app = request_response(endpoint)


# The application's first route: to find it behind the others was a tenth of the event loop's work on a request.
route = DirectRoute(
    "/v1/classify",
    classify,
    methods=["POST"],
    tags=["classify"],
    summary="Classify one image or a batch",
    response_model=ClassifyAnswer,
    response_model_exclude_unset=True,
    responses=describe_problems(400, 401, 404, 408, 413, 415, 500, 503, 504, 507),
    openapi_extra={"parameters": [TOP_K, MODEL, LAYERS, MIN_SCORE], "requestBody": IMAGE_BODY},
)
