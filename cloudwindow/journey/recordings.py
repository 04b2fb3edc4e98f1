"""
Recording a call: asked of the citizen, begun, paused at sensitive fields, watched, begun again after a break.

Rule: the ledger says first what is to happen, then the worker does it, the pages are told last; a pause alone
is done before it is written. What is lost between them is found by the deadline of the recording.
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
from cloudwindow.domain.recording import ACTIVE, Chapter, Event, Recording, State, Told
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import ticket_matters
from cloudwindow.journey.calls import Calls, agent_topic, citizen_topic, third_topic
from cloudwindow.journey.house import House
from cloudwindow.journey.views import RecordingMark
from cloudwindow.media.plane import MediaEvent, MediaEventKind
from cloudwindow.media.recorder_remote import RecorderStatus
from cloudwindow.media.recorder_seal import evidence_key
from cloudwindow.records import Connection, events
from cloudwindow.records import recordings as kept
from cloudwindow.records.cases import Consent
from cloudwindow.records.people import Staff
from cloudwindow.records.story import SYSTEM, note
from cloudwindow.vault import Vault, place

log = logging.getLogger(__name__)

KEY_OCTETS = 32
NOT_STARTED = "not_started"
CLOSING_SECONDS = 5.0
"""So long the worker may take to say that the recording of a closed room has ended."""
Change = Callable[[frozenset[str]], frozenset[str]]
"""Who keeps a recording paused → who does from now on."""
ACTS = ("pause", "resume", "again")
"""What an agent may do about the recording of their call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A call with what decides about its recording; ``answer``: what its citizen last said about it."""

    session: Session
    ticket: Ticket
    case: Application
    item: ServiceItem
    answer: Consent | None
    all: Sequence[Recording]

    @property
    def agreed(self) -> bool:
        """Whether the citizen's consent stands."""
        return self.answer is not None and self.answer.given

    @property
    def asked(self) -> bool:
        """Whether the citizen was asked in this very call."""
        return self.answer is not None and self.answer.at >= self.session.started_at

    @property
    def spoken(self) -> bool:
        """Whether there is sound or picture to be recorded."""
        return self.ticket.mode != "text"

    @property
    def wanted(self) -> bool:
        """Whether it must be recorded now."""
        running = self.session.state in sessions.OPEN and self.session.joined_at is not None
        return self.agreed and self.spoken and running


