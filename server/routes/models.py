"""GET /v1/models and the last layer report of a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, Optional

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..backends.engine_card import EngineCard
from ..errors import NotFound
from ..http.app_context import get_context
from ..http.openapi import describe_problems
from ..http.schemas import LayerReport, ModelList
from ..models.model import Model

router = APIRouter(tags=["models"])

ENGINE = ("engine_sha256", "tensorrt", "cuda", "gpu", "compute_capability", "profile", "parity", "built")
CARD = ("architecture", "labels", "parameters", "accuracy", "checkpoint_sha256", "temperature")


@router.get("/v1/models", summary="The models served, the default first", response_model=ModelList)
async def models(request: Request) -> Response:
    return JSONResponse({"models": [describe_model(model) for model in get_context(request).catalogue.models]})


@router.get(
    "/v1/models/{name}/layers",
    summary="The last layer report of a model",
    response_model=LayerReport,
    responses=describe_problems(401, 404),
)
async def last_layers(request: Request, name: str) -> Response:
    context = get_context(request)
    context.check_layers(request)
    model = context.catalogue.get(name)
    if model.last_layers is None:
        raise NotFound(f"{model.name} has no layer report yet: send an image to /v1/classify?layers=true first")
    return JSONResponse(model.last_layers)


def describe_engine(card: Optional[EngineCard]) -> Optional[Dict[str, Any]]:
    return {key: getattr(card, key) for key in ENGINE} if card else None


def describe_model(model: Model) -> Dict[str, Any]:
    """One entry of GET /v1/models; what the ONNX file does not say is null."""
    backend = model.backend
    return {
        "name": model.name,
        "version": model.version,
        **{key: model.card.get(key) for key in CARD},
        "min_score": model.min_score.value if model.min_score else None,
        "preprocessing": asdict(model.preprocessing),
        "backend": backend.name,
        "precision": backend.precision,
        "provider": backend.provider,
        "kernels": backend.kernels,
        "onnx_sha256": model.card.get("file_sha256"),
        "engine": describe_engine(model.engine),
        "not_tensorrt": model.card.get("not_tensorrt"),
        "ready": model.problem is None,
        "problem": model.problem,
    }
