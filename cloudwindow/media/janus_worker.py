"""
A media worker that lets Janus move the packets: the same control line and registry as ``worker``.

It runs beside its Janus and is placed, drained and replaced like any other worker, so that web processes
notice no difference.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from cloudwindow.domain.errors import BadInput, CloudWindowError, NotFound
from cloudwindow.media.janus import JanusSettings
from cloudwindow.media.janus_plane import JanusMediaPlane
from cloudwindow.media.meeting import with_hold, with_mode, with_side_room
from cloudwindow.media.plane import Arrangement, WorkerLoad
from cloudwindow.media.wire import (
    Broken,
    Line,
    Message,
    arrangement_message,
    error_message,
    read_mode,
    stats_message,
)
from cloudwindow.media.worker import (
    CAPTION_CALLS,
    RECORDER_CALLS,
    Controlled,
    Desk,
    MediaSettings,
    Start,
    Values,
    clear,
    failed_message,
    listen,
)

READY_SECONDS: Final = 3.0
"""How long a start waits for Janus; after that it goes on trying, and is not listed meanwhile."""


class PlaneDesk(Desk):
    """Answers each call when the plane has; several may be on their way."""

    def __init__(self, name: str, token: str) -> None:
        super().__init__(name, token)
        self.plane: JanusMediaPlane | None = None
        self._answering: set[asyncio.Task[None]] = set()

    def _serve_one(self, line: Line, message: Message) -> None:
        task = asyncio.get_running_loop().create_task(self._answer_later(line, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer_later(self, line: Line, message: Message) -> None:
        number = message.get("id")
        reply: Message
        try:
            reply = {"id": number, "value": await self._carried_out(message)}
        except CloudWindowError as error:
            reply = {"id": number, "error": error_message(error)}
        except Exception:
            reply = failed_message(number)
        with suppress(Broken):
            line.send(reply)

    async def _carried_out(self, message: Message) -> object:
        values, word = message.get("values"), str(message.get("call"))
        if not isinstance(values, dict):
            raise BadInput("bad_media_call")
        if word in RECORDER_CALLS:
            raise BadInput("recording_unavailable")
        if word in CAPTION_CALLS:
            raise BadInput("captions_unavailable")
        call = _CALLS.get(word)
        if call is None or self.plane is None:
            raise NotFound("bad_media_call")
        return await call(self.plane, Values(values))

    async def hang_up(self) -> None:
        """End every line, after what was said on it."""
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await super().hang_up()


async def _answer(plane: JanusMediaPlane, values: Values) -> str:
    return await plane.answer(
        values.word("room"),
        values.word("member"),
        role=values.word("role"),
        offer=values.word("offer"),
        echo=values.yes("echo"),
        arrangement=values.maybe_arrangement("arrangement"),
        fallback=values.maybe_arrangement("fallback"),
    )


async def _receive(plane: JanusMediaPlane, values: Values) -> None:
    room, member = values.word("room"), values.word("member")
    await plane.receive(room, member, number=values.number("number"), answer=values.word("answer"))


async def _remove(plane: JanusMediaPlane, values: Values) -> None:
    await plane.remove(values.word("room"), values.word("member"))


async def _close(plane: JanusMediaPlane, values: Values) -> None:
    await plane.close(values.word("room"))


async def _stats(plane: JanusMediaPlane, values: Values) -> Message:
    return stats_message(await plane.stats(values.word("room")))


async def _change(
    plane: JanusMediaPlane, values: Values, change: Callable[[Arrangement], Arrangement]
) -> Message:
    return arrangement_message(await plane.change(values.word("room"), change))


async def _arrange(plane: JanusMediaPlane, values: Values) -> Message:
    wanted = values.arrangement("arrangement")
    return await _change(plane, values, lambda _before: wanted)


async def _hold(plane: JanusMediaPlane, values: Values) -> Message:
    reason, member = values.maybe_word("reason"), values.maybe_word("member")
    return await _change(plane, values, lambda before: with_hold(before, reason, member))


async def _side_room(plane: JanusMediaPlane, values: Values) -> Message:
    members = values.names("members")
    return await _change(plane, values, lambda before: with_side_room(before, members))


async def _mode(plane: JanusMediaPlane, values: Values) -> Message:
    member, mode = values.word("member"), read_mode(values.word("mode"))
    return await _change(plane, values, lambda before: with_mode(before, member, mode))


async def _drain(plane: JanusMediaPlane, _values: Values) -> None:
    plane.draining.set()


async def _ping(_plane: JanusMediaPlane, _values: Values) -> bool:
    return True


_CALLS: Final[dict[str, Callable[[JanusMediaPlane, Values], Awaitable[object]]]] = {
    "answer": _answer,
    "receive": _receive,
    "remove": _remove,
    "close": _close,
    "stats": _stats,
    "arrange": _arrange,
    "hold": _hold,
    "side_room": _side_room,
    "mode": _mode,
    "drain": _drain,
    "ping": _ping,
}
"""Rule: what a caller may ask; recording is refused, since Janus hands us no packets."""


class JanusWorker(Controlled):
    """The plane with its control line, running."""

    def __init__(
        self, settings: MediaSettings, plane: JanusMediaPlane, desk: PlaneDesk, server: asyncio.Server
    ) -> None:
        super().__init__(settings, plane, server)
        self.plane, self._desk = plane, desk
        self._running = asyncio.get_running_loop().create_task(plane.run(), name="janus")

    def load(self) -> WorkerLoad | None:
        """Say what this worker carries; ``None`` while Janus does not answer."""
        if not self.plane.ready:
            return None
        return WorkerLoad(
            name=self.settings.name,
            control=self.control,
            rooms=len(self.plane.rooms),
            members=self.plane.member_count,
            packets_per_second=0.0,
            draining=self.draining.is_set(),
        )

    def tidy(self) -> None:
        """Nothing grows here."""

    async def close(self) -> None:
        """Say goodbye to every member and caller, and stop listening."""
        self._server.close()
        await self.plane.close_all()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._desk.hang_up()
        await self._server.wait_closed()
        clear(self.settings.control)


def janus_start(janus: JanusSettings) -> Start:
    """Start workers that let this Janus move the packets. They raise OSError when an address is taken."""

    async def start(settings: MediaSettings, draining: asyncio.Event | None = None) -> JanusWorker:
        desk = PlaneDesk(settings.name, settings.token)
        server = await listen(desk, settings.control)
        plane = JanusMediaPlane(janus, desk.tell, name=settings.name, draining=draining)
        desk.plane = plane
        worker = JanusWorker(settings, plane, desk, server)
        await plane.until_ready(within=READY_SECONDS)
        return worker

    return start
