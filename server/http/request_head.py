"""The phase of a request in which no application exists yet: limits on its head, and answers where it is no HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from http import HTTPStatus
from typing import Any, Callable, Container, Optional, Type

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..settings import Settings
from .prefix import TrustedPeers, read_prefix
from .problems import MEDIA_TYPE

LOG = logging.getLogger("server.head")
# An idle connection stays open for so long after the server was told to stop: its client may be about to ask, and a
# busy one was seen to take more than 0.2 s from the last answer, or from connecting, to its next request.
LAST_CALL_S = 2.0


class HeadRefused(Exception):
    """Raised within the parser, which stops at it."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on lines, bytes and seconds of a head, and problem JSON as its error answers.

    A request whose head comes in one piece, as nearly all do, costs two sums and no timer.
    """

    max_headers = 64  # lines
    max_header_bytes = 16 << 10
    header_timeout = 10.0  # s
    trusted: Container[object] = frozenset()  # peers whose X-Forwarded-Prefix is believed
    closing = False  # the server is stopping: every answer is its connection's last
    refused: Callable[[str], None]  # gets the reason of each refusal

    _refusal = HTTPStatus.BAD_REQUEST
    _detail = "this is no HTTP request: ask with an HTTP/1.1 client"
    _head_bytes = 0  # of a head that came in part
    _in_head = False
    _is_proxy = False
    _clock: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._is_proxy = self.client is not None and self.client[0] in self.trusted
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        part = self._in_head  # of a head whose beginning came earlier
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:  # nobody is answering, so the client is to send a head
            self._start_clock()
        if part and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.max_header_bytes:
                self._refuse_large()
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_clock()
        if len(self.headers) > self.max_headers or self._length() > self.max_header_bytes:
            self._refuse_large()
            raise HeadRefused
        if self._is_proxy:
            prefix = read_prefix(self.headers)
            if prefix:
                self.scope["prefix"] = prefix  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
        if self.closing:
            self._close_with_answer()

    def shutdown(self) -> None:
        """Told so when the server stops listening: a request that is on its way at this moment is still answered."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LAST_CALL_S, self._close_unless_asked)
        else:
            self._close_with_answer()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Instead of uvicorn's plain text; the connection closes, for nobody knows where the next request begins."""
        if self.transport.is_closing():
            return
        status, request_id = self._refusal, uuid.uuid4().hex
        self.refused(status.phrase.lower().replace(" ", "-"))
        LOG.info("a connection's head was answered %d (%s) id=%s", status, self._detail, request_id)
        self.transport.write(encode_refusal(status, self._detail, request_id))
        self.transport.close()

    def _close_with_answer(self) -> None:
        self.cycle.keep_alive = False
        # Older versions of uvicorn close without a word, and the client may already be asking again; whoever asked for
        # it is told.
        headers: Any = self.cycle.scope["headers"]
        headers.append((b"connection", b"close"))

    def _close_unless_asked(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _length(self) -> int:
        return len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])

    def _refuse_large(self) -> None:
        """Prepare the answer that send_400_response gives."""
        self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._detail = (
            f"a request's head may have {self.max_headers} lines and {self.max_header_bytes} bytes: send less"
        )

    def _start_clock(self) -> None:
        if self._clock is None and not self.transport.is_closing():
            self._clock = self.loop.call_later(self.header_timeout, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if not self._in_head:  # nothing was asked: nothing is answered
            self.transport.close()
            return
        self._refusal = HTTPStatus.REQUEST_TIMEOUT
        self._detail = f"the request's head did not arrive within {self.header_timeout:g} seconds"
        self.send_400_response("")


def make_protocol(settings: Settings, refused: Callable[[str], None]) -> Type[LimitedProtocol]:
    """The protocol with these settings; uvicorn makes one object of it for each connection."""
    limits = {
        "refused": staticmethod(refused),
        "max_headers": settings.max_headers,
        "max_header_bytes": settings.max_header_bytes,
        "header_timeout": float(settings.header_timeout),
        "trusted": TrustedPeers(settings.trusted_proxies),
    }
    return type("Protocol", (LimitedProtocol,), limits)


def encode_refusal(status: HTTPStatus, detail: str, request_id: str) -> bytes:
    """A whole HTTP answer with the members of problems.py; there is no scope yet to make one from."""
    reason = status.phrase.lower().replace(" ", "-")
    body = json.dumps(
        {
            "type": f"urn:fwht:problem:{reason}",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "request_id": request_id,
            "error": detail,
        }
    )
    lines = (
        f"HTTP/1.1 {int(status)} {status.phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        f"x-request-id: {request_id}",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("ascii")
