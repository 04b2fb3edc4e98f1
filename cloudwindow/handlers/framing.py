"""
What is not even a request: bad request lines, bad framing, header floods.

The HTTP library answers these before any of our code sees them, with its own name and version and a piece of
what was sent. Here they get the headers of every other answer, and one sentence that quotes nothing.
"""

import json
import logging
import secrets

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


class Doorman(web.RequestHandler):
    """One connection of the house."""

    greeting: CIMultiDict[str] | None = None

    def data_received(self, data: bytes) -> None:
        """Keep the headers of a page that opens its socket where ``forget_greeting`` can drop them."""
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
