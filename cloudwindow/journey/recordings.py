"""
Recording a call: begun after consent, paused at sensitive fields, watched, finished, kept and deleted.

Rule: the ledger says first what is to happen, the worker then does it; the pages are told last. Whatever is
lost between the two is found by the deadline of the recording.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from cloudwindow.domain import recording as recordings
from cloudwindow.domain import session as sessions
from cloudwindow.domain.application import Application
from cloudwindow.domain.catalogue import ServiceItem
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, NotFound, Unavailable
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import word
from cloudwindow.domain.messages import PanelChanged
from cloudwindow.domain.recording import ACTIVE, SENSITIVE, Event, Recording, State
from cloudwindow.domain.session import Session
from cloudwindow.journey.calls import agent_topic, citizen_topic
from cloudwindow.journey.house import House
from cloudwindow.journey.views import RecordingMark
from cloudwindow.media.recorder_remote import RecorderStatus
from cloudwindow.records import Connection, events
from cloudwindow.records import recordings as kept
from cloudwindow.records.cases import Consent
from cloudwindow.records.story import SYSTEM, note
from cloudwindow.vault import place

log = logging.getLogger(__name__)

KEY_OCTETS = 32
PANELS = ("recording", "read_back", "decision")


Place = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A call with what decides about its recording."""

    session: Session
    case: Application
    item: ServiceItem
    agreed: bool
    all: Sequence[Recording]

    @property
    def wanted(self) -> bool:
        """Whether it must be recorded now."""
        return self.agreed and self.session.state in sessions.OPEN and self.session.joined_at is not None


