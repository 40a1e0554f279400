"""POST /v1/classify: image files in, labels, stage times and, where asked for, layer times out."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from ..errors import ServerError
from ..http.app_context import service_of
from ..http.openapi import IMAGE_BODY, problems
from ..http.query import truth, whole_number
from ..http.schemas import ClassifyAnswer
from ..http.uploads import read_images, upload_clock
from ..models.model import Model
from ..stage_times import Stages, server_timing

router = APIRouter(tags=["classify"])


@router.post(
    "/v1/classify",
    summary="Classify one image or a batch",
    response_model=ClassifyAnswer,
    response_model_exclude_unset=True,
    responses=problems(400, 401, 404, 408, 413, 415, 500, 503, 504),
    openapi_extra={"requestBody": IMAGE_BODY},
)
async def classify(
    request: Request,
    top_k: Optional[int] = Query(
        None,
        description="How many labels per image, 1 to the number of classes; by default 5, or all if fewer.",
        json_schema_extra={"minimum": 1},
    ),
    model: Optional[str] = Query(None, description="Name of the model; by default the first of GET /v1/models."),
    layers: bool = Query(False, description="Also measure each layer, in profiled runs of their own. Slow."),
) -> Response:
    """Send the files of a form (`file` or `image`, repeated for a batch), or one file as the body.

    The same stage times travel in the header `Server-Timing`.
    """
    service = service_of(request)
    chosen = service.catalogue.get(model)
    wanted = chosen.check_top_k(top_k)
    if layers:
        service.check_layers(request)
    with service.workers.place():
        with upload_clock(service.settings.upload_timeout):
            files = await read_images(request, service.settings.max_images)
        answer = await answer_of(request, chosen, files, wanted)
        if layers:
            answer["layers"] = await service.workers.run(chosen.layers, files, service.settings.layer_runs, big=True)
    answer = {"id": request.scope["request_id"], **answer}
    return JSONResponse(answer, headers={"Server-Timing": server_timing(answer["timings_ms"])})


async def read_query_and_classify(request: Request) -> Response:
    query = request.query_params
    return await classify(request, whole_number(query, "top_k"), query.get("model"), truth(query, "layers", False))


class NamedRoute(Route):
    """A route of Starlette's that, like those of FastAPI, says in the scope which it is."""

    def matches(self, scope: Scope) -> Tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is not Match.NONE:
            child["route"] = self
        return match, child


# It answers before FastAPI's own route, which thus only describes it: to solve that one's dependencies anew for every
# request was a fifth of the event loop's work on one, and to find it a tenth.
direct = NamedRoute("/v1/classify", read_query_and_classify, methods=["POST"], include_in_schema=False)


async def answer_of(request: Request, model: Model, files: List[bytes], top_k: int) -> Dict[str, Any]:
    """Classify the request's images; `queue` is the wait for a thread and for the engine."""
    service = service_of(request)
    stages = Stages()
    sizes: List[Tuple[int, int]] = []

    def prepare() -> np.ndarray:
        try:
            tensor, sizes[:] = model.batch(files, stages)
        except ServerError as error:
            if len(files) == 1:
                error.index = None  # there is no other image it could be
            raise
        return tensor

    logits = await service.infer(request, model, prepare, stages, sum(map(len, files)))
    results = model.results(logits, sizes, top_k, stages)
    timings = stages.timings_ms()
    service.answered(request, model, len(files), timings)
    return {
        "model": model.name,
        "version": model.version,
        "backend": model.backend.name,
        "precision": model.backend.precision,
        "results": results,
        "timings_ms": timings,
    }
