"""
The worker's side of recording: taps rooms and passes what they say to a process of its own.

Nothing here waits: what the recorder's process does not take in time is lost to the recording and counted,
never to the call. A recorder that says nothing for two seconds is given up, and all its recordings with it.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.media.child_pipe import Outlet, json_frame
from cloudwindow.media.plane import MediaEvent, MediaEventKind
from cloudwindow.media.recorder_pipe import Packer
from cloudwindow.media.tap import MarkKind, Tap, TapMark, TapRecord

PIPE_OCTETS: Final = 8 * 1024 * 1024
"""What may wait for the recorder's process, all calls together."""
GATHER_SECONDS: Final = 0.1
"""So long packets are gathered before they go through the pipe: each going wakes two processes."""
STALLED_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 0.25
END_SECONDS: Final = 5.0
KEY_DIGITS: Final = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """Where recordings are written, and how many octets of that disk they must leave free."""

    folder: Path
    min_free_octets: int = 1024 * 1024 * 1024


class Tapped(Protocol):
    """What the recorder asks of the forwarder."""

    def attach_tap(self, room: str, tap: Tap) -> None: ...

    def detach_tap(self, room: str, tap: Tap) -> None: ...


Tell = Callable[[MediaEvent], Awaitable[None]]


class _RoomTap:
    """One recording's tap: packs records; what the outlet refuses is counted and said."""

    def __init__(self, number: int, outlet: Outlet) -> None:
        self._packer, self._outlet = Packer(number), outlet
        self._dropped = 0

    def put(self, record: TapRecord) -> None:
        """See ``Tap.put``."""
        octets = self._packer.pack(record)
        if self._dropped:
            lost = TapMark(kind=MarkKind.OVERFLOW, at=record.at, count=self._dropped)
            octets = self._packer.pack(lost) + octets
        if self._outlet.put(octets):
            self._dropped = 0
        else:
            self._dropped += 1


@dataclass(slots=True)
class _Recording:
    """One recording as the worker knows it."""

    room: str
    recording: str
    number: int
    tap: _RoomTap | None = None
    running: bool = False
    head: str = ""
    octets: int = 0
    paused: str = ""


