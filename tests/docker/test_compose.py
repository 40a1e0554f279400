"""docker/compose.yaml: valid, one service for a profile, hardened as the images are meant to be run."""

from __future__ import annotations

import pytest

from tests.docker.tools import DOCKER, passes, tool

yaml = pytest.importorskip("yaml", reason="PyYAML is not here: make test-docker")
PROFILES = ("cpu", "gpu", "jetson")


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_takes_it(profile: str) -> None:
    command = [tool("docker-compose"), "-f", "docker/compose.yaml", "--profile", profile, "config"]
    shown = passes(*command, PLATFORM="r36.4", PORT="8080")
    service = yaml.safe_load(shown)["services"][profile]
    assert service["image"] == "fwht-classifier:" + ("r36.4" if profile == "jetson" else profile)
    assert "8080:8000" in shown or "published: 8080" in shown or "published: '8080'" in shown


@pytest.mark.parametrize("profile", PROFILES)
def test_hardened(profile: str) -> None:
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"][profile]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and service["tmpfs"] == ["/tmp"]
    assert "engines:/app/build" in service["volumes"]
    assert service["profiles"] == [profile]
    assert (service.get("runtime") == "nvidia") == (profile == "jetson")
    assert ("deploy" in service) == (profile == "gpu")
