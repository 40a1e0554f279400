"""The photos that the page offers: where they are, whose labels they have, and who may have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.page.page import HTML
from server.page.samples import FOLDER, SAMPLES, Sample
from tests.server.support.app_client import AppClient

ROOT = Path(__file__).parents[3]
IMAGENET = (ROOT / "export/models/imagenet_labels.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_photo_is_sent_and_may_be_kept(client: AppClient, sample: Sample) -> None:
    response = client.get(f"/samples/{sample.file}")
    assert response.status_code == 200 and response.content == (FOLDER / sample.file).read_bytes()
    assert response.headers["content-type"] == "image/jpeg" and response.headers["cache-control"] == "max-age=86400"


def test_other_names_get_the_list_and_no_file(client: AppClient) -> None:
    for name in ("cat.jpg", "samples.py", "%2e%2e%2fpage.py", "a" * 500):
        response = client.get(f"/samples/{name}")
        assert response.status_code == 404, name
    assert "chelsea.jpg, coffee.jpg" in client.get("/samples/cat.jpg").json()["detail"]


def test_every_photo_there_is_offered_and_has_its_terms() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(sample.file for sample in SAMPLES)
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    for sample in SAMPLES:
        assert f"`server/page/samples/{sample.file}`" in notices and f"samples/{sample.file}" in HTML
        assert sample.credit.split(", ")[0] in notices


def test_labels_are_those_of_the_models() -> None:
    assert {label for sample in SAMPLES for label in sample.labels} - set(IMAGENET) == {"cat"}  # CIFAR-10's


def test_page_is_not_made_much_longer() -> None:
    assert sum((FOLDER / sample.file).stat().st_size for sample in SAMPLES) < 100_000
