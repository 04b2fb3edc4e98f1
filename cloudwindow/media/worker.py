"""
The media worker: a process of its own that forwards packets and obeys the web processes.

Losing a web process ends no call; members leave when they are removed or when their consent ends.
"""

import asyncio
import gc
import hmac
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, NotFound
from cloudwindow.media.captions import Captions
from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.meeting import with_hold, with_mode, with_side_room
from cloudwindow.media.memory import MemoryWatch, give_back
from cloudwindow.media.plane import Arrangement, MediaEvent, WorkerLoad
from cloudwindow.media.recorder import Recorders, RecorderSettings
from cloudwindow.media.wire import (
    CALL_SECONDS,
    MAX_LINE_OCTETS,
    Broken,
    Line,
    Message,
    arrangement_message,
    captioning_message,
    error_message,
    event_message,
    read_arrangement,
    read_mode,
    split_address,
    stats_message,
)

REGISTER_SECONDS: Final = 2.0
DRAIN_LOOK_SECONDS: Final = 1.0
"""How often a draining worker looks whether it is empty."""
MAX_CALLERS: Final = 64
TIDY_AFTER: Final = 20
"""Ended connections after which memory is given back."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """
    One worker: its ``name``, where it is commanded and where it forwards.

    ``control`` is ``unix:/path`` or ``host:port`` (port 0: any free one); ``udp_port`` 0 is any free one;
    ``advertised_hosts`` are the literal addresses browsers are told, best first; ``token`` is the secret
    that every caller must know. A worker that is drained ends after ``drain_seconds`` even if calls go on;
    one that occupies more than ``memory_octets`` (0: no limit) drains itself. ``captions`` are the languages
    in which it may caption calls.
    """

    name: str
    control: str
    token: str
    udp_host: str = "127.0.0.1"
    udp_port: int = 0
    advertised_hosts: tuple[str, ...] = ("127.0.0.1",)
    max_members_per_room: int = 6
    drain_seconds: float = 3600.0
    memory_octets: int = 0
    recorder: RecorderSettings | None = None
    captions: frozenset[str] = frozenset()

    def forwarder(self) -> ForwarderSettings:
        """The part that the forwarder needs."""
        return ForwarderSettings(
            udp_host=self.udp_host,
            udp_port=self.udp_port,
            advertised_hosts=self.advertised_hosts,
            max_members_per_room=self.max_members_per_room,
        )


class Desk:
    """The worker's side of the control lines: answers calls, tells events to every caller."""

    def __init__(self, name: str, token: str) -> None:
        self._name, self._token = name, token
        self._forwarder: Forwarder | None = None
        self._lines: set[Line] = set()
        self._recorders: Recorders | None = None
        self._captions: Captions | None = None
        self._callers: set[Line] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def attach(self, forwarder: Forwarder, recorders: Recorders, captions: Captions) -> None:
        """Set what the calls are carried out on."""
        self._forwarder, self._recorders, self._captions = forwarder, recorders, captions

    async def tell(self, event: MediaEvent) -> None:
        """Pass an event on to every caller."""
        if self._captions is not None:
            self._captions.follow(event)
        for line in list(self._callers):
            with suppress(Broken):
                line.send(event_message(event))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one caller until the line ends."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        line = Line(reader, writer)
        self._lines.add(line)
        try:
            if len(self._callers) < MAX_CALLERS and await self._admit(line):
                self._callers.add(line)
                while True:
                    self._serve_one(line, await line.receive())
        except (Broken, TimeoutError):
            pass
        finally:
            self._callers.discard(line)
            self._lines.discard(line)
            await line.close()

    def _serve_one(self, line: Line, message: Message) -> None:
        line.send(self._reply(message))

    async def hang_up(self) -> None:
        """End every line, after what was said on it."""
        for line in list(self._lines):
            line.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _admit(self, line: Line) -> bool:
        """The first line must carry the token, in time."""
        async with asyncio.timeout(CALL_SECONDS):
            token = (await line.receive()).get("token")
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._token.encode()):
            return False
        line.send({"ok": True, "name": self._name})
        return True

    def _reply(self, message: Message) -> Message:
        number = message.get("id")
        try:
            return {"id": number, "value": self._carry_out(message)}
        except CloudWindowError as error:
            return {"id": number, "error": error_message(error)}
        except Exception:
            return failed_message(number)

    def _carry_out(self, message: Message) -> object:
        values = message.get("values")
        if not isinstance(values, dict):
            raise BadInput("bad_media_call")
        word = str(message.get("call"))
        if word == "close" and self._recorders is not None:
            self._recorders.stop(Values(values).word("room"))
        if word in CAPTION_CALLS and self._captions is not None:
            return CAPTION_CALLS[word](self._captions, Values(values))
        if word in RECORDER_CALLS and self._recorders is not None:
            return RECORDER_CALLS[word](self._recorders, Values(values))
        call = _CALLS.get(word)
        if call is None or self._forwarder is None:
            raise NotFound("bad_media_call")
        if word in {"remove", "close"} and self._captions is not None:
            self._captions.part(Values(values).word("room"), Values(values).maybe_word("member"))
        return call(self._forwarder, Values(values))


