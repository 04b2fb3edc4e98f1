"""
The live room: WebSockets in, typed messages out.

A *topic* names who should hear: ``ticket:<id>`` the citizen's page, ``agent:<id>`` the agent's,
``board:<district>`` the boards.
Rule 1: every connection has its own writer and a bounded outbox; nobody ever waits for another's socket.
Rule 2: one person, one page: a second connection on an exclusive topic replaces the first (close code 4409).
Rule 3: what is missed is not replayed: on connecting the page is told its whole state again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from cloudwindow.attendance import ATTENDANCE, Attendance
from cloudwindow.domain.errors import CloudWindowError, Malformed
from cloudwindow.domain.messages import Ack, Message, Refusal, Replaced, decode, encode, request_of
from cloudwindow.domain.strict_json import parsed

log = logging.getLogger(__name__)

OUTBOX_MESSAGES = 64
SEND_SECONDS = 5.0
HEARTBEAT_SECONDS = 2.0
MESSAGE_BYTES = 65_536
FRAMES_PER_SECOND = 50
REPLACED = 4409
SIGNED_OUT = 4401

Heard = Callable[[Message], Awaitable[None]]
Sentence = Callable[[CloudWindowError], str]


@dataclass(eq=False, slots=True)
class Connection:
    """One open page; ``sentence`` words an error in the person's language."""

    topic: str
    socket: web.WebSocketResponse
    sentence: Sentence
    outbox: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(OUTBOX_MESSAGES))

    def send(self, text: str) -> None:
        """Queue ``text``; a page that does not read is cut off."""
        try:
            self.outbox.put_nowait(text)
        except asyncio.QueueFull:
            self.abort()

    def say(self, message: Message) -> None:
        """Queue a message for this page alone."""
        self.send(encode(message))

    def refuse(self, error: CloudWindowError, request: str | None = None) -> None:
        """Tell this page what went wrong, in its language."""
        told = Refusal(re=request, code=error.code, text=self.sentence(error), field=error.field)
        self.send(encode(told))

    def abort(self) -> None:
        """Drop the connection without waiting for the other side."""
        transport = self.socket._req.transport if self.socket._req is not None else None
        if transport is not None:
            transport.abort()

    async def write(self) -> None:
        """Send what is queued, one after the other, until the connection ends."""
        while True:
            text = await self.outbox.get()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self.socket.send_str(text)
            except (TimeoutError, ConnectionError, RuntimeError):
                self.abort()
                return


