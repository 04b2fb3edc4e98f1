"""
The call from the accepted offer to the outcome: who is called, who joins, who is lost, how it ends.

Rule: the ledger moves first and fences by epoch; the line follows; the pages are told last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.application import FILLING, void
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, NotFound, Unavailable
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import DistrictCode, OfferId, SessionId, StaffId, TicketId, word
from cloudwindow.domain.load import AgentPresence, HeldCall
from cloudwindow.domain.match import FULL, MODES, WEIGHTS, fits
from cloudwindow.domain.messages import (
    CallAnswer,
    CallOffer,
    CallReceive,
    CallReceiving,
    CallRenegotiate,
    CallWays,
    PanelChanged,
    StageChanged,
)
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.session import Outcome, Session
from cloudwindow.domain.third_party import MEMBER as THIRD_MEMBER
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import ticket_matters
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import lane_of
from cloudwindow.journey.openings import Openings
from cloudwindow.journey.standing import arrangement
from cloudwindow.journey.texts import Ready, Texts
from cloudwindow.media.plane import Arrangement, Invitation
from cloudwindow.media.relay import LIFE_SECONDS
from cloudwindow.records import Connection, duties, matters, promises
from cloudwindow.records.people import Staff
from cloudwindow.records.story import SYSTEM, note

PARK_REASONS = ("fetch_papers", "wait_for_person", "technical", "other")
TRANSFER_REASONS = ("other_language", "other_mode", "wrong_district", "special_knowledge", "other")
KEPT_ROOM_SECONDS = 600.0
"""So long the citizen of a call that was passed on may stay connected for the next agent."""
COUNTER_SHOWS = frozenset({"materials", "case"})
"""Panels of citizen and agent: when these change, so does what a local counter has to scan or print."""
AGENT_GRACE_SECONDS = 30.0
"""An agent's page may reload; after this the citizen goes back to the head of the line."""


def citizen_topic(ticket: str) -> str:
    """Who hears what concerns a visit."""
    return f"ticket:{ticket}"


def agent_topic(agent: str) -> str:
    """Who hears what concerns a desk."""
    return f"agent:{agent}"


def third_topic(party: str) -> str:
    """Who hears what concerns a third party's page."""
    return f"third:{party}"


