"""docs/images.md says what happens to every kind of file, and it does."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from server.errors import ServerError
from server.models import images
from tests.server.models.formats import more_cases  # noqa: F401 - it adds its cases
from tests.server.models.formats.cases import CASES, Key
from tests.server.models.image_files import SIZE, gradient
from tests.server.support.http_server import ROOT

LONGEST_S = 2.0
FIELD = ROOT / "tests" / "field"


def read_table() -> dict[Key, str]:
    """The answer of each row."""
    text = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) \| ?(.*?) ?\| (classified|\d+) \|$", text, re.MULTILINE)
    return {(kind, variant): answer for kind, variant, answer in rows}


def test_every_row_has_its_case() -> None:
    assert read_table().keys() == CASES.keys()


@pytest.mark.filterwarnings("ignore")  # Pillow's, about the damage that it passes over
@pytest.mark.parametrize("key", CASES, ids=lambda key: " ".join(key)[:60])
def test_row(key: Key) -> None:
    case, answer = CASES[key], read_table()[key]
    for number, data in enumerate(case.files()):
        start = time.perf_counter()
        try:
            decoded = images.decode(data, SIZE)
        except ServerError as error:
            assert case.refusal and re.search(case.refusal, str(error)), (number, str(error))
            assert error.status == int(answer), number
            assert ": " in str(error), "no cure"
        else:
            assert not case.refusal and answer == "classified", number
            assert shows_gradient(decoded.image) or max(decoded.image.size) < 60, number
        assert time.perf_counter() - start < LONGEST_S, number


def shows_gradient(image: object) -> bool:
    """Whether it is the picture that was put in, but for compression, turning, and what is black and white or grey."""
    pixels = np.asarray(image).astype(int)
    if pixels.shape[:2] != (40, 60):
        return pixels.shape == (60, 40, 3)
    if (pixels[..., 0] == pixels[..., 1]).all():
        return bool(pixels[:8, :8].mean() < pixels[-8:, -8:].mean())
    return bool(np.abs(pixels - np.asarray(gradient()).astype(int)).mean() < 12)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("bmp16_argb4444.bmp", None),
        ("bmp32_v5_bitfields_alpha0.bmp", None),
        ("brand_heis.jpg", "HEIC"),
        ("brand_hevc.jpg", "HEIC"),
        ("cgbi.png", "CgBI"),
        ("jpeg_no_eoi.jpg", None),
        ("panorama_no_eoi_trailer.jpg", None),
        ("png_iccp_1.1MB.png", None),
        ("png_text_bad_crc.png", None),
        ("png_ztxt_1.7MB.png", None),
        ("trailer_101_markers.jpg", None),
    ],
)
def test_files_as_people_sent_them(name: str, answer: str) -> None:
    data = (FIELD / name).read_bytes()
    if answer:
        with pytest.raises(ServerError, match=answer):
            images.decode(data, SIZE)
        return
    shown = np.asarray(images.decode(data, SIZE).image.resize((SIZE, SIZE))).astype(int)
    cat = np.asarray(images.decode((ROOT / "tests" / "data" / "cat.jpg").read_bytes(), SIZE).image).astype(int)
    difference = np.abs(shown - cat).mean()
    print(f"{difference:.1f} of 10 levels")
    assert difference < 10
