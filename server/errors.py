"""Every error this server answers, drawn at one place.

    ServerError
      BadRequest            400  a value or an image that cannot be used
      Unauthorized          401  a route that asks for the admin key
      UnknownModel          404
      NotFound              404  anything else that is not there
      SlowUpload            408  the body did not arrive in time
      TooLarge              413  too many bytes or pixels
      UnsupportedMedia      415
      Busy                  503  full, loading, draining; has `retry_after` seconds
      Late                  504  the deadline passed
      NoRoom                507  no place for a file that the answer needs
    StartupError                 the process cannot serve: reason and cure, then exit

A message says what was wrong, with the value, and how to mend it: it is shown to the client as it is.
"""

from __future__ import annotations

from typing import Optional


class ServerError(Exception):
    """An error with an HTTP status and one sentence for the client.

    `index` is the position of the image in the request that caused it, None where no single image did.
    The title, in lower case with hyphens, is the last part of the problem's `type` and the `reason` in the metrics.
    """

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, index: Optional[int] = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.index = index


class BadRequest(ServerError):
    status = 400
    title = "Bad request"


class Unauthorized(ServerError):
    status = 401
    title = "Unauthorized"


class UnknownModel(ServerError):
    status = 404
    title = "Unknown model"


class NotFound(ServerError):
    status = 404
    title = "Not found"


class SlowUpload(ServerError):
    status = 408
    title = "Upload too slow"


class TooLarge(ServerError):
    status = 413
    title = "Too large"


class UnsupportedMedia(ServerError):
    status = 415
    title = "Unsupported media type"


class Busy(ServerError):
    """The work cannot be taken now; `retry_after` is in seconds."""

    status = 503
    title = "Busy"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Late(ServerError):
    status = 504
    title = "Deadline passed"


class NoRoom(ServerError):
    status = 507
    title = "No room"


class StartupError(Exception):
    """Why the process cannot serve, and the cure. The command line prints it and exits with status 2."""
