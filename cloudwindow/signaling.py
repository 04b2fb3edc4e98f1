"""
The live room: WebSockets in, typed messages out.

A *topic* names who should hear: ``ticket:<id>`` the citizen's page, ``agent:<id>`` the agent's,
``board:<district>`` the boards.
Rule 1: a message goes straight to the socket when that is free; else into the page's own bounded outbox,
which its own writer empties. Nobody ever waits for another's socket.
Rule 2: one person, one page: a second connection on an exclusive topic replaces the first (close code 4409).
Rule 3: what is missed is not replayed: on connecting the page is told its whole state again.
Rule 4: a page at rest costs little: no task but its reader, no timer; ``Hub.pulse`` asks for signs of life.
"""

import asyncio
import logging
import socket as sockets
import struct
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from cloudwindow.attendance import ATTENDANCE, Attendance
from cloudwindow.domain.errors import CloudWindowError, Malformed
from cloudwindow.domain.messages import Ack, Message, Refusal, Replaced, decode, encode, request_of
from cloudwindow.domain.strict_json import parsed
from cloudwindow.gather import Gathering

log = logging.getLogger(__name__)

OUTBOX_MESSAGES = 64
OUTBOX_BYTES = 96 * 1024
BUFFER_BYTES = 16 * 1024
"""What may wait in a transport's own buffer before messages go to the outbox."""
READ_BYTES = 4 * 1024
"""Asked of the system at a time: the loop would make room for 256 kB, which costs more than a frame."""
KERNEL_BYTES = 32 * 1024
"""Send buffer asked of the system (which takes twice that), so that a page that does not read shows soon."""
SEND_SECONDS = 5.0
PULSE_SECONDS = 3.0
MISSED_PULSES = 2
"""A page is cut off after so many unanswered questions: one answer may lie unread while the loop is busy."""
CALM_PULSES = 15
"""
A page where nothing is about to happen is asked for a sign of life every fifteenth time only: every 45
seconds, because proxies close what is silent for a minute.
"""
MESSAGE_BYTES = 65_536
FRAMES_PER_SECOND = 50
REPLACED = 4409
SIGNED_OUT = 4401

Heard = Callable[[Message], Awaitable[None]]
Sentence = Callable[[CloudWindowError], str]


def framed(text: str) -> bytes:
    """``text`` as one unmasked, uncompressed WebSocket frame (RFC 6455 §5.2)."""
    body = text.encode()
    size = len(body)
    if size < 126:
        return b"\x81" + bytes((size,)) + body
    if size < 65_536:
        return b"\x81\x7e" + struct.pack("!H", size) + body
    return b"\x81\x7f" + struct.pack("!Q", size) + body


PING = b"\x89\x00"


class Text(str):
    """A message for many pages: its frame is built once."""

    @cached_property
    def frame(self) -> bytes:
        """What goes over the wire."""
        return framed(self)


class PageSocket(web.WebSocketResponse):
    """A WebSocket without timers of its own: it only remembers that something came in."""

    def __init__(self) -> None:
        super().__init__(
            heartbeat=PULSE_SECONDS, max_msg_size=MESSAGE_BYTES, compress=False, timeout=SEND_SECONDS
        )
        self.unanswered = 0
        """How often it was asked for a sign of life since one came."""

    def _on_data_received(self) -> None:
        self.unanswered = 0

    def _reset_heartbeat(self) -> None:
        """No timer: ``Hub.pulse`` asks."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Where frames go; ``None`` once the connection is gone."""
        return None if self._req is None else self._req.transport

    def bound(self) -> None:
        """Let little wait for this page in the transport and in the system."""
        transport = self.transport
        if transport is not None:
            transport.set_write_buffer_limits(high=BUFFER_BYTES)
            if hasattr(transport, "max_size"):
                transport.max_size = READ_BYTES
            raw = transport.get_extra_info("socket")
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, KERNEL_BYTES)

    async def drained(self) -> None:
        """Wait until the transport takes more."""
        if self._req is not None:
            await self._req.protocol._drain_helper()


def _none_taken(frame: bytes) -> int:
    """Nothing was sent yet."""
    return 0


UNKNOWN = (None,)
"""Stands for a transport's buffer that we cannot look into: something may wait there."""


