"""Photos that the page offers to try, GET /samples/NAME: free to use, and named in THIRD_PARTY_NOTICES.md.

A photo is offered where the model that is asked has a label that is right for it: a classifier of flowers could only
give the cat a wrong name.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Tuple

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from ..errors import NotFound

router = APIRouter()

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Sample:
    """`labels` that are right for it: CIFAR-10's and ImageNet's."""

    file: str
    title: str
    credit: str
    labels: Tuple[str, ...]


SAMPLES = (
    Sample("chelsea.jpg", "A cat", "Stefan van der Walt, CC0", ("cat", "tabby", "Egyptian cat")),
    Sample("coffee.jpg", "A cup of espresso", "Rachel Michetti, CC0", ("espresso",)),
    Sample("rocket.jpg", "A rocket", "SpaceX, public domain", ("missile", "space shuttle")),
    Sample("china.jpg", "A palace", "danielbuechele, CC BY 2.0", ("palace", "monastery")),
)


def draw_buttons() -> str:
    """A button for each photo, hidden until page_samples.js knows the model; {root} is still to be put in."""
    return "\n".join(draw_button(sample) for sample in SAMPLES)


def draw_button(sample: Sample) -> str:
    title, labels = escape(f"{sample.title} (photo: {sample.credit})"), escape("|".join(sample.labels))
    image = f'<img src="{{root}}samples/{sample.file}" alt="{escape(sample.title)}" loading="lazy">'
    return f'<button type="button" title="{title}" data-labels="{labels}" hidden>{image}</button>'


@router.get("/samples/{name}", include_in_schema=False)
async def send_sample(name: str) -> Response:
    files = [sample.file for sample in SAMPLES]
    if name not in files:
        raise NotFound(f"the sample photos are {', '.join(files)}; none is called {name[:80]!r}")
    return FileResponse(FOLDER / name, media_type="image/jpeg", headers={"Cache-Control": "max-age=86400"})