class Recordings:
    """The recordings of the calls."""

    def __init__(self, house: House, calls: Calls) -> None:
        self._house, self._calls, self._recorder = house, calls, house.recorder

    # --- what both screens say ---------------------------------------------------------------------------

    async def mark(self, conn: Connection, session: Session | None, item: ServiceItem) -> RecordingMark:
        """How the recording of a call stands, for its pages."""
        policy = item.recording
        plain = RecordingMark(
            state="off",
            days=policy.full_days,
            evidence_days=max(policy.full_days, policy.evidence_days),
            may_decline=policy.may_decline,
            words=self._house.catalogue.text("recording_consent").text,
        )
        if session is None or session.state not in sessions.OPEN:
            return plain
        known = await self._standing(conn, session.id)
        if self._recorder is None or not known.spoken:
            return replace(plain, state="unavailable", in_writing=not known.spoken)
        newest = known.all[-1] if known.all else None
        running = recordings.active(known.all)
        return replace(
            plain,
            state=recordings.mark_of(known.all, agreed=known.agreed, asked=known.asked),
            agreed=known.agreed,
            failure=newest.failure if newest else "",
            since=running.started_at if running else None,
            by_hand=running is not None and recordings.HAND in recordings.sides(running),
            again=newest is not None and running is None and known.wanted,
        )

    async def covered(self, conn: Connection, case: Application) -> bool:
        """
        Whether the case may be handed in as far as its recording goes: its policy asks for none, or one was
        written without a break from the read-back to the signature.
        """
        if self._house.item_of(case.item, case.item_version).recording.may_decline:
            return True
        last = await self._house.visits.last_session(conn, case.id)
        told = [] if last is None else await self._told(conn, last.ticket)
        return recordings.covers(told, since=case.readback_at, until=case.signed_at)

    async def demand(self, conn: Connection, case: Application) -> None:
        """Refuse to hand in what is not covered. Raises Conflict("recording_needed")."""
        if not await self.covered(conn, case):
            raise Conflict("recording_needed")

    async def before_read_back(self, conn: Connection, case: Application, session: Session) -> bool:
        """
        Whether what was read back, or signed, has to be read back anew because the recording missed it.

        Raises Conflict("recording_needed") where the policy asks for a recording and none is being written.
        """
        item = self._house.item_of(case.item, case.item_version)
        if item.recording.may_decline:
            return False
        running = recordings.active(await kept.of_session(conn, session.id))
        if running is None or running.state is not State.RUNNING:
            raise Conflict("recording_needed")
        return not await self.covered(conn, case)

    async def _told(self, conn: Connection, ticket: str) -> list[Told]:
        """What happened to the recordings of a ticket's calls, in order."""
        about = await ticket_matters.cases(conn, await self._house.visits.ticket(conn, ticket))
        found = [event for case in about for event in await events.story(conn, case)]
        return [
            (event.kind, str(event.payload["recording"]), event.at)
            for event in sorted(found, key=lambda event: event.id)
            if event.kind.startswith("recording.") and "recording" in event.payload
        ]

    # --- the citizen's word ------------------------------------------------------------------------------

    async def answer(self, ticket: str, given: bool, *, language: str) -> None:
        """
        The citizen agrees to being recorded in this call, or does not, or takes it back: from now on.

        Raises Conflict("no_call").
        """
        session = await self._house.ledger.write(
            lambda conn: self._answer(conn, ticket, given, language, self._house.clock())
        )
        await self._quietly(self.ensure(session.id) if given else self._stop(session.room))
        await self._tell(session)

    async def _answer(
        self, conn: Connection, ticket_id: str, given: bool, language: str, now: float
    ) -> Session:
        house = self._house
        ticket = await house.visits.ticket(conn, ticket_id, lock=True)
        session = await house.visits.session_of_ticket(conn, ticket_id)
        if session is None or session.state not in sessions.OPEN:
            raise Conflict("no_call")
        known = await self._standing(conn, session.id)
        if known.asked and given == known.agreed:
            return session
        version = house.catalogue.text("recording_consent").version
        consent = Consent(kind="recording", given=given, text_version=version, language=language, at=now)
        said = "given" if given else "withdrawn" if known.agreed else "refused"
        actor = Actor(kind="citizen", id=ticket.citizen)
        told = {"kind": "recording", "text_version": version, "session": session.id}
        for case in await ticket_matters.cases(conn, ticket):
            await house.cases.add_consents(conn, case, [consent])
            await note(conn, case, f"consent.{said}", actor, now, told)
        running = recordings.active(known.all)
        if running is not None and not given:  # should the worker not be reached now, ``look`` tries again
            due = replace(running, deadline=now, version=running.version + 1)
            await kept.change(conn, due, seen=running.version)
        return session

    # --- the media plane's news --------------------------------------------------------------------------

    async def heard(self, event: MediaEvent) -> None:
        """Follow what the media plane reports; what cannot be done now is found by ``look``."""
        if self._recorder is None:
            return
        try:
            if event.kind is MediaEventKind.CONNECTED:
                await self._connected(event.room)
            elif event.kind is MediaEventKind.RECORDING_RUNS:
                await self._runs(event.room, event.member)
            elif event.kind is MediaEventKind.RECORDING_STOPPED:
                await self._ended(event.member, event.reason)
        except CloudWindowError as error:
            log.warning("news of a recording waits", extra={"code": error.code})

    async def _connected(self, room: str) -> None:
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_room(conn, room)
        if session is not None and session.state in sessions.OPEN:
            await self.ensure(session.id)

    # --- beginning and ending ----------------------------------------------------------------------------

    async def ensure(self, session_id: str, *, rest: bool = True) -> None:
        """Begin to record the call if it must be and is not; ``rest``: not at once after a break."""
        if self._recorder is None:
            return
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            known = await self._standing(conn, session_id)
            older = await kept.active_in(conn, known.session.room)
        if not known.wanted or not recordings.may_begin(known.all, now, rest=rest):
            return
        if not await self._somebody_in(known.session.room):
            return
        if older is not None:  # the call before in the same room, of which the citizen was passed on
            await self._stop(known.session.room)
        key, id = house.random(KEY_OCTETS), word(house.random(15))
        try:
            begun = await house.ledger.write(lambda conn: self._begin(conn, session_id, id, key, now, rest))
        except Conflict:
            return  # another node was first
        if begun is not None:
            await self._order(begun, key, now)
            await self._tell(known.session)

    async def _somebody_in(self, room: str) -> bool:
        try:
            await self._calls.place_room(room)
            return bool((await self._house.media.stats(room)).members)
        except Unavailable:
            return False

    async def _begin(
        self, conn: Connection, session_id: str, id: str, key: bytes, now: float, rest: bool
    ) -> Recording | None:
        standing = await self._standing(conn, session_id)
        if not standing.wanted or not recordings.may_begin(standing.all, now, rest=rest):
            return None
        begun = Recording(
            id=id,
            session=standing.session.id,
            application=standing.session.application,
            district=standing.case.home_district,
            room=standing.session.room,
            number=len(standing.all) + 1,
            key_sealed=self._house.vault.seal(key.hex(), place=_key_place(id)),
            state=State.STARTING,
            started_at=now,
            deadline=now + recordings.LIMITS_SECONDS[State.STARTING],
        )
        await kept.add(conn, begun)
        return begun

    async def _order(self, begun: Recording, key: bytes, now: float) -> None:
        try:
            assert self._recorder is not None  # noqa: S101 - ``ensure`` has looked
            await self._recorder.start(begun.room, recording=begun.id, key=key, now=now)
        except CloudWindowError as error:
            await self._ended(begun.id, error.code[:32])

    async def _standing(self, conn: Connection, session_id: str) -> Standing:
        house = self._house
        session = await house.visits.session(conn, session_id)
        ticket = await house.visits.ticket(conn, session.ticket)
        case = await house.cases.case(conn, session.application)
        said = [
            one
            for application in await ticket_matters.cases(conn, ticket)
            for one in await house.cases.consents(conn, application)
            if one.kind == "recording"
        ]
        return Standing(
            session=session,
            ticket=ticket,
            case=case,
            item=house.item_of(case.item, case.item_version),
            answer=max(said, key=lambda one: one.at, default=None),
            all=await kept.of_session(conn, session_id),
        )

    async def _runs(self, room: str, recording: str) -> None:
        """The worker says that it writes; what was given up in between is stopped there too."""
        now = self._house.clock()
        given_up: list[bool] = []

        async def work(conn: Connection) -> Session | None:
            known = await _known(conn, recording)
            given_up.append(known is None or known.state not in ACTIVE)
            if known is None or known.state is not State.STARTING:
                return None
            await kept.change(conn, recordings.advance(known, Event.RUN, now), seen=known.version)
            session = await self._house.visits.session(conn, known.session)
            if not session.recording:
                marked = replace(session, recording=True, version=session.version + 1)
                await self._house.visits.save_session(conn, marked, seen=session.version)
            told = {"session": known.session, "recording": recording, "number": known.number}
            await note(conn, known.application, "recording.started", SYSTEM, now, told)
            return session

        await self._done(work)
        if given_up[-1] and self._recorder is not None:
            await self._recorder.stop(room)

    async def _ended(self, recording: str, failure: str) -> None:
        """It is written no more; ``failure`` tells why it stopped by itself while the call ran."""
        now = self._house.clock()

        async def work(conn: Connection) -> Session | None:
            known = await _known(conn, recording)
            if known is None or known.state not in ACTIVE:
                return None
            standing = await self._standing(conn, known.session)
            why = failure if standing.wanted else ""
            ended = replace(recordings.advance(known, Event.END, now), failure=why)
            await kept.change(conn, ended, seen=known.version)
            told = {"session": known.session, "recording": recording, "reason": why or "ended"}
            await note(conn, known.application, "recording.stopped", SYSTEM, now, told)
            return standing.session

        await self._done(work)

    async def _stop(self, room: str, failure: str = "") -> None:
        """End what is recorded in ``room``. Raises Unavailable("media_unavailable"), and then it runs on."""
        async with self._house.ledger.read() as conn:
            known = await kept.active_in(conn, room)
        if known is None or self._recorder is None:
            return
        status = await self._status(room)
        if status is not None and status.recording == known.id:
            await self._recorder.stop(room)
        await self._ended(known.id, failure)

    # --- pauses ------------------------------------------------------------------------------------------

    async def focus(self, session: Session | None, item: ServiceItem, field: str | None, side: str) -> None:
        """Pause while a cursor stands in a sensitive field, and go on when none does any more."""
        if self._recorder is None or session is None:
            return
        sensitive = any(one.id == field and one.sensitive for one in item.form.fields)
        async with self._house.ledger.read() as conn:
            known = await kept.active_in(conn, session.room)
        if known is None or known.state not in recordings.WRITING:
            return
        if sensitive or side in recordings.sides(known):
            await self._pause_for(known, lambda by: by | {side} if sensitive else by - {side})

    async def act(self, agent: Staff, act: str, *, call: str = "") -> None:
        """
        What the agent does about the recording of their call: pause, resume, or begin again after a break.

        Raises BadInput("choice_unknown"), Conflict no_call or recording_not_running.
        """
        if act not in ACTS:
            raise BadInput("choice_unknown", field="act")
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_agent(conn, agent.id, call)
            known = await kept.active_in(conn, session.room) if session else None
        if session is None or session.state not in sessions.OPEN:
            raise Conflict("no_call")
        if act == "again":
            await self.ensure(session.id, rest=False)
            return
        if known is None or known.state not in recordings.WRITING:
            raise Conflict("recording_not_running")
        pauses = act == "pause"
        await self._pause_for(
            known, lambda by: by | {recordings.HAND} if pauses else frozenset(), reason=recordings.BY_AGENT
        )

    async def _pause_for(
        self, known: Recording, change: Change, *, reason: str = recordings.SENSITIVE
    ) -> None:
        """
        Let ``change`` say who keeps it paused. Writing stops before the ledger knows and goes on after.

        Raises Unavailable("media_unavailable"): a pause that the worker did not take is not shown as one.
        """
        recorder = self._recorder
        if recorder is None:
            return
        await self._calls.place_room(known.room)
        if change(recordings.sides(known)):
            await recorder.pause(known.room, reason)
        moved, by = await self._house.ledger.write(lambda conn: self._paused(conn, known.id, change, reason))
        if not by:
            await recorder.resume(known.room)
        if moved is not None:
            await self._tell(moved)

    async def _paused(
        self, conn: Connection, id: str, change: Change, reason: str
    ) -> tuple[Session | None, frozenset[str]]:
        """Write who keeps it paused, and say who; with the call if the sign on its pages has changed."""
        now = self._house.clock()
        known = await kept.one(conn, id)
        by = change(recordings.sides(known))
        if known.state not in recordings.WRITING:
            return None, by
        was, wants = known.state is State.PAUSED, bool(by)
        if was == wants:
            limit = recordings.LIMITS_SECONDS[known.state]
            moved = replace(known, version=known.version + 1, deadline=now + limit)
        else:
            moved = recordings.advance(known, Event.PAUSE if by else Event.RESUME, now)
            said = "recording.paused" if by else "recording.resumed"
            await note(conn, known.application, said, SYSTEM, now, {"recording": id, "reason": reason})
        await kept.change(conn, replace(moved, paused_by=",".join(sorted(by))), seen=known.version)
        return None if was == wants else await self._house.visits.session(conn, known.session), by

    # --- what is due -------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Carry out what deadlines ask for; end what outlived its call, begin what is missing."""
        if self._recorder is None:
            return
        async with self._house.ledger.read() as conn:
            due = await kept.due(conn, self._house.clock(), states=ACTIVE)
            over = await kept.left_over(conn, before=self._house.clock() - CLOSING_SECONDS)
            missing = await kept.unrecorded(conn)
        for one in over:
            await self._quietly(self._stop(one.room))
        for one in due:
            await self._quietly(self._due(one))
        for session in missing:
            await self._quietly(self.ensure(session))

    async def _quietly(self, step: Awaitable[None]) -> None:
        try:
            await step
        except CloudWindowError as error:
            log.warning("a recording waits", extra={"code": error.code})

    async def _due(self, one: Recording) -> None:
        async with self._house.ledger.read() as conn:
            wanted = (await self._standing(conn, one.session)).wanted
        if not wanted:
            await self._stop(one.room)
            return
        if one.state is State.STARTING:
            try:
                await self._stop(one.room, NOT_STARTED)
            except Unavailable:
                await self._ended(one.id, NOT_STARTED)
            return
        status = await self._status(one.room)
        if status is None or status.recording != one.id:
            await self._ended(one.id, recordings.WORKER_DIED)
            await self.ensure(one.session)
        elif one.state is State.PAUSED:
            await self._pause_for(one, lambda _by: frozenset())
        else:
            if status.paused and self._recorder is not None:  # going on did not reach the worker
                await self._recorder.resume(one.room)
            await self._house.ledger.write(lambda conn: self._seen(conn, one.id, status))

    async def _seen(self, conn: Connection, id: str, status: RecorderStatus) -> None:
        known = await kept.one(conn, id)
        if known.state not in recordings.WRITING:
            return
        limit = recordings.LIMITS_SECONDS[known.state]
        seen = replace(
            known,
            head=status.head or known.head,
            octets=status.octets,
            version=known.version + 1,
            deadline=self._house.clock() + limit,
        )
        await kept.change(conn, seen, seen=known.version)

    async def _status(self, room: str) -> RecorderStatus | None:
        await self._calls.place_room(room)
        return await self._recorder.status(room) if self._recorder else None

    # --- telling -----------------------------------------------------------------------------------------

    async def _done(self, work: Callable[[Connection], Awaitable[Session | None]]) -> None:
        session = await self._house.ledger.write(work)
        if session is not None:
            await self._tell(session)

    async def _tell(self, session: Session) -> None:
        hub = self._house.hub
        await hub.tell(citizen_topic(session.ticket), PanelChanged(panels=("recording", "recording_ask")))
        mine = PanelChanged(panels=("recording", "read_back", "decision"), session=session.id)
        await hub.tell(agent_topic(session.agent), mine)
        async with self._house.ledger.read() as conn:
            others = await self._house.third_parties.of_session(conn, session.id)
        for other in others:
            await hub.tell(third_topic(other.id), PanelChanged(panels=("company",)))


