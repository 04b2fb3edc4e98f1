"""The agent's page: offers, the call, the form, submission, decision, outcome."""

import hashlib
import json
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, time
from typing import Any

from cloudwindow.domain import session as sessions
from cloudwindow.domain.application import Application, State
from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.catalogue import Mode, ServiceItem, skill_word
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, NotFound
from cloudwindow.domain.fields import mask_idno, mask_mobile
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import OfferId, StaffId, TicketId
from cloudwindow.domain.load import AgentPresence
from cloudwindow.domain.match import FULL, WEIGHTS, AgentProfile, ring_of
from cloudwindow.domain.messages import (
    AgentAvailable,
    AgentAway,
    AgentStay,
    CallDevices,
    CallHangUp,
    CallOffer,
    CallPrepare,
    CallQuality,
    CallReceiving,
    CallSetup,
    CaptionsSwitch,
    ChatSay,
    ChatType,
    FormFocus,
    FormPoint,
    FormSet,
    FromBoth,
    IdentityCheck,
    InCall,
    MaterialJudge,
    Message,
    OfferAccept,
    OfferDecline,
    ReadBackStart,
    SessionOutcome,
    StageChanged,
)
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.session import Outcome, Session
from cloudwindow.journey import captioning, showing, taking, ticket_matters
from cloudwindow.journey.calls import Calls, Onward, agent_topic, citizen_topic
from cloudwindow.journey.contact import Contact
from cloudwindow.journey.filling import Filler, Filling
from cloudwindow.journey.follow import Following
from cloudwindow.journey.house import House
from cloudwindow.journey.printing import Printing
from cloudwindow.journey.recordings import Recordings
from cloudwindow.journey.views import (
    CallCard,
    ChatLine,
    ChoiceRow,
    DecisionView,
    DeskView,
    OfferView,
    SessionView,
    StaffCard,
)
from cloudwindow.records import Connection, duties, figures, keys
from cloudwindow.records.duties import Wishes
from cloudwindow.records.keys import StoredReply
from cloudwindow.records.people import Staff

DECLINE_REASONS = ("other_language", "conflict_of_interest", "technical", "other")
PICK_REASONS = ("known_case", "same_family", "language", "urgent", "supervisor", "other")
AWAY_REASONS = ("break", "meeting", "technical", "end_of_shift", "")