def failed_message(number: object) -> Message:
    """Answer a call that failed as none should, and log why."""
    log.exception("a call failed")
    return {"id": number, "error": {"kind": "Unavailable", "code": "media_unavailable"}}


class Values:
    """What a call brings; each is read as one kind, or the call is refused (BadInput ``bad_media_call``)."""

    def __init__(self, values: Message) -> None:
        self._values = values

    def word(self, name: str) -> str:
        """A text that must be there."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise BadInput("bad_media_call")
        return value

    def maybe_word(self, name: str) -> str | None:
        """A text, or nothing."""
        return None if self._values.get(name) is None else self.word(name)

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput("bad_media_call")
        return value

    def moment(self, name: str) -> float:
        """A number, for instance a time in seconds since the epoch."""
        value = self._values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadInput("bad_media_call")
        return float(value)

    def yes(self, name: str) -> bool:
        """A yes or no; no if it is missing."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise BadInput("bad_media_call")
        return value

    def names(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._values.get(name)
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise BadInput("bad_media_call")
        return value

    def arrangement(self, name: str) -> Arrangement:
        """How a room stands."""
        return read_arrangement(self._values.get(name))

    def maybe_arrangement(self, name: str) -> Arrangement | None:
        """How a room stands, or nothing."""
        return None if self._values.get(name) is None else self.arrangement(name)


def _answer(forwarder: Forwarder, values: Values) -> str:
    return forwarder.answer(
        values.word("room"),
        values.word("member"),
        role=values.word("role"),
        offer=values.word("offer"),
        echo=values.yes("echo"),
        arrangement=values.maybe_arrangement("arrangement"),
        fallback=values.maybe_arrangement("fallback"),
    )


def _receive(_forwarder: Forwarder, _values: Values) -> object:
    raise Conflict("not_invited")  # everything flows on the member's own connection


def _still(forwarder: Forwarder, values: Values) -> Message | None:
    start = int(values.moment("start"))
    found = forwarder.still(values.word("room"), values.word("member"), values.word("sha256"), start)
    return None if found is None else {"octets": found[0], "piece": b64encode(found[1]).decode()}


def _arrange(forwarder: Forwarder, values: Values) -> Message:
    wanted = values.arrangement("arrangement")
    return arrangement_message(forwarder.arrange(values.word("room"), lambda _before: wanted))


def _hold(forwarder: Forwarder, values: Values) -> Message:
    reason, member = values.maybe_word("reason"), values.maybe_word("member")
    return arrangement_message(
        forwarder.arrange(values.word("room"), lambda before: with_hold(before, reason, member))
    )


def _side_room(forwarder: Forwarder, values: Values) -> Message:
    members = values.names("members")
    return arrangement_message(
        forwarder.arrange(values.word("room"), lambda before: with_side_room(before, members))
    )


def _mode(forwarder: Forwarder, values: Values) -> Message:
    member, mode = values.word("member"), read_mode(values.word("mode"))
    return arrangement_message(
        forwarder.arrange(values.word("room"), lambda before: with_mode(before, member, mode))
    )


_CALLS: Final[dict[str, Callable[[Forwarder, Values], object]]] = {
    "answer": _answer,
    "receive": _receive,
    "remove": lambda forwarder, values: forwarder.remove(values.word("room"), values.word("member")),
    "close": lambda forwarder, values: forwarder.close(values.word("room")),
    "stats": lambda forwarder, values: stats_message(forwarder.stats(values.word("room"))),
    "still": _still,
    "arrange": _arrange,
    "hold": _hold,
    "side_room": _side_room,
    "mode": _mode,
    "drain": lambda forwarder, _values: forwarder.drain(),
    "ping": lambda _forwarder, _values: True,
}
"""Rule: what a caller may ask of a worker."""


RECORDER_CALLS: Final[dict[str, Callable[[Recorders, Values], object]]] = {
    "record": lambda recorders, values: recorders.start(
        values.word("room"), values.word("recording"), values.word("key"), values.moment("began_at")
    ),
    "pause_recording": lambda recorders, values: recorders.pause(values.word("room"), values.word("reason")),
    "resume_recording": lambda recorders, values: recorders.resume(values.word("room")),
    "stop_recording": lambda recorders, values: recorders.stop(values.word("room")),
    "recording": lambda recorders, values: recorders.status(values.word("room")),
}
"""Rule: what a caller may ask of a worker's recorder."""


CAPTION_CALLS: Final[dict[str, Callable[[Captions, Values], object]]] = {
    "caption": lambda captions, values: captioning_message(
        captions.want(values.word("room"), values.word("member"), values.word("language"))
    ),
    "caption_no_more": lambda captions, values: captioning_message(
        captions.want_no_more(values.word("room"), values.word("member"))
    ),
}
"""Rule: what a caller may ask of a worker's captions."""


class Engine(Protocol):
    """What moves the packets of a worker, as far as any worker has it."""

    draining: asyncio.Event

    @property
    def member_count(self) -> int: ...


class Controlled:
    """A worker's engine with its control line, as its process and its callers see both."""

    def __init__(self, settings: MediaSettings, engine: Engine, server: asyncio.Server) -> None:
        self.settings = settings
        self._engine, self._server = engine, server

    @property
    def draining(self) -> asyncio.Event:
        """Set: no new rooms, and the end comes when it is empty."""
        return self._engine.draining

    @property
    def member_count(self) -> int:
        """Members in all rooms."""
        return self._engine.member_count

    @property
    def control(self) -> str:
        """Where callers reach this worker, with the real port."""
        if self.settings.control.startswith("unix:"):
            return self.settings.control
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"


class Worker(Controlled):
    """A forwarder, its recorder and its captions with their control line, running."""

    def __init__(
        self,
        settings: MediaSettings,
        forwarder: Forwarder,
        recorders: Recorders,
        captions: Captions,
        desk: Desk,
        server: asyncio.Server,
    ) -> None:
        super().__init__(settings, forwarder, server)
        self.forwarder, self.recorders, self._desk = forwarder, recorders, desk
        self.captions = captions
        self._counted, self._counted_at = 0, asyncio.get_running_loop().time()
        self._tidied = 0
        self._memory = MemoryWatch(settings.memory_octets)

    def load(self) -> WorkerLoad | None:
        """Say what this worker carries; the packet rate counts since the call before."""
        now, counted = asyncio.get_running_loop().time(), self.forwarder.received
        rate = (counted - self._counted) / max(now - self._counted_at, 0.001)
        self._counted, self._counted_at = counted, now
        return WorkerLoad(
            name=self.settings.name,
            control=self.control,
            rooms=len(self.forwarder.rooms),
            members=self.forwarder.member_count,
            packets_per_second=round(rate, 1),
            draining=self.forwarder.draining.is_set(),
        )

    def tidy(self) -> None:
        """Give the memory of ended connections back, once there are enough; drain when too much is left."""
        if self.forwarder.parted - self._tidied >= TIDY_AFTER:
            self._tidied = self.forwarder.parted
            give_back()
        if not self.forwarder.draining.is_set() and self._memory.is_over():
            log.warning("above its memory limit: no new rooms", extra={"worker": self.settings.name})
            self.forwarder.drain()

    async def close(self) -> None:
        """Say goodbye to every member and caller, and stop listening."""
        self._server.close()
        await self.recorders.close()
        await self.captions.close()
        await self.forwarder.close_all()
        await self._desk.hang_up()
        await self._server.wait_closed()
        clear(self.settings.control)


class Running(Protocol):
    """A worker of either kind, as far as its process looks after it."""

    settings: MediaSettings

    @property
    def draining(self) -> asyncio.Event: ...
    @property
    def member_count(self) -> int: ...
    def load(self) -> WorkerLoad | None:
        """What it carries; ``None`` while it could take nobody."""

    def tidy(self) -> None: ...
    async def close(self) -> None: ...


Start = Callable[[MediaSettings, asyncio.Event | None], Awaitable[Running]]


async def start_worker(settings: MediaSettings, draining: asyncio.Event | None = None) -> Worker:
    """
    Open both sockets and return the running worker, which takes no new rooms once ``draining`` is set.

    Raises OSError when an address is taken.
    """
    desk = Desk(settings.name, settings.token)
    server = await listen(desk, settings.control)
    try:
        forwarder = Forwarder(settings.forwarder(), desk.tell, draining=draining)
    except OSError:
        server.close()
        raise
    recorders = Recorders(settings.recorder, forwarder, desk.tell)
    captions = Captions(settings.captions, forwarder, desk.tell)
    desk.attach(forwarder, recorders, captions)
    return Worker(settings, forwarder, recorders, captions, desk, server)


async def listen(desk: Desk, control: str) -> asyncio.Server:
    """Let callers reach ``desk``. Raises OSError when the address is taken."""
    place = split_address(control)
    if not isinstance(place, str):
        return await asyncio.start_server(desk.serve, *place, limit=MAX_LINE_OCTETS)
    clear(control)  # left by a worker that was killed
    server = await asyncio.start_unix_server(desk.serve, place, limit=MAX_LINE_OCTETS)
    _make_private(place)
    return server


def clear(control: str) -> None:
    """Remove a control socket's file, if it has one."""
    place = split_address(control)
    if isinstance(place, str):
        Path(place).unlink(missing_ok=True)


def _make_private(place: str) -> None:
    Path(place).chmod(0o600)


async def run_worker(
    settings: MediaSettings,
    *,
    register: Callable[[WorkerLoad], Awaitable[None]],
    withdraw: Callable[[], Awaitable[None]] | None = None,
    drain: asyncio.Event | None = None,
    start: Start = start_worker,
) -> None:
    """
    Run a worker until cancelled, or until it is drained: empty, or at its limit, after ``drain`` was set.

    ``register`` is told its load at once, every two seconds and when draining begins; ``withdraw`` is
    called before the rooms that are left lose it, so that they are placed elsewhere.
    """
    worker = await start(settings, drain)
    gc.freeze()  # a full round over what the start built held every call up for 20 to 35 ms
    try:
        await _registered(worker, register)
    finally:
        if withdraw is not None:
            await _quietly(withdraw())
        await worker.close()


async def _registered(worker: Running, register: Callable[[WorkerLoad], Awaitable[None]]) -> None:
    draining, clock = worker.draining, asyncio.get_running_loop().time
    ends_at = float("inf")
    while True:
        if draining.is_set():
            ends_at = min(ends_at, clock() + worker.settings.drain_seconds)
            if not worker.member_count or clock() >= ends_at:
                return
        worker.tidy()
        load = worker.load()
        if load is not None:
            await _quietly(register(load))
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError  # a client of the registry has swallowed it
        if draining.is_set():
            await asyncio.sleep(min(DRAIN_LOOK_SECONDS, max(0.0, ends_at - clock())))
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(REGISTER_SECONDS):
                    await draining.wait()


async def _quietly(registering: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await registering
    except CloudWindowError as error:
        log.warning("the registry of workers does not answer: %s", error.code)
    except TimeoutError:
        log.warning("the registry of workers does not answer in time")
