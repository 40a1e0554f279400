"""The Open Inference Protocol v2 (JSON) under /v2: normalised tensors in, logits out.

A model that is not ready answers 503, as KServe does; the specification only asks for an error status.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import __version__
from .backend import Backend
from .errors import BadRequest, Busy
from .model import Model
from .openapi import TENSOR_BODY, problems
from .service import service_of

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

INPUT, OUTPUT, DATATYPE = "image", "logits", "FP32"


@router.get("", summary="The server")
async def server() -> Response:
    return JSONResponse({"name": "fwht-classifier", "version": __version__, "extensions": []})


@router.get("/health/live", summary="The process answers")
async def live() -> Response:
    return JSONResponse({"live": True})


@router.get("/health/ready", summary="All models are ready", responses=problems(503))
async def ready(request: Request) -> Response:
    reason = service_of(request).catalogue.problem
    if reason:
        raise Busy(reason)
    return JSONResponse({"ready": True, "live": True})


@router.get("/models/{name}", summary="A model's tensors", responses=problems(404, 503))
@router.get("/models/{name}/versions/{version}", include_in_schema=False)
async def metadata(request: Request, name: str, version: Optional[str] = None) -> Response:
    model = service_of(request).catalogue.get(name, version)
    size = model.preprocessing.size
    return JSONResponse(
        {
            "name": model.name,
            "versions": [model.version],
            "platform": f"{model.backend.name}_{model.backend.precision}",
            "inputs": [{"name": INPUT, "datatype": DATATYPE, "shape": [-1, 3, size, size]}],
            "outputs": [{"name": OUTPUT, "datatype": DATATYPE, "shape": [-1, len(model.labels)]}],
        }
    )


@router.get("/models/{name}/ready", summary="A model is ready", responses=problems(404, 503))
@router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
async def model_ready(request: Request, name: str, version: Optional[str] = None) -> Response:
    model = service_of(request).catalogue.get(name, version)
    if model.problem:
        raise Busy(model.problem)
    return JSONResponse({"name": model.name, "ready": True})


@router.post(
    "/models/{name}/infer",
    summary="Infer normalised tensors",
    responses=problems(400, 404, 413, 500, 503),
    openapi_extra={"requestBody": TENSOR_BODY},
)
@router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
async def infer(request: Request, name: str, version: Optional[str] = None) -> Response:
    """One FP32 tensor `image` of shape [N, 3, size, size], already normalised; `logits` of shape [N, classes] back."""
    service = service_of(request)
    model = service.catalogue.get(name, version)
    with service.workers.place():
        body = await request.body()
        answer = await service.workers.run(infer_json, model, body, service.settings.max_images)
    return JSONResponse({**answer, "id": answer["id"] or request.scope["request_id"]})


def infer_json(model: Model, body: bytes, max_images: int) -> Dict[str, Any]:
    """The answer to the body of an inference request. Raises BadRequest."""
    asked = parsed(body)
    logits = infer_checked(model.backend, tensor_of(asked, model, max_images))
    return {
        "model_name": model.name,
        "model_version": model.version,
        "id": asked.get("id"),
        "outputs": [
            {"name": OUTPUT, "datatype": DATATYPE, "shape": list(logits.shape), "data": logits.ravel().tolist()}
        ],
    }


def infer_checked(backend: Backend, tensor: np.ndarray) -> np.ndarray:
    logits = backend.infer(tensor)
    if not np.isfinite(logits).all():
        raise BadRequest("the logits overflow: the input must be normalised as GET /v1/models describes")
    return logits


def parsed(body: bytes) -> Dict[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list) or len(asked["inputs"]) != 1:
        raise BadRequest(f'the body must be {{"inputs": [...]}} with one tensor, {INPUT!r}')
    if not isinstance(asked["inputs"][0], dict):
        raise BadRequest("the input must be an object with name, datatype, shape and data")
    return asked


def tensor_of(asked: Dict[str, Any], model: Model, max_images: int) -> np.ndarray:
    """The request's tensor as float32 (N, 3, size, size), its data nested or flat. Raises BadRequest."""
    tensor = asked["inputs"][0]
    size = model.preprocessing.size
    for key, wanted in (("name", INPUT), ("datatype", DATATYPE)):
        if tensor.get(key) != wanted:
            raise BadRequest(f"the input's {key} is {tensor.get(key)!r}, it must be {wanted!r}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or shape[1:] != [3, size, size] or type(shape[0]) is not int or shape[0] < 1:
        raise BadRequest(f"the input's shape is {shape!r}, it must be [N, 3, {size}, {size}] with N of at least 1")
    if shape[0] > max_images:
        raise BadRequest(f"the input has {shape[0]} images, at most {max_images} are taken at once")
    try:
        values = np.asarray(tensor.get("data"), dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        raise BadRequest("the input's data must be numbers, nested as the shape says or flat") from None
    if values.size != np.prod(shape) or values.shape not in ((values.size,), tuple(shape)):
        raise BadRequest(f"the input's data has the shape {list(values.shape)} and must have {shape}, or be flat")
    if not np.isfinite(values).all():
        raise BadRequest("the input's data must be finite numbers")
    return values.reshape(shape)