class Desks:
    """What an agent does. A case is reached through the agent's own call, never by its number."""

    def __init__(
        self,
        house: House,
        calls: Calls,
        filling: Filling,
        following: Following,
        printing: Printing,
        contact: Contact,
        recordings: Recordings,
    ) -> None:
        self._house = house
        self._calls = calls
        self._filling = filling
        self._following = following
        self._printing = printing
        self._contact = contact
        self._recordings = recordings
        self._profiles_of: date | None = None

    def _today(self) -> date:
        return day_of(self._house.clock())

    # --- presence ----------------------------------------------------------------------------------------

    async def opened(self, agent: Staff) -> None:
        """The desk is connected: known to the line, and back in a call that was interrupted."""
        await self._calls.agent_back(agent.id)  # a call goes on also while the line is away
        await self._introduce(agent)
        await self.tell_stage(agent)

    async def _introduce(self, agent: Staff) -> None:
        """Make the agent known to the line; to one that was emptied with what they had asked of it."""
        now = self._house.clock()
        known = await self.presence(agent.id)
        await self._house.line.sign_in(profile_of(agent, self._today()), now=now)
        ends_at = None if known else (await self._wishes(agent)).shift_ends_at
        if ends_at is not None and ends_at > now:
            await self._house.line.end_shift_at(agent.id, ends_at, now=now)

    async def _wishes(self, agent: Staff) -> Wishes:
        async with self._house.ledger.read() as conn:
            return await duties.of_agent(conn, agent.id)

    async def _wish(self, agent: Staff, **changes: Any) -> None:
        """Keep what the agent asks of the line, for a line that will have been emptied."""

        async def work(conn: Connection) -> None:
            before = await duties.of_agent(conn, agent.id)
            if (wishes := replace(before, **changes)) != before:
                await duties.keep(conn, agent.id, wishes)

        await self._house.ledger.write(work)

    async def start(self, agent: Staff, *, pull: bool = False) -> None:
        """
        Take calls from now on, by hand with ``pull``.

        If the desk is not connected yet it has its lease's time to come.
        """
        await self.must_have_room(agent, "video")
        await self._introduce(agent)
        await self._available(agent, pull=pull)

    async def _available(self, agent: Staff, *, pull: bool) -> None:
        await self._wish(agent, pull=pull, leaving="")
        await self._house.line.set_available(agent.id, pull=pull, now=self._house.clock())
        await self.tell_stage(agent)

    async def must_have_room(self, agent: Staff, mode: str) -> None:
        """Raise Conflict("call_not_closed") unless a call of ``mode`` fits beside those the agent holds."""
        async with self._house.ledger.read() as conn:
            await self._calls.must_have_room(conn, agent, mode)

    async def closed(self, agent: Staff) -> None:
        """The desk's page is gone; in a call the citizen is told and the agent has a short grace."""
        await self._calls.agent_lost(agent.id)

    async def leave(self, agent: Staff) -> None:
        """The agent signs out: no more offers, the desk's pages close."""
        try:
            await self._house.line.sign_out(agent.id, now=self._house.clock())
        except CloudWindowError as error:
            if error.status not in {409, 503}:
                raise
        await self._house.hub.close_topic(agent_topic(agent.id))

    async def beat(self, agent: str) -> None:
        """The desk is still connected: renew its lease in the line, whoever is away."""
        try:
            await self._house.line.beat(StaffId(agent), now=self._house.clock())
        except CloudWindowError as error:
            if error.code == "agent_not_signed_in":
                await self._sign_in_again(agent)
            elif error.status != 503:
                raise

    async def _sign_in_again(self, agent: str) -> None:
        """The line was emptied: introduce the agent again; who was available presses the switch anew."""
        async with self._house.ledger.read() as conn:
            staff = await self._house.people.staff(conn, agent)
        if staff is not None:
            await self._introduce(staff)
            await self.tell_stage(staff)

    async def refresh_profiles(self) -> None:
        """On a new day some certificates are over: tell the line what its agents can do from now on."""
        today = self._today()
        if today == self._profiles_of:
            return
        async with self._house.ledger.read() as conn:
            staff = {one.id: one for one in await self._house.people.all_staff(conn)}
        for known in await self._house.line.agents():
            if known.agent in staff:
                profile = profile_of(staff[known.agent], today)
                await self._house.line.sign_in(profile, now=self._house.clock())
        self._profiles_of = today

    async def presence(self, agent: str) -> AgentPresence | None:
        """What the line knows of this agent."""
        return await self._house.line.agent(StaffId(agent))

    async def tell_stage(self, agent: Staff) -> None:
        """Tell the desk where it stands."""
        async with self._house.ledger.read() as conn:
            held = await self._house.visits.sessions_of_agent(conn, agent.id)
            lives = [await self._calls.live(conn, one.ticket) for one in held]
        for session, live in zip(held, lives, strict=True):
            if live.session is not None and live.session.id == session.id:
                await self._calls.tell(live)
            else:
                await self._tell(agent, _stage_in(session), session.id)
        if not held:
            await self._tell(agent, await self._idle_stage(agent.id), None)

    async def _tell(self, agent: Staff, stage: str, session: str | None) -> None:
        version = round(self._house.clock() * 1000)
        told = StageChanged(stage=stage, version=version, session=session, peer_online=False)
        await self._house.hub.tell(agent_topic(agent.id), told)

    async def _known(self, agent: str) -> AgentPresence | None:
        """What the line knows of this agent; nothing while it is away."""
        try:
            return await self.presence(agent)
        except CloudWindowError as error:
            if error.status != 503:
                raise
            return None

    async def _idle_stage(self, agent: str) -> str:
        return _stage_of(await self._known(agent))

    # --- the page ----------------------------------------------------------------------------------------

    async def view(
        self,
        agent: Staff,
        language: str,
        *,
        panels: frozenset[str] = frozenset({"offer"}),
        session: str = "",
    ) -> DeskView:
        """
        Everything the desk shows, with its call ``session`` in front, or the newest.

        Lists to choose from are looked up only for the ``panels`` that hold them.
        """
        house, now = self._house, self._house.clock()
        day = moment(day_of(now), time())
        async with house.ledger.read() as conn:
            held = await house.visits.sessions_of_agent(conn, agent.id)
            front = next((one for one in held if one.id == session), held[-1] if held else None)
            wishes = await duties.of_agent(conn, agent.id)
            served = await figures.served_by(conn, agent.id, since=day)
            groups = await figures.waiting(conn, None)
        waiting = sum(
            group.waiting for group in groups if house.item_of(group.item).skill_group in agent.skills
        )
        known = await self._known(agent.id)
        stage = _stage_in(front) if front else _stage_of(known)
        shown = await self._session(agent, language, front.id) if front else None
        away = known is not None and known.state is Presence.AWAY
        return DeskView(
            staff=card_of(house, agent),
            stage=stage,
            version=round(now * 1000),
            offer=await self._offer(agent, known),
            session=shown,
            calls=[await self._card(one, front) for one in held] if shown else (),
            waiting=waiting,
            served_today=served,
            pull=known.pull if known is not None and known.state is not Presence.AWAY else wishes.pull,
            away_reason=known.reason if known is not None and away else "",
            leaving=(known.leaving if known is not None else "") or (wishes.leaving if front else ""),
            shift_ends_at=known.shift_ends_at if known is not None else None,
            choices=await self._choices(agent, known) if "offer" in panels and not held else (),
            onward=await taking.onward(house, agent, shown.ticket)
            if shown and panels & {"park", "transfer"}
            else None,
        )

    async def _card(self, session: Session, front: Session | None) -> CallCard:
        house = self._house
        async with house.ledger.read() as conn:
            ticket = await house.visits.ticket(conn, session.ticket)
            citizen = await house.people.citizen(conn, session.citizen)
            lines, since = await house.visits.unanswered(conn, session.id)
        return CallCard(
            session=session.id,
            stage=_stage_in(session),
            number=ticket.number,
            applicant=citizen.name,
            item=house.item_of(ticket.item, ticket.item_version).name,
            mode=ticket.mode,
            in_front=front is not None and front.id == session.id,
            unanswered=lines,
            unanswered_since=since,
            online=house.hub.online(citizen_topic(ticket.id)),
        )

    async def _choices(self, agent: Staff, known: AgentPresence | None) -> Sequence[ChoiceRow]:
        """Who can be taken by hand: for those who do, and for those who are away."""
        if known is None or not (
            known.state is Presence.AWAY or (known.pull and known.state is Presence.IDLE)
        ):
            return ()
        return await taking.choices(self._house, profile_of(agent, self._today()))

    async def _offer(self, agent: Staff, running: AgentPresence | None) -> OfferView | None:
        house, now = self._house, self._house.clock()
        if running is None or running.offer is None or running.ticket is None:
            return None
        async with house.ledger.read() as conn:
            ticket = await house.visits.ticket(conn, running.ticket)
            case = await house.cases.case(conn, ticket.application)
            devices = await house.visits.devices(conn, ticket.id)
            booked = await house.appointments.of_ticket(conn, ticket.id)
            last = await house.visits.last_session(conn, ticket.application)
            names = await ticket_matters.names(house, conn, ticket)
        item = house.item_of(ticket.item, ticket.item_version)
        passed_on = last is not None and last.ticket == ticket.id and last.outcome is Outcome.TRANSFERRED
        return OfferView(
            offer=running.offer,
            expires_at=running.rings_until or running.since + house.offer_seconds,
            number=ticket.number,
            item=item,
            home=house.catalogue.district(ticket.home_district),
            own_district=ticket.home_district == agent.district,
            ring=ring_of(agent.district, ticket.home_district, lenders=await house.line.lenders()),
            waited_seconds=now - ticket.joined_at,
            language=ticket.language,
            mode=ticket.mode,
            capacity=case.capacity,
            readiness=showing.readiness(
                case, item, devices, online=house.hub.online(citizen_topic(ticket.id))
            ),
            appointment=showing.appointment_mark(booked),
            priority=ticket.priority,
            preferred=ticket.preferred_agent == agent.id,
            served_before=last is not None and last.agent == agent.id,
            promised_at=ticket.not_before,
            aside_reason=ticket.aside_reason,
            passed_on=last.outcome_note if last is not None and passed_on else "",
            matters=names,
        )

    async def _session(self, agent: Staff, language: str, call: str) -> SessionView | None:
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            session = await house.visits.session_of_agent(conn, agent.id, call)
            if session is None:
                return None
            ticket = await house.visits.ticket(conn, session.ticket)
            case = await house.cases.case(conn, session.application)
            citizen = await house.people.citizen(conn, session.citizen)
            principal = await house.cases.principal(conn, case.id)
            about = await ticket_matters.views(house, conn, ticket)
            chat = await house.visits.chat(conn, *await ticket_matters.cases(conn, ticket))
            item = house.item_of(case.item, case.item_version)
            recording = await self._recordings.mark(conn, session, item)
            covered = await self._recordings.covered(conn, case)
            code_sent = await house.people.code_sent(conn, purpose="sign", subject=case.id, now=now)
            booked = await house.appointments.of_ticket(conn, ticket.id)
        home = house.catalogue.district(case.home_district)
        done = case.submitted
        return SessionView(
            id=session.id,
            state=session.state.value,
            ticket=ticket,
            item=item,
            home=home,
            street=home.street(case.home_street).name.in_language(language),
            started_at=session.started_at,
            joined_at=session.joined_at,
            applicant=citizen.name,
            id_number=mask_idno(citizen.id_number),
            mobile=mask_mobile(citizen.mobile),
            capacity=case.capacity,
            principal=principal.name if principal else None,
            recording=recording,
            covered=covered,
            peer_online=house.hub.online(citizen_topic(ticket.id)),
            identity_checked=case.identity_result == "confirmed",
            identity_result=case.identity_result,
            state_of_case=case.state.value,
            sections=showing.sections(case, item, side="agent", language=language),
            missing_fields=[] if done else showing.missing_labels(case, item, language),
            unconfirmed_fields=[] if done else showing.unconfirmed_labels(case, item, language),
            materials=showing.materials(case, item, url="/desk/materials"),
            chat=[
                ChatLine(
                    id=one.id, author=one.author, name=one.name or citizen.name, text=one.text, at=one.at
                )
                for one in chat
            ],
            read_back=showing.read_back(
                case,
                item,
                principal,
                item.text("read_back_opening").text,
                language=language,
                code_sent=code_sent,
                code_sent_to=mask_mobile(citizen.mobile),
                side="agent",
            ),
            decision=self._decision(case, item, agent, now, language),
            case=await self._following.view(case, language, document_url="/desk/documents") if done else None,
            outcomes=[one.value for one in sessions.CHOOSABLE if (one is sessions.Outcome.SUBMITTED) == done],
            captions=captioning.standing(house, ticket.language, ticket.mode),
            appointment=showing.appointment_mark(booked),
            matters=about,
        )

    def _decision(
        self, case: Application, item: ServiceItem, agent: Staff, now: float, language: str
    ) -> DecisionView:
        catalogue = self._house.catalogue
        decision = catalogue.decides(
            item, receiving_district=agent.district, home_district=case.home_district, on=day_of(now)
        )
        at_home = item.mode is Mode.AUTHORISED and agent.district == case.home_district
        mode = case.mode or (Mode.AUTHORISED.value if at_home else decision.mode.value)
        delegation = decision.delegation if mode == Mode.AUTHORISED.value and not at_home else None
        return DecisionView(
            mode=mode,
            organ=decision.competent_organ.name.in_language(language),
            delegation=delegation.notice.in_language(language) if delegation else None,
            due_at=showing.last_moment(case.due_at),
            can_decide=mode == Mode.AUTHORISED.value and case.state is State.RECEIVED,
        )

    # --- the socket --------------------------------------------------------------------------------------

    async def heard(self, agent: Staff, language: str, message: Message) -> None:
        """Carry out one message of the desk's page."""
        now = self._house.clock()
        match message:
            case AgentAvailable():
                await self.must_have_room(agent, "video")
                await self._available(agent, pull=message.pull)
            case AgentAway():
                reason = (message.reason if message.reason in AWAY_REASONS else "") or "break"
                await self._wish(agent, leaving=reason)
                await self._house.line.set_away(agent.id, reason=reason, now=now)
                await self.tell_stage(agent)
            case AgentStay():
                await self._wish(agent, leaving="")
                await self._house.line.stay(agent.id, now=now)
                await self.tell_stage(agent)
            case CallPrepare():
                await self._calls.name_ways(agent_topic(agent.id))
            case OfferAccept():
                await self._calls.accept(agent, message.offer)
            case OfferDecline():
                if message.reason not in DECLINE_REASONS:
                    raise BadInput("unknown_reason", field="reason")
                await self._house.line.decline(
                    agent.id, OfferId(message.offer), reason=message.reason, now=now
                )
            case SessionOutcome():
                await self._calls.give_outcome(
                    agent, message.outcome, message.note, message.next, message.session
                )
                await self.tell_stage(agent)
            case FromBoth() | InCall():
                await self._in_call(await self.filler(agent, language, message.session), agent, message)
            case _:
                raise BadInput("message_unknown")

    async def _in_call(self, filler: Filler, agent: Staff, message: Message) -> None:
        match message:
            case CallOffer():
                await self._calls.offer_media(
                    message, ticket=filler.ticket, role="agent", topic=agent_topic(agent.id), agent=agent.id
                )
            case CallReceiving():
                await self._calls.receive_media(message, ticket=filler.ticket, member="agent")
            case FormSet():
                await self._filling.set_value(filler, message.field, message.value, message.base)
            case FormFocus():
                await self._filling.focus(filler, message.field)
            case ChatSay():
                await self._filling.say(filler, message.text)
            case CallDevices():
                await self._filling.devices(filler, message.camera, message.microphone, message.reason)
            case IdentityCheck():
                await self._filling.check_identity(filler, message.method, message.result)
            case MaterialJudge():
                await self._filling.judge(filler, message.material, message.verdict)
            case ReadBackStart():
                await self._filling.start_read_back(filler)
            case CallQuality() | CallSetup() | CaptionsSwitch() | ChatType() | FormPoint():
                await self._contact.heard(filler, message)
            case CallHangUp():
                call = await self._call_of(agent, message.session)
                await self._calls.hang_up(call.id, by=filler.actor)
            case _:
                raise BadInput("message_unknown")

    async def filler(self, agent: Staff, language: str, call: str = "") -> Filler:
        """The agent as somebody who fills, in the call ``call`` or the newest. Raises Conflict("no_call")."""
        session = await self._call_of(agent, call)
        actor = Actor(kind="agent", id=agent.id, name=agent.name)
        return Filler(actor=actor, ticket=session.ticket, language=language)

    async def _call_of(self, agent: Staff, call: str = "") -> Session:
        """A call whose case this agent may write: not one whose citizen waits again, or is with others."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_agent(conn, agent.id, call)
            if session is None:
                raise Conflict("no_call")
            live = await self._calls.live(conn, session.ticket)
            newest = await self._house.visits.ticket_of(conn, session.application)
        if live.session is None or live.session.id != session.id or newest != session.ticket:
            raise Conflict("no_call")
        return session

    # --- taking by hand, setting aside, passing on -------------------------------------------------------

    async def next(self, agent: Staff) -> bool:
        """Ask for the next ticket; whether somebody is offered. Raises Conflict as ``Line.next_for``."""
        await self.must_have_room(agent, lightest(agent.modes))
        await self._by_hand(agent)
        offered = await self._house.line.next_for(agent.id, now=self._house.clock())
        await self.tell_stage(agent)
        return offered

    async def pick(self, agent: Staff, ticket: str, reason: str) -> None:
        """
        Take one who waits before their turn, for a reason of the closed list.

        Raises BadInput("unknown_reason"), Conflict ticket_not_waiting, may_not_serve or state_forbids.
        """
        if reason not in PICK_REASONS:
            raise BadInput("unknown_reason", field="reason")
        await self.must_have_room(agent, lightest(agent.modes))
        await self._by_hand(agent)
        await self._house.line.pick(agent.id, TicketId(ticket), reason=reason, now=self._house.clock())
        await self.tell_stage(agent)

    async def _by_hand(self, agent: Staff) -> None:
        """Who was away and takes somebody is rung by nobody else: they go on taking by hand."""
        known = await self.presence(agent.id)
        if known is not None and known.state is Presence.AWAY:
            await self._wish(agent, pull=True, leaving="")
            await self._house.line.set_available(agent.id, pull=True, now=self._house.clock())

    async def park(self, agent: Staff, minutes: int, reason: str, *, session: str = "") -> None:
        """End the call for now; the citizen is rung in so many minutes. Raises as ``Calls.park``."""
        until = self._house.clock() + minutes * 60.0
        await self._calls.park(agent, until=until, reason=reason, session=session)
        await self.tell_stage(agent)

    async def transfer(self, agent: Staff, onward: Onward, reason: str, *, session: str = "") -> None:
        """Send the citizen on to other agents, clock and number kept. Raises as ``Calls.transfer``."""
        await self._calls.transfer(agent, onward, reason=reason, session=session)
        await self.tell_stage(agent)

    async def end_shift(self, agent: Staff, clock: str) -> None:
        """
        The agent's shift ends at ``clock`` today, a running call finished first; without a word it does not.

        Raises BadInput("shift_end_unusable"), Conflict("agent_not_signed_in").
        """
        now = self._house.clock()
        ends_at = taking.shift_end(clock, now)
        await self._wish(agent, shift_ends_at=ends_at)
        await self._house.line.end_shift_at(agent.id, ends_at, now=now)
        await self.tell_stage(agent)

    # --- submission and decision -------------------------------------------------------------------------

    async def submit(self, agent: Staff, key: str, language: str, *, session: str = "") -> StoredReply:
        """
        Hand the signed application in, exactly once for each ``key``; the reply is JSON {receipt, mode}.

        Raises Conflict not_signed, summary_moved_on, recording_needed, no_call; idempotency errors as
        ``keys.once``.
        """
        application = await self._application(agent, session)

        async def effect(conn: Connection) -> Application:
            case = await self._house.cases.case(conn, application)
            item = self._house.item_of(case.item, case.item_version)
            await self._recordings.demand(conn, case)
            principal = await self._house.cases.principal(conn, application)
            return await self._house.office.submit(
                conn,
                application,
                item,
                principal,
                receiving=agent.district,
                actor=Actor(kind="agent", id=agent.id, name=agent.name),
                handler=handler_of(agent),
                language=language,
                now=self._house.clock(),
            )

        return await self._once(agent, "/desk/submit", key, application, effect)

    async def decide(
        self, agent: Staff, key: str, language: str, *, approve: bool, reasons: str, session: str = ""
    ) -> StoredReply:
        """
        Decide in the competent organ's name, exactly once for each ``key``; replies as ``submit``.

        Raises NotAllowed("no_delegation"), BadInput("reasons_required"), Conflict("state_forbids").
        """
        application = await self._application(agent, session)

        async def effect(conn: Connection) -> Application:
            case = await self._house.cases.case(conn, application)
            return await self._house.office.decide_here(
                conn,
                application,
                self._house.item_of(case.item, case.item_version),
                approve=approve,
                reasons=reasons,
                actor=Actor(kind="agent", id=agent.id, name=agent.name),
                handler=handler_of(agent),
                receiving=agent.district,
                language=language,
                now=self._house.clock(),
            )

        body = f"{application}\x1f{approve}\x1f{reasons}"
        return await self._once(agent, "/desk/decide", key, body, effect)

    async def _once(
        self,
        agent: Staff,
        route: str,
        key: str,
        body: str,
        effect: Callable[[Connection], Coroutine[Any, Any, Application]],
    ) -> StoredReply:
        async def work(conn: Connection) -> StoredReply:
            async def reply() -> StoredReply:
                case = await effect(conn)
                told = {"receipt": case.receipt, "mode": case.mode, "state": case.state.value}
                return StoredReply(
                    status=200,
                    headers={"Content-Type": "application/json"},
                    body=json.dumps(told, sort_keys=True).encode(),
                )

            return await keys.once(
                conn,
                actor=agent.id,
                route=route,
                key=key,
                body_hash=hashlib.sha256(body.encode()).hexdigest(),
                now=self._house.clock(),
                effect=reply,
            )

        stored = await self._house.ledger.write(work)
        self._printing.soon()
        async with self._house.ledger.read() as conn:
            held = await self._house.visits.sessions_of_agent(conn, agent.id)
            lives = [await self._calls.live(conn, one.ticket) for one in held]
        for live in lives:
            await self._calls.refresh(
                live, "read_back", "signature", "decision", "case", "form", "materials", "matters"
            )
        return stored

    async def _application(self, agent: Staff, call: str = "") -> str:
        return (await self._call_of(agent, call)).application

    async def _applications(self, agent: Staff) -> Sequence[str]:
        """The cases of all calls of this agent whose case they may write."""
        async with self._house.ledger.read() as conn:
            held = await self._house.visits.sessions_of_agent(conn, agent.id)
        found = []
        for one in reversed(held):
            with suppress(Conflict):
                found.append(await self._application(agent, one.id))
        return found

    async def picture(self, agent: Staff, material: str) -> bytes:
        """A page of a case in this agent's calls. Raises NotFound("unknown_material")."""
        for application in await self._applications(agent):
            with suppress(NotFound):
                return await self._filling.picture(application, material)
        raise NotFound("unknown_material")

    async def document(self, agent: Staff, document: str) -> tuple[Any, bytes]:
        """A notice of a case in this agent's calls. Raises NotFound("unknown_document")."""
        for application in await self._applications(agent):
            async with self._house.ledger.read() as conn:
                case = await self._house.cases.case(conn, application)
            with suppress(NotFound):
                return await self._following.document(case, document)
        raise NotFound("unknown_document")


