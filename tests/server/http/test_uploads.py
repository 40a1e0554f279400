"""Forms: whatever is sent arrives, however it is cut, and what is no image form is refused with the cure."""

from __future__ import annotations

import asyncio
import re
from typing import List, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from server.errors import BadRequest, SlowUpload
from server.http.uploads import OTHER_FIELDS, limit_upload_time, read_images
from server.models.images import decode
from tests.server.support.http_server import ROOT

BOUNDARY = b"cut here"
TYPE = b'multipart/form-data; boundary="cut here"'
FIELD_TYPE = b"multipart/form-data; boundary=B"
MAX_IMAGES = 4

# What parsers stumble over: line ends and beginnings of the boundary within a file.
pieces = st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"\r\n--", b"\r\n--cut", b"\r\n--cut her", b"\0", b"\xff\xd8"])
contents = st.one_of(st.binary(max_size=300), st.lists(pieces, max_size=20).map(b"".join))


def part(name: str, content: bytes, filename: str = ' filename="a.jpg";') -> bytes:
    head = f'Content-Disposition: form-data;{filename} name="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'
    return b"--" + BOUNDARY + b"\r\n" + head.encode() + content + b"\r\n"


def form(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def read(body: bytes, cuts: Sequence[int] = (), media: bytes = TYPE) -> List[bytes]:
    """The images of a body that arrives in pieces which end at `cuts`."""
    ends = [*sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    chunks = [body[begin:end] for begin, end in zip([0, *ends], ends)]

    async def receive() -> Message:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", media)]}
    return asyncio.run(read_images(Request(scope, receive), MAX_IMAGES))


@given(st.lists(contents, min_size=1, max_size=MAX_IMAGES), st.lists(st.integers(0, 5000), max_size=8))
def test_every_byte_arrives(files: List[bytes], cuts: List[int]) -> None:
    body = form([part("file" if index % 2 else "image", content) for index, content in enumerate(files)])
    assert read(body, cuts) == files


def test_cut_anywhere() -> None:
    body = form([part("note", b"text", ""), part("file", b"\r\n--cut\r\n"), part("image", b"")])
    for cut in range(len(body)):
        assert read(body, [cut]) == [b"\r\n--cut\r\n", b""], cut


def test_other_fields_are_ignored() -> None:
    others = [part(f"field{index}", b"text", "") for index in range(OTHER_FIELDS)]
    assert read(form([*others, part("file", b"pixels")])) == [b"pixels"]


REFUSED: List[Tuple[bytes, str]] = [
    (
        form([part("file", b"text", "")]),
        "the field 'file' is text and not a file: send -F file=@picture.jpg, with the @",
    ),
    (form([part("photo", b"")]), "the form has 'photo', and no 'file' or 'image': send -F file=@picture.jpg"),
    (form([]), "the form has no fields, and no 'file' or 'image'"),
    (
        form([part("file", b"")] * (MAX_IMAGES + 1)),
        "the form has more than 4 images, which is all that are taken at once",
    ),
    (form([part("note", b"", "")] * (OTHER_FIELDS + 1)), "the form has more than 16 fields beside its images"),
    (part("file", b"pixels"), "the form cannot be read"),
    (b"--another boundary\r\n\r\n", "the form cannot be read"),
    (b"", "the form cannot be read"),
]


JPEG = b"\xff\xd8\xff and so on"
DISPOSITIONS = [
    b"form-data; name=\"file\"; filename*=utf-8''K%C3%A4tzchen.jpg",
    b'form-data; name="file"; filename="a.jpg"; filename*=UTF-8\'\'%FF%FE',
    b"form-data; filename*=utf-8''a.jpg; name=file",
    b'form-data; name="file"; filename="K\xc3\xa4tzchen.jpg"',
    b'form-data; name="file"; filename="K\xe4tzchen.jpg"',  # latin-1
    b'form-data; name="file"; filename="\x94L\x83C\x83L.jpg"',  # Shift JIS
    b'form-data; name="file"; filename="C:\\photos\\my cat.jpg"',
    b'form-data; name="file"; filename="../../etc/passwd"',
    b'form-data; name="file"; filename="a \\"quoted\\" name.jpg"',
    b'form-data; name="file"; filename="a "quoted" name.jpg"',
    b'form-data; name="file"; filename="100%.jpg"',
    b'form-data; name="file"; filename=""',
    b'form-data; name="file"; filename="' + b"a" * 8000 + b'.jpg"',
    b"form-data; name=file; filename=a.jpg",
    b'FORM-DATA; NAME="file"; FILENAME="a.jpg"',
    b'form-data; name="file"',  # no name at all: the bytes say that it is an image
]


@pytest.mark.parametrize("disposition", DISPOSITIONS)
def test_no_file_name_spoils_a_form(disposition: bytes) -> None:
    """What the name is: not used. A client need not even have one."""
    for name in (b"Content-Disposition: ", b"content-disposition:"):
        head = b"--" + BOUNDARY + b"\r\n" + name + disposition + b"\r\nContent-Type: image/jpeg\r\n\r\n"
        assert read(form([head + JPEG + b"\r\n"])) == [JPEG]


def test_a_form_as_it_was_sent() -> None:
    """With filename* alone."""
    (image,) = read((ROOT / "tests/field/form_filename_star_only.bin").read_bytes(), media=FIELD_TYPE)
    assert decode(image, 32).width == 32


def test_other_fields_may_have_any_name() -> None:
    with pytest.raises(BadRequest, match="the form has 'photo-\u00e4', and no 'file'"):
        read(form([part("photo-\u00e4", JPEG)]))
    wrong = form([part("photo", JPEG)]).replace(b"photo", b"ph\xffto")
    with pytest.raises(BadRequest, match="the form has 'ph\ufffdto', and no 'file'"):
        read(wrong)


@pytest.mark.parametrize(("body", "reason"), REFUSED)
def test_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(reason)):
        read(body)


def test_no_boundary() -> None:
    with pytest.raises(BadRequest, match="the form cannot be read"):
        read(form([part("file", b"")]), media=b"multipart/form-data")


async def waiting_for(seconds: int) -> None:
    with limit_upload_time(seconds):
        await asyncio.sleep(30)


def test_what_does_not_arrive() -> None:
    async def late() -> None:
        with pytest.raises(SlowUpload, match="did not arrive within 0 seconds: send a smaller one"):
            await waiting_for(0)
        await asyncio.sleep(0)  # the task goes on, as nothing was cancelled but the wait

    asyncio.run(late())


def test_in_time() -> None:
    async def early() -> None:
        with limit_upload_time(0):
            pass
        await asyncio.sleep(0.01)

    asyncio.run(early())


def test_a_cancelled_upload_stays_cancelled() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(waiting_for(30))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
