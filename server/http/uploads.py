"""The images of a request: the files of a form, or the body itself."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import Iterator, List, Optional, Tuple, Union

import anyio
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from ..errors import BadRequest, SlowUpload, UnsupportedMedia
from ..models.formats.kinds import match_kind

FIELDS = ("file", "image")
OTHER_FIELDS = 16  # a form may hold this many fields beside its images; they are ignored
LONGEST_HEADER = 16 << 10  # bytes of one line in the head of a part
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


@contextmanager
def limit_upload_time(seconds: int) -> Iterator[None]:
    """Raises SlowUpload where what is read within it does not arrive in that time."""
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise SlowUpload(f"the body did not arrive within {seconds} seconds: send a smaller one") from None


async def read_form(request: Request, max_images: int) -> List[bytes]:
    """The form's image files. They stay in memory, where decoding needs them; the limit on a body bounds them."""
    form = Form(max_images)
    _, options = parse_options_header(request.headers["content-type"])
    try:
        # File names are not used, so none may spoil a form: latin-1 reads any byte, and a path may be long.
        parser = PushMultipartParser(
            options.get("boundary", ""), max_header_size=LONGEST_HEADER, header_charset="latin-1"
        )
        async for chunk in request.stream():
            for event in parser.parse(chunk) if chunk else ():
                form.take(event)
        parser.close()
    except MultipartError as error:
        raise BadRequest(f"the form cannot be read ({error}): {HOW}") from error
    return form.images()


class Form:
    """Gathers the image files of a form from the events of its parser."""

    def __init__(self, max_images: int) -> None:
        self._max_images = max_images
        self._files: List[io.BytesIO] = []
        self._nameless: List[Tuple[str, io.BytesIO]] = []  # field and content where no file name says that it is a file
        self._others: List[str] = []
        self._file: Optional[io.BytesIO] = None  # of the part that is being read; None where it is no image

    def take(self, event: Union[MultipartSegment, bytes, bytearray, None]) -> None:
        """The head of a part, then its content in pieces, then None. Raises BadRequest for too many parts."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is not None and self._file is not None:
            self._file.write(event)

    def images(self) -> List[bytes]:
        """What was gathered. Raises BadRequest where that is nothing, or text instead of a file."""
        if not self._files:
            names = [name.encode("latin-1").decode("utf-8", "replace") for name in self._others]
            found = ", ".join(repr(name[:80]) for name in names) or "no fields"
            raise BadRequest(f"the form has {found}, and no 'file' or 'image': send -F file=@picture.jpg")
        for name, file in self._nameless:
            if match_kind(file.getvalue()) is None:
                how = f"send -F {name}=@picture.jpg, with the @"
                raise BadRequest(f"the field '{name}' is text and not a file: {how}")
        return [file.getvalue() for file in self._files]

    def _begin(self, part: MultipartSegment) -> None:
        self._file = None
        if part.name not in FIELDS:
            self._others.append(part.name)
            if len(self._others) > OTHER_FIELDS:
                raise BadRequest(f"the form has more than {OTHER_FIELDS} fields beside its images: leave them out")
            return
        if len(self._files) == self._max_images:
            found = f"more than {self._max_images} images, which is all that are taken at once"
            raise BadRequest(f"the form has {found}: send several forms")
        self._file = io.BytesIO()
        self._files.append(self._file)
        if part.filename is None and "filename*" not in part.header("Content-Disposition", ""):
            self._nameless.append((part.name, self._file))