def lightest(modes: Sequence[str]) -> str:
    """The mode of ``modes`` that takes least of an agent."""
    return min(modes, key=lambda mode: WEIGHTS.get(mode, FULL))


def _stage_in(session: Session) -> str:
    """The stage of a desk with this call in front."""
    return "wrap_up" if session.state is sessions.State.WRAPPING_UP else "in_call"


def _stage_of(known: AgentPresence | None) -> str:
    """The stage of a desk without a call."""
    state = known.state if known else Presence.AWAY
    return state.value if state in {Presence.IDLE, Presence.OFFERED} else "away"


def profile_of(agent: Staff, today: date) -> AgentProfile:
    """What the line must know of an agent on this day: skills whose certificate has expired are left out."""
    valid = [skill for skill in agent.skills if agent.certified_until.get(skill, "9") >= today.isoformat()]
    levels = [(skill, level) for skill in valid for level in range(1, agent.levels.get(skill, 1) + 1)]
    return AgentProfile(
        agent=agent.id,
        district=agent.district,
        skills=frozenset(skill_word(skill, level) for skill, level in levels),
        languages=frozenset(agent.languages),
        modes=frozenset(agent.modes),
        capacity=agent.text_calls,
    )


def card_of(house: House, staff: Staff) -> StaffCard:
    """How staff see themselves on their pages."""
    return StaffCard(
        id=staff.id,
        name=staff.name,
        number=staff.number,
        district=house.catalogue.district(staff.district),
        roles=staff.roles,
    )


def handler_of(staff: Staff) -> str:
    """How a notice names who handled it."""
    return f"{staff.name} {staff.number}"
