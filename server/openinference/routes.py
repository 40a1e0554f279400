"""The Open Inference Protocol v2 under /v2: normalised tensors in, logits or the best classes out.

With Triton's extensions for binary tensors, classification, configuration and statistics, so that its clients work
unchanged. A model that is not ready answers 503, as KServe does; the specification only asks for an error status.
"""

from __future__ import annotations

from typing import Optional

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .. import __version__
from ..errors import Busy
from ..http.app_context import get_context
from ..http.openapi import TENSOR_BODY, describe_problems
from ..http.uploads import limit_upload_time
from ..stage_times import format_server_timing
from .answer import encode_answer
from .model_config import describe_config, describe_model
from .tensor_request import TensorRequest

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"]


@router.get("", summary="The server")
async def server() -> Response:
    return JSONResponse({"name": "fwht-classifier", "version": __version__, "extensions": EXTENSIONS})


@router.get("/health/live", summary="The process answers")
async def live() -> Response:
    return JSONResponse({"live": True})


@router.get("/health/ready", summary="All models are ready", responses=describe_problems(503))
async def ready(request: Request) -> Response:
    reason = get_context(request).catalogue.problem
    if reason:
        raise Busy(reason)
    return JSONResponse({"ready": True, "live": True})


@router.get("/models/stats", summary="Statistics of all models", responses=describe_problems(404, 503))
@router.get("/models/{name}/stats", summary="Statistics of a model", responses=describe_problems(404, 503))
@router.get("/models/{name}/versions/{version}/stats", include_in_schema=False)
async def stats(request: Request, name: Optional[str] = None, version: Optional[str] = None) -> Response:
    """Sums since the server has started; durations in nanoseconds, `last_inference` in milliseconds since 1970."""
    context = get_context(request)
    models = context.catalogue.models if name is None else [context.catalogue.get(name, version)]
    known = [
        {"name": model.name, "version": model.version, **context.metrics.get_statistics(model.name).to_json()}
        for model in models
    ]
    return JSONResponse({"model_stats": known})


@router.get("/models/{name}", summary="A model's tensors", responses=describe_problems(404, 503))
@router.get("/models/{name}/versions/{version}", include_in_schema=False)
async def model_metadata(request: Request, name: str, version: Optional[str] = None) -> Response:
    return JSONResponse(describe_model(get_context(request).catalogue.get(name, version)))


@router.get(
    "/models/{name}/config", summary="A model's configuration in Triton's words", responses=describe_problems(404, 503)
)
@router.get("/models/{name}/versions/{version}/config", include_in_schema=False)
async def model_config(request: Request, name: str, version: Optional[str] = None) -> Response:
    context = get_context(request)
    return JSONResponse(describe_config(context.catalogue.get(name, version), context.settings))


@router.get("/models/{name}/ready", summary="A model is ready", responses=describe_problems(404, 503))
@router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
async def model_ready(request: Request, name: str, version: Optional[str] = None) -> Response:
    model = get_context(request).catalogue.get(name, version)
    if model.problem:
        raise Busy(model.problem)
    return JSONResponse({"name": model.name, "ready": True})


@router.post(
    "/models/{name}/infer",
    summary="Infer normalised tensors",
    responses={
        200: {"content": {"application/json": {}, "application/octet-stream": {}}},
        **describe_problems(400, 401, 404, 408, 413, 415, 500, 503, 504),
    },
    openapi_extra={"requestBody": TENSOR_BODY},
)
@router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
async def infer(request: Request, name: str, version: Optional[str] = None) -> Response:
    """One FP32 tensor `image` of shape [N, 3, size, size], already normalised; `logits` of shape [N, classes] back.

    Numbers travel as JSON, or as bytes behind it where the header Inference-Header-Content-Length says its length.
    The output's parameter `classification` asks for that many best classes, as "logit:index:label", instead.
    """
    context = get_context(request)
    settings = context.settings
    with context.catalogue.use(name, version) as served, context.workers.hold_place():
        with limit_upload_time(settings.upload_timeout):
            body = await request.body()
        tensors = TensorRequest(served.model, body, request.headers, settings)
        logits = await context.dispatcher.infer(tensors, served, request)
        with tensors.times.measure("postprocess"):
            content, headers = encode_answer(tensors.details, served.model, logits, request.scope["request_id"])
        timings = tensors.times.timings_ms()
        context.count_answer(request, served.model, len(logits), timings)
    return Response(content, headers={**headers, "Server-Timing": format_server_timing(timings)})