def topic_of(session: Session, member: str) -> str:
    """Where the page of a member of the call's media room listens."""
    if member.startswith(THIRD_MEMBER):
        return third_topic(member.removeprefix(THIRD_MEMBER))
    return agent_topic(session.agent) if member == "agent" else citizen_topic(session.ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """
    Where a transfer goes; an empty word keeps what is.

    ``agent`` is asked first. ``home_street`` belongs to ``home_district``, when another district is the home.
    """

    language: str = ""
    mode: str = ""
    home_district: str = ""
    home_street: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """
    A ticket and its last call as they stand.

    ``freed``: the agent whom the step just done set free. ``absent``: the citizen was missing in it.
    ``text``: the message to somebody the step called away from the page. ``keeps_room``: the citizen stays
    connected for the next agent.
    """

    ticket: Ticket
    session: Session | None
    freed: StaffId | None = None
    absent: bool = False
    text: Ready | None = None
    keeps_room: bool = False

    @property
    def stage(self) -> str:
        """The citizen's stage, see StageChanged."""
        state, call = self.ticket.state, self.session
        if state in {tickets.State.SERVING, tickets.State.ON_HOLD}:
            return "in_call" if call is not None and call.state in sessions.OPEN else "ended"
        return {
            tickets.State.WAITING: "waiting",
            tickets.State.CALLED: "called",
            tickets.State.MISSED: "missed",
        }.get(state, "ended")


def _kept_room(last: Session | None, now: float) -> str:
    """The media room in which the citizen of a call that was passed on still waits, if there is one."""
    if last is None or last.outcome is not Outcome.TRANSFERRED or last.ended_at is None:
        return ""
    return last.room if now - last.ended_at < KEPT_ROOM_SECONDS else ""


class Calls:
    """Moves tickets and sessions together."""

    def __init__(self, house: House, texts: Texts, openings: Openings) -> None:
        self._house = house
        self._texts = texts
        self._openings = openings

    # --- beginning ---------------------------------------------------------------------------------------

    async def accept(self, agent: Staff, offer: str) -> None:
        """
        The agent takes the offered ticket; the citizen is called.

        Raises Gone("offer_gone"); Conflict when the ledger knows better, and then the ticket is back in line.
        """
        house, now = self._house, self._house.clock()
        taken = await house.line.accept(agent.id, OfferId(offer), now=now)
        try:
            live = await house.ledger.write(
                lambda conn: self._call(conn, agent, taken.ticket, taken.epoch, taken.ring, now)
            )
        except CloudWindowError as error:
            await self._give_back(agent.id, taken.ticket, error, now)
            raise
        await self.tell(live)
        await self._texts.try_send(live.text)

    async def _call(
        self, conn: Connection, agent: Staff, ticket_id: str, epoch: int, ring: int, now: float
    ) -> Live:
        house = self._house
        ticket = await house.visits.ticket(conn, ticket_id, lock=True)
        last = await house.visits.session_of_ticket(conn, ticket_id)
        if last is not None and last.epoch == epoch and last.agent == agent.id:
            return Live(ticket=ticket, session=last)
        await self.must_have_room(conn, agent, ticket.mode)
        called, _ = tickets.advance(ticket, tickets.Event.CALL, now, agent=agent.id, epoch=epoch)
        called = await ticket_matters.first_open(house, conn, called)
        await house.visits.save_ticket(conn, called, seen=ticket.version)
        await promises.settle(conn, ticket.id, now=now, called=True)
        session = Session(
            id=SessionId(word(house.random(10))),
            ticket=ticket.id,
            application=called.application,
            citizen=ticket.citizen,
            agent=agent.id,
            epoch=epoch,
            room=_kept_room(last, now) or word(house.random(15)),
            started_at=now,
            deadline=now + sessions.LIMITS_SECONDS[sessions.State.RINGING],
        )
        await house.visits.add_session(conn, session)
        actor = Actor(kind="agent", id=agent.id)
        payload = {
            "session": session.id,
            "epoch": epoch,
            "ring": ring,
            "waited_seconds": round(now - ticket.joined_at),
        }
        await note(conn, called.application, "ticket.called", actor, now, payload)
        await note(conn, called.application, "session.started", actor, now, {"session": session.id})
        text = None
        if called.callback:
            await note(conn, called.application, "ticket.rung_by_text", SYSTEM, now, {"session": session.id})
            text = await self._texts.put_here(conn, "ticket.rung", called.id, str(epoch), now=now)
        return Live(ticket=called, session=session, text=text)

    async def must_have_room(self, conn: Connection, agent: Staff, mode: str) -> None:
        """
        Raise Conflict("call_not_closed") unless a call of ``mode`` fits beside those that owe an outcome.

        The line may not know of them: it was emptied in between, or the agent signed in anew.
        """
        held = await self._house.visits.modes_held(conn, agent.id)
        load = sum(WEIGHTS.get(one, FULL) for one in held)
        if not fits(load, mode, agent.text_calls):
            raise Conflict("call_not_closed")

    async def _give_back(self, agent: StaffId, ticket: str, error: CloudWindowError, now: float) -> None:
        """
        The ledger did not take the call: the line forgets it, the agent is free again.

        Who owes another call its outcome stays in wrap-up, and the ticket returns to its old place.
        """
        line = self._house.line
        if error.code == "call_not_closed":
            await self._quietly(line.release(agent, TicketId(ticket), now=now, reason=error.code))
            return
        if error.status == 503:
            reason = "ledger_unavailable"
            await self._quietly(line.release(agent, TicketId(ticket), now=now, reason=reason))
        else:
            await self._quietly(line.wrap_up(agent, TicketId(ticket), now=now))
        await self._free(agent, now, "available", TicketId(ticket))

    async def must_be_live(self, ticket: str) -> None:
        """Relay and echo are for live tickets, not for visits that are over. Raises Conflict("no_call")."""
        async with self._house.ledger.read() as conn:
            live = await self.live(conn, ticket)
        if not live.ticket.live:
            raise Conflict("no_call")

    async def name_ways(self, topic: str) -> None:
        """Tell the page of ``topic`` how its browser gets to the media server from now on."""
        house = self._house
        servers = house.relay.servers(topic, now=house.clock())
        ways = CallWays(
            servers=[asdict(server) for server in servers],
            relay_only=house.relay.only,
            good_for_seconds=LIFE_SECONDS,
        )
        await house.hub.tell(topic, ways)

    async def offer_media(
        self, message: CallOffer, *, ticket: str, role: str, topic: str, agent: str = ""
    ) -> None:
        """
        Answer a browser's SDP offer: for the echo test while waiting, or for the call.

        The citizen's first offer after being called is their answer to the call. Raises BadInput("bad_sdp"),
        Conflict("no_call") when there is none, Unavailable("media_unavailable").
        """
        if message.purpose == "echo":
            if ticket:
                await self.must_be_live(ticket)
            room, member, stands = f"echo-{ticket or agent}", "self", None
        elif message.purpose == "call":
            live = await self._joined(ticket, role)
            room, member, stands = live.room, role, await self._stands(live)
        else:
            raise BadInput("unknown_purpose")
        await self.place_room(room)
        echo = message.purpose == "echo"
        sdp = await self._house.media.answer(
            room, member, role=role, offer=message.sdp, echo=echo, arrangement=stands
        )
        call = message.session or None
        answer = CallAnswer(purpose=message.purpose, attempt=message.attempt, sdp=sdp, session=call)
        await self._house.hub.tell(topic, answer)

    async def invite_media(self, room: str, member: str, invitation: Invitation) -> None:
        """The media server offers a member's browser the connection it receives on."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_room(conn, room)
        if session is None or session.state not in sessions.OPEN:
            return
        offered = CallReceive(
            number=invitation.number, sdp=invitation.sdp, fresh=invitation.fresh, session=session.id
        )
        await self._house.hub.tell(topic_of(session, member), offered)

    async def receive_media(self, message: CallReceiving, *, ticket: str, member: str) -> None:
        """
        The browser's answer to an invitation, from citizen or agent.

        Raises Conflict("no_call") when there is none, and else as ``MediaPlane.receive``.
        """
        async with self._house.ledger.read() as conn:
            session = (await self.live(conn, ticket)).session
        if session is None or session.state not in sessions.OPEN:
            raise Conflict("no_call")
        await self.take_receiving(session.room, member, message)

    async def take_receiving(self, room: str, member: str, message: CallReceiving) -> None:
        """Hand a browser's answer to the media server of ``room``."""
        await self.place_room(room)
        await self._house.media.receive(room, member, number=message.number, answer=message.sdp)

    async def _stands(self, session: Session) -> Arrangement:
        async with self._house.ledger.read() as conn:
            known = await self._house.third_parties.of_session(conn, session.id)
        return arrangement(session, known)

    async def place_room(self, room: str) -> None:
        """All nodes put one room on one worker."""
        media = self._house.media
        proposed = await media.place(room)
        try:
            chosen = await self._house.workers.room_worker(room, proposed)
        except CloudWindowError as error:
            if error.status != 503:
                raise
            return  # alone without Redis: our own choice stands
        media.adopt(room, chosen)

    async def _joined(self, ticket: str, role: str) -> Session:
        if role == "agent":
            async with self._house.ledger.read() as conn:
                session = (await self.live(conn, ticket)).session
            if session is None or session.state not in sessions.OPEN:
                raise Conflict("no_call")
            await self.side_back(session.id, "agent")
            return session
        live = await self.join(ticket)
        if live.session is None:
            raise Conflict("no_call")
        return live.session

    async def join(self, ticket: str) -> Live:
        """The citizen answers the call, or is back after a loss. Raises Conflict("no_call")."""
        now = self._house.clock()
        async with self._house.ledger.read() as conn:
            known = await self.live(conn, ticket)
        if known.session is None or known.session.state not in sessions.OPEN:
            raise Conflict("no_call")
        settled = known.ticket.state is tickets.State.SERVING and known.session.state is sessions.State.LIVE
        if settled:
            return known
        live = await self._house.ledger.write(lambda conn: self._join(conn, ticket, now))
        await self.tell(live)
        if known.ticket.state is tickets.State.ON_HOLD and not await self._is_here(known.session.agent):
            await self.agent_lost(known.session.agent)
        return live

    async def _is_here(self, agent: StaffId) -> bool:
        """Whether the agent's page is open, on this node or by its heartbeat on another."""
        if self._house.hub.here(agent_topic(agent)):
            return True
        try:
            agents = await self._house.line.agents()
        except Unavailable:
            return True
        return any(one.agent == agent and one.present for one in agents)

    async def _join(self, conn: Connection, ticket_id: str, now: float) -> Live:
        live = await self.live(conn, ticket_id, lock=True)
        ticket, session = live.ticket, live.session
        if session is None:
            raise Conflict("no_call")
        actor = Actor(kind="citizen", id=ticket.citizen)
        if ticket.state is tickets.State.CALLED:
            ticket = await self._move_ticket(conn, ticket, tickets.Event.ANSWER, now)
            session = await self._move_session(conn, session, sessions.Event.CITIZEN_JOINS, now)
            await note(conn, ticket.application, "ticket.answered", actor, now, {"session": session.id})
            await note(conn, ticket.application, "session.joined", actor, now, {"session": session.id})
        elif ticket.state is tickets.State.ON_HOLD:
            ticket = await self._move_ticket(conn, ticket, tickets.Event.RESUME, now)
            await note(conn, ticket.application, "ticket.resumed", actor, now, {"session": session.id})
            if session.state is sessions.State.INTERRUPTED:
                session = await self._move_session(conn, session, sessions.Event.SIDE_BACK, now)
                await note(conn, ticket.application, "session.resumed", actor, now, {"session": session.id})
        return Live(ticket=ticket, session=session)

    # --- losing and finding ------------------------------------------------------------------------------

    async def citizen_lost(self, ticket: str) -> None:
        """The citizen's page is gone in the middle of a call: the agent is held for three minutes."""
        now = self._house.clock()
        live = await self._house.ledger.write(lambda conn: self._lose_citizen(conn, ticket, now))
        await self.tell(live)

    async def _lose_citizen(self, conn: Connection, ticket_id: str, now: float) -> Live:
        live = await self.live(conn, ticket_id, lock=True)
        ticket, session = live.ticket, live.session
        if ticket.state is not tickets.State.SERVING or session is None or session.state not in sessions.OPEN:
            return live
        ticket = await self._move_ticket(conn, ticket, tickets.Event.DROP, now)
        await note(conn, ticket.application, "ticket.on_hold", SYSTEM, now, {"session": session.id})
        session = await self._interrupt(conn, ticket, session, "citizen", tickets.HOLD_SECONDS, now)
        return Live(ticket=ticket, session=session)

    async def agent_lost(self, agent: str) -> None:
        """The agent's page is gone: after a short grace the citizen goes back to the head of the line."""
        now = self._house.clock()
        for live in await self._house.ledger.write(lambda conn: self._lose_agent(conn, agent, now)):
            await self.tell(live)

    async def agent_back(self, agent: str) -> None:
        """The agent's heartbeat is back before the grace ran out."""
        async with self._house.ledger.read() as conn:
            held = await self._house.visits.sessions_of_agent(conn, agent)
        for session in held:
            if session.state is sessions.State.INTERRUPTED:
                await self.side_back(session.id, "agent")

    async def _lose_agent(self, conn: Connection, agent: str, now: float) -> Sequence[Live]:
        found = []
        for session in await self._house.visits.sessions_of_agent(conn, agent):
            if session.state is sessions.State.LIVE:
                ticket = await self._house.visits.ticket(conn, session.ticket, lock=True)
                lost = await self._interrupt(conn, ticket, session, "agent", AGENT_GRACE_SECONDS, now)
                found.append(Live(ticket=ticket, session=lost))
        return found

    async def _interrupt(
        self, conn: Connection, ticket: Ticket, session: Session, side: str, seconds: float, now: float
    ) -> Session:
        if session.state is not sessions.State.LIVE:
            return session
        lost = replace(sessions.advance(session, sessions.Event.SIDE_LOST, now), deadline=now + seconds)
        await self._house.visits.save_session(conn, lost, seen=session.version)
        payload = {"session": session.id, "side": side}
        await note(conn, ticket.application, "session.interrupted", SYSTEM, now, payload)
        return lost

    async def side_back(self, session_id: str, side: str) -> None:
        """The agent's page is back before the grace ran out; nothing if the citizen is the one missing."""
        now = self._house.clock()

        async def work(conn: Connection) -> Live | None:
            session = await self._house.visits.session(conn, session_id)
            ticket = await self._house.visits.ticket(conn, session.ticket, lock=True)
            if session.state is not sessions.State.INTERRUPTED or ticket.state is not tickets.State.SERVING:
                return None
            back = await self._move_session(conn, session, sessions.Event.SIDE_BACK, now)
            await note(
                conn,
                ticket.application,
                "session.resumed",
                SYSTEM,
                now,
                {"session": session.id, "side": side},
            )
            return Live(ticket=ticket, session=back)

        live = await self._house.ledger.write(work)
        if live is not None:
            await self.tell(live)

    async def media_gone(self, room: str, member: str, *, more: bool = False) -> None:
        """A media worker died, a transport ended or (``more``) somebody joined: the browser offers again."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_room(conn, room)
        if session is None or session.state not in sessions.OPEN:
            return
        again = CallRenegotiate(purpose="call", more=more, session=session.id)
        await self._house.hub.tell(topic_of(session, member), again)

    # --- ending ------------------------------------------------------------------------------------------

    async def hang_up(self, session_id: str, *, by: Actor) -> None:
        """The call ends; the agent must now say how."""
        now = self._house.clock()
        live = await self._house.ledger.write(lambda conn: self._hang_up(conn, session_id, by, now))
        await self._after_call(live, now)

    async def _hang_up(self, conn: Connection, session_id: str, by: Actor, now: float) -> Live:
        session = await self._house.visits.session(conn, session_id)
        ticket = await self._house.visits.ticket(conn, session.ticket, lock=True)
        if session.state not in sessions.OPEN:
            return Live(ticket=ticket, session=session)
        absent = ticket.state is tickets.State.ON_HOLD
        ticket = await self._after_hanging_up(conn, ticket, by, now)
        ended = await self._move_session(conn, session, sessions.Event.HANG_UP, now)
        await note(conn, ticket.application, "session.ended", by, now, {"session": session.id, "by": by.kind})
        return Live(ticket=ticket, session=ended, absent=absent and by.kind == "agent")

    async def _after_hanging_up(self, conn: Connection, ticket: Ticket, by: Actor, now: float) -> Ticket:
        """
        What a hang-up means for the place: a citizen's gives it up; an agent's does not take it away.

        A ticket that is being served stays so until the outcome is given.
        """
        submitted = (await self._house.cases.case(conn, ticket.application)).submitted
        submitted = submitted and not await ticket_matters.others_open(conn, ticket)
        event, said = {
            (tickets.State.CALLED, "agent"): (tickets.Event.RELEASE, "ticket.released"),
            (tickets.State.SERVING, "citizen"): (tickets.Event.LEAVE, "ticket.done"),
            (tickets.State.ON_HOLD, "citizen"): (tickets.Event.LEAVE, "ticket.done"),
            (tickets.State.ON_HOLD, "agent"): (tickets.Event.FINISH, "ticket.done")
            if submitted
            else (tickets.Event.REQUEUE, "ticket.requeued"),
        }.get((ticket.state, by.kind), (None, ""))
        if event is None:
            return ticket
        moved = await self._move_ticket(conn, ticket, event, now)
        await note(conn, ticket.application, said, by, now, {"ticket": ticket.id})
        return moved

    async def _after_call(self, live: Live, now: float) -> None:
        """Close the media room and tell line and pages; safe to repeat."""
        session = live.session
        if session is None:
            return
        await self._quietly(self._house.workers.forget(session.room))
        if live.ticket.state is tickets.State.WAITING:
            await self._requeued(live, now)
        else:
            await self._quietly(self._house.media.close(session.room))
            await self._quietly(self._house.line.wrap_up(session.agent, live.ticket.id, now=now))
        await self.tell(live)

    async def _quietly(self, step: object) -> None:
        """Run a step whose failure the sweeper mends."""
        try:
            await step  # type: ignore[misc]
        except CloudWindowError as error:
            if error.status not in {409, 410, 503}:
                raise

    async def give_outcome(
        self, agent: Staff, outcome: str, note_text: str, then: str, session: str = ""
    ) -> None:
        """
        Close a call with an outcome of the closed list; after the last one the agent is ``available`` or
        ``away``.

        Raises BadInput unknown_outcome or outcome_note_required, Conflict outcome_not_true, no_call or
        matters_open.
        """
        if outcome not in {one.value for one in sessions.CHOOSABLE} or then not in {"available", "away"}:
            raise BadInput("unknown_outcome", field="outcome")
        now = self._house.clock()
        live = await self._house.ledger.write(
            lambda conn: self._close(conn, agent, session, Outcome(outcome), note_text, now)
        )
        await self._quietly(self._house.line.wrap_up(agent.id, live.ticket.id, now=now))
        await self._free(agent.id, now, "available" if then == "available" else "away", live.ticket.id)
        await self.tell(live)

    async def _close(
        self, conn: Connection, agent: Staff, call: str, outcome: Outcome, text: str, now: float
    ) -> Live:
        house = self._house
        session = await house.visits.session_of_agent(conn, agent.id, call)
        if session is None or session.state is not sessions.State.WRAPPING_UP:
            raise Conflict("no_call")
        case = await house.cases.case(conn, session.application)
        closed = sessions.close(session, outcome, text, now, submitted=case.submitted)
        await house.visits.save_session(conn, closed, seen=session.version)
        ticket = await house.visits.ticket(conn, session.ticket, lock=True)
        await ticket_matters.close(conn, ticket, session, outcome, text, submitted=case.submitted)
        mine = ticket.epoch == session.epoch
        if mine and ticket.state in {tickets.State.SERVING, tickets.State.ON_HOLD}:
            ticket = await self._move_ticket(conn, ticket, tickets.Event.FINISH, now)
            await note(conn, ticket.application, "ticket.done", SYSTEM, now, {"ticket": ticket.id})
        actor = Actor(kind="agent", id=agent.id)
        payload = {"session": session.id, "outcome": outcome.value}
        await note(conn, session.application, "session.closed", actor, now, payload)
        return Live(ticket=ticket, session=closed)

    async def leave(self, ticket: str) -> None:
        """The citizen gives up the place, or ends the call."""
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            known = await self.live(conn, ticket, lock=True)
            if not known.ticket.live or _talks(known):
                return known
            gone = await self._move_ticket(conn, known.ticket, tickets.Event.LEAVE, now)
            actor = Actor(kind="citizen", id=gone.citizen)
            await note(conn, gone.application, "ticket.left", actor, now, {"ticket": gone.id})
            return await self._stop_ringing(conn, gone, known.session, now)

        gone = await self._house.ledger.write(work)
        if gone.session is not None and _talks(gone):
            await self.hang_up(gone.session.id, by=Actor(kind="citizen", id=gone.ticket.citizen))
            return
        await self._out_of_line(gone, now)

    async def _stop_ringing(
        self, conn: Connection, ticket: Ticket, session: Session | None, now: float
    ) -> Live:
        """A call that nobody will answer is closed, and its agent free."""
        if session is None or session.state is not sessions.State.RINGING:
            return Live(ticket=ticket, session=session)
        closed = await self._move_session(conn, session, sessions.Event.EXPIRE, now)
        payload = {"session": closed.id, "outcome": None}
        await note(conn, ticket.application, "session.closed", SYSTEM, now, payload)
        return Live(ticket=ticket, session=closed, freed=closed.agent)

    async def _out_of_line(self, live: Live, now: float) -> None:
        """A ticket that will not be served by this call: free the agent, take it out of the line."""
        if live.session is not None and live.freed is not None:
            await self._quietly(self._house.media.close(live.session.room))
            await self._quietly(self._house.line.wrap_up(live.freed, live.ticket.id, now=now))
            await self._free(live.freed, now, "available", live.ticket.id)
            await self._tell_free(live.freed, "idle")
        else:
            await self._quietly(self._house.line.leave(live.ticket.id, now=now))
        await self.tell(live)

    async def _free(
        self, agent: StaffId, now: float, then: Literal["available", "away"], ticket: TicketId
    ) -> None:
        """
        The after-work of a call is done; also for a line that was emptied since and knows nothing of it.

        There the agent is free again once they owe no call its outcome.
        """
        line = self._house.line
        try:
            await line.finish(agent, now=now, then=then, ticket=ticket)
        except Conflict:
            async with self._house.ledger.read() as conn:
                held = await self._house.visits.sessions_of_agent(conn, agent)
                wishes = await duties.of_agent(conn, agent)
            if then == "available" and not held and not wishes.leaving:
                await self._quietly(line.set_available(agent, pull=wishes.pull, now=now))
        except Unavailable:
            return  # the sweeper finishes it

    async def expire(self, ticket: Ticket) -> None:
        """The citizen stayed away longer than the place is kept."""
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            known = await self.live(conn, ticket.id, lock=True)
            if known.ticket.state is not tickets.State.WAITING:
                return known
            gone = await self._move_ticket(conn, known.ticket, tickets.Event.EXPIRE, now)
            await note(conn, gone.application, "ticket.expired", SYSTEM, now, {"ticket": gone.id})
            return Live(ticket=gone, session=known.session)

        await self.tell(await self._house.ledger.write(work))

    async def come_back(self, ticket: str) -> None:
        """
        A missed citizen returns with one tap, three places behind the old one.

        Raises Conflict("state_forbids").
        """
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            known = await self.live(conn, ticket, lock=True)
            back, _ = tickets.advance(known.ticket, tickets.Event.RETURN, now)
            behind = await self._house.visits.score_behind(
                conn, back, places=tickets.PENALTY_PLACES, items=self._same_lane(back)
            )
            back = tickets.penalised(back, behind)
            await self._house.visits.save_ticket(conn, back, seen=known.ticket.version)
            actor = Actor(kind="citizen", id=back.citizen)
            payload = {"ticket": back.id, "credit_seconds": round(back.credit_seconds, 3)}
            await note(conn, back.application, "ticket.returned", actor, now, payload)
            return Live(ticket=back, session=known.session)

        live = await self._house.ledger.write(work)
        await self.rejoin(live.ticket, now)
        await self.tell(live)

    def _same_lane(self, ticket: Ticket) -> list[str]:
        """The items whose tickets wait in the same lane as this one."""
        skill = self._house.item_of(ticket.item, ticket.item_version).skill
        return [item.id for item in self._house.catalogue.items if item.skill == skill]

    async def rejoin(self, ticket: Ticket, now: float) -> None:
        """Put a waiting ticket (back) into the line at the place its joining time gives it."""
        item = self._house.item_of(ticket.item, ticket.item_version)
        await self._quietly(
            self._house.line.join(
                ticket.id,
                lane_of(item, ticket),
                joined_at=ticket.joined_at,
                credit_seconds=ticket.credit_seconds,
                now=now,
                epoch=ticket.epoch,
                terms=ticket.terms,
            )
        )

    async def rejoin_if_waiting(self, ticket: TicketId, now: float) -> None:
        """Put a ticket that the line does not know back, if it still waits."""
        async with self._house.ledger.read() as conn:
            known = await self._house.visits.ticket(conn, ticket)
        if known.state is tickets.State.WAITING:
            await self.rejoin(known, now)

    async def mend_agent(
        self, known: AgentPresence, held: Sequence[Session], now: float, *, settled_at: float
    ) -> None:
        """
        The line holds ``known`` in calls or their wrap-up; ``held`` is what the ledger has not closed.

        They differ when the line was away as a call ended: then the line is told again. What has changed
        since ``settled_at`` may be on its way.
        """
        if known.state in {Presence.IDLE, Presence.OFFERED} and held and known.since < settled_at:
            away = self._house.line.set_away(known.agent, reason="call_not_closed", now=now)
            await self._quietly(away)
        for call in known.calls:
            if max(known.since, call.accepted_at or 0.0) < settled_at:
                open_call = next((one for one in held if one.ticket == call.ticket), None)
                await self._mend_call(known, call, open_call, bool(held), now)

    async def _mend_call(
        self, known: AgentPresence, call: HeldCall, session: Session | None, others: bool, now: float
    ) -> None:
        line, agent = self._house.line, known.agent
        if not call.ended and (session is None or session.state is sessions.State.WRAPPING_UP):
            async with self._house.ledger.read() as conn:
                ticket = await self._house.visits.ticket(conn, call.ticket)
            back = ticket.state is tickets.State.WAITING
            await self._quietly((line.release if back else line.wrap_up)(agent, ticket.id, now=now))
        if session is None:
            await self._free(agent, now, "available" if others else "away", call.ticket)
            await self._tell_free(agent, "away")

    # --- setting aside and passing on ---------------------------------------------------------------------

    async def park(self, agent: Staff, *, until: float, reason: str, session: str = "") -> None:
        """
        End the call for now; the citizen is rung at the promised time, by this agent if they are there.

        Raises BadInput unknown_reason or promised_time_unusable, Conflict no_call or state_forbids.
        """
        if reason not in PARK_REASONS:
            raise BadInput("unknown_reason", field="reason")

        def moved(ticket: Ticket, now: float) -> Ticket:
            return tickets.set_aside(
                ticket, tickets.Event.PARK, now, until=until, reason=reason, agent=agent.id
            )

        payload = {"reason": reason, "until": until}
        await self._leave_call(agent, session, moved, Outcome.DRAFT_OWNED, "ticket.parked", payload)

    async def transfer(self, agent: Staff, onward: Onward, *, reason: str, session: str = "") -> None:
        """
        Send the citizen on to other agents, at their old place: same number, same clock.

        Raises BadInput unknown_reason, transfer_unchanged, unknown_language, unknown_mode, unknown_agent or
        unknown_street, NotFound unknown_district, Conflict lane_uncovered or as ``park``.
        """
        if reason not in TRANSFER_REASONS:
            raise BadInput("unknown_reason", field="reason")
        if onward == Onward():
            raise BadInput("transfer_unchanged", field="to")
        async with self._house.ledger.read() as conn:
            other = await self._house.people.staff(conn, onward.agent) if onward.agent else None
        if onward.agent and (other is None or other.id == agent.id or "agent" not in other.roles):
            raise BadInput("unknown_agent", field="to")
        if onward.home_district:
            streets = self._house.catalogue.district(onward.home_district).streets
            if all(street.code != onward.home_street for street in streets):
                raise BadInput("unknown_street", field="home_street")

        await self._must_be_covered_onward(agent, session, onward)

        def moved(ticket: Ticket, now: float) -> Ticket:
            sent, _ = tickets.advance(ticket, tickets.Event.TRANSFER, now)
            return replace(
                self._sent(sent, onward),
                preferred_agent=other.id if other else None,
                preferred_until=now + tickets.PREFER_SECONDS if other else None,
                passed_by=_passed_on(ticket, agent.id, to=onward.agent),
            )

        payload = {"reason": reason, **{name: value for name, value in asdict(onward).items() if value}}
        await self._leave_call(
            agent,
            session,
            moved,
            Outcome.TRANSFERRED,
            "ticket.transferred",
            payload,
            home_street=onward.home_street,
        )

    async def _must_be_covered_onward(self, agent: Staff, call: str, onward: Onward) -> None:
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_agent(conn, agent.id, call)
            if session is None:
                raise Conflict("no_call")
            ticket = await self._house.visits.ticket(conn, session.ticket)
        if (sent := self._sent(ticket, onward)) != ticket:
            await self.must_be_covered(sent)

    def _sent(self, ticket: Ticket, onward: Onward) -> Ticket:
        """``ticket`` in the lane it is sent to."""
        if onward.language and onward.language not in self._house.item_of(ticket.item).languages:
            raise BadInput("unknown_language", field="language")
        if onward.mode and onward.mode not in MODES:
            raise BadInput("unknown_mode", field="mode")
        return replace(
            ticket,
            language=onward.language or ticket.language,
            mode=onward.mode or ticket.mode,
            home_district=DistrictCode(onward.home_district) or ticket.home_district,
        )

    async def must_be_covered(self, ticket: Ticket) -> None:
        """Raise Conflict("lane_uncovered") when nobody could ever serve ``ticket`` as it is to wait."""
        await self._openings.must_be_covered(lane_of(self._house.item_of(ticket.item), ticket))

    async def _leave_call(
        self,
        agent: Staff,
        call: str,
        moved: Callable[[Ticket, float], Ticket],
        outcome: Outcome,
        said: str,
        payload: Mapping[str, Any],
        *,
        home_street: str = "",
    ) -> None:
        """The agent's call ends with ``outcome`` and the ticket waits again; the agent is free."""
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            visits = self._house.visits
            session = await visits.session_of_agent(conn, agent.id, call)
            if session is None or session.state not in sessions.OPEN:
                raise Conflict("no_call")
            ticket = await visits.ticket(conn, session.ticket, lock=True)
            case = await self._house.cases.case(conn, ticket.application)
            if ticket.epoch != session.epoch or case.submitted:
                raise Conflict("state_forbids", {"state": ticket.state.value, "event": said})
            onward = moved(ticket, now)
            await visits.save_ticket(conn, onward, seen=ticket.version)
            if home_street:
                await self._move_home(conn, onward, home_street)
            ended = sessions.advance(session, sessions.Event.HANG_UP, now)
            closed = sessions.close(ended, outcome, str(payload["reason"]), now, submitted=False)
            await visits.save_session(conn, closed, seen=session.version)
            actor = Actor(kind="agent", id=agent.id)
            about = {"session": session.id, "ticket": ticket.id, **payload}
            await note(conn, ticket.application, said, actor, now, about)
            told = {"session": session.id, "outcome": outcome.value}
            await note(conn, ticket.application, "session.closed", actor, now, told)
            return Live(
                ticket=onward,
                session=closed,
                keeps_room=outcome is Outcome.TRANSFERRED and not onward.callback,
            )

        live = await self._house.ledger.write(work)
        line = self._house.line
        if live.session is not None and live.keeps_room:
            await self._quietly(self._house.media.remove(live.session.room, "agent"))
        elif live.session is not None:
            await self._quietly(self._house.workers.forget(live.session.room))
            await self._quietly(self._house.media.close(live.session.room))
        # Out and in again: the lane, the terms or the time may be others now; the place is the old one.
        await self._quietly(line.wrap_up(agent.id, live.ticket.id, now=now))
        await self.rejoin(live.ticket, now)
        await self._free(agent.id, now, "available", live.ticket.id)
        await self.tell(live)

    async def _move_home(self, conn: Connection, ticket: Ticket, street: str) -> None:
        """All that the ticket still has to do belongs to its home district now."""
        about = await matters.of_ticket(conn, ticket.id) if ticket.several else [ticket]
        for one in about:
            case = await self._house.cases.case(conn, one.application)
            if case.state not in FILLING:
                continue
            home = replace(
                void(case),
                home_district=ticket.home_district,
                home_street=street,
                version=case.version + 1,
            )
            await self._house.cases.save(conn, home, seen=case.version)

    async def hold(self, ticket: str, *, until: float) -> None:
        """
        The citizen asks to be rung from ``until`` on, the place kept.

        Raises BadInput("promised_time_unusable"), Conflict("state_forbids").
        """
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            known = await self.live(conn, ticket, lock=True)
            aside = tickets.set_aside(
                known.ticket, tickets.Event.HOLD, now, until=until, reason="citizen_asked"
            )
            await self._house.visits.save_ticket(conn, aside, seen=known.ticket.version)
            await promises.forget(conn, aside.id)
            actor = Actor(kind="citizen", id=aside.citizen)
            payload = {"ticket": aside.id, "until": until}
            await note(conn, aside.application, "ticket.held", actor, now, payload)
            return await self._stop_ringing(conn, aside, known.session, now)

        live = await self._house.ledger.write(work)
        if live.freed is not None:
            await self._quietly(self._house.line.wrap_up(live.freed, live.ticket.id, now=now))
            await self._free(live.freed, now, "available", live.ticket.id)
            await self._tell_free(live.freed, "idle")
            await self.rejoin(live.ticket, now)
        else:
            await self._quietly(self._house.line.hold(live.ticket.id, not_before=until, now=now))
            await self._quietly(self._house.line.call_back(live.ticket.id, True, now=now))
        await self.tell(live)

    async def call_back(self, ticket: str, wanted: bool) -> None:
        """
        Whether the citizen is to be rung when it is their turn; taking it back also ends a promised time.

        Raises Conflict("state_forbids") when the ticket does not wait.
        """
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            known = await self.live(conn, ticket, lock=True)
            if known.ticket.state is not tickets.State.WAITING:
                raise Conflict("state_forbids", {"state": known.ticket.state.value, "event": "call_back"})
            version = known.ticket.version
            rung = replace(known.ticket, callback=wanted, version=version + 1)
            if not wanted:
                rung = replace(rung, not_before=None, aside_reason="")
            await self._house.visits.save_ticket(conn, rung, seen=version)
            actor = Actor(kind="citizen", id=rung.citizen)
            said = "ticket.callback_asked" if wanted else "ticket.callback_ended"
            await note(conn, rung.application, said, actor, now, {"ticket": rung.id})
            return Live(ticket=rung, session=known.session)

        live = await self._house.ledger.write(work)
        await self._quietly(self._house.line.call_back(live.ticket.id, wanted, now=now))
        if not wanted:
            await self._quietly(self._house.line.hold(live.ticket.id, not_before=now, now=now))
        await self.tell(live)

    # --- deadlines ---------------------------------------------------------------------------------------

    async def ticket_due(self, ticket: Ticket) -> None:
        """Carry out what a ticket's deadline asks for."""
        now = self._house.clock()
        live = await self._house.ledger.write(lambda conn: self._ticket_due(conn, ticket.id, now))
        if live is None:
            return
        if live.ticket.state in {tickets.State.MISSED, tickets.State.EXPIRED}:
            await self._out_of_line(live, now)
        else:
            if live.ticket.state is tickets.State.WAITING:
                await self._requeued(live, now)
            await self.tell(live)

    async def _ticket_due(self, conn: Connection, ticket_id: str, now: float) -> Live | None:
        live = await self.live(conn, ticket_id, lock=True)
        ticket, session = live.ticket, live.session
        if not ticket.live or ticket.deadline is None or ticket.deadline > now:
            return None
        event, absent = tickets.due(ticket), ticket.state is tickets.State.ON_HOLD
        ticket = await self._move_ticket(conn, ticket, event, now)
        said = {
            tickets.Event.RECALL: "ticket.recalled",
            tickets.Event.MISS: "ticket.missed",
            tickets.Event.REQUEUE: "ticket.requeued",
            tickets.Event.EXPIRE: "ticket.expired",
        }[event]
        await note(conn, ticket.application, said, SYSTEM, now, {"ticket": ticket.id})
        if event is tickets.Event.MISS:
            return await self._stop_ringing(conn, ticket, session, now)
        if event is tickets.Event.REQUEUE and session is not None and session.state in sessions.OPEN:
            session = await self._move_session(conn, session, sessions.Event.HANG_UP, now)
            await note(
                conn,
                ticket.application,
                "session.ended",
                SYSTEM,
                now,
                {"session": session.id, "by": "system"},
            )
        return Live(ticket=ticket, session=session, absent=absent)

    async def _requeued(self, live: Live, now: float) -> None:
        session = live.session
        if session is not None:
            await self._quietly(self._house.media.close(session.room))
            await self._quietly(self._house.line.release(session.agent, live.ticket.id, now=now))
        await self.rejoin(live.ticket, now)
        if live.absent:
            await self._quietly(self._house.line.detach(live.ticket.id, now=now))

    async def session_due(self, session: Session) -> None:
        """Carry out what a call's deadline asks for."""
        now = self._house.clock()
        live = await self._house.ledger.write(lambda conn: self._session_due(conn, session.id, now))
        if live is None or live.session is None:
            return
        if live.freed is not None:
            if live.ticket.state is tickets.State.WAITING:
                await self._requeued(live, now)
            else:
                await self._quietly(self._house.line.wrap_up(live.freed, live.ticket.id, now=now))
            await self._free(live.freed, now, "away", live.ticket.id)
            await self._tell_free(live.freed, "away")
        await self.tell(live)

    async def _session_due(self, conn: Connection, session_id: str, now: float) -> Live | None:
        session = await self._house.visits.session(conn, session_id)
        if session.state is sessions.State.CLOSED or session.deadline is None or session.deadline > now:
            return None
        ticket = await self._house.visits.ticket(conn, session.ticket, lock=True)
        mine, absent = ticket.epoch == session.epoch, ticket.state is tickets.State.ON_HOLD
        in_call = ticket.state in {tickets.State.SERVING, tickets.State.ON_HOLD}
        before = session.state
        session = await self._move_session(conn, session, sessions.Event.EXPIRE, now)
        if before is sessions.State.INTERRUPTED and mine and in_call:
            ticket = await self._move_ticket(conn, ticket, tickets.Event.REQUEUE, now)
            session = replace(
                sessions.advance(session, sessions.Event.GIVE_OUTCOME, now), outcome=Outcome.AGENT_LOST
            )
            await self._house.visits.save_session(conn, session, seen=session.version - 1)
            await note(conn, ticket.application, "ticket.requeued", SYSTEM, now, {"ticket": ticket.id})
        elif before is sessions.State.WRAPPING_UP:
            session = await self._outcome_by_default(conn, ticket, session)
        if (
            session.state is sessions.State.CLOSED
            and mine
            and in_call
            and before is not sessions.State.INTERRUPTED
        ):
            ticket = await self._move_ticket(conn, ticket, tickets.Event.FINISH, now)
            await note(conn, ticket.application, "ticket.done", SYSTEM, now, {"ticket": ticket.id})
        closed = session.state is sessions.State.CLOSED
        payload = {"session": session.id, "outcome": session.outcome.value if session.outcome else None}
        said = "session.closed" if closed else "session.ended"
        await note(conn, ticket.application, said, SYSTEM, now, payload)
        return Live(ticket=ticket, session=session, freed=session.agent if closed else None, absent=absent)

    async def _outcome_by_default(self, conn: Connection, ticket: Ticket, session: Session) -> Session:
        """Nobody said how the call ended: what the case says stands, and a draft has its agent as owner."""
        await ticket_matters.close_by_default(self._house, conn, ticket, session)
        case = await self._house.cases.case(conn, session.application)
        outcome = Outcome.SUBMITTED if case.submitted else Outcome.DRAFT_OWNED
        closed = replace(session, outcome=outcome, version=session.version + 1)
        await self._house.visits.save_session(conn, closed, seen=session.version)
        return closed

    # --- telling -----------------------------------------------------------------------------------------

    async def live(self, conn: Connection, ticket: str, *, lock: bool = False) -> Live:
        """The ticket and the call it is in, or ended with. Raises NotFound("unknown_ticket")."""
        found = await self._house.visits.ticket(conn, ticket, lock=lock)
        return self.paired(found, await self._house.visits.session_of_ticket(conn, ticket))

    async def lives(self, conn: Connection, ids: Sequence[str]) -> Mapping[str, Live]:
        """``live`` for many at once; tickets that are not known are missing."""
        found = await self._house.visits.tickets_of(conn, ids)
        last = await self._house.visits.sessions_of_tickets(conn, ids)
        return {ticket.id: self.paired(ticket, last.get(ticket.id)) for ticket in found.values()}

    @staticmethod
    def paired(found: Ticket, session: Session | None) -> Live:
        """A ticket with its last call, if it is still in it or ended with it."""
        between = found.state in {tickets.State.WAITING, tickets.State.MISSED}
        if session is not None and (between or (found.live and session.epoch != found.epoch)):
            session = None
        return Live(ticket=found, session=session)

    async def tell(self, live: Live) -> None:
        """Tell both pages where they stand now; an agent whose call is closed may be in another already."""
        await self._house.hub.tell(citizen_topic(live.ticket.id), self.citizen_stage(live))
        if live.session is not None and live.session.state is not sessions.State.CLOSED:
            await self._house.hub.tell(agent_topic(live.session.agent), self.agent_stage(live))

    async def _tell_free(self, agent: StaffId, stage: str) -> None:
        """Tell a desk that a call of its is over: it goes on with the others, or is in ``stage``."""
        async with self._house.ledger.read() as conn:
            held = await self._house.visits.sessions_of_agent(conn, agent)
            lives = [await self.live(conn, one.ticket) for one in held]
        for one, live in zip(held, lives, strict=True):
            await self._house.hub.tell(agent_topic(agent), self.agent_stage(replace(live, session=one)))
        if not held:
            told = StageChanged(stage=stage, version=self._tick(), session=None, peer_online=False)
            await self._house.hub.tell(agent_topic(agent), told)

    def citizen_stage(self, live: Live) -> StageChanged:
        """What the citizen's page is told."""
        session = live.session
        return StageChanged(
            stage=live.stage,
            version=self._tick(),
            session=session.id if session else None,
            peer_online=session is not None and self._house.hub.online(agent_topic(session.agent)),
            keeps_room=live.keeps_room,
        )

    def agent_stage(self, live: Live) -> StageChanged:
        """What the agent's page is told about a call."""
        session = live.session
        if session is None:
            raise NotFound("unknown_session")
        return StageChanged(
            stage="wrap_up" if session.state is sessions.State.WRAPPING_UP else "in_call",
            version=self._tick(),
            session=session.id,
            peer_online=self._house.hub.online(citizen_topic(live.ticket.id)),
        )

    def _tick(self) -> int:
        return round(self._house.clock() * 1000)

    async def refresh(self, live: Live, *panels: str) -> None:
        """Ask both pages to fetch ``panels`` again."""
        changed = PanelChanged(panels=panels)
        await self._house.hub.tell(citizen_topic(live.ticket.id), changed)
        if live.session is not None:
            mine = replace(changed, session=live.session.id)
            await self._house.hub.tell(agent_topic(live.session.agent), mine)
            if COUNTER_SHOWS & {*panels}:
                await self._refresh_counters(live.session)

    async def _refresh_counters(self, session: Session) -> None:
        """Ask the local counters in a call to look again what is to be scanned and printed."""
        async with self._house.ledger.read() as conn:
            known = await self._house.third_parties.of_session(conn, session.id)
        for party in known:
            if party.powers.scans or party.powers.prints:
                await self._house.hub.tell(third_topic(party.id), PanelChanged(panels=("counter",)))

    async def _move_ticket(
        self, conn: Connection, ticket: Ticket, event: tickets.Event, now: float
    ) -> Ticket:
        moved, _ = tickets.advance(ticket, event, now)
        await self._house.visits.save_ticket(conn, moved, seen=ticket.version)
        if event in {tickets.Event.LEAVE, tickets.Event.EXPIRE}:
            await promises.settle(conn, moved.id, now=now, called=False)
        return moved

    async def _move_session(
        self, conn: Connection, session: Session, event: sessions.Event, now: float
    ) -> Session:
        moved = sessions.advance(session, event, now)
        await self._house.visits.save_session(conn, moved, seen=session.version)
        return moved


def _talks(live: Live) -> bool:
    """Whether citizen and agent are in a call that goes on."""
    return live.session is not None and live.session.state in sessions.OPEN and live.stage == "in_call"


def _passed_on(ticket: Ticket, by: StaffId, *, to: str) -> tuple[StaffId, ...]:
    """Who is not offered the ticket again, once ``by`` has passed it on; ``to``, sent it by name, is."""
    return tuple(sorted({*(ticket.passed_by or ()), by} - {StaffId(to)}))