@dataclass(eq=False, slots=True)
class Connection:
    """
    One open page; ``sentence`` words an error in the person's language.

    ``calm`` says whether nothing is about to happen to this page; without it something always is.
    """

    put: Callable[[bytes], int] = field(init=False, default=_none_taken)
    before: Sized = field(init=False, default=UNKNOWN)
    """What the transport has not sent yet, as far as that can be seen at a glance."""
    outbox: deque[bytes] | None = field(init=False, default=None)
    ended: bool = field(init=False, default=False)
    topic: str
    socket: PageSocket
    sentence: Sentence
    transport: asyncio.Transport | None = None
    calm: Callable[[], bool] | None = None
    outbox_bytes: int = 0
    gathering: bool = False
    writer: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        if self.transport is not None:
            # The transport's own `write` does the same with twice the overhead of the system call; the socket
            # is asked only while nothing waits before it. Another loop or TLS may not have one to give.
            raw = getattr(self.transport.get_extra_info("socket"), "_sock", None)
            if isinstance(raw, sockets.socket) and self.transport.get_extra_info("sslcontext") is None:
                self.put = raw.send
                self.before = getattr(self.transport, "_buffer", UNKNOWN)

    def send(self, text: str) -> None:
        """Send ``text``, or queue it behind what waits; a page that does not read is cut off."""
        self.pass_on(text.frame if type(text) is Text else framed(text))

    def pass_on(self, frame: bytes) -> None:
        """Send a frame; while nothing waits before it that costs little more than the system call."""
        if self.outbox is None and not self.before and not self.ended:
            try:
                sent = self.put(frame)
            except OSError:  # would block, or is gone
                sent = 0
            if sent == len(frame):
                return
            frame = frame[sent:]
        transport = self.transport
        if transport is None or self.ended or transport.is_closing():
            return
        if self.outbox is not None or not self._written(transport, frame):
            self._queue(frame)

    def _written(self, transport: asyncio.Transport, frame: bytes) -> bool:
        """Whether ``frame`` was sent, or lies in the transport's own buffer; only while that is open."""
        waiting = transport.get_write_buffer_size()
        if waiting:
            if waiting <= BUFFER_BYTES:
                transport.write(frame)
            return waiting <= BUFFER_BYTES
        try:
            sent = self.put(frame)
        except OSError:  # would block, or is gone: the transport knows what to do
            sent = 0
        if sent != len(frame):
            transport.write(frame[sent:])
        return True

    def ping(self) -> None:
        """Ask for a sign of life, unless so much waits before it that it would only wait as well."""
        if not self.outbox and self.transport is not None:
            self._written(self.transport, PING)

    def _queue(self, frame: bytes) -> None:
        if self.outbox is None:
            self.outbox = deque()
        if self.outbox and (
            len(self.outbox) >= OUTBOX_MESSAGES or self.outbox_bytes + len(frame) > OUTBOX_BYTES
        ):
            self.abort()
            return
        self.outbox.append(frame)
        self.outbox_bytes += len(frame)
        if self.writer is None and not self.gathering:
            self.writer = asyncio.get_running_loop().create_task(self._write(), name=f"writer {self.topic}")

    def gather(self) -> None:
        """Let what is said from now on wait, to send it in one go with ``release``."""
        self.gathering, self.outbox = True, deque()

    def release(self) -> None:
        """Send what was gathered, if anything was."""
        if not self.gathering:
            return
        gathered, transport = self.outbox, self.transport
        self.gathering, self.outbox, self.outbox_bytes = False, None, 0
        if gathered and transport is not None and not transport.is_closing():
            frames = b"".join(gathered)
            if not self._written(transport, frames):
                self._queue(frames)

    def say(self, message: Message) -> None:
        """Send a message to this page alone."""
        self.send(encode(message))

    def refuse(self, error: CloudWindowError, request: str | None = None) -> None:
        """Tell this page what went wrong, in its language."""
        told = Refusal(re=request, code=error.code, text=self.sentence(error), field=error.field)
        self.send(encode(told))

    def abort(self) -> None:
        """Drop the connection, and what waits for it, without waiting for the other side."""
        self.drop_outbox()
        if self.transport is not None:
            self.transport.abort()

    def drop_outbox(self) -> None:
        """Nothing that waits will be sent any more."""
        if self.writer is not None:
            self.writer.cancel()
        self.writer, self.outbox, self.outbox_bytes = None, None, 0

    async def _write(self) -> None:
        """Send what waits, one after the other as the socket takes it; then there is no writer again."""
        try:
            while self.outbox and self.transport is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await self.socket.drained()
                frame = self.outbox.popleft()
                self.outbox_bytes -= len(frame)
                self.transport.write(frame)
        except (TimeoutError, ConnectionError):
            self.writer = None
            self.abort()
        else:
            self.writer, self.outbox, self.outbox_bytes = None, None, 0


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
        self._replaced = Gathering(self._replace_elsewhere)
        self._news = Gathering(self._tell_nodes)
        self._attendance = attendance
        self._clock = clock
        self._pages: dict[str, tuple[Connection, ...]] = {}
        self._by_kind: dict[str, dict[str, None]] = defaultdict(dict)
        """The topics with an open page by their kind, the word before the colon."""
        self._farewells: set[asyncio.Task[None]] = set()
        self._awake: set[Connection] = set()
        self._calm: tuple[set[Connection], ...] = tuple(set() for _ in range(CALM_PULSES))
        self._pulses = 0
        self.closing = False
        """Whether this node is going down: its pages end because of us."""

    def here(self, topic: str) -> bool:
        """Whether a page of this node listens."""
        return bool(self._pages.get(topic))

    def online(self, topic: str) -> bool:
        """Whether a page listens, on this node or, as far as is known, on another."""
        return self.here(topic) or self._attendance.elsewhere(topic, self._clock())

    async def stay(self) -> None:
        """Tell the other nodes, again and again, that this one is alive with its pages."""
        self._attend(self._attendance.alive())

    async def attended(self, text: str) -> None:
        """Take in what another node told of its pages, a piece of news a line."""
        for news in text.splitlines():
            self._attend(self._attendance.heard(news, self._clock()))
        for topic in self._attendance.taken():
            self._replace(topic)

    def _attend(self, news: str | None) -> None:
        if news is not None:
            self._news.leave(news)

    async def _tell_nodes(self, news: Sequence[str]) -> Mapping[str, bool]:
        await self._relay(ATTENDANCE, "\n".join(news))
        return {}

    @property
    def topics(self) -> list[str]:
        """What pages on this node listen to."""
        return list(self._pages)

    def topics_of(self, kind: str) -> list[str]:
        """What pages of one kind (``ticket``, ``agent``, ``board``) on this node listen to."""
        return list(self._by_kind[kind])

    async def tell(self, topic: str, message: Message) -> None:
        """Say ``message`` to all pages of ``topic``, on this node at once and on the others by relay."""
        text = encode(message)
        self.deliver(topic, text)
        await self._relay(topic, text)

    def push(self, topic: str, text: Text) -> None:
        """Say to the pages of this node what every node knows by itself; it disturbs nobody's rest."""
        frame = text.frame
        for page in self._pages.get(topic, ()):
            page.pass_on(frame)

    def pulse(self) -> None:
        """
        Ask for signs of life, every ``PULSE_SECONDS``: a page that has missed ``MISSED_PULSES`` is cut off.

        Pages where something may happen are asked each time, those at rest in turn.
        """
        self._pulses += 1
        turn = self._calm[self._pulses % CALM_PULSES]
        for page in (*self._awake, *turn):
            calm = page.calm is not None and page.calm()
            if calm and page in self._awake:
                self._awake.discard(page)
                self._calm[(self._pulses + hash(page) // 16) % CALM_PULSES].add(page)
            elif not calm and page in turn:
                turn.discard(page)
                self._awake.add(page)
            _ask(page)

    def deliver(self, topic: str, text: str) -> None:
        """Say an encoded message to the pages on this node."""
        if topic == REPLACED_ELSEWHERE:
            for one in text.split():
                self._replace(one)
            return
        for page in self._pages.get(topic, ()):
            self._wake(page)
            page.send(text)

    def _wake(self, page: Connection) -> None:
        """Something happens on this page: it is asked for signs of life each time again."""
        if page not in self._awake:
            self._rest_no_more(page)
            self._awake.add(page)

    def _rest_no_more(self, page: Connection) -> None:
        for turn in self._calm if page.calm is not None else ():
            turn.discard(page)

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
        calm: Callable[[], bool] | None = None,
    ) -> web.WebSocketResponse:
        """Run one page's connection from the upgrade to its end."""
        socket = PageSocket()
        await socket.prepare(request)
        socket.bound()
        _forget_greeting(request, socket)
        page = Connection(
            topic=topic, socket=socket, sentence=sentence, transport=socket.transport, calm=calm
        )
        news = self._attendance.opened(topic, alone=exclusive)
        if exclusive and news is None:
            await self.replace(topic)
        elif exclusive:
            self._replace(topic)
        self._list(page)
        self._awake.add(page)
        self._attend(news)
        try:
            page.gather()
            try:
                await opened(page)
            finally:
                page.release()
            await self._listen(page, permitted, heard)
        finally:
            page.drop_outbox()
            self._awake.discard(page)
            self._rest_no_more(page)
            mine = page in self._pages.get(topic, ())
            self._strike(page)
            try:
                if mine:
                    await closed()
            finally:
                if not self.here(topic):
                    self._attend(self._attendance.closed(topic))
        return socket

    def _replace(self, topic: str) -> None:
        for page in self._forget(topic):
            task = asyncio.get_running_loop().create_task(_bid_farewell(page), name="farewell")
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    def _list(self, page: Connection) -> None:
        self._pages[page.topic] = (*self._pages.get(page.topic, ()), page)
        self._by_kind[_kind_of(page.topic)][page.topic] = None

    def _strike(self, page: Connection) -> None:
        left = tuple(one for one in self._pages.get(page.topic, ()) if one is not page)
        if left:
            self._pages[page.topic] = left
        else:
            self._forget(page.topic)

    def _forget(self, topic: str) -> tuple[Connection, ...]:
        self._by_kind[_kind_of(topic)].pop(topic, None)
        return self._pages.pop(topic, ())

    async def replace(self, topic: str) -> None:
        """Tell every page of ``topic``, on all nodes, that another device has taken over."""
        self._replace(topic)
        await self._replaced.ask(topic)

    async def _replace_elsewhere(self, topics: Sequence[str]) -> Mapping[str, bool]:
        await self._relay(REPLACED_ELSEWHERE, " ".join(topics))
        return {}

    async def close_topic(self, topic: str, code: int = SIGNED_OUT) -> None:
        """End the pages of ``topic`` on this node."""
        for page in self._pages.get(topic, ()):
            await _close(page, code)

    async def close(self) -> None:
        """End every connection: the service is going down, come back soon (1001)."""
        self.closing = True
        pages = [page for pages in self._pages.values() for page in pages]
        await asyncio.gather(*(_close(page, WSCloseCode.GOING_AWAY) for page in pages))
        await self._news.settled()

    async def _listen(self, page: Connection, permitted: frozenset[str], heard: Heard) -> None:
        budget = FrameBudget()
        async for frame in page.socket:
            await budget.spend()
            if frame.type is WSMsgType.TEXT:
                await _answer(page, frame, permitted, heard)
            elif frame.type is WSMsgType.BINARY:
                page.refuse(Malformed("message_malformed"))


def _kind_of(topic: str) -> str:
    return topic.partition(":")[0]


REPLACED_ELSEWHERE = "replaced"
"""Not a topic of pages: what is said here names the topics that another node has taken over."""


class FrameBudget:
    """Slows down whoever sends more than ``FRAMES_PER_SECOND`` on average."""

    __slots__ = ("_at", "_left")

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


def _forget_greeting(request: web.Request, socket: PageSocket) -> None:
    """Let go of what only the handshake needed: a third of what a page at rest would keep in memory."""
    socket.headers.clear()
    forget = getattr(request.protocol, "forget_greeting", None)
    if forget is not None:
        forget()


def _ask(page: Connection) -> None:
    transport = page.transport
    if transport is None or transport.is_closing() or page.gathering:
        return  # a page still being greeted is told nothing yet, so it has nothing to answer
    if page.socket.unanswered >= MISSED_PULSES:
        page.abort()
        return
    page.socket.unanswered += 1
    page.ping()


async def _bid_farewell(page: Connection) -> None:
    page.say(Replaced())
    page.release()
    await asyncio.sleep(0)
    await _close(page, REPLACED)


async def _close(page: Connection, code: int) -> None:
    page.release()
    page.ended = True
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await page.socket.close(code=code)
    except (TimeoutError, ConnectionError):
        page.abort()