class Hub:
    """
    The open pages of this node, by topic; ``relay`` carries messages to the other nodes.

    ``attendance`` knows what is open there, by ``clock``, in seconds.
    """

    def __init__(
        self,
        relay: Callable[[str, str], Awaitable[None]],
        attendance: Attendance,
        clock: Callable[[], float],
    ) -> None:
        self._relay = relay
        self._attendance = attendance
        self._clock = clock
        self._pages: dict[str, set[Connection]] = defaultdict(set)
        self._farewells: set[asyncio.Task[None]] = set()

    def here(self, topic: str) -> bool:
        """Whether a page of this node listens."""
        return bool(self._pages.get(topic))

    def online(self, topic: str) -> bool:
        """Whether a page listens, on this node or, as far as is known, on another."""
        return self.here(topic) or self._attendance.elsewhere(topic, self._clock())

    async def stay(self) -> None:
        """Tell the other nodes, again and again, that this one is alive with its pages."""
        await self._attend(self._attendance.alive())

    async def attended(self, text: str) -> None:
        """Take in what another node told of its pages."""
        await self._attend(self._attendance.heard(text, self._clock()))

    async def _attend(self, news: str | None) -> None:
        if news is not None:
            await self._relay(ATTENDANCE, news)

    @property
    def topics(self) -> list[str]:
        """What pages on this node listen to."""
        return [topic for topic, pages in self._pages.items() if pages]

    async def tell(self, topic: str, message: Message) -> None:
        """Say ``message`` to all pages of ``topic``, on this node at once and on the others by relay."""
        text = encode(message)
        self.deliver(topic, text)
        await self._relay(topic, text)

    def deliver(self, topic: str, text: str) -> None:
        """Say an encoded message to the pages on this node."""
        if text == REPLACE_ELSEWHERE:
            self._replace(topic)
            return
        for page in tuple(self._pages.get(topic, ())):
            page.send(text)

    async def serve(
        self,
        request: web.Request,
        *,
        topic: str,
        exclusive: bool,
        permitted: frozenset[str],
        sentence: Sentence,
        opened: Callable[[Connection], Awaitable[None]],
        heard: Heard,
        closed: Callable[[], Awaitable[None]],
    ) -> web.WebSocketResponse:
        """Run one page's connection from the upgrade to its end."""
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS * 2, max_msg_size=MESSAGE_BYTES, compress=False, timeout=SEND_SECONDS
        )
        await socket.prepare(request)
        page = Connection(topic=topic, socket=socket, sentence=sentence)
        if exclusive:
            await self.replace(topic)
        self._pages[topic].add(page)
        await self._attend(self._attendance.opened(topic))
        writer = asyncio.create_task(page.write(), name=f"writer {topic}")
        try:
            await opened(page)
            await self._listen(page, permitted, heard)
        finally:
            writer.cancel()
            mine = page in self._pages.get(topic, ())
            self._pages[topic].discard(page)
            if not self._pages[topic]:
                del self._pages[topic]
            try:
                if mine:
                    await closed()
            finally:
                if not self.here(topic):
                    await self._attend(self._attendance.closed(topic))
        return socket

    def _replace(self, topic: str) -> None:
        for page in self._pages.pop(topic, set()):
            task = asyncio.get_running_loop().create_task(_bid_farewell(page), name="farewell")
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    async def replace(self, topic: str) -> None:
        """Tell every page of ``topic``, on all nodes, that another device has taken over."""
        self._replace(topic)
        await self._relay(topic, REPLACE_ELSEWHERE)

    async def close_topic(self, topic: str, code: int = SIGNED_OUT) -> None:
        """End the pages of ``topic`` on this node."""
        for page in tuple(self._pages.get(topic, ())):
            await _close(page, code)

    async def close(self) -> None:
        """End every connection: the service is going down, come back soon (1001)."""
        pages = [page for pages in self._pages.values() for page in pages]
        await asyncio.gather(*(_close(page, WSCloseCode.GOING_AWAY) for page in pages))

    async def _listen(self, page: Connection, permitted: frozenset[str], heard: Heard) -> None:
        budget = FrameBudget()
        async for frame in page.socket:
            await budget.spend()
            if frame.type is WSMsgType.TEXT:
                await _answer(page, frame, permitted, heard)
            elif frame.type is WSMsgType.BINARY:
                page.refuse(Malformed("message_malformed"))


REPLACE_ELSEWHERE = "replace"


class FrameBudget:
    """Slows down whoever sends more than ``FRAMES_PER_SECOND`` on average."""

    def __init__(self) -> None:
        self._left = float(FRAMES_PER_SECOND)
        self._at = asyncio.get_running_loop().time()

    async def spend(self) -> None:
        """Take one frame off the budget, waiting for it if there is none left."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._left + (now - self._at) * FRAMES_PER_SECOND, FRAMES_PER_SECOND)
        self._at = now
        if self._left < 1:
            await asyncio.sleep((1 - self._left) / FRAMES_PER_SECOND)
        self._left -= 1


async def _answer(page: Connection, frame: WSMessage, permitted: frozenset[str], heard: Heard) -> None:
    request: str | None = None
    try:
        raw = _read(frame.data)
        request = request_of(raw)
        message, request = decode(raw, permitted)
        await heard(message)
    except CloudWindowError as error:
        page.refuse(error, request)
    except Exception:
        log.exception("message failed")  # one message that cannot be handled must not end a call
        page.refuse(CloudWindowError("internal_error"), request)
    else:
        if request is not None:
            page.say(Ack(re=request))


def _read(text: str) -> object:
    try:
        return parsed(text)
    except ValueError as exc:
        raise Malformed("message_malformed") from exc


async def _bid_farewell(page: Connection) -> None:
    page.say(Replaced())
    await asyncio.sleep(0)
    await _close(page, REPLACED)


async def _close(page: Connection, code: int) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await page.socket.close(code=code)
    except (TimeoutError, ConnectionError):
        page.abort()
