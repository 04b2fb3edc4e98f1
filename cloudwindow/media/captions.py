"""
The worker's side of captions: hands the sound of calls that want them to a process of its own.

Nothing here waits: sound that the process does not take in time is left out of the captions, and that is
said. Words are told by an event to those who heard them, and kept nowhere. A process that says nothing for
some seconds is given up; captions have then stopped until somebody wants them again.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.media.captions_pipe import Sound, sound_frame
from cloudwindow.media.child_pipe import Outlet, json_frame
from cloudwindow.media.plane import OFF, Caption, Captioning, CaptionState, MediaEvent, MediaEventKind
from cloudwindow.media.rights import RIGHTS
from cloudwindow.media.tap import MarkKind, Tap, TapMark, TapPacket, TapRecord, TapSource

WAITING_OCTETS: Final = 64 * 1024
"""What may wait here for the process, all calls together: some ten seconds of one speaker."""
GATHER_SECONDS: Final = 0.05
MAX_CALLS: Final = 4
"""Calls captioned by one worker at the same time."""
STALLED_SECONDS: Final = 60.0
"""It runs at a low priority: on a busy machine it may be silent for a while, and harms nobody."""
LATE_SECONDS: Final = 4.0
"""After so much silence of the process it is said that words are missing."""
LOOK_SECONDS: Final = 0.5
LINGER_SECONDS: Final = 60.0
"""How long the process is kept for the next call that wants captions."""
TEXT_CHARACTERS: Final = 500

log = logging.getLogger(__name__)

Tell = Callable[[MediaEvent], Awaitable[None]]


class Rooms(Protocol):
    """What captions ask of the forwarder."""

    def attach_ear(self, room: str, tap: Tap) -> None: ...

    def detach_ear(self, room: str, tap: Tap) -> None: ...

    def hearers(self, room: str, member: str) -> tuple[str, ...]: ...

    def role_of(self, room: str, member: str) -> str | None: ...


@dataclass(slots=True)
class _Stretch:
    """One source of sound from its start to its end, and the line that is being understood."""

    source: TapSource
    readers: tuple[str, ...]
    line: int
    version: int = 0


@dataclass(slots=True, eq=False)
class _Call:
    """One captioned room."""

    room: str
    language: str
    wanted_by: list[str]
    state: CaptionState = CaptionState.STARTING
    stretches: dict[int, _Stretch] = field(default_factory=dict)
    ear: Tap | None = None
    lost: bool = False
    """Whether sound was left out before it reached the process, since it was last asked."""

    @property
    def standing(self) -> Captioning:
        """How the captions stand."""
        return Captioning(state=self.state, wanted_by=tuple(self.wanted_by))


class _Ear:
    """One call's tap: stretches of sound, each with a number."""

    def __init__(self, captions: "Captions", call: _Call) -> None:
        self._captions, self._call = captions, call
        self._numbers: dict[int, int] = {}

    def put(self, record: TapRecord) -> None:
        """See ``Tap.put``."""
        if isinstance(record, TapPacket):
            number = self._numbers.get(id(record.source))
            if number is not None:
                sound = Sound(number, record.at, record.timestamp, record.payload)
                self._captions.pass_on(self._call, sound)
        elif isinstance(record, TapMark) and record.source is not None:
            if record.kind is MarkKind.SOURCE_STARTED:
                self._numbers[id(record.source)] = self._captions.begin(self._call, record.source)
            elif record.kind is MarkKind.SOURCE_ENDED:
                self._captions.end(self._numbers.pop(id(record.source), 0))


