"""The images of a request: the files of a form, or the body itself."""

from __future__ import annotations

from typing import List

import anyio
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..errors import BadRequest, SlowUpload, UnsupportedMedia

FIELDS = ("file", "image")
OTHER_FIELDS = 16  # a form may hold this many fields beside its images; they are ignored
HOW = "send a form with -F file=@picture.jpg, or the file itself with Content-Type: image/jpeg"


async def read_images(request: Request, max_images: int) -> List[bytes]:
    """The image files of a request, in order, still encoded; at least one.

    Raises BadRequest for a form that cannot be read, has no image or too many, and for an empty body;
    UnsupportedMedia for any type that is no form, no image/* and not application/octet-stream.
    """
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media == "multipart/form-data":
        return await read_form(request, max_images)
    if media.startswith("image/") or media == "application/octet-stream":
        body = await request.body()
        if not body:
            raise BadRequest(f"the body is empty: {HOW}")
        return [body]
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        raise BadRequest(f"the request has no body: {HOW}")
    raise UnsupportedMedia(f"the body's type is {media[:80] or 'not given'!r}, which is no image: {HOW}")


async def body_in_time(request: Request, seconds: int) -> bytes:
    """The whole body, which has that many seconds to arrive. Raises SlowUpload."""
    try:
        with anyio.fail_after(seconds):
            return await request.body()
    except TimeoutError:
        raise SlowUpload(f"the body did not arrive within {seconds} seconds: send a smaller one") from None


async def read_form(request: Request, max_images: int) -> List[bytes]:
    try:
        form = await request.form(max_files=max_images + OTHER_FIELDS, max_fields=OTHER_FIELDS)
    except HTTPException as error:  # what Starlette found wrong
        raise BadRequest(f"the form cannot be read: {error.detail}") from error
    except FormParserError as error:  # what its parser found wrong; older versions of Starlette let it through
        raise BadRequest(f"the form cannot be read: {error}") from error
    try:
        return [await part.read() for part in image_parts(form, max_images)]
    finally:
        await form.close()


def image_parts(form: FormData, max_images: int) -> List[UploadFile]:
    """The form's image files; large ones lie on disk until they are read."""
    parts = [(name, value) for name, value in form.multi_items() if name in FIELDS]
    if not parts:
        found = ", ".join(repr(name[:80]) for name in form) or "no fields"
        raise BadRequest(f"the form has {found}, and no 'file' or 'image': send -F file=@picture.jpg")
    if len(parts) > max_images:
        raise BadRequest(
            f"the form has {len(parts)} images, at most {max_images} are taken at once: send several forms"
        )
    for name, value in parts:
        if isinstance(value, str):
            raise BadRequest(f"the field '{name}' is text and not a file: send -F {name}=@picture.jpg, with the @")
    return [value for _, value in parts if isinstance(value, UploadFile)]
