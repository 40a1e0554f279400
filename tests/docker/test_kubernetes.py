"""The manifests, as kustomize puts them together for each platform."""

from __future__ import annotations

import re
from typing import Any

import pytest

from server.metrics.metrics import Metrics
from tests.docker.tools import DOCKER, missing, passes, tool, versions

yaml = pytest.importorskip("yaml", reason="PyYAML is not here: make test-docker")
KUBERNETES = DOCKER / "kubernetes"
OLDEST, NEWEST = "1.27", "1.37"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())


def built(folder: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(passes(tool("kubectl"), "kustomize", f"docker/kubernetes/{folder}")))


def kind(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(manifest for manifest in manifests if manifest["kind"] == name)


def test_there_is_one_for_every_platform() -> None:
    assert set(OVERLAYS) == set(versions())


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("platform", OVERLAYS)
def test_schemas(platform: str, version: str) -> None:
    try:
        import kubernetes_validate
    except ImportError:
        missing("kubernetes-validate is not here: make test-docker")
    for manifest in built(f"overlays/{platform}"):
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("platform", OVERLAYS)
def test_platform(platform: str) -> None:
    manifests = built(f"overlays/{platform}")
    pod = kind(manifests, "Deployment")["spec"]["template"]["spec"]
    server = pod["containers"][0]
    assert server["image"] == f"fwht-classifier:{platform}"
    assert (pod.get("runtimeClassName") == "nvidia") == (platform != "cpu")
    assert ("nvidia.com/gpu" in server["resources"]["limits"]) == (platform != "cpu")
    jetson = platform.startswith("r")
    assert pod.get("nodeSelector") == ({"kubernetes.io/arch": "arm64", "fwht.platform": platform} if jetson else None)
    assert pod["securityContext"].get("supplementalGroups") == ([44] if jetson else None)
    engines = next(volume for volume in pod["volumes"] if volume["name"] == "engines")
    assert ("hostPath" in engines) == (platform != "cpu"), "an engine belongs to its board"


@pytest.mark.parametrize("platform", OVERLAYS)
def test_what_all_have(platform: str) -> None:
    manifests = built(f"overlays/{platform}")
    deployment = kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    server = pod["containers"][0]
    startup = server["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 30 * 60
    assert startup["httpGet"]["path"] == server["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert server["livenessProbe"]["httpGet"]["path"] == "/livez"
    context = server["securityContext"]
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]} and pod["securityContext"]["runAsUser"] == 10001
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/name": "fwht-classifier", "fwht.platform": platform}
    # An empty selector would mean every pod of the namespace.
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert kind(manifests, "Service")["spec"]["selector"] == labels
    assert kind(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert kind(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    target = kind(manifests, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
    assert target == deployment["metadata"]["name"]
    delay = next(int(row["value"]) for row in server["env"] if row["name"] == "FWHT_DRAIN_DELAY")
    assert delay > server["readinessProbe"]["periodSeconds"] and delay + 30 < pod["terminationGracePeriodSeconds"]


def test_the_metric_it_scales_by_is_the_servers() -> None:
    scaling = yaml.safe_load((KUBERNETES / "base" / "scaling.yaml").read_text())
    rule = yaml.safe_load((KUBERNETES / "metrics-adapter" / "rules.yaml").read_text())["rules"]["custom"][0]
    name = scaling["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert name == rule["name"]["as"]
    series = re.match(r"\w+", rule["seriesQuery"])
    shown = Metrics().render([], 0, {"cat": 3}).decode()
    assert series and f'\n{series[0]}{{model="cat"}}' in shown
