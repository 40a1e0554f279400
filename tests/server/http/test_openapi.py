"""/openapi.json says what the routes really take and answer."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from pydantic import TypeAdapter

from server.http import schemas as answers
from tests.server.support.app_client import AppClient


@pytest.fixture
def schema(client: AppClient) -> dict[str, Any]:
    client.get("/openapi.json")
    described: dict[str, Any] = client.get("/openapi.json").json()  # the second time, when it comes from memory
    return described


def test_classify_takes_forms_and_images(schema: dict[str, Any]) -> None:
    operation = schema["paths"]["/v1/classify"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "image/*", "application/octet-stream"}
    assert set(content["multipart/form-data"]["schema"]["properties"]) == {"file", "image"}
    assert [parameter["name"] for parameter in operation["parameters"]] == ["top_k", "model", "layers", "min_score"]


def test_errors_are_problems_everywhere(schema: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            errors = {status: body for status, body in operation["responses"].items() if status >= "400"}
            assert "422" not in errors
            for body in errors.values():
                assert body["content"] == {"application/problem+json": {"schema": problem}}, path
    assert set(schema["paths"]["/v1/classify"]["post"]["responses"]) >= {"200", "400", "404", "413", "415", "503"}


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    for reference in references(schema):
        assert reference.rsplit("/", 1)[1] in schema["components"]["schemas"]


def test_examples_are_given(schema: dict[str, Any]) -> None:
    properties = schema["components"]["schemas"]["ClassifyAnswer"]["properties"]
    assert all("examples" in properties[name] for name in ("id", "model", "timings_ms"))


@pytest.mark.parametrize(
    "path, shape", [("/v1/models", answers.ModelList), ("/livez", answers.Live), ("/readyz", answers.Ready)]
)
def test_real_answers_have_the_shape_described(client: AppClient, path: str, shape: Any) -> None:
    strict(shape, client.get(path).content)


def test_real_classification_has_the_shape_described(client: AppClient, cat: bytes) -> None:
    strict(answers.ClassifyAnswer, client.post("/v1/classify", files={"file": cat}).content)
    strict(answers.ClassifyAnswer, client.post("/v1/classify?layers=true", files={"file": cat}).content)
    strict(answers.LayerReport, client.get("/v1/models/tiny/layers").content)
    strict(answers.Problem, client.post("/v1/classify", files={"file": b""}).content)


def strict(shape: Any, content: bytes) -> None:
    """Validate, and check that the model knows every key at the top."""
    adapter = TypeAdapter(shape)
    known = adapter.validate_json(content)
    sent = TypeAdapter(Dict[str, Any]).validate_json(content)
    assert set(sent) <= set(known.model_dump(by_alias=True)), set(sent)


def test_viewer_is_there(client: AppClient) -> None:
    assert client.get("/docs").status_code == 200
