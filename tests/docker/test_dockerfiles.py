"""What every image must have, read from the Dockerfiles; docker/smoke.sh looks at a built one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docker.tools import DOCKER, ROOT, passes, tool, versions

FILES = sorted(DOCKER.glob("Dockerfile.*"))
OWN_ARGUMENTS = {"PLATFORM", "VERSION", "REVISION", "CREATED", "PIP_INDEX_URL", "PIP_CERT"}  # not of versions.env


def instructions(path: Path) -> list[str]:
    """Each instruction as one line, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    return re.sub(r"\\\n\s*", " ", text).strip().splitlines()


def last_stage(path: Path) -> str:
    return "\n".join(instructions(path)).rpartition("\nFROM ")[2]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_hadolint(path: Path) -> None:
    passes(tool("hadolint"), str(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_last_stage(path: Path) -> None:
    stage = last_stage(path)
    assert re.search(r"^USER 10001$", stage, re.MULTILINE), (
        "a number for Kubernetes; with a group beside it, those of /etc/group would not count"
    )
    assert 'ENTRYPOINT ["dumb-init", "--", "docker/entrypoint.sh"]' in stage
    assert 'CMD ["python", "-m", "server", "health"]' in stage
    assert "MALLOC_MMAP_THRESHOLD_=131072" in stage and "FWHT_HOST=0.0.0.0" in stage
    assert "sbom.py" in stage and "fwht.platform=" in stage and "org.opencontainers.image.revision" in stage
    assert "build-essential" not in stage and "git" not in stage.split(), "compilers stay in the builder"
    period = re.search(r"--start-period=(\w+)", stage)
    assert period and period[1] == ("1m" if path.suffix == ".cpu" else "30m")


@pytest.mark.parametrize("platform", versions())
def test_arguments_are_those_of_the_versions_file(platform: str) -> None:
    values = versions()[platform]
    path = DOCKER / f"Dockerfile.{values['DOCKERFILE']}"
    declared = set(re.findall(r"^ARG (\w+)$", "\n".join(instructions(path)), re.MULTILINE))
    assert declared - OWN_ARGUMENTS == set(values) - {"DOCKERFILE"}


@pytest.mark.parametrize("platform", versions())
def test_base_images_have_a_tag(platform: str) -> None:
    for name in ("BASE", "BUILDER"):
        image = versions()[platform].get(name)
        assert image is None or re.fullmatch(r"[a-z.]+/[a-z0-9/-]+:[\w.-]+", image)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_no_version_is_written_into_a_dockerfile(path: Path) -> None:
    for line in instructions(path):
        if line.startswith("FROM "):
            assert re.match(r"FROM \$\{(BASE|BUILDER)\}", line)


def test_jetson_images_that_are_not_l4t_base_ask_for_the_gpu() -> None:
    """Without these the runtime nvidia mounts nothing."""
    for stage in (last_stage(path) for path in FILES if path.suffix != ".cpu"):
        assert "NVIDIA_VISIBLE_DEVICES=all" in stage and "NVIDIA_DRIVER_CAPABILITIES=" in stage


def test_r32_installs_nothing_of_cuda() -> None:
    """The host's is mounted read-only over it."""
    text = "\n".join(instructions(DOCKER / "Dockerfile.r32"))
    assert not re.search(r"apt-get install[^&]*(cuda|nvinfer|cudnn)", text)
    assert text.count("OPENBLAS_CORETYPE=ARMV8") == 2


def test_old_builders_understand_all() -> None:
    """r32 is built without BuildKit, which knows no default runtime."""
    newer = re.compile(r"--mount=|<<|COPY --chmod|COPY --link|^# ?syntax", re.MULTILINE)
    assert not [path.name for path in FILES if newer.search(path.read_text())]


def test_what_goes_to_the_builder() -> None:
    """.dockerignore lets through what is copied, and neither weights to train on nor anybody's own models."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == {
        "LICENSE",
        "THIRD_PARTY_NOTICES.md",
        "Makefile",
        "docker",
        "export",
        "models/*.json",
        "models/*.onnx",
        "plugins",
        "server",
        "tests/data/*.golden.npz",
    }