class Recorders:
    """The recordings of one worker; ``tell`` hears when one runs, and when and why one has stopped."""

    def __init__(self, settings: RecorderSettings | None, forwarder: Tapped, tell: Tell) -> None:
        self._settings, self._forwarder, self._tell = settings, forwarder, tell
        self._rooms: dict[str, _Recording] = {}
        self._ending: dict[int, _Recording] = {}
        self._numbers = 0
        self._process: asyncio.subprocess.Process | None = None
        self._outlet: Outlet | None = None
        self._heard_at = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._starting = asyncio.Lock()

    # --- orders ------------------------------------------------------------------------------------------

    def start(self, room: str, recording: str, key: str, began_at: float) -> None:
        """
        Record ``room`` from now on; that it runs is told by an event. Safe to repeat.

        Raises BadInput ``recording_unavailable`` where recording is not set up, ``bad_media_call`` for a
        key that is none, Conflict ``recording_running`` if another recording of the room runs.
        """
        if self._settings is None:
            raise BadInput("recording_unavailable")
        if len(key) != KEY_DIGITS or not recording.isalnum():
            raise BadInput("bad_media_call")
        known = self._rooms.get(room)
        if known is not None:
            if known.recording != recording:
                raise Conflict("recording_running")
            if known.running:
                self._say(known, MediaEventKind.RECORDING_RUNS)
            return
        self._numbers += 1
        made = self._rooms[room] = _Recording(room, recording, self._numbers)
        order = {
            "take": made.number,
            "order": "start",
            "recording": recording,
            "key": key,
            "began_at": began_at,
        }
        self._keep(self._begin(made, order))

    async def _begin(self, made: _Recording, order: dict[str, Any]) -> None:
        try:
            outlet = await self._running_outlet()
        except OSError:
            log.exception("the recorder does not start")
            self._end(made, "recorder_died")
            return
        if self._rooms.get(made.room) is not made:
            return
        outlet.put(json_frame(order))
        outlet.send()
        made.tap = _RoomTap(made.number, outlet)
        self._forwarder.attach_tap(made.room, made.tap)

    def pause(self, room: str, reason: str) -> None:
        """Write nothing of ``room`` until ``resume``; nothing happens if it is not recorded."""
        known = self._rooms.get(room)
        if known is not None and not known.paused:
            known.paused = reason
            self._order(known, {"order": "pause", "reason": reason[:80]})

    def resume(self, room: str) -> None:
        """Go on after a pause, from a keyframe."""
        known = self._rooms.get(room)
        if known is None or not known.paused:
            return
        known.paused = ""
        self._order(known, {"order": "resume"})
        if known.tap is not None:  # attaching anew asks every sender for a keyframe
            self._forwarder.detach_tap(room, known.tap)
            self._forwarder.attach_tap(room, known.tap)

    def stop(self, room: str, reason: str = "ended") -> None:
        """End the recording of ``room``; that it is finished is told by an event."""
        known = self._rooms.pop(room, None)
        if known is None:
            return
        if known.tap is not None:
            self._forwarder.detach_tap(room, known.tap)
        self._ending[known.number] = known
        self._order(known, {"order": "stop", "reason": reason})

    def status(self, room: str) -> dict[str, Any] | None:
        """How the recording of ``room`` stands: recording, running, paused, head, octets; or None."""
        known = self._rooms.get(room)
        if known is None:
            return None
        return {
            "recording": known.recording,
            "running": known.running,
            "paused": known.paused,
            "head": known.head,
            "octets": known.octets,
        }

    async def close(self) -> None:
        """Finish every recording and the recorder's process."""
        for room in list(self._rooms):
            self.stop(room, "worker_ended")
        process, self._process = self._process, None
        if self._outlet is not None:
            self._outlet.close()
        if process is not None:
            try:
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- the process -------------------------------------------------------------------------------------

    def _order(self, known: _Recording, order: dict[str, Any]) -> None:
        if self._outlet is not None:
            self._outlet.put(json_frame({"take": known.number, **order}))
            self._outlet.send()

    async def _running_outlet(self) -> Outlet:
        async with self._starting:
            if self._outlet is None:
                self._outlet = await self._launch()
            return self._outlet

    async def _launch(self) -> Outlet:
        settings = self._settings
        assert settings is not None  # noqa: S101 - ``start`` has refused
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloudwindow.media.recorder_child",
            str(settings.folder),
            str(settings.min_free_octets),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={},  # it needs none of our secrets
        )
        assert process.stdin is not None  # noqa: S101 - asked for above
        self._process = process
        self._heard_at = asyncio.get_running_loop().time() + END_SECONDS  # it may take its time to start
        outlet = Outlet(process.stdin, most=PIPE_OCTETS, gather_seconds=GATHER_SECONDS)
        self._keep(self._listen(process, outlet))
        self._keep(self._watch(process))
        return outlet

    async def _listen(self, process: asyncio.subprocess.Process, outlet: Outlet) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for at the start
        while line := await process.stdout.readline():
            self._heard_at = max(self._heard_at, asyncio.get_running_loop().time())
            with suppress(ValueError, KeyError):
                self._hear(json.loads(line))
        await process.wait()
        self._lost(process, outlet)

    def _hear(self, said: dict[str, Any]) -> None:
        if "take" not in said:
            return
        number = said["take"]
        known = next((one for one in self._rooms.values() if one.number == number), None)
        known = known or self._ending.get(number)
        if known is None:
            return
        known.head = said.get("head") or known.head
        if said["state"] == "stopped":
            self._end(known, said["reason"])
            return
        known.octets = said.get("octets", known.octets)
        if not known.running:
            known.running = True
            self._say(known, MediaEventKind.RECORDING_RUNS)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        clock = asyncio.get_running_loop().time
        while process.returncode is None:
            await asyncio.sleep(LOOK_SECONDS)
            if clock() - self._heard_at > STALLED_SECONDS:
                log.warning("the recorder is stuck; ending it")
                process.kill()
                return

    def _lost(self, process: asyncio.subprocess.Process, outlet: Outlet) -> None:
        """The recorder's process has ended: nothing is recorded any more."""
        outlet.close()
        if self._process is process:
            self._process = None
        if self._outlet is outlet:
            self._outlet = None
        for known in [*self._rooms.values(), *self._ending.values()]:
            self._end(known, "recorder_died")

    def _end(self, known: _Recording, reason: str) -> None:
        if self._rooms.get(known.room) is known:
            del self._rooms[known.room]
        self._ending.pop(known.number, None)
        if known.tap is not None:
            self._forwarder.detach_tap(known.room, known.tap)
        self._say(known, MediaEventKind.RECORDING_STOPPED, reason)

    def _say(self, known: _Recording, kind: MediaEventKind, reason: str = "") -> None:
        event = MediaEvent(kind=kind, room=known.room, member=known.recording, reason=reason)
        self._keep(self._told(event))

    async def _told(self, event: MediaEvent) -> None:
        await self._tell(event)

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
