"""Captions by the real engine: words understood, who may read them, and what is said when it fails."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from cloudwindow.domain.errors import BadInput, Conflict, Unavailable
from cloudwindow.media.caption_engine import Heard, Sphinx, languages
from cloudwindow.media.captions import MAX_CALLS, WAITING_OCTETS, Captions
from cloudwindow.media.captions_child import CLOCK, LATE_SECONDS, NICE, Captioner
from cloudwindow.media.captions_pipe import Sound, Unpacker, sound_frame
from cloudwindow.media.captions_remote import RemoteCaptions
from cloudwindow.media.child_pipe import json_frame
from cloudwindow.media.meeting import with_hold, with_mode, with_side_room
from cloudwindow.media.plane import Caption, CaptionState, MediaEvent, Mode, WorkerAddress
from cloudwindow.media.remote import RemoteMediaPlane
from cloudwindow.media.tap import MarkKind, Tap, TapMark, TapPacket, TapQueue, TapSource
from cloudwindow.media.worker import MediaSettings, start_worker
from tests.gateways.media_bench import Bench
from tests.gateways.media_member import MemberEnd, end_all
from tests.gateways.spoken import PACKET_SECONDS, Voice, as_opus, spoken, understood

pytestmark = pytest.mark.skipif(not languages(), reason="no speech engine has a wheel for this Python")

WITHIN = 60.0
"""The engine runs at a low priority: beside a busy machine it takes its time."""


# --- the engine --------------------------------------------------------------------------------------------


def heard_in_pieces(engine: Sphinx, pcm: bytes, octets: int) -> list[Heard]:
    return [one for at in range(0, len(pcm), octets) for one in engine.feed(pcm[at : at + octets])]


def test_the_engine_understands_spoken_english_and_says_it_while_it_is_spoken() -> None:
    engine = Sphinx()

    heard = heard_in_pieces(engine, spoken(), 1_000) + engine.finish()

    assert understood(" ".join(one.text for one in heard if one.final)), heard
    assert sum(not one.final for one in heard) >= 3


def test_the_engine_hears_nothing_in_silence() -> None:
    engine = Sphinx()

    assert engine.feed(bytes(3 * 32_000)) + engine.finish() == []


# --- the process -------------------------------------------------------------------------------------------


def said_by(engine: Any) -> tuple[Captioner, list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    captioner = Captioner(said.append, lambda _language: engine)
    captioner.obey({"order": "start", "stretch": 1, "language": "en"})
    return captioner, said


def sounds(pcm: bytes, *, began: float = 100.0) -> list[Sound]:
    return [
        Sound(1, began + number * PACKET_SECONDS, round(number * PACKET_SECONDS * CLOCK), payload)
        for number, payload in enumerate(as_opus(pcm))
    ]


def test_packets_become_words_and_a_source_that_ends_loses_none() -> None:
    captioner, said = said_by(Sphinx())
    for sound in sounds(spoken(pause_seconds=0.5)):
        captioner.put(sound, sound.at)
        captioner.work(sound.at)
    captioner.obey({"order": "end", "stretch": 1})
    while captioner.busy:
        captioner.work(200.0)

    assert understood(" ".join(one["text"] for one in said if one["final"])), said


class Slow:
    """An engine that takes twice as long as the speech."""

    def __init__(self) -> None:
        self.now, self.octets = 100.0, 0

    def start(self) -> None: ...

    def feed(self, pcm: bytes) -> list[Heard]:
        self.now += 2 * len(pcm) / 32_000
        self.octets += len(pcm)
        return []

    def finish(self) -> list[Heard]:
        return []


def test_a_process_that_does_not_keep_up_leaves_sound_out_and_says_so() -> None:
    engine = Slow()
    captioner, said = said_by(engine)
    worst = 0.0
    for sound in sounds(bytes(60 * 32_000)):
        captioner.put(sound, max(engine.now, sound.at))
        if sound.at >= engine.now:
            captioner.work(sound.at)
            captioner.report(engine.now)
        worst = max(worst, engine.now - sound.at)

    assert {"behind": [1]} in said
    assert worst < 2 * LATE_SECONDS
    assert 20 * 32_000 < engine.octets < 40 * 32_000


def test_what_goes_through_the_pipe_comes_out_whole_in_any_portions() -> None:
    sound = Sound(7, 1.5, 4_000_000_000, b"\x00opus\xff")
    octets = json_frame({"order": "end", "stretch": 7}) + sound_frame(sound)
    unpacker = Unpacker()

    told = [one for octet in octets for one in unpacker.feed(bytes([octet]))]

    assert told == [{"order": "end", "stretch": 7}, sound]


# --- the worker --------------------------------------------------------------------------------------------


class Rooms:
    """A forwarder as far as captions ask of it: citizen, agent and a supervisor in every room."""

    def __init__(self) -> None:
        self.ears: dict[str, Tap] = {}

    def attach_ear(self, room: str, tap: Tap) -> None:
        self.ears[room] = tap

    def detach_ear(self, room: str, tap: Tap) -> None:
        assert self.ears.pop(room) is tap

    def hearers(self, room: str, member: str) -> tuple[str, ...]:
        return tuple(name for name in ("citizen", "agent") if name != member)

    def role_of(self, room: str, member: str) -> str | None:
        return member if member in {"citizen", "agent", "supervisor"} else None


class Told:
    """The events captions tell, in order."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self._moved = asyncio.Event()

    async def tell(self, event: MediaEvent) -> None:
        self.events.append(event)
        self._moved.set()

    async def until(self, state: CaptionState) -> None:
        """Return when the newest word on how captions stand is ``state``."""
        async with asyncio.timeout(WITHIN):
            while self.states()[-1:] != [state]:
                self._moved.clear()
                await self._moved.wait()

    async def caption(self, speaker: str) -> Caption:
        """The first final caption of ``speaker`` in which the sentence is understood."""
        async with asyncio.timeout(WITHIN):
            while True:
                for event in self.events:
                    found = event.caption
                    if found and event.member == speaker and found.final and understood(found.text):
                        return found
                self._moved.clear()
                await self._moved.wait()

    def states(self) -> list[CaptionState]:
        return [event.captioning.state for event in self.events if event.captioning]


