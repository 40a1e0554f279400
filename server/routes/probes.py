"""For machines that watch: liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import Busy
from ..http.app_context import get_context
from ..http.openapi import describe_problems
from ..http.query import parse_flag
from ..http.schemas import Live, Ready

router = APIRouter(tags=["operation"])


@router.get("/livez", summary="The process answers", response_model=Live)
async def livez() -> Response:
    """Depends on neither load nor models: restart the process when this fails."""
    return JSONResponse({"live": True})


@router.get(
    "/readyz",
    summary="The models are loaded and run where they should",
    response_model=Ready,
    responses=describe_problems(503),
)
@router.get("/healthz", include_in_schema=False)
async def readyz(request: Request) -> Response:
    """503 with the reason while models load, and where a wanted provider fell back: send no requests then."""
    reason = get_context(request).catalogue.problem
    if reason:
        raise Busy(reason)
    return JSONResponse({"ready": True})


LAYERS = {
    "name": "layers",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Also the last layer reports, a series for each layer.",
}


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **describe_problems(400, 401, 404)},
    openapi_extra={"parameters": [LAYERS]},
)
async def metrics(request: Request) -> Response:
    context = get_context(request)
    layers = parse_flag(request.query_params, "layers", False)
    if layers:
        context.check_layers(request)
    text = context.metrics.render(
        context.catalogue.models, context.workers.taken, context.catalogue.queue_depths, layers
    )
    return Response(text, media_type=CONTENT_TYPE_LATEST)
