"""
Who else is in a call, and how the call stands: third parties, a supervisor, hold, the private talk.

Rule: the ledger moves first; then the media room is arranged to it, then the pages are told. A room that has
to be placed anew is arranged again from the ledger with the first who comes.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from cloudwindow.domain import session as sessions
from cloudwindow.domain import third_party as parties
from cloudwindow.domain.application import FILLING
from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotAllowed, NotFound, Unavailable
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import SessionId, word
from cloudwindow.domain.messages import (
    CallAnswer,
    CallDevices,
    CallHangUp,
    CallOffer,
    CallPrepare,
    CallQuality,
    CallReceiving,
    CallSetup,
    CallSlots,
    ChatSay,
    Message,
    PanelChanged,
    PeerDevices,
)
from cloudwindow.domain.recording import active
from cloudwindow.domain.session import Session
from cloudwindow.domain.third_party import Event, Kind, State, ThirdParty
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import showing
from cloudwindow.journey.calls import Calls, agent_topic, citizen_topic, third_topic, topic_of
from cloudwindow.journey.company_words import INVITATION, INVITED_AS
from cloudwindow.journey.contact import Contact
from cloudwindow.journey.filling import Filler, Filling
from cloudwindow.journey.follow import Following
from cloudwindow.journey.house import House
from cloudwindow.journey.standing import arrangement
from cloudwindow.journey.texts import Ready, Texts
from cloudwindow.journey.views import CompanyRow, CompanyView, DocumentView, GuestView, MaterialView
from cloudwindow.journey.written import write_line
from cloudwindow.records import Connection, recordings
from cloudwindow.records.cases import Document
from cloudwindow.records.people import Staff, WebSession
from cloudwindow.records.story import SYSTEM, note

GUEST_SECONDS = 4 * 3600.0
MOBILE = re.compile("1[3-9][0-9]{9}", re.ASCII)
RUNNING = frozenset({sessions.State.LIVE, sessions.State.INTERRUPTED})


class Company:
    """What agents, citizens, guests and supervisors do about who is in a call."""

    def __init__(
        self,
        house: House,
        calls: Calls,
        filling: Filling,
        following: Following,
        contact: Contact,
        texts: Texts,
    ) -> None:
        self._house, self._calls, self._texts = house, calls, texts
        self._filling, self._following, self._contact = filling, following, contact

    # --- inviting ----------------------------------------------------------------------------------------

    async def invite(self, agent: Staff, kind: str, name: str, mobile: str, *, call: str = "") -> ThirdParty:
        """
        Invite somebody into the agent's call; with a ``mobile`` number the link goes there by text message.

        Raises BadInput third_party_unknown_kind, third_party_name_missing or mobile_format, Conflict no_call
        or third_party_too_many; what ``Texts.send`` raises, after the invitation is kept.
        """
        house, now = self._house, self._house.clock()
        number = _mobile(mobile)
        secret = word(house.random(20))

        async def work(conn: Connection) -> tuple[ThirdParty, Ready | None]:
            session = await self._running(conn, agent, call)
            if len(await house.third_parties.of_session(conn, session.id)) >= parties.AT_MOST:
                raise Conflict("third_party_too_many")
            made = parties.invite(
                word(house.random(10)), session.id, session.ticket, kind, name, by=agent.id, now=now
            )
            await house.third_parties.add(conn, made, secret=secret)
            payload = {"session": session.id, "third_party": made.id, "kind": made.kind.value}
            await note(conn, session.application, "third_party.invited", _agent(agent), now, payload)
            return made, await self._text(conn, made, number, secret, agent) if number else None

        made, text = await house.ledger.write(work)
        await self.refresh(made.session)
        await self._texts.send(text)
        return made

    async def _text(
        self, conn: Connection, made: ThirdParty, mobile: str, secret: str, agent: Staff
    ) -> Ready | None:
        house, now = self._house, made.invited_at
        language = "en" if (await house.visits.ticket(conn, made.ticket)).language == "en" else "zh-CN"
        text = INVITATION.in_language(language).format(
            kind=INVITED_AS[made.kind].in_language(language),
            agent=agent.name,
            minutes=round(parties.LIMITS_SECONDS[State.INVITED] / 60),
            link=f"{house.origin}/guest/join#{secret}",
        )
        said = {"mobile": mobile, "text": text}
        return await self._texts.put_here(
            conn, "third_party.invited", made.id, "", now=now, until=made.deadline, said=said
        )

    async def _running(self, conn: Connection, agent: Staff, call: str) -> Session:
        session = await self._house.visits.session_of_agent(conn, agent.id, call)
        if session is None or session.state not in RUNNING:
            raise Conflict("no_call")
        return session

    async def remove(self, agent: Staff, id: str) -> None:
        """Take somebody out of one of the agent's calls. Raises NotFound("third_party_unknown"), Conflict."""
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
            session = await self._house.visits.session_of_agent(conn, agent.id, party.session)
        if session is None:
            raise NotFound("third_party_unknown")
        await self._end(id, Event.REMOVE, _agent(agent), "third_party.removed", session=session.id)

    # --- the citizen's say -------------------------------------------------------------------------------

    async def agree(self, ticket: str, id: str) -> None:
        """The citizen lets somebody in. Raises NotFound("third_party_unknown"), Conflict("no_call")."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> ThirdParty:
            party = await self._of_ticket(conn, ticket, id)
            agreed = parties.agree(party, now)
            if agreed is not party:
                await house.third_parties.save(conn, agreed, seen=party.version)
                await self._note(conn, agreed, "third_party.agreed", await self._citizen(conn, ticket))
            return agreed

        await self.refresh((await house.ledger.write(work)).session)

    async def refuse(self, ticket: str, id: str) -> None:
        """The citizen does not want somebody, or no longer. Raises NotFound("third_party_unknown")."""
        async with self._house.ledger.read() as conn:
            party = await self._of_ticket(conn, ticket, id)
            citizen = await self._citizen(conn, ticket)
        if not party.powers.agreement:
            raise NotFound("third_party_unknown")
        await self._end(id, Event.REFUSE, citizen, "third_party.refused", session=party.session)

    async def _citizen(self, conn: Connection, ticket: str) -> Actor:
        return Actor(kind="citizen", id=(await self._house.visits.ticket(conn, ticket)).citizen)

    async def _of_ticket(self, conn: Connection, ticket: str, id: str) -> ThirdParty:
        party = await self._house.third_parties.one(conn, id)
        if party.ticket != ticket or not party.live:
            raise NotFound("third_party_unknown")
        return party

    # --- supervisors -------------------------------------------------------------------------------------

    async def supervise(self, admin: Staff, session_id: str, reason: str) -> ThirdParty:
        """
        Come to listen to a running call, for a reason that stays in the case's story.

        A district's admin reaches the calls of its own agents, a city admin all. Raises
        NotFound("unknown_session"), BadInput("supervision_reason_missing"), Conflict third_party_too_many.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> ThirdParty:
            session = await self._supervised(conn, admin, session_id)
            known = await house.third_parties.of_session(conn, session.id)
            mine = next((one for one in known if one.staff == admin.id), None)
            if mine is not None:
                return mine
            if len(known) >= parties.AT_MOST:
                raise Conflict("third_party_too_many")
            made = parties.supervise(
                word(house.random(10)), session.id, session.ticket, admin.id, admin.name, reason, now=now
            )
            await house.third_parties.add(conn, made, secret=None)
            payload = {"session": session.id, "third_party": made.id, "reason": made.reason}
            await note(conn, session.application, "supervision.started", _staff(admin), now, payload)
            return made

        made = await house.ledger.write(work)
        await self.refresh(made.session)
        return made

    async def _supervised(self, conn: Connection, admin: Staff, session_id: str) -> Session:
        session = await self._house.visits.session(conn, session_id)
        agent = await self._house.people.staff(conn, session.agent)
        mine = "city_admin" in admin.roles or (agent is not None and agent.district == admin.district)
        if not mine or session.state not in RUNNING:
            raise NotFound("unknown_session")
        return session

    async def set_mode(self, admin: Staff, id: str, mode: str) -> None:
        """Listen, whisper to the agent, or join. Raises NotFound("third_party_unknown"), BadInput."""
        house = self._house

        async def work(conn: Connection) -> ThirdParty:
            party = await house.third_parties.one(conn, id)
            if party.staff != admin.id or not party.live:
                raise NotFound("third_party_unknown")
            moved = parties.with_mode(party, mode)
            await house.third_parties.save(conn, moved, seen=party.version)
            await self._note(conn, moved, "supervision.mode", _staff(admin), mode=mode)
            return moved

        moved = await house.ledger.write(work)
        await self._arrange(moved.session)
        await self.refresh(moved.session)

    # --- guests ------------------------------------------------------------------------------------------

    async def enter(self, secret: str) -> str:
        """
        Follow the link of an invitation; gives the token of this browser. The link works once.

        Raises Gone("link_unknown").
        """
        house, now = self._house, self._house.clock()
        token = word(house.random(32))

        async def work(conn: Connection) -> None:
            try:
                party = await house.third_parties.follow(conn, secret.strip().lower())
            except NotFound as error:
                raise Gone("link_unknown", field="secret") from error
            await house.people.open_session(
                conn,
                token,
                kind="guest",
                csrf=word(house.random(16)),
                third_party=party.id,
                now=now,
                seconds=GUEST_SECONDS,
            )

        await house.ledger.write(work)
        return token

    async def guest(self, session: WebSession | None) -> ThirdParty:
        """Who this browser is in a call. Raises NotFound("third_party_unknown")."""
        if session is None or session.third_party is None:
            raise NotFound("third_party_unknown")
        async with self._house.ledger.read() as conn:
            return await self._house.third_parties.one(conn, session.third_party)

    async def supervisor(self, admin: Staff, id: str) -> ThirdParty:
        """The supervision that is this admin's own. Raises NotFound("third_party_unknown")."""
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
        if party.staff != admin.id:
            raise NotFound("third_party_unknown")
        return party

    async def opened(self, id: str) -> None:
        """A third party's page is connected: it is told to look where things stand."""
        await self._house.hub.tell(third_topic(id), PanelChanged(panels=("company",)))

    async def closed(self, id: str) -> None:
        """The page is gone; whoever was in the call is absent until it is back."""
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
        if party.state is State.PRESENT:
            with suppress(Conflict):
                await self._move(id, Event.LOSE, SYSTEM, "third_party.absent")

    async def heard(self, id: str, message: Message) -> None:
        """Carry out one message of a third party's page."""
        match message:
            case CallPrepare():
                await self._prepare(id)
            case CallOffer():
                await self._offer(id, message)
            case CallReceiving():
                await self._receive(id, message)
            case CallDevices() | CallQuality() | CallSetup():
                await self._told(id, message)
            case CallHangUp():
                await self.leave(id)
            case ChatSay():
                await self._say(id, message.text)
            case _:
                raise BadInput("message_unknown")

    async def leave(self, id: str) -> None:
        """The third party leaves for good."""
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
        if party.live:
            await self._end(id, Event.LEAVE, _third(party), "third_party.left", session=party.session)

    async def _present(self, conn: Connection, id: str) -> tuple[ThirdParty, Session]:
        """A third party who is in a running call, and the call. Raises Conflict("no_call")."""
        party = await self._house.third_parties.one(conn, id)
        session = await self._house.visits.session(conn, party.session)
        if party.state is not State.PRESENT or session.state not in RUNNING:
            raise Conflict("no_call")
        return party, session

    async def _say(self, id: str, text: str) -> None:
        """Raises NotAllowed("not_allowed"), Conflict no_call or private_talk, BadInput("chat_empty")."""
        async with self._house.ledger.read() as conn:
            party, session = await self._present(conn, id)
        if not party.powers.writes:
            raise NotAllowed("not_allowed")
        if not parties.reads(party, private=session.side_room):
            raise Conflict("private_talk")
        await write_line(self._house, session, text, author="third", actor=_third(party), sender=party.id)

    # --- the local counter's devices ---------------------------------------------------------------------

    async def scan(self, party: ThirdParty, rule: str, raw: bytes) -> None:
        """
        A page laid on the local counter's scanner joins the papers of the case.

        Raises NotAllowed("not_allowed"), Conflict("no_call") and what ``Filling.add_material`` raises.
        """
        if not party.powers.scans:
            raise NotAllowed("not_allowed")
        async with self._house.ledger.read() as conn:
            there, session = await self._present(conn, party.id)
        filler = Filler(actor=_third(there), ticket=session.ticket, language="zh-CN")
        await self._filling.add_material(filler, rule, raw)

    async def printed(self, party: ThirdParty, document: str) -> tuple[Document, bytes]:
        """
        A notice of the case for the local counter's printer; that it was fetched stays in the case's story.

        Raises NotAllowed("not_allowed"), Conflict("no_call"), NotFound("unknown_document").
        """
        house = self._house
        if not party.powers.prints:
            raise NotAllowed("not_allowed")
        async with house.ledger.read() as conn:
            there, session = await self._present(conn, party.id)
            case = await house.cases.case(conn, session.application)
        found, content = await self._following.document(case, document)
        payload = {"document": found.id, "third_party": there.id}
        await house.ledger.write(
            lambda conn: note(conn, case.id, "document.printed", _third(there), house.clock(), payload)
        )
        return found, content

    async def _prepare(self, id: str) -> None:
        """Words for the relay go to who may still come into a call. Raises Conflict("no_call")."""
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
            session = await self._house.visits.session(conn, party.session)
        if not party.live or session.state not in RUNNING:
            raise Conflict("no_call")
        await self._calls.name_ways(third_topic(id))

    async def _told(self, id: str, message: CallDevices | CallQuality | CallSetup) -> None:
        """What a page sends and measures; outside a call, or before it is back in it, that means nothing."""
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
            session = await self._house.visits.session(conn, party.session)
        if party.state is not State.PRESENT or session.state not in RUNNING:
            return
        if not isinstance(message, CallDevices):
            await self._contact.measured(session, "third", message)
            return
        told = PeerDevices(
            camera=message.camera, microphone=message.microphone, reason=message.reason, member=party.member
        )
        for topic in self._topics(session):
            await self._house.hub.tell(topic, told)

    async def _offer(self, id: str, message: CallOffer) -> None:
        if message.purpose != "call":
            raise BadInput("unknown_purpose")
        party, session, known = await self._joined(id)
        room, role, stands = session.room, party.kind.value, arrangement(session, known)
        await self._calls.place_room(room)
        sdp = await self._house.media.answer(
            room, party.member, role=role, offer=message.sdp, arrangement=stands
        )
        answer = CallAnswer(purpose=message.purpose, attempt=message.attempt, sdp=sdp)
        await self._house.hub.tell(third_topic(id), answer)

    async def _receive(self, id: str, message: CallReceiving) -> None:
        async with self._house.ledger.read() as conn:
            party = await self._house.third_parties.one(conn, id)
            session = await self._house.visits.session(conn, party.session)
        if party.state is State.PRESENT:
            await self._calls.take_receiving(session.room, party.member, message)

    async def _joined(self, id: str) -> tuple[ThirdParty, Session, Sequence[ThirdParty]]:
        """Let them into the room. Raises Conflict no_call or third_party_waits."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> tuple[bool, ThirdParty, Session, Sequence[ThirdParty]]:
            party = await house.third_parties.one(conn, id)
            session = await house.visits.session(conn, party.session)
            if session.state not in RUNNING or not party.live:
                raise Conflict("no_call")
            if not parties.may_meet(party):
                raise Conflict("third_party_waits")
            if party.state is State.PRESENT:
                return False, party, session, await house.third_parties.of_session(conn, session.id)
            there = parties.advance(party, Event.JOIN, now)
            await house.third_parties.save(conn, there, seen=party.version)
            await self._note(conn, there, "third_party.joined", _third(there))
            return True, there, session, await house.third_parties.of_session(conn, session.id)

        moved, party, session, known = await house.ledger.write(work)
        if moved:
            await self.refresh(session.id)
            await house.hub.tell(third_topic(id), PanelChanged(panels=("counter",)))
        return party, session, known

    # --- how the call stands -----------------------------------------------------------------------------

    async def hold(self, agent: Staff, reason: str, *, call: str = "") -> None:
        """
        Put the agent's call on hold for ``reason``; without a word it goes on.

        Raises BadInput("unknown_reason"), Conflict("no_call").
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> Session:
            session = await self._running(conn, agent, call)
            held = sessions.hold(session, reason, now)
            await house.visits.save_session(conn, held, seen=session.version)
            said = "session.held" if reason else "session.unheld"
            payload = {"session": session.id, "reason": reason}
            await note(conn, session.application, said, _agent(agent), now, payload)
            return held

        held = await house.ledger.write(work)
        await self._arrange(held.id)
        await self.refresh(held.id)

    async def side_room(self, agent: Staff, wanted: bool, *, call: str = "") -> None:
        """Talk with the citizen alone, who translates included; or end that. Raises Conflict("no_call")."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> Session:
            session = await self._running(conn, agent, call)
            moved = replace(session, side_room=wanted, version=session.version + 1)
            await house.visits.save_session(conn, moved, seen=session.version)
            said = "session.side_room_opened" if wanted else "session.side_room_closed"
            await note(conn, session.application, said, _agent(agent), now, {"session": session.id})
            return moved

        moved = await house.ledger.write(work)
        await self._arrange(moved.id)
        await self.refresh(moved.id)

    async def _arrange(self, session_id: str) -> None:
        """Let the media room stand as the ledger says; a worker that is away is told with the next answer."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session(conn, session_id)
            known = await self._house.third_parties.of_session(conn, session_id)
        with suppress(Unavailable):
            await self._calls.place_room(session.room)
            await self._house.media.arrange(session.room, arrangement(session, known))

    async def slots(self, room: str, member: str) -> None:
        """The media room has changed whom ``member`` receives: their page is told who is in which stream."""
        house = self._house
        async with house.ledger.read() as conn:
            session = await house.visits.session_of_room(conn, room)
            if session is None or session.state not in sessions.OPEN:
                return
            known = {one.member: one for one in await house.third_parties.of_session(conn, session.id)}
        stats = await house.media.stats(room)
        slots = next((one.slots for one in stats.members if one.member == member), ())
        told = CallSlots(slots=tuple(_slot(name, known) for name in slots))
        await house.hub.tell(topic_of(session, member), told)

    # --- ending ------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """End those whose time is over or whose call has ended."""
        async with self._house.ledger.read() as conn:
            over = await self._house.third_parties.over(conn, self._house.clock())
        for party in over:
            with suppress(Conflict):
                await self._end(party.id, Event.EXPIRE, SYSTEM, "third_party.ended", session=party.session)

    async def _end(self, id: str, event: Event, actor: Actor, said: str, *, session: str) -> None:
        party = await self._move(id, event, actor, said, session=session)
        async with self._house.ledger.read() as conn:
            call = await self._house.visits.session(conn, party.session)
        with suppress(Unavailable):
            await self._house.media.remove(call.room, party.member)

    async def _move(
        self, id: str, event: Event, actor: Actor, said: str, *, session: str | None = None
    ) -> ThirdParty:
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> ThirdParty:
            party = await house.third_parties.one(conn, id)
            if session is not None and party.session != session:
                raise NotFound("third_party_unknown")
            moved = parties.advance(party, event, now)
            await house.third_parties.save(conn, moved, seen=party.version)
            await self._note(conn, moved, said, actor)
            return moved

        moved = await house.ledger.write(work)
        await self.refresh(moved.session)
        await house.hub.tell(third_topic(id), PanelChanged(panels=("company",)))
        await self._tell_slots(moved.session)
        return moved

    async def _tell_slots(self, session: str) -> None:
        """Tell the pages of a call who is in which stream; the media room may see no change."""
        async with self._house.ledger.read() as conn:
            call = await self._house.visits.session(conn, session)
            known = await self._house.third_parties.of_session(conn, session)
        with suppress(Unavailable):
            for member in ("citizen", "agent", *(one.member for one in known)):
                await self.slots(call.room, member)

    async def _note(self, conn: Connection, party: ThirdParty, said: str, actor: Actor, **more: str) -> None:
        session = await self._house.visits.session(conn, party.session)
        payload = {"session": session.id, "third_party": party.id, "kind": party.kind.value, **more}
        await note(conn, session.application, said, actor, self._house.clock(), payload)

    # --- pages -------------------------------------------------------------------------------------------

    def _topics(self, session: Session) -> tuple[str, str]:
        return citizen_topic(session.ticket), agent_topic(session.agent)

    async def refresh(self, session_id: str) -> None:
        """Ask every page of the call to look again who is there and how it stands."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session(conn, session_id)
            known = await self._house.third_parties.of_session(conn, session_id)
        changed = PanelChanged(panels=("company",))
        await self._house.hub.tell(agent_topic(session.agent), replace(changed, session=session.id))
        for topic in (citizen_topic(session.ticket), *(third_topic(one.id) for one in known)):
            await self._house.hub.tell(topic, changed)

    async def of_agent(self, agent: Staff, call: str = "") -> CompanyView | None:
        """Who else is in the agent's ``call``, or the newest of them, links not followed yet among it."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_agent(conn, agent.id, call)
            if session is None or session.state not in RUNNING:
                return None
            known = await self._house.third_parties.of_session(conn, session.id)
            secrets = await self._house.third_parties.secrets(conn, session.id)
        links = {id: f"{self._house.origin}/guest/join#{secret}" for id, secret in secrets.items()}
        return _view(session, [_row(one, links.get(one.id, "")) for one in known])

    async def of_ticket(self, ticket: str) -> CompanyView | None:
        """Who else is in the citizen's call; a supervisor stands there only where the city shows them."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_ticket(conn, ticket)
            if session is None or session.state not in RUNNING:
                return None
            known = await self._house.third_parties.of_session(conn, session.id)
        shown = [one for one in known if self._house.shows_supervisors or one.kind is not Kind.SUPERVISOR]
        return _view(session, [_row(one) for one in shown])

    async def guest_view(self, party: ThirdParty, language: str = "zh-CN") -> GuestView:
        """What a third party's page shows; of the case only what a local counter's devices need."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session(conn, SessionId(party.session))
            agent = await self._house.people.staff(conn, session.agent)
            ticket = await self._house.visits.ticket(conn, session.ticket)
            known = await self._house.third_parties.of_session(conn, session.id)
            recorded = active(await recordings.of_session(conn, session.id))
        over = not party.live or session.state not in sessions.OPEN
        stage = "ended" if over else "in_call" if parties.may_meet(party) else "waiting"
        works = stage == "in_call" and party.state is State.PRESENT
        papers, documents = await self._counter(party, ticket, language) if works else ([], [])
        return GuestView(
            me=_row(party),
            stage=stage,
            agent=agent.name if agent else "",
            district=self._house.catalogue.district(agent.district).name if agent else None,
            number=ticket.number,
            company=_view(session, [_row(one) for one in known if self._is_shown(one, to=party)]),
            recording=recorded.state.value if recorded else "off",
            writes=party.powers.writes,
            outside=session.side_room and not party.powers.side_room,
            papers=papers,
            documents=documents,
        )

    def _is_shown(self, other: ThirdParty, *, to: ThirdParty) -> bool:
        """Whether ``to`` is told of ``other``; of a supervisor only where the citizen is told as well."""
        told = self._house.shows_supervisors or other.kind is not Kind.SUPERVISOR or to.staff is not None
        return told and other.id != to.id

    async def _counter(
        self, party: ThirdParty, ticket: Ticket, language: str
    ) -> tuple[Sequence[MaterialView], Sequence[DocumentView]]:
        """Papers without their pictures for who scans, notices for who prints."""
        house = self._house
        if not party.powers.scans and not party.powers.prints:
            return [], []
        async with house.ledger.read() as conn:
            case = await house.cases.case(conn, ticket.application)
        item = house.item_of(ticket.item, ticket.item_version)
        asked = showing.materials(case, item, url="") if case.state in FILLING else []
        issued = await self._following.view(case, language, document_url="/guest/documents")
        return (asked if party.powers.scans else [], issued.documents if party.powers.prints else [])