DEAF = (
    "import json, time\n"
    "print(json.dumps({'ready': 'en'}), flush=True)\n"
    "while True:\n"
    "    print(json.dumps({'behind': []}), flush=True)\n"
    "    time.sleep(0.05)\n"
)
"""A process that lives and says so, but reads nothing."""


@asynccontextmanager
async def captions_of(
    rooms: Rooms, told: Told, *command: str, known: frozenset[str] = frozenset({"en"})
) -> AsyncIterator[Captions]:
    chosen = {"command": command} if command else {}
    captions = Captions(known, rooms, told.tell, **chosen)
    try:
        yield captions
    finally:
        await captions.close()


LABEL = TapSource(room="r", member="citizen", role="citizen", kind="audio", mid="0", connection=1)


async def test_a_process_that_takes_nothing_holds_nobody_up_and_words_are_said_to_be_missing() -> None:
    rooms, told = Rooms(), Told()
    async with captions_of(rooms, told, sys.executable, "-c", DEAF) as captions:
        captions.want("r", "citizen", "en")
        await told.until(CaptionState.ON)
        ear = rooms.ears["r"]
        ear.put(TapMark(kind=MarkKind.SOURCE_STARTED, at=0.0, room="r", source=LABEL))
        packet = TapPacket(LABEL, 0.0, "opus", 1, 0, False, bytes(1_000))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(100 * WAITING_OCTETS // len(packet.payload)):
            ear.put(packet)
        assert loop.time() - begun < 1.0
        await told.until(CaptionState.BEHIND)
        await told.until(CaptionState.ON)


async def test_who_has_no_right_or_no_engine_is_refused_and_nothing_is_started() -> None:
    rooms, told = Rooms(), Told()
    async with captions_of(rooms, told) as captions:
        for member, language, code in (
            ("supervisor", "en", "captions_unavailable"),
            ("citizen", "yue", "captions_unavailable"),
            ("stranger", "en", "no_call"),
        ):
            with pytest.raises((BadInput, Conflict)) as refused:
                captions.want("r", member, language)
            assert refused.value.code == code
        assert captions.process_id is None
    async with captions_of(rooms, told, known=frozenset()) as captions:
        with pytest.raises(BadInput, match="captions_unavailable"):
            captions.want("r", "citizen", "en")


async def test_a_worker_captions_so_many_calls_and_no_more_until_one_has_ended() -> None:
    rooms, told = Rooms(), Told()
    async with captions_of(rooms, told, sys.executable, "-c", DEAF) as captions:
        for number in range(MAX_CALLS):
            captions.want(f"r{number}", "agent", "en")
        with pytest.raises(Conflict, match="captions_busy"):
            captions.want("more", "agent", "en")
        captions.part("r0", None)
        assert captions.want("more", "agent", "en").wanted_by == ("agent",)


async def test_captions_end_when_the_last_who_wanted_them_does_without() -> None:
    rooms, told = Rooms(), Told()
    async with captions_of(rooms, told, sys.executable, "-c", DEAF) as captions:
        captions.want("r", "citizen", "en")
        assert captions.want("r", "agent", "en").wanted_by == ("citizen", "agent")
        await told.until(CaptionState.ON)
        assert captions.want_no_more("r", "citizen").state is CaptionState.ON
        assert captions.want_no_more("r", "agent").state is CaptionState.OFF
        assert not rooms.ears


# --- the room ----------------------------------------------------------------------------------------------


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.finish()


def marks_of(tap: TapQueue, member: str) -> list[MarkKind]:
    """What an ear was told of one member's sound."""
    marks = [record for record in tap.take_now() if isinstance(record, TapMark) and record.source]
    assert all(mark.source and mark.source.kind == "audio" for mark in marks)
    return [mark.kind for mark in marks if mark.source and mark.source.member == member]


async def test_words_are_for_those_who_hear_them_and_a_change_of_these_ends_the_stretch(bench: Bench) -> None:
    ear, room = TapQueue(), bench.forwarder
    for role in ("citizen", "agent", "supervisor"):
        await bench.join(role, role=role, slots=2)
    room.attach_ear("r1", ear)
    assert room.hearers("r1", "citizen") == ("agent", "supervisor")
    assert room.hearers("r1", "supervisor") == ()
    assert marks_of(ear, "supervisor") == []

    room.arrange("r1", lambda before: with_mode(before, "supervisor", Mode.WHISPER))
    assert room.hearers("r1", "supervisor") == ("agent",)
    assert marks_of(ear, "supervisor") == [MarkKind.SOURCE_STARTED]

    room.arrange("r1", lambda before: with_side_room(before, ["citizen", "agent"]))
    assert (room.hearers("r1", "citizen"), room.hearers("r1", "supervisor")) == (("agent",), ())
    assert marks_of(ear, "citizen") == [MarkKind.SOURCE_ENDED, MarkKind.SOURCE_STARTED]

    room.arrange("r1", lambda before: with_hold(before, "look_up", None))
    assert marks_of(ear, "citizen") == [MarkKind.SOURCE_ENDED]
    assert not any(isinstance(record, TapPacket) for record in ear.take_now())
    room.detach_ear("r1", ear)


# --- all of it ---------------------------------------------------------------------------------------------


async def test_a_spoken_sentence_is_read_by_both_and_a_dead_engine_is_said_and_started_anew(
    bench: Bench,
) -> None:
    told = Told()
    captions = Captions(languages(), bench.forwarder, told.tell)
    try:
        await bench.join("citizen", sound=Voice(spoken()))
        await bench.join("agent", role="agent")
        for _ in range(2):
            captions.want("r1", "agent", "en")
            await told.until(CaptionState.ON)
            found = await told.caption("citizen")
            assert set(found.readers) == {"citizen", "agent"}
            line = [
                one.caption.version for one in told.events if one.caption and one.caption.line == found.line
            ]
            assert line == sorted(set(line))
            process = captions.process_id
            assert process is not None
            behind_us = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
            assert os.getpriority(os.PRIO_PROCESS, process) == behind_us
            os.kill(process, signal.SIGKILL)
            await told.until(CaptionState.STOPPED)
            assert captions.process_id is None
            told.events.clear()
    finally:
        await captions.close()


async def test_a_worker_obeys_and_passes_words_on_to_its_callers_and_a_member_who_leaves_wants_none() -> None:
    told = Told()
    worker = await start_worker(
        MediaSettings(name="w", control="127.0.0.1:0", token="captions", captions=languages())
    )

    async def workers() -> list[WorkerAddress]:
        return [WorkerAddress(name="w", control=worker.control)]

    plane = RemoteMediaPlane(workers, told.tell, "captions")
    captions, ends = RemoteCaptions(plane, languages()), [MemberEnd(sound=Voice(spoken())), MemberEnd()]
    try:
        with pytest.raises(Unavailable, match="media_unavailable"):
            await captions.switch("r", "agent", "en", on=True)
        for end, member in zip(ends, ("citizen", "agent"), strict=True):
            await end.join(partial(_answer, plane, member))
        assert (await captions.switch("r", "agent", "en", on=True)).wanted_by == ("agent",)
        assert (await told.caption("citizen")).readers == ("agent", "citizen")
        await plane.remove("r", "agent")
        await told.until(CaptionState.OFF)
    finally:
        await end_all(ends, [plane], [])
        await worker.close()


async def _answer(plane: RemoteMediaPlane, member: str, offer: str) -> str:
    return await plane.answer("r", member, role=member, offer=offer)
