"""
The media plane as the web process sees it: rooms on workers in other processes.

A room stays on its worker. When the worker dies, everybody this process brought there is reported
``gone`` and the room is placed anew at the next ``answer``. Several web processes share the choice by
``agree``, ``worker_of`` and ``adopt``.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from cloudwindow.domain.errors import Conflict, Unavailable
from cloudwindow.media.meeting import checked, with_hold, with_mode, with_side_room
from cloudwindow.media.plane import (
    Arrangement,
    EventHandler,
    MediaEvent,
    MediaEventKind,
    Mode,
    RoomStats,
    WorkerAddress,
)
from cloudwindow.media.wire import (
    CALL_SECONDS,
    Broken,
    Line,
    Message,
    arrangement_message,
    dial,
    read_arrangement,
    read_error,
    read_event,
    read_stats,
)

PING_SECONDS: Final = 2.0
MISTRUST_SECONDS: Final = 5.0
"""How long a worker that failed is passed over, if there is another."""

RECORDERS: Final = frozenset({MediaEventKind.RECORDING_RUNS, MediaEventKind.RECORDING_STOPPED})

Workers = Callable[[], Awaitable[Sequence[WorkerAddress]]]
Agree = Callable[[str, str], Awaitable[str]]
"""(room, worker we propose) → the worker that all web processes use for the room."""
Lost = Callable[[str], Awaitable[None]]
"""Told that a worker does not answer any more, before its members are reported ``gone``."""


class WorkerLine:
    """One admitted connection to one worker: calls out, answers and events in."""

    def __init__(self, line: Line, on_event: Callable[[MediaEvent], None]) -> None:
        self._line, self._on_event = line, on_event
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0

    async def call(self, name: str, values: Mapping[str, Any]) -> Any:
        """
        Ask and wait for the answer, at most five seconds.

        Raises what the worker raised, or Unavailable ``media_unavailable``.
        """
        self._last += 1
        number = self._last
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._line.send({"id": number, "call": name, "values": dict(values)})
            async with asyncio.timeout(CALL_SECONDS):
                return await answered
        except (Broken, TimeoutError) as exc:
            raise Unavailable("media_unavailable") from exc
        finally:
            del self._waiting[number]

    def hang_up(self) -> None:
        """Let ``run`` end."""
        self._line.cut()

    async def run(self) -> None:
        """Read until the line ends or the worker stops answering pings; then fail all who wait."""
        reading = asyncio.ensure_future(self._read())
        watching = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait((reading, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            watching.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)
            for answered in self._waiting.values():
                if not answered.done():
                    answered.set_exception(Unavailable("media_unavailable"))
            await self._line.close()

    async def _read(self) -> None:
        while True:
            try:
                message = await self._line.receive()
            except Broken:
                return
            if "event" in message:
                self._pass_on(message)
            else:
                self._settle(message)

    def _pass_on(self, message: Message) -> None:
        try:
            event = read_event(message)
        except (KeyError, TypeError, ValueError):
            return
        self._on_event(event)

    def _settle(self, message: Message) -> None:
        answered = self._waiting.get(message.get("id", 0))
        if answered is None or answered.done():
            return
        if "error" in message:
            answered.set_exception(read_error(message["error"]))
        else:
            answered.set_result(message.get("value"))

    async def _watch(self) -> None:
        """A worker that hangs is as good as dead."""
        try:
            while True:
                await asyncio.sleep(PING_SECONDS)
                await self.call("ping", {})
        except Unavailable:
            return


class RemoteMediaPlane:
    """``MediaPlane`` over workers; ``workers`` lists those alive, ``on_event`` hears of our rooms only."""

    def __init__(
        self,
        workers: Workers,
        on_event: EventHandler,
        token: str,
        *,
        agree: Agree | None = None,
        lost: Lost | None = None,
    ) -> None:
        self._workers, self._on_event, self._token = workers, on_event, token
        self._agree, self._lost = agree, lost
        self._rooms: dict[str, str] = {}
        self._members: dict[str, set[str]] = {}
        self._arrangements: dict[str, Arrangement] = {}
        self._lines: dict[str, WorkerLine] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._mistrusted: dict[str, float] = {}
        self._recordings: dict[str, tuple[str, str]] = {}  # by recording: its worker and its room
        self._dialling: dict[str, asyncio.Lock] = {}

    # --- where rooms are ----------------------------------------------------------------------------

    async def place(self, room: str) -> str:
        """
        Return the worker that holds ``room``, choosing the least loaded one if none does.

        Raises Unavailable ``media_unavailable`` when no worker is there.
        """
        known = self._rooms.get(room)
        if known is not None:
            return known
        best = self._best([worker for worker in await self._workers() if not worker.draining])
        chosen = await self._agree(room, best.name) if self._agree else best.name
        return self._rooms.setdefault(room, chosen)

    def _best(self, free: list[WorkerAddress]) -> WorkerAddress:
        if not free:
            raise Unavailable("media_unavailable")
        now = asyncio.get_running_loop().time()
        trusted = [worker for worker in free if self._mistrusted.get(worker.name, now) <= now]
        rooms = Counter(self._rooms.values())
        return min(trusted or free, key=lambda worker: (worker.members + rooms[worker.name], worker.name))

    def worker_of(self, room: str) -> str | None:
        """Return the worker that this process believes to hold ``room``."""
        return self._rooms.get(room)

    def adopt(self, room: str, worker: str) -> None:
        """Take over another process's choice for ``room``."""
        self._rooms[room] = worker

    # --- MediaPlane ---------------------------------------------------------------------------------

    async def answer(
        self,
        room: str,
        member: str,
        *,
        role: str,
        offer: str,
        echo: bool = False,
        arrangement: Arrangement | None = None,
    ) -> str:
        """See ``MediaPlane.answer``; a room whose worker does not answer is placed once more."""
        values: dict[str, Any] = {"room": room, "member": member, "role": role, "offer": offer, "echo": echo}
        if arrangement is not None:
            values["arrangement"] = arrangement_message(arrangement)
        elif room in self._arrangements:
            values["fallback"] = arrangement_message(self._arrangements[room])
        worker = await self.place(room)
        try:
            answer = await (await self._line_to(worker)).call("answer", values)
        except Unavailable:
            await self._give_up(worker, room)
            worker = await self.place(room)
            answer = await (await self._line_to(worker)).call("answer", values)
        self._members.setdefault(room, set()).add(member)
        if arrangement is not None:
            self._arrangements[room] = arrangement
        return str(answer)

    async def _give_up(self, worker: str, room: str) -> None:
        """Count a worker that did not answer as dead, with all its rooms."""
        line = self._lines.pop(worker, None)
        if line is not None:
            line.hang_up()
        await self._bury(worker)
        if self._rooms.get(room) == worker:
            del self._rooms[room]

    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None:
        """See ``MediaPlane.receive``."""
        if room not in self._rooms:
            raise Conflict("not_invited")
        values = {"room": room, "member": member, "number": number, "answer": answer}
        await (await self._line_to(self._rooms[room])).call("receive", values)

    async def remove(self, room: str, member: str) -> None:
        """See ``MediaPlane.remove``. Raises Unavailable if the worker does not answer."""
        self._members.get(room, set()).discard(member)
        if room in self._rooms:
            await (await self._line_to(self._rooms[room])).call("remove", {"room": room, "member": member})

    async def close(self, room: str) -> None:
        """See ``MediaPlane.close``. The room is forgotten even if its worker does not answer."""
        worker = self._rooms.pop(room, None)
        self._members.pop(room, None)
        self._arrangements.pop(room, None)
        if worker is not None:
            await (await self._line_to(worker)).call("close", {"room": room})

    async def stats(self, room: str) -> RoomStats:
        """See ``MediaPlane.stats``."""
        if room not in self._rooms:
            return RoomStats(room=room)
        return read_stats(await (await self._line_to(self._rooms[room])).call("stats", {"room": room}))

    async def arrange(self, room: str, arrangement: Arrangement) -> None:
        """See ``MediaPlane.arrange``."""
        values = {"arrangement": arrangement_message(arrangement)}
        await self._change(room, "arrange", values, lambda _before: arrangement)

    async def hold(self, room: str, reason: str | None, *, member: str | None = None) -> None:
        """See ``MediaPlane.hold``."""
        values = {"reason": reason, "member": member}
        await self._change(room, "hold", values, lambda before: with_hold(before, reason, member))

    async def side_room(self, room: str, members: Collection[str]) -> None:
        """See ``MediaPlane.side_room``."""
        values = {"members": sorted(members)}
        await self._change(room, "side_room", values, lambda before: with_side_room(before, members))

    async def mode(self, room: str, member: str, mode: Mode) -> None:
        """See ``MediaPlane.mode``."""
        values = {"member": member, "mode": mode.value}
        await self._change(room, "mode", values, lambda before: with_mode(before, member, mode))

    async def _change(
        self, room: str, call: str, values: dict[str, Any], change: Callable[[Arrangement], Arrangement]
    ) -> None:
        """Let the worker change how the room stands, and remember it; alone if the room is nowhere yet."""
        if room in self._rooms:
            line = await self._line_to(self._rooms[room])
            self._arrangements[room] = read_arrangement(await line.call(call, {"room": room, **values}))
        else:
            self._arrangements[room] = checked(change(self._arrangements.get(room, Arrangement())), ())

    async def ask(self, room: str, call: str, values: dict[str, Any]) -> Any:
        """
        Ask the worker that holds ``room`` something beyond the plane; ``None`` if no worker holds it.

        Raises what the worker raised, or Unavailable ``media_unavailable``.
        """
        if room not in self._rooms:
            return None
        return await (await self._line_to(self._rooms[room])).call(call, {"room": room, **values})

    async def drain(self, worker: str) -> None:
        """See ``MediaPlane.drain``."""
        await (await self._line_to(worker)).call("drain", {})

    async def stop(self) -> None:
        """Hang up; the calls go on."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # --- lines --------------------------------------------------------------------------------------

    async def _line_to(self, worker: str) -> WorkerLine:
        async with self._dialling.setdefault(worker, asyncio.Lock()):
            if worker not in self._lines:
                self._lines[worker] = await self._open(worker)
            return self._lines[worker]

    async def _open(self, worker: str) -> WorkerLine:
        address = next((known for known in await self._workers() if known.name == worker), None)
        if address is None:
            raise Unavailable("media_unavailable")
        try:
            line = await dial(address.control)
        except Broken as exc:
            raise Unavailable("media_unavailable") from exc
        await self._introduce(line)
        opened = WorkerLine(line, partial(self._hear, worker))
        self._mistrusted.pop(worker, None)
        self._keep(asyncio.create_task(self._run(worker, opened)))
        return opened

    async def _introduce(self, line: Line) -> None:
        try:
            line.send({"token": self._token})
            async with asyncio.timeout(CALL_SECONDS):
                admitted = (await line.receive()).get("ok") is True
        except (Broken, TimeoutError):
            admitted = False
        if not admitted:
            await line.close()
            raise Unavailable("media_unavailable")

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, worker: str, line: WorkerLine) -> None:
        await line.run()
        if self._lines.get(worker) is line:
            del self._lines[worker]
            await self._bury(worker)

    async def _bury(self, worker: str) -> None:
        """Forget the rooms of a dead worker, tell those who list workers, and report its members."""
        self._mistrusted[worker] = asyncio.get_running_loop().time() + MISTRUST_SECONDS
        lost = [room for room, name in self._rooms.items() if name == worker]
        gone = [(room, member) for room in lost for member in self._members.pop(room, set())]
        for room in lost:
            del self._rooms[room]
        stopped = [name for name, (where, _) in self._recordings.items() if where == worker]
        events = [self._stopped(name, *self._recordings.pop(name)) for name in stopped]
        events += [MediaEvent(kind=MediaEventKind.GONE, room=room, member=member) for room, member in gone]
        if self._lost is not None:
            await self._lost(worker)
        self._keep(asyncio.create_task(self._mourn(events)))

    @staticmethod
    def _stopped(recording: str, _worker: str, room: str) -> MediaEvent:
        kind = MediaEventKind.RECORDING_STOPPED
        return MediaEvent(kind=kind, room=room, member=recording, reason="worker_died")

    async def _mourn(self, events: list[MediaEvent]) -> None:
        for event in events:
            await self._tell(event)

    def _hear(self, worker: str, event: MediaEvent) -> None:
        if event.kind in RECORDERS:  # also of rooms that were just closed
            self._note_recording(worker, event)
            self._keep(asyncio.ensure_future(self._tell(event)))
            return
        if event.room not in self._rooms:
            return
        if event.kind is MediaEventKind.CLOSED:
            self._rooms.pop(event.room)
            self._members.pop(event.room, None)
            self._arrangements.pop(event.room, None)
        if event.kind is MediaEventKind.GONE:
            self._members.get(event.room, set()).discard(event.member)
        self._keep(asyncio.ensure_future(self._tell(event)))

    def _note_recording(self, worker: str, event: MediaEvent) -> None:
        if event.kind is MediaEventKind.RECORDING_RUNS:
            self._recordings[event.member] = (worker, event.room)
        else:
            self._recordings.pop(event.member, None)

    async def _tell(self, event: MediaEvent) -> None:
        await self._on_event(event)