async def marks(house: House, conn: Connection, recording: Recording) -> list[Chapter]:
    """The moments of ``recording`` worth a clip: identity check, read-back, signature, of all its matters."""
    session = await house.visits.session(conn, recording.session)
    ticket = await house.visits.ticket(conn, session.ticket)
    told = [
        (event.kind, event.at)
        for case in await ticket_matters.cases(conn, ticket)
        for event in await events.story(conn, case)
    ]
    return recordings.chapters(recording, sorted(told, key=lambda one: one[1]))


def key_of(vault: Vault, recording: Recording) -> bytes:
    """The key of a recording's files. Raises what ``Vault.open`` raises."""
    return bytes.fromhex(vault.open(recording.key_sealed, place=_key_place(recording.id)))


def evidence_key_of(vault: Vault, recording: Recording) -> bytes:
    """The key of a recording's evidence clips. Raises what ``Vault.open`` raises."""
    if not recording.evidence_key_sealed:
        return evidence_key(key_of(vault, recording))
    sealed = recording.evidence_key_sealed
    return bytes.fromhex(vault.open(sealed, place=_evidence_place(recording.id)))


def evidence_sealed(vault: Vault, recording: Recording) -> str | None:
    """The clips' key alone, sealed for the ledger; None where the recording's own cannot be opened."""
    try:
        key = evidence_key_of(vault, recording)
    except CloudWindowError:
        return None
    return vault.seal(key.hex(), place=_evidence_place(recording.id))


def _evidence_place(id: str) -> str:
    return place("recording", "evidence_key_sealed", id)


def _key_place(id: str) -> str:
    return place("recording", "key_sealed", id)


async def _known(conn: Connection, id: str) -> Recording | None:
    try:
        return await kept.one(conn, id)
    except NotFound:
        return None
