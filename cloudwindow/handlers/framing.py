"""
What is not even a request: bad request lines, bad framing, header floods.

The HTTP library answers these before any of our code sees them, with its own name and version and a piece of
what was sent. Here they get the headers of every other answer, and one sentence that quotes nothing.
"""

import asyncio
import json
import logging
import secrets
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy

from cloudwindow.handlers.door import ALWAYS, BARE_POLICY

log = logging.getLogger(__name__)


class Bare(web.Response):
    """An answer without the header that the library adds on its way out."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


PONG = b"\x8a\x80"
"""How a browser's answer to a ping without content begins (RFC 6455 §5.5.3): four bytes of mask follow."""
PONG_BYTES = 6


def left_open(data: bytes, before: int) -> int | None:
    """
    How many bytes the last WebSocket frame of ``data`` lacks; its first ``before`` bytes end an older one.

    ``None`` when ``data`` ends within the head of a frame: the borders between frames are lost from there on.
    """
    at, end = before, len(data)
    while at < end:
        if at + 2 > end:
            return None
        size = data[at + 1] & 127
        more = {126: 2, 127: 8}.get(size, 0)
        if at + 2 + more > end:
            return None
        if more:
            size = int.from_bytes(data[at + 2 : at + 2 + more], "big")
        at += 2 + more + (4 if data[at + 1] & 128 else 0) + size
    return at - end


_WAITER: Any = web.RequestHandler.__dict__["_handler_waiter"]


class Doorman(web.RequestHandler):
    """One connection of the house."""

    __slots__ = ("_unread", "greeting")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.greeting: CIMultiDict[str] | None = None
        self._unread: int | None = 0
        """Bytes that the running frame of an open page still lacks; ``None``: not known."""

    @property
    def _handler_waiter(self) -> asyncio.Future[None] | None:
        """
        Who waits, while the node goes down, for the running request to end; nobody once they have given up.

        The library would tell them all the same when both happen in one turn of the loop, as they do with
        thousands of open pages, and log an error.
        """
        waiter: asyncio.Future[None] | None = _WAITER.__get__(self)
        return None if waiter is None or waiter.done() else waiter

    @_handler_waiter.setter
    def _handler_waiter(self, waiter: asyncio.Future[None] | None) -> None:
        _WAITER.__set__(self, waiter)

    def data_received(self, data: bytes) -> None:
        """
        Keep the headers of a page that opens its socket where ``forget_greeting`` can drop them.

        A bare answer to a ping between two frames is the sign of life asked for and nothing else: it need not
        wake the page's reader.
        """
        if self._payload_parser is not None:
            if self._unread == 0 and len(data) == PONG_BYTES and data.startswith(PONG):
                if self._data_received_cb is not None:
                    self._data_received_cb()
                return
            if self._unread is not None:
                self._unread = left_open(data, self._unread)
            super().data_received(data)
            return
        super().data_received(data)
        for number, (message, payload) in enumerate(self._messages):
            if isinstance(message, RawRequestMessage) and message.upgrade and self.greeting is None:
                self.greeting = CIMultiDict(message.headers)
                kept = message._replace(headers=CIMultiDictProxy(self.greeting), raw_headers=())
                self._messages[number] = kept, payload

    def forget_greeting(self) -> None:
        """Drop the headers of the handshake and what read them: an open page needs them no more."""
        if self.greeting is not None:
            self.greeting.clear()
            self._parser = None  # as after the end of a connection; frames have their own

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read, and close. ``message`` may quote the sender: it goes nowhere."""
        request_id = secrets.token_hex(8)
        told = {"request_id": request_id, "route": "none", "status": status}
        log.info("request refused", exc_info=exc, extra=told)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already on its way")
        return refused(status, request_id)


def refused(status: int, request_id: str) -> web.Response:
    """The answer to something that is not a request; nobody's language is known yet."""
    problem = {
        "type": "about:blank",
        "title": "This is not a request we can read. Please start again from the first page.",
        "status": status,
        "code": "request_malformed" if status < 500 else "internal_error",
        "request_id": request_id,
    }
    headers = {
        **ALWAYS,
        "Content-Security-Policy": BARE_POLICY,
        "Cache-Control": "no-store",
        "X-Request-Id": request_id,
    }
    answer = Bare(
        text=json.dumps(problem), status=status, headers=headers, content_type="application/problem+json"
    )
    answer.force_close()
    return answer