class Captions:
    """
    The captions of one worker.

    ``languages`` are those with an engine here, none where captions are switched off; ``tell`` hears how
    captions stand, and words. ``command`` starts the process.
    """

    def __init__(
        self,
        languages: frozenset[str],
        forwarder: Rooms,
        tell: Tell,
        command: tuple[str, ...] = (sys.executable, "-m", "cloudwindow.media.captions_child"),
    ) -> None:
        self._languages, self._forwarder, self._tell, self._command = languages, forwarder, tell, command
        self._calls: dict[str, _Call] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._outlet: Outlet | None = None
        self._numbers = self._lines = 0
        self._heard_at = 0.0
        self._warm: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._starting = asyncio.Lock()
        self._lingering: asyncio.TimerHandle | None = None

    @property
    def process_id(self) -> int | None:
        """The process that listens, while there is one."""
        return self._process.pid if self._process is not None else None

    # --- who wants them ----------------------------------------------------------------------------------

    def want(self, room: str, member: str, language: str) -> Captioning:
        """
        ``member`` wants the words of ``room`` written along; safe to repeat.

        Raises BadInput ``captions_unavailable`` where no engine understands ``language`` or the member's
        role has no right to it, Conflict ``no_call`` for who is not in the room, ``captions_busy`` when this
        worker has no room for another call.
        """
        role = self._forwarder.role_of(room, member)
        if role is None:
            raise Conflict("no_call")
        if language not in self._languages or not RIGHTS[role].captions:
            raise BadInput("captions_unavailable")
        call = self._calls.get(room)
        if call is None:
            if len(self._calls) >= MAX_CALLS:
                raise Conflict("captions_busy")
            call = self._calls[room] = _Call(room, language, [member])
            self._keep(self._begin(call))
        elif member not in call.wanted_by:
            call.wanted_by.append(member)
        self._say(call)
        return call.standing

    def want_no_more(self, room: str, member: str) -> Captioning:
        """``member`` does without, or has left; captions end when nobody wants them."""
        call = self._calls.get(room)
        if call is None:
            return OFF
        if member in call.wanted_by:
            call.wanted_by.remove(member)
            if call.wanted_by:
                self._say(call)
            else:
                self._end_call(call, CaptionState.OFF)
        return call.standing

    def part(self, room: str, member: str | None) -> None:
        """``member`` is taken out of the room, or with ``None`` everybody."""
        call = self._calls.get(room)
        if call is not None and member is None:
            self._end_call(call, CaptionState.OFF)
        elif member is not None:
            self.want_no_more(room, member)

    def follow(self, event: MediaEvent) -> None:
        """Who comes is told how captions stand; who is gone wants them no more."""
        call = self._calls.get(event.room)
        if call is None:
            return
        if event.kind is MediaEventKind.CONNECTED:
            self._say(call)
        elif event.kind is MediaEventKind.GONE:
            self.want_no_more(event.room, event.member)
        elif event.kind is MediaEventKind.CLOSED:
            self.part(event.room, None)

    async def close(self) -> None:
        """End all captions and their process."""
        for call in list(self._calls.values()):
            self._end_call(call, CaptionState.OFF)
        process = self._process
        self._give_up()
        if process is not None:
            await process.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end_call(self, call: _Call, state: CaptionState) -> None:
        if self._calls.pop(call.room, None) is None:
            return
        ear, call.ear, call.wanted_by, call.state = call.ear, None, [], state
        if ear is not None:
            self._forwarder.detach_ear(call.room, ear)
        call.stretches.clear()
        self._say(call)
        if not self._calls and self._process is not None:
            self._lingering = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._give_up)

    # --- sound -------------------------------------------------------------------------------------------

    def begin(self, call: _Call, source: TapSource) -> int:
        """A source is heard from now on; returns the stretch's number."""
        self._numbers += 1
        self._lines += 1
        hearers = self._forwarder.hearers(call.room, source.member)
        call.stretches[self._numbers] = _Stretch(source, (*hearers, source.member), self._lines)
        order = {"order": "start", "stretch": self._numbers, "language": call.language}
        self._order(order)
        return self._numbers

    def pass_on(self, call: _Call, sound: Sound) -> None:
        """Hand one packet to the process, if it takes it."""
        if self._outlet is not None and not self._outlet.put(sound_frame(sound)):
            call.lost = True

    def end(self, stretch: int) -> None:
        """A source has ended; its last words are still to come."""
        self._order({"order": "end", "stretch": stretch})

    def _order(self, order: dict[str, Any]) -> None:
        if self._outlet is not None:
            self._outlet.put(json_frame(order), must=True)

    # --- the process -------------------------------------------------------------------------------------

    async def _begin(self, call: _Call) -> None:
        try:
            async with self._starting:
                if self._process is None:
                    await self._launch()
        except OSError:
            log.exception("the captions' process does not start")
            self._end_call(call, CaptionState.STOPPED)
            return
        if call.language in self._warm:
            self._listen_to(call)
        else:
            self._order({"order": "warm", "language": call.language})

    def _listen_to(self, call: _Call) -> None:
        if self._calls.get(call.room) is not call or call.ear is not None:
            return
        call.ear, call.state = _Ear(self, call), CaptionState.ON
        self._forwarder.attach_ear(call.room, call.ear)
        self._say(call)

    async def _launch(self) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=pipe,
            stdout=pipe,
            env={},  # it needs none of our secrets
        )
        assert process.stdin is not None  # noqa: S101 - asked for above
        self._process, self._outlet = (
            process,
            Outlet(process.stdin, most=WAITING_OCTETS, gather_seconds=GATHER_SECONDS),
        )
        self._heard_at = asyncio.get_running_loop().time() + STALLED_SECONDS  # it may take its time to start
        self._keep(self._listen(process))
        self._keep(self._watch(process))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for at the start
        while line := await process.stdout.readline():
            self._heard_at = max(self._heard_at, asyncio.get_running_loop().time())
            with suppress(ValueError, KeyError):
                self._hear(json.loads(line))
        await process.wait()
        if self._process is process:
            log.warning("the captions' process ended")
            self._lose()

    def _hear(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            self._warm.add(said["ready"])
            for call in list(self._calls.values()):
                if call.language == said["ready"]:
                    self._listen_to(call)
        elif "behind" in said:
            self._note_behind(frozenset(said["behind"]))
        else:
            self._hear_words(said["stretch"], str(said["text"])[-TEXT_CHARACTERS:], bool(said["final"]))

    def _note_behind(self, late: frozenset[int] | None) -> None:
        """Say of whose calls words are missing: of the stretches ``late``, with ``None`` of all."""
        for call in self._calls.values():
            if call.ear is None:
                continue
            behind = call.lost or late is None or not late.isdisjoint(call.stretches)
            call.lost = False
            state = CaptionState.BEHIND if behind else CaptionState.ON
            if state is not call.state:
                call.state = state
                self._say(call)

    def _hear_words(self, number: int, text: str, final: bool) -> None:
        call = next((one for one in self._calls.values() if number in one.stretches), None)
        if call is None:
            return
        stretch = call.stretches[number]
        stretch.version += 1
        caption = Caption(
            line=stretch.line, version=stretch.version, text=text, final=final, readers=stretch.readers
        )
        if final:
            self._lines += 1
            stretch.line, stretch.version = self._lines, 0
        event = MediaEvent(
            kind=MediaEventKind.CAPTION, room=call.room, member=stretch.source.member, caption=caption
        )
        self._keep(self._told(event))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        clock = asyncio.get_running_loop().time
        while process.returncode is None and self._process is process:
            await asyncio.sleep(LOOK_SECONDS)
            if clock() - self._heard_at > LATE_SECONDS:
                self._note_behind(None)
            if clock() - self._heard_at > STALLED_SECONDS:
                log.warning("the captions' process is stuck; ending it")
                with suppress(ProcessLookupError):
                    process.kill()
                return

    def _lose(self) -> None:
        """The process has ended by itself: nothing is understood any more."""
        self._let_go()
        for call in list(self._calls.values()):
            self._end_call(call, CaptionState.STOPPED)

    def _give_up(self) -> None:
        """End the process, unless somebody wants captions again."""
        process = self._process
        if process is None or self._calls:
            return
        self._let_go()
        with suppress(ProcessLookupError):
            process.kill()

    def _let_go(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        if self._outlet is not None:
            self._outlet.close()
        self._process = self._outlet = None
        self._warm.clear()

    # --- telling -----------------------------------------------------------------------------------------

    def _say(self, call: _Call) -> None:
        event = MediaEvent(
            kind=MediaEventKind.CAPTIONING, room=call.room, member="", captioning=call.standing
        )
        self._keep(self._told(event))

    async def _told(self, event: MediaEvent) -> None:
        await self._tell(event)

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