def _mobile(typed: str) -> str:
    """A mobile number without blanks, or nothing. Raises BadInput("mobile_format")."""
    number = "".join(typed.split())
    if number and not MOBILE.fullmatch(number):
        raise BadInput("mobile_format", field="mobile")
    return number


def _view(session: Session, rows: Sequence[CompanyRow]) -> CompanyView:
    return CompanyView(
        session=session.id,
        rows=rows,
        hold_reason=session.hold_reason,
        held_at=session.held_at,
        side_room=session.side_room,
        may_invite=len(rows) < parties.AT_MOST,
        kinds=[kind.value for kind in parties.INVITED_KINDS],
        hold_reasons=sessions.HOLD_REASONS,
    )


def _row(party: ThirdParty, link: str = "") -> CompanyRow:
    return CompanyRow(
        id=party.id,
        kind=party.kind.value,
        name=party.name,
        state=party.state.value,
        agreed=party.agreed_at is not None,
        refusable=party.powers.agreement,
        mode=party.mode if party.powers.modes else "",
        link=link,
        invited_at=party.invited_at,
    )


def _slot(member: str | None, known: dict[str, ThirdParty]) -> dict[str, str] | None:
    """Who is in a stream; a place that is kept for somebody who is away is empty."""
    if member in {"citizen", "agent"}:
        return {"kind": member, "name": ""}
    party = known.get(member or "")
    if party is None or party.state is not State.PRESENT:
        return None
    return {"kind": party.kind.value, "name": party.name}


def _agent(agent: Staff) -> Actor:
    return Actor(kind="agent", id=agent.id, name=agent.name)


def _staff(admin: Staff) -> Actor:
    return Actor(kind="staff", id=admin.id, name=admin.name)


def _third(party: ThirdParty) -> Actor:
    kind, id = ("staff", party.staff) if party.staff else ("third_party", party.id)
    return Actor(kind=kind, id=id, name=party.name)