class Recordings:
    """The recordings of the calls; ``place`` lets this node know where a room is."""

    def __init__(self, house: House, place: Place) -> None:
        self._house, self._recorder, self._place = house, house.recorder, place

    # --- what both screens say ---------------------------------------------------------------------------

    async def mark(self, conn: Connection, session: Session | None, item: ServiceItem) -> RecordingMark:
        """How the recording of a call stands, for its pages."""
        days, may_decline = item.recording.full_days, item.recording.may_decline
        if session is None:
            return RecordingMark(state="off", days=days, may_decline=may_decline)
        agreed = await self._agreed(conn, session.application)
        found = await kept.of_session(conn, session.id)
        state = recordings.mark_of(found, agreed=agreed)
        if self._recorder is None and agreed:
            state = "unavailable"
        failure = found[-1].failure if found else ""
        return RecordingMark(state=state, days=days, may_decline=may_decline, failure=failure)

    async def _agreed(self, conn: Connection, application: str) -> bool:
        consents = await self._house.cases.consents(conn, application)
        return any(one.kind == "recording" and one.given for one in consents)

    async def demand(self, conn: Connection, case: Application, item: ServiceItem, session: Session) -> None:
        """
        Refuse the submission of an item that needs a recording and has none of read-back and signature.

        Raises Conflict("recording_needed").
        """
        if item.recording.may_decline:
            return
        if not recordings.covers(await kept.of_session(conn, session.id), since=case.readback_at):
            raise Conflict("recording_needed")

    # --- consent -----------------------------------------------------------------------------------------

    async def agree(self, ticket: str, given: bool, *, actor: Actor, language: str) -> None:
        """
        The citizen agrees to being recorded, or takes it back: from now on, for this call.

        Raises BadInput("recording_compulsory") where the item's policy leaves no choice, Conflict("no_call").
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> Session:
            session = await house.visits.session_of_ticket(conn, ticket)
            if session is None or session.state not in sessions.OPEN:
                raise Conflict("no_call")
            case = await house.cases.case(conn, session.application)
            item = house.item_of(case.item, case.item_version)
            if not given and not item.recording.may_decline:
                raise BadInput("recording_compulsory")
            if given == await self._agreed(conn, session.application):
                return session
            version = house.catalogue.text("recording_consent").version
            consent = Consent(kind="recording", given=given, text_version=version, language=language, at=now)
            await house.cases.add_consent(conn, session.application, consent)
            said = "consent.given" if given else "consent.withdrawn"
            told = {"kind": "recording", "text_version": version}
            await note(conn, session.application, said, actor, now, told)
            return session

        session = await house.ledger.write(work)
        if given:
            await self.ensure(session.id)
        else:
            await self._stop(session.room)
        await self._tell(session)

    # --- beginning and ending ----------------------------------------------------------------------------

    async def ensure(self, session_id: str) -> None:
        """Begin to record the call if it must be and is not; a break is not followed at once."""
        if self._recorder is None:
            return
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            known = await self._standing(conn, session_id)
        if not known.wanted or not _may_begin(known.all, now):
            return
        key = house.random(KEY_OCTETS)
        id = word(house.random(15))

        async def work(conn: Connection) -> Recording | None:
            standing = await self._standing(conn, session_id)
            if not standing.wanted or not _may_begin(standing.all, now):
                return None
            begun = Recording(
                id=id,
                session=standing.session.id,
                application=standing.session.application,
                district=standing.case.home_district,
                room=standing.session.room,
                number=len(standing.all) + 1,
                key_sealed=house.vault.seal(key.hex(), place=_key_place(id)),
                state=State.STARTING,
                started_at=now,
                deadline=now + recordings.LIMITS_SECONDS[State.STARTING],
            )
            await kept.add(conn, begun)
            return begun

        begun = await house.ledger.write(work)
        if begun is None:
            return
        try:
            await self._recorder.start(begun.room, recording=id, key=key, now=now)
        except CloudWindowError as error:
            await self._ended(begun.room, id, error.code[:32])
        else:
            await self._tell(known.session)

    async def _standing(self, conn: Connection, session_id: str) -> Standing:
        session = await self._house.visits.session(conn, session_id)
        case = await self._house.cases.case(conn, session.application)
        return Standing(
            session=session,
            case=case,
            item=self._house.item_of(case.item, case.item_version),
            agreed=await self._agreed(conn, session.application),
            all=await kept.of_session(conn, session_id),
        )

    async def runs(self, recording: str) -> None:
        """The worker says that it writes."""
        now = self._house.clock()

        async def work(conn: Connection) -> Session | None:
            known = await kept.one(conn, recording)
            if known.state is not State.STARTING:
                return None
            running = recordings.advance(known, Event.RUN, now)
            await kept.change(conn, running, seen=known.version)
            session = await self._house.visits.session(conn, known.session)
            if not session.recording:
                marked = replace(session, recording=True, version=session.version + 1)
                await self._house.visits.save_session(conn, marked, seen=session.version)
            told = {"session": known.session, "recording": recording, "number": known.number}
            await note(conn, known.application, "recording.started", SYSTEM, now, told)
            return session

        await self._told(work)

    async def stopped(self, room: str, recording: str, reason: str) -> None:
        """The worker says that it writes no more; ``reason`` is empty if it was asked to."""
        await self._ended(room, recording, reason)

    async def media_gone(self, room: str) -> None:
        """Somebody's transport ended, or the worker with it: see whether the recording still runs."""
        if self._recorder is None:
            return
        async with self._house.ledger.read() as conn:
            known = await kept.active_in(conn, room)
        if known is not None and known.state is not State.STARTING:
            await self._look_at(known)

    async def _ended(self, room: str, recording: str, failure: str) -> None:
        now = self._house.clock()

        async def work(conn: Connection) -> Session | None:
            try:
                known = await kept.one(conn, recording)
            except NotFound:
                return None
            if known.state not in ACTIVE:
                return None
            standing = await self._standing(conn, known.session)
            why = failure if standing.wanted else ""
            ended = replace(recordings.advance(known, Event.END, now), failure=why)
            await kept.change(conn, ended, seen=known.version)
            told = {"session": known.session, "recording": recording, "reason": why or "ended"}
            await note(conn, known.application, "recording.stopped", SYSTEM, now, told)
            return standing.session

        await self._told(work)

    async def _stop(self, room: str) -> None:
        async with self._house.ledger.read() as conn:
            known = await kept.active_in(conn, room)
        if known is None or self._recorder is None:
            return
        await self._place(room)
        await self._recorder.stop(room)
        await self._ended(room, known.id, "")

    # --- pauses ------------------------------------------------------------------------------------------

    async def focus(self, session: Session | None, item: ServiceItem, field: str | None, side: str) -> None:
        """Pause while a cursor stands in a sensitive field, and go on when none does any more."""
        if self._recorder is None or session is None:
            return
        sensitive = field is not None and item.form.field(field).sensitive
        async with self._house.ledger.read() as conn:
            known = await kept.active_in(conn, session.room)
        if known is None or (not sensitive and side not in recordings.sides(known)):
            return
        wanted = recordings.sides(known) - {side} | ({side} if sensitive else frozenset())
        await self._pause_for(known.id, session, wanted)

    async def _pause_for(self, recording: str, session: Session, by: frozenset[str]) -> None:
        now = self._house.clock()
        before: list[State] = []

        async def work(conn: Connection) -> Session | None:
            known = await kept.one(conn, recording)
            if known.state not in recordings.WRITING:
                return None
            before.append(known.state)
            event = Event.PAUSE if by else Event.RESUME
            if (known.state is State.PAUSED) == bool(by):
                limit = recordings.LIMITS_SECONDS[known.state]
                moved = replace(known, version=known.version + 1, deadline=now + limit)
            else:
                moved = recordings.advance(known, event, now)
                said = "recording.paused" if by else "recording.resumed"
                told = {"recording": recording, "reason": SENSITIVE}
                await note(conn, known.application, said, SYSTEM, now, told)
            moved = replace(moved, paused_by=",".join(sorted(by)))
            await kept.change(conn, moved, seen=known.version)
            return session

        # The picture stops before the ledger knows, and goes on after it does: never a word too much.
        recorder = self._recorder
        assert recorder is not None  # noqa: S101 - the callers have looked
        await self._place(session.room)
        if by:
            await recorder.pause(session.room, SENSITIVE)
        await self._house.ledger.write(work)
        if not by:
            await recorder.resume(session.room)
        if before and (before[0] is State.PAUSED) != bool(by):
            await self._tell(session)

    # --- what is due -------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Carry out what deadlines of recordings ask for."""
        async with self._house.ledger.read() as conn:
            due = await kept.due(conn, self._house.clock())
        for one in due:
            try:
                await self._due(one)
            except CloudWindowError as error:
                log.warning("a recording waits", extra={"code": error.code})

    async def _due(self, one: Recording) -> None:
        if one.state is State.STARTING:
            await self._ended(one.room, one.id, "not_started")
        elif one.state is State.PAUSED:
            async with self._house.ledger.read() as conn:
                session = await self._house.visits.session(conn, one.session)
            await self._look_at(one)
            if self._recorder is not None:
                await self._pause_for(one.id, session, frozenset())
        elif one.state is State.RUNNING:
            await self._look_at(one)
        elif one.state is State.ENDED:
            await self._finish(one)
        elif one.state is State.KEPT:
            await self._expire(one)
        else:
            await self._erase(one)

    async def _look_at(self, one: Recording) -> None:
        status = await self._status(one.room)
        if status is None or status.recording != one.id:
            await self._ended(one.room, one.id, "worker_died")
            await self.ensure(one.session)
            return
        async with self._house.ledger.read() as conn:
            wanted = (await self._standing(conn, one.session)).wanted
        if not wanted:
            await self._stop(one.room)
            return
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if known.state in recordings.WRITING:
                limit = recordings.LIMITS_SECONDS[known.state]
                seen = replace(
                    known,
                    head=status.head or known.head,
                    octets=status.octets,
                    version=known.version + 1,
                    deadline=now + limit,
                )
                await kept.change(conn, seen, seen=known.version)

        await self._house.ledger.write(work)

    async def _status(self, room: str) -> RecorderStatus | None:
        if self._recorder is None:
            return None
        try:
            await self._place(room)
            return await self._recorder.status(room)
        except Unavailable:
            return None

    async def _finish(self, one: Recording) -> None:
        """Another recording if the call goes on; else the film, the clips and the time it is kept for."""
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            known = await self._standing(conn, one.session)
            story = await events.story(conn, one.application)
        if known.wanted:
            await self._postpone(one, now)
            await self.ensure(one.session)
            return
        found = recordings.chapters(one, [(event.kind, event.at) for event in story])
        clips = [{"chapter": each.name, "from": each.start, "to": each.end} for each in found]
        made = await house.archive.finish(
            one.id, key=self.key_of(one), reason=one.failure or "ended", clips=clips
        )
        if made.state == "busy":
            await self._postpone(one, now)
            return

        async def work(conn: Connection) -> Session | None:
            fresh = await kept.one(conn, one.id)
            if fresh.state is not State.ENDED:
                return None
            done = recordings.kept(fresh, days=known.item.recording.full_days, now=house.clock())
            done = replace(done, head=made.head, seconds=made.seconds, octets=made.octets, film=made.state)
            await kept.change(conn, done, seen=fresh.version)
            told = {
                "recording": one.id,
                "head": made.head,
                "seconds": made.seconds,
                "clips": made.clips,
                "film": made.state,
                "keep_until": done.keep_until,
            }
            await note(conn, one.application, "recording.kept", SYSTEM, house.clock(), told)
            return known.session

        await self._told(work)

    async def _postpone(self, one: Recording, now: float) -> None:
        async def work(conn: Connection) -> None:
            fresh = await kept.one(conn, one.id)
            if fresh.state is State.ENDED:
                later = replace(
                    fresh,
                    deadline=now + recordings.LIMITS_SECONDS[State.ENDED],
                    version=fresh.version + 1,
                )
                await kept.change(conn, later, seen=fresh.version)

        await self._house.ledger.write(work)

    async def _expire(self, one: Recording) -> None:
        """The time is over and nobody holds it: the ledger says so, then the files go."""
        now = self._house.clock()

        async def work(conn: Connection) -> bool:
            fresh = await kept.one(conn, one.id)
            if fresh.state is not State.KEPT or fresh.held_at is not None:
                return False
            gone = replace(recordings.advance(fresh, Event.DELETE, now), deadline=now)
            await kept.change(conn, gone, seen=fresh.version)
            told = {"recording": one.id, "reason": "retention"}
            await note(conn, one.application, "recording.expired", SYSTEM, now, told)
            return True

        if await self._house.ledger.write(work):
            await self._erase(one)

    async def _erase(self, one: Recording) -> None:
        """Delete the files and say so; done again until it has been said."""
        head, now = await self._house.archive.delete(one.id, reason="retention"), self._house.clock()

        async def work(conn: Connection) -> None:
            fresh = await kept.one(conn, one.id)
            if fresh.deadline is None:
                return
            gone = replace(fresh, head=head or fresh.head, octets=0, deadline=None, version=fresh.version + 1)
            await kept.change(conn, gone, seen=fresh.version)
            told = {"recording": one.id, "head": gone.head, "reason": "retention"}
            await note(conn, one.application, "recording.deleted", SYSTEM, now, told)

        await self._house.ledger.write(work)

    def key_of(self, one: Recording) -> bytes:
        """The key of a recording's files. Raises Unavailable as ``Vault.open``."""
        return bytes.fromhex(self._house.vault.open(one.key_sealed, place=_key_place(one.id)))

    # --- telling -----------------------------------------------------------------------------------------

    async def _told(self, work: Callable[[Connection], Awaitable[Session | None]]) -> None:
        session = await self._house.ledger.write(work)  # type: ignore[arg-type]
        if session is not None:
            await self._tell(session)

    async def _tell(self, session: Session) -> None:
        changed = PanelChanged(panels=PANELS)
        await self._house.hub.tell(citizen_topic(session.ticket), PanelChanged(panels=PANELS[:2]))
        await self._house.hub.tell(agent_topic(session.agent), changed)


def _may_begin(known: Sequence[Recording], now: float) -> bool:
    if recordings.active(known) is not None or len(known) >= recordings.MAX_OF_ONE_CALL:
        return False
    last = known[-1] if known else None
    if last is None or not last.failure or last.failure == "worker_died":
        return True
    return last.ended_at is None or now - last.ended_at >= recordings.RETRY_SECONDS


def _key_place(id: str) -> str:
    return place("recording", "key_sealed", id)
