"""What FastAPI cannot know of the API's description: bodies that the routes read themselves, and problem answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Dict

from fastapi import FastAPI

from .problems import MEDIA_TYPE
from .schemas import Problem

FILE = {"type": "string", "format": "binary"}
FILES = {"type": "array", "minItems": 1, "items": FILE, "description": "One image file, repeated for a batch."}
FORM = {
    "type": "object",
    "description": "At least one of the two.",
    "properties": {"file": FILES, "image": FILES},
    "minProperties": 1,
}

IMAGE_BODY: Dict[str, Any] = {
    "required": True,
    "description": "JPEG, PNG, WebP, BMP, or the first frame of a GIF.",
    "content": {
        "multipart/form-data": {"schema": FORM},
        "image/*": {"schema": FILE},
        "application/octet-stream": {"schema": FILE},
    },
}

TENSOR_BODY: Dict[str, Any] = {
    "required": True,
    "content": {
        "application/octet-stream": {
            "schema": {**FILE, "description": "JSON of Inference-Header-Content-Length bytes, then the tensor's bytes."}
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["inputs"],
                "properties": {
                    "id": {"type": "string", "maxLength": 256},
                    "outputs": {"type": "array", "maxItems": 1, "items": {"type": "object"}},
                    "parameters": {"type": "object", "description": "binary_data_output: bytes instead of JSON."},
                    "inputs": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["name", "datatype", "shape"],
                            "properties": {
                                "name": {"const": "image"},
                                "datatype": {"const": "FP32"},
                                "shape": {"type": "array", "items": {"type": "integer"}, "examples": [[1, 3, 32, 32]]},
                                "data": {"type": "array", "description": "Nested or flat, row by row."},
                                "parameters": {"type": "object", "description": "binary_data_size: bytes."},
                            },
                        },
                    },
                },
            }
        },
    },
}


def describe_problems(*statuses: int) -> Dict[Any, Dict[str, Any]]:
    """Entries of a route's `responses`, one per status."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def correct_description(app: FastAPI) -> None:
    """Have /openapi.json tell problem answers by their media type, and drop FastAPI's 422, which is a 400 here."""
    plain = app.openapi

    def corrected() -> Dict[str, Any]:
        if app.openapi_schema is None:
            correct_schema(plain())
        return plain()

    app.openapi = corrected  # type: ignore[method-assign]


def correct_schema(schema: Dict[str, Any]) -> None:
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {MEDIA_TYPE: next(iter(response["content"].values()))}
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
