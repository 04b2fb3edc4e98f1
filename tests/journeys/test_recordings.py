"""Recording a call: whose word begins it, what pauses it, what follows a break, and what needs it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
import pytest_asyncio

from cloudwindow import catalogue_files, journey
from cloudwindow.domain import recording as machine
from cloudwindow.domain.catalogue import Catalogue
from cloudwindow.domain.errors import BadInput, Conflict, Unavailable
from cloudwindow.domain.messages import CallHangUp, FormFocus
from cloudwindow.domain.recording import Recording, State
from cloudwindow.journey.calls import Onward
from cloudwindow.journey.recordings import key_of, marks
from cloudwindow.journey.views import RecordingMark
from cloudwindow.media.plane import MediaEvent, MediaEventKind
from cloudwindow.media.recorder_remote import RecorderStatus
from cloudwindow.records import recordings as kept
from tests.journeys.town import CONFIG, TIANHE, Desk, Town, Visitor, filled, signed

SENSITIVE, PLAIN = "applicant_idno", "employ_type"


@dataclass(slots=True)
class StillRecorder:
    """The recorder of a worker without media: remembers what it was told to do."""

    rooms: dict[str, RecorderStatus] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    away: bool = False

    def _heard(self, what: str) -> None:
        if self.away:
            raise Unavailable("media_unavailable")
        self.told.append(what)

    async def start(self, room: str, *, recording: str, key: bytes, now: float) -> None:
        """Record."""
        self._heard("start")
        if room in self.rooms:
            raise Conflict("recording_running")
        self.keys[recording] = key
        self.rooms[room] = RecorderStatus(
            recording=recording, running=True, paused="", head="h1", octets=1000
        )

    async def pause(self, room: str, reason: str) -> None:
        """Write nothing."""
        self._heard(f"pause {reason}")

    async def resume(self, room: str) -> None:
        """Go on."""
        self._heard("resume")

    async def stop(self, room: str) -> None:
        """End."""
        self._heard("stop")
        self.rooms.pop(room, None)

    async def status(self, room: str) -> RecorderStatus | None:
        """How it stands."""
        if self.away:
            raise Unavailable("media_unavailable")
        return self.rooms.get(room)


@cache
def strict_catalogue(folder: Path) -> Catalogue:
    """The catalogue, with HR01 as an item that needs a recording."""
    shutil.copytree(CONFIG.catalogue_dir, folder)
    item = folder / "items" / "HR01.yaml"
    item.write_text(item.read_text().replace("may_decline: true", "may_decline: false"))
    return catalogue_files.load(folder)


@dataclass(slots=True)
class Studio:
    """A town whose calls are recorded."""

    town: Town
    recorder: StillRecorder

    async def in_call(self, item: str = "HR01", *, recorded: bool = True) -> tuple[Visitor, Desk]:
        """A call with media; recorded, as the citizen agreed when they took the number."""
        visitor, desk = await self.town.in_call(item)
        if recorded:
            await self.connected(visitor)
            await self.runs(visitor)
        return visitor, desk

    async def room(self, visitor: Visitor) -> str:
        return (await self.town.session(visitor.ticket)).room

    async def heard(self, kind: MediaEventKind, room: str, member: str, reason: str = "") -> None:
        event = MediaEvent(kind=kind, room=room, member=member, reason=reason)
        await self.town.made.recordings.heard(event)

    async def connected(self, visitor: Visitor) -> None:
        await self.heard(MediaEventKind.CONNECTED, await self.room(visitor), "citizen")

    async def runs(self, visitor: Visitor) -> None:
        last = (await self.all(visitor))[-1]
        await self.heard(MediaEventKind.RECORDING_RUNS, last.room, last.id)

    async def dies(self, visitor: Visitor, reason: str = "recorder_died") -> None:
        last = (await self.all(visitor))[-1]
        self.recorder.rooms.pop(last.room, None)
        await self.heard(MediaEventKind.RECORDING_STOPPED, last.room, last.id, reason)

    async def pass_time(self, seconds: float) -> None:
        await self.town.pass_time(seconds)
        await self.town.made.recordings.look()

    async def answer(self, visitor: Visitor, given: bool) -> None:
        await self.town.made.recordings.answer(visitor.ticket, given, language="zh-CN")

    async def all(self, visitor: Visitor) -> list[Recording]:
        session = await self.town.session(visitor.ticket)
        async with self.town.house.ledger.read() as conn:
            return list(await kept.of_session(conn, session.id))

    async def states(self, visitor: Visitor) -> list[tuple[State, str]]:
        return [(one.state, one.failure) for one in await self.all(visitor)]

    async def told(self, visitor: Visitor) -> list[str]:
        kinds = await self.town.kinds(visitor.application)
        return [kind for kind in kinds if kind.startswith(("recording.", "consent."))][2:]


@pytest_asyncio.fixture
async def studio(town: Town, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Studio]:
    """A town that records, and in which HR01 needs it."""
    recorder = StillRecorder()
    catalogue = strict_catalogue(tmp_path_factory.getbasetemp() / "strict-catalogue")
    town.made = journey.build(replace(town.house, recorder=recorder, catalogue=catalogue))
    town.media.slots["citizen"] = ()
    yield Studio(town=town, recorder=recorder)


async def of_citizen(visitor: Visitor) -> RecordingMark:
    return (await visitor.view()).recording


async def of_agent(desk: Desk) -> RecordingMark:
    shown = (await desk.view()).session
    assert shown is not None
    return shown.recording


async def test_a_call_is_recorded_from_the_first_connection_once_its_citizen_agreed(studio: Studio) -> None:
    visitor, desk = await studio.in_call(recorded=False)
    assert (await of_citizen(visitor)).state == (await of_agent(desk)).state == "off"
    await studio.connected(visitor)
    assert (await of_citizen(visitor)).state == (await of_agent(desk)).state == "starting"
    await studio.runs(visitor)
    assert (await of_citizen(visitor)).state == (await of_agent(desk)).state == "running"
    assert await studio.told(visitor) == ["recording.started"]
    assert (await studio.town.session(visitor.ticket)).recording
    assert visitor.page is not None
    assert desk.page is not None
    assert "recording" in visitor.page.last("panel.changed")["panels"]
    assert "recording" in desk.page.last("panel.changed")["panels"]


async def test_nothing_is_recorded_without_a_yes_and_a_no_is_asked_no_further(studio: Studio) -> None:
    visitor, desk = await studio.in_call("PS01", recorded=False)
    await studio.answer(visitor, False)
    await studio.connected(visitor)
    await studio.pass_time(30)
    assert studio.recorder.told == []
    assert await studio.all(visitor) == []
    assert (await of_citizen(visitor)).state == (await of_agent(desk)).state == "declined"
    await studio.answer(visitor, True)
    assert (await of_agent(desk)).state == "starting"
    assert await studio.told(visitor) == ["consent.withdrawn", "consent.given"]


async def test_a_citizen_who_did_not_agree_at_the_start_is_asked_in_the_call(studio: Studio) -> None:
    town = studio.town
    desk = await town.agent("mei")
    visitor = await town.visitor()
    await visitor.begin()
    ticket = await town.made.intakes.take_ticket(
        await visitor.browser(),
        visitor.item,
        code=town.code_to(visitor.about["mobile"]),
        recording=False,
        language="zh-CN",
    )
    visitor.ticket, visitor.application = ticket.id, ticket.application
    await visitor.open()
    await town.pass_time(5)
    await desk.accept()
    await visitor.join()
    await studio.connected(visitor)
    assert (await of_citizen(visitor)).state == (await of_agent(desk)).state == "asking"
    assert studio.recorder.told == []
    await studio.answer(visitor, True)
    await studio.runs(visitor)
    assert (await of_citizen(visitor)).state == "running"


async def test_a_word_taken_back_ends_the_recording_at_once(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await studio.answer(visitor, False)
    assert studio.recorder.told[-1] == "stop"
    assert await studio.states(visitor) == [(State.ENDED, "")]
    assert (await of_agent(desk)).state == "declined"
    await studio.pass_time(30)
    assert len(await studio.all(visitor)) == 1


async def test_a_word_taken_back_while_the_worker_is_away_is_carried_out_when_it_is_back(
    studio: Studio,
) -> None:
    visitor, _ = await studio.in_call()
    studio.recorder.away = True
    await studio.answer(visitor, False)
    studio.recorder.away = False
    await studio.town.made.recordings.look()
    assert studio.recorder.rooms == {}
    assert [state for state, _ in await studio.states(visitor)] == [State.ENDED]


async def test_the_key_reaches_the_worker_and_lies_sealed_in_the_ledger(studio: Studio) -> None:
    visitor, _ = await studio.in_call()
    [one] = await studio.all(visitor)
    key = studio.recorder.keys[one.id]
    assert len(key) == 32
    assert key.hex() not in one.key_sealed
    assert key_of(studio.town.house.vault, one) == key


@pytest.mark.parametrize("side", ["citizen", "agent"])
async def test_it_pauses_while_either_cursor_stands_in_a_sensitive_field(studio: Studio, side: str) -> None:
    visitor, desk = await studio.in_call()
    writer: Visitor | Desk = visitor if side == "citizen" else desk
    await writer.say(FormFocus(field=PLAIN))
    assert (await of_agent(desk)).state == "running"
    await writer.say(FormFocus(field=SENSITIVE))
    assert studio.recorder.told[-1] == "pause sensitive_field"
    assert (await of_citizen(visitor)).state == (await of_agent(desk)).state == "paused"
    await writer.say(FormFocus(field=PLAIN))
    assert studio.recorder.told[-1] == "resume"
    assert (await of_agent(desk)).state == "running"
    assert await studio.told(visitor) == ["recording.started", "recording.paused", "recording.resumed"]


async def test_it_goes_on_only_when_neither_cursor_stands_there(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await visitor.say(FormFocus(field=SENSITIVE))
    await desk.say(FormFocus(field=SENSITIVE))
    await visitor.say(FormFocus(field=None))
    assert (await of_agent(desk)).state == "paused"
    await desk.say(FormFocus(field=None))
    assert (await of_agent(desk)).state == "running"


async def test_a_pause_ends_by_itself_after_two_minutes(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await visitor.say(FormFocus(field=SENSITIVE))
    await studio.pass_time(machine.LIMITS_SECONDS[State.PAUSED] - 5)
    assert (await of_agent(desk)).state == "paused"
    await studio.pass_time(10)
    assert studio.recorder.told[-1] == "resume"
    assert (await of_citizen(visitor)).state == "running"


async def test_the_agent_pauses_and_goes_on_by_hand(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await studio.town.made.recordings.act(desk.staff, "pause")
    assert studio.recorder.told[-1] == "pause by_agent"
    assert (await of_citizen(visitor)).by_hand
    await studio.town.made.recordings.act(desk.staff, "resume")
    assert (await of_citizen(visitor)).state == "running"
    with pytest.raises(BadInput, match="choice_unknown"):
        await studio.town.made.recordings.act(desk.staff, "erase")
    await studio.answer(visitor, False)
    with pytest.raises(Conflict, match="recording_not_running"):
        await studio.town.made.recordings.act(desk.staff, "pause")


async def test_a_pause_the_worker_did_not_take_is_not_shown_as_one(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    studio.recorder.away = True
    with pytest.raises(Unavailable):
        await studio.town.made.recordings.act(desk.staff, "pause")
    assert (await of_citizen(visitor)).state == "running"


async def test_after_the_recorder_died_both_are_told_and_another_recording_begins(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    assert desk.page is not None
    desk.page.told.clear()
    await studio.dies(visitor)
    assert "recording" in desk.page.last("panel.changed")["panels"]
    shown = await of_agent(desk)
    assert (shown.state, shown.failure, shown.again) == ("broken", "recorder_died", True)
    await studio.town.made.recordings.look()
    assert len(await studio.all(visitor)) == 1  # not at once: what failed needs a moment
    await studio.pass_time(machine.RETRY_SECONDS + 1)
    await studio.runs(visitor)
    assert await studio.states(visitor) == [(State.ENDED, "recorder_died"), (State.RUNNING, "")]
    first, second = await studio.all(visitor)
    assert first.ended_at is not None
    assert second.number == 2
    assert second.started_at > first.ended_at
    assert (await of_citizen(visitor)).state == "running"


async def test_the_agent_need_not_wait_for_the_next_try(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await studio.dies(visitor, "disk_full")
    await studio.town.made.recordings.act(desk.staff, "again")
    assert [state for state, _ in await studio.states(visitor)] == [State.ENDED, State.STARTING]


async def test_after_the_worker_died_it_is_recorded_again_as_soon_as_somebody_is_back(studio: Studio) -> None:
    visitor, _ = await studio.in_call()
    await studio.dies(visitor, "worker_died")
    await studio.connected(visitor)
    assert await studio.states(visitor) == [(State.ENDED, "worker_died"), (State.STARTING, "")]


async def test_a_break_nobody_told_of_is_found_by_the_deadline(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    studio.recorder.rooms.clear()
    await studio.pass_time(machine.LIMITS_SECONDS[State.RUNNING] + 1)
    assert await studio.states(visitor) == [(State.ENDED, "worker_died"), (State.STARTING, "")]
    await studio.pass_time(machine.LIMITS_SECONDS[State.STARTING] + 1)
    assert (await studio.states(visitor))[1] == (State.ENDED, "not_started")
    assert (await of_agent(desk)).state == "broken"


async def test_a_long_recording_leaves_its_last_hash_in_the_ledger(studio: Studio) -> None:
    visitor, _ = await studio.in_call()
    await studio.pass_time(machine.LIMITS_SECONDS[State.RUNNING] + 1)
    [one] = await studio.all(visitor)
    assert (one.state, one.head, one.octets) == (State.RUNNING, "h1", 1000)


async def test_the_recording_ends_with_its_call_and_that_is_no_failure(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await desk.say(CallHangUp())
    await studio.dies(visitor, "")
    assert await studio.states(visitor) == [(State.ENDED, "")]
    assert (await of_agent(desk)).state == "off"
    assert (await studio.told(visitor))[-1] == "recording.stopped"


async def test_what_outlives_its_call_is_ended_all_the_same(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await desk.say(CallHangUp())
    await studio.pass_time(10)
    assert [state for state, _ in await studio.states(visitor)] == [State.ENDED]
    assert studio.recorder.rooms == {}


async def test_a_call_passed_on_in_its_room_is_recorded_anew_for_the_next_agent(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    first = (await studio.all(visitor))[0]
    other = await studio.town.agent("lin", TIANHE)
    onward = Onward(agent=other.staff.id)
    await studio.town.made.desks.transfer(desk.staff, onward, "special_knowledge")
    await studio.town.settle()
    await studio.town.made.recordings.look()
    assert studio.recorder.rooms == {}
    await other.accept()
    await visitor.join()
    await studio.connected(visitor)
    [second] = await studio.all(visitor)
    assert (second.room, second.number) == (first.room, 1)
    assert second.session != first.session


async def test_two_nodes_that_see_the_same_call_begin_one_recording(studio: Studio) -> None:
    visitor, _ = await studio.in_call(recorded=False)
    session = await studio.town.session(visitor.ticket)
    await asyncio.gather(*(studio.town.made.recordings.ensure(session.id) for _ in range(3)))
    assert len(await studio.all(visitor)) == 1
    assert studio.recorder.told == ["start"]


async def test_a_call_in_writing_is_neither_recorded_nor_asked_about(studio: Studio) -> None:
    desk = await studio.town.agent("mei")
    visitor = await studio.town.citizen("PS01", mode="text")
    await desk.accept()
    await visitor.join()
    await studio.pass_time(10)
    shown = await of_citizen(visitor)
    assert (shown.state, shown.in_writing) == ("unavailable", True)
    assert studio.recorder.told == []


# --- what needs a recording ------------------------------------------------------------------------------


async def test_what_needs_no_recording_is_handed_in_without_one(studio: Studio) -> None:
    visitor, desk = await studio.in_call("PS01", recorded=False)
    await filled(visitor, desk)
    await signed(visitor, desk)
    assert (await desk.submit()).status == 200


async def test_what_needs_one_is_not_even_read_back_without_it(studio: Studio) -> None:
    visitor, desk = await studio.in_call(recorded=False)
    await filled(visitor, desk)
    with pytest.raises(Conflict, match="recording_needed"):
        await desk.read_back()
    await studio.connected(visitor)
    with pytest.raises(Conflict, match="recording_needed"):
        await desk.read_back()  # it has only been ordered
    await studio.runs(visitor)
    await signed(visitor, desk)
    assert (await desk.submit()).status == 200


async def test_a_recording_that_missed_the_signature_refuses_it_until_all_is_done_again(
    studio: Studio,
) -> None:
    visitor, desk = await studio.in_call()
    await filled(visitor, desk)
    await desk.read_back()
    await studio.town.pass_time(5)
    await studio.dies(visitor)
    await studio.town.pass_time(1)
    await visitor.declare_all()
    await visitor.sign(await visitor.ask_for_code())
    shown = (await desk.view()).session
    assert shown is not None
    assert not shown.covered
    with pytest.raises(Conflict, match="recording_needed"):
        await desk.submit()
    await studio.pass_time(65)
    await studio.runs(visitor)
    with pytest.raises(Conflict, match="recording_needed"):
        await desk.submit()  # a recording now does not show what was signed then
    await signed(visitor, desk)
    assert (await desk.submit()).status == 200
    assert "signature.voided" in await studio.town.kinds(visitor.application)


async def test_a_break_after_the_signature_does_not_matter(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await filled(visitor, desk)
    await signed(visitor, desk)
    await studio.town.pass_time(5)
    await studio.dies(visitor)
    assert (await desk.submit()).status == 200


async def test_identity_read_back_and_signature_are_found_in_the_recording(studio: Studio) -> None:
    visitor, desk = await studio.in_call()
    await studio.town.pass_time(60)
    await filled(visitor, desk)
    await studio.town.pass_time(60)
    await signed(visitor, desk)
    [one] = await studio.all(visitor)
    async with studio.town.house.ledger.read() as conn:
        found = await marks(studio.town.house, conn, one)
    assert [each.name for each in found] == ["identity", "read_back", "signature"]
    assert [round(each.at) for each in found] == [60, 120, 120]
