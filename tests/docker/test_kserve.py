"""KServe's manifests against KServe's own models: every key is known, every value of its type, and none is missing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docker.tools import passes, tool

kserve = pytest.importorskip("kserve", reason="kserve is not here: make test-docker")
yaml = pytest.importorskip("yaml")

KINDS = {"ServingRuntime": "V1alpha1ServingRuntime", "InferenceService": "V1beta1InferenceService"}
SIMPLE: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float)}


def build(value: Any, kind: str, where: str) -> Any:
    """`value` as the model called `kind`. Raises AssertionError with the place of what does not fit."""
    if kind.startswith("list["):
        assert isinstance(value, list), where
        return [build(part, kind[5:-1], f"{where}[{index}]") for index, part in enumerate(value)]
    if kind.startswith("dict("):
        assert isinstance(value, dict), where
        return value
    if kind in SIMPLE:
        assert isinstance(value, SIMPLE[kind]), f"{where} is {value!r}, no {kind}"
        return value
    from kubernetes import client

    model = getattr(kserve, kind, None) or getattr(client, kind, None)
    if model is None:
        return value  # a type of Go's, such as IntOrString
    names = {outward: own for own, outward in model.attribute_map.items()}
    unknown = set(value) - set(names)
    assert not unknown, f"{where}: {kind} has no {', '.join(sorted(unknown))}"
    if hasattr(model, "from_dict"):  # Kubernetes' own check their values themselves
        return model.from_dict(value)
    types = model.openapi_types
    parts = {names[key]: build(part, types[names[key]], f"{where}.{key}") for key, part in value.items()}
    return model(**parts)


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(passes(tool("kubectl"), "kustomize", "docker/kubernetes/kserve")))


def test_models() -> None:
    found = manifests()
    assert sorted(manifest["kind"] for manifest in found) == sorted(KINDS)
    for manifest in found:
        build(manifest, KINDS[manifest["kind"]], manifest["kind"])


def test_they_fit_each_other() -> None:
    runtime, service = sorted(manifests(), key=lambda manifest: str(manifest["kind"]), reverse=True)
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"]["name"] in [row["name"] for row in runtime["spec"]["supportedModelFormats"]]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]


@pytest.mark.parametrize("broken", [{"spec": {"containers": [{"nome": "x"}]}}, {"spec": {"container": []}}])
def test_a_wrong_key_is_noticed(broken: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        build(broken, "V1alpha1ServingRuntime", "ServingRuntime")
