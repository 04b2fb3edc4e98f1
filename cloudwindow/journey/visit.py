"""The citizen's page: where they stand, what they may do from it, and what its socket says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.application import Application
from cloudwindow.domain.appointment import Appointment
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Gone, NotFound, TooOften
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import TicketId, word
from cloudwindow.domain.match import Place
from cloudwindow.domain.messages import (
    CallDevices,
    CallHangUp,
    CallJoin,
    CallOffer,
    CallPrepare,
    CallQuality,
    CallReceiving,
    CallSetup,
    CaptionsSwitch,
    ChatSay,
    ChatType,
    DeclarationConfirm,
    DeviceCode,
    DeviceReport,
    FormConfirm,
    FormFocus,
    FormSet,
    Message,
    PanelChanged,
    encode,
)
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import Ticket
from cloudwindow.gather import Gathering
from cloudwindow.journey import captioning, showing, ticket_matters
from cloudwindow.journey.calls import PARK_REASONS, Calls, Live, agent_topic, citizen_topic
from cloudwindow.journey.contact import Contact
from cloudwindow.journey.filling import Filler, Filling
from cloudwindow.journey.follow import Following
from cloudwindow.journey.house import House
from cloudwindow.journey.places import Places, as_shown
from cloudwindow.journey.recordings import Recordings
from cloudwindow.journey.texts import six_digits
from cloudwindow.journey.views import AgentCard, AsideView, ChatLine, MatterView, StandingView, VisitView
from cloudwindow.records import Connection
from cloudwindow.records.people import CODE_SECONDS, Staff, WebSession, wrong_code
from cloudwindow.records.story import note
from cloudwindow.records.visits import Card

STARS = range(1, 6)
WAYS = ("direct", "relayed", "blocked")
HOLD_MINUTES = (10, 20, 30, 60)
"""What a citizen may ask for; longer is a matter for an appointment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """What one look at the ledger tells about where a visit stands."""

    card: Card
    live: Live
    matters: Sequence[MatterView]
    agent: Staff | None
    booked: Appointment | None
    aside: AsideView | None


class Visits:
    """What a citizen does from the number to the receipt. Every lookup starts from their session."""

    def __init__(
        self,
        house: House,
        calls: Calls,
        filling: Filling,
        following: Following,
        places: Places,
        contact: Contact,
        recordings: Recordings,
    ) -> None:
        self._house = house
        self._calls = calls
        self._filling = filling
        self._following = following
        self._places = places
        self._contact = contact
        self._recordings = recordings
        self._greeted = Gathering(self._lives)

    def ticket_of(self, session: WebSession) -> str:
        """The visit this browser holds. Raises NotFound("no_visit")."""
        if session.ticket is None:
            raise NotFound("no_visit")
        return session.ticket

    async def filler(self, session: WebSession, language: str) -> Filler:
        """The citizen as somebody who fills."""
        async with self._house.ledger.read() as conn:
            ticket = await self._house.visits.ticket(conn, self.ticket_of(session))
            citizen = await self._house.people.citizen(conn, ticket.citizen)
            principal = await self._house.cases.principal(conn, ticket.application)
        actor = Actor(
            kind="citizen",
            id=citizen.id,
            name=citizen.name,
            on_behalf_of="principal" if principal else None,
        )
        return Filler(actor=actor, ticket=ticket.id, language=language)

    # --- the page ----------------------------------------------------------------------------------------

    async def standing(self, session: WebSession) -> StandingView:
        """What the panel ``ticket`` shows. Raises NotFound("no_visit")."""
        async with self._house.ledger.read() as conn:
            stand = await self._stand(conn, self.ticket_of(session))
        return StandingView(**await self._shown(stand))

    async def view(self, session: WebSession, language: str) -> VisitView:
        """Everything the page shows. Raises NotFound("no_visit")."""
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            stand = await self._stand(conn, self.ticket_of(session))
            ticket, call = stand.live.ticket, stand.live.session
            case = await house.cases.case(conn, ticket.application)
            citizen = await house.people.citizen(conn, ticket.citizen)
            principal = await house.cases.principal(conn, case.id)
            devices = await house.visits.devices(conn, ticket.id)
            chat = await house.visits.chat(conn, *await ticket_matters.cases(conn, ticket))
            code_sent = await house.people.code_sent(conn, purpose="sign", subject=case.id, now=now)
            recording = await self._recordings.mark(conn, call, house.item_of(case.item, case.item_version))
        shown = await self._shown(stand)
        item, home = shown["item"], shown["home"]
        return VisitView(
            **shown,
            street=home.street(case.home_street).name.in_language(language),
            applicant=citizen.name,
            capacity=case.capacity,
            principal=principal.name if principal else None,
            waited_seconds=now - ticket.joined_at,
            recording=recording,
            session=call.id if call else None,
            peer_online=call is not None and house.hub.online(agent_topic(call.agent)),
            sections=showing.sections(case, item, side="citizen", language=language),
            materials=showing.materials(case, item, url="/visit/materials"),
            readiness=showing.readiness(case, item, devices, online=True),
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
                side="citizen",
            ),
            case=await self._case(case, ticket, language),
            outcome=call.outcome.value if call and call.outcome else None,
            outcome_note=call.outcome_note if call else "",
            captions=captioning.standing(house, ticket.language, ticket.mode),
        )

    async def _stand(self, conn: Connection, ticket: str) -> _Stand:
        house = self._house
        card = await house.visits.card(conn, ticket)
        last = await house.visits.session_of_ticket(conn, ticket)
        live = self._calls.paired(card.ticket, last)
        return _Stand(
            card=card,
            live=live,
            matters=await ticket_matters.views(house, conn, card.ticket),
            agent=await house.people.staff(conn, live.session.agent) if live.session else None,
            booked=await house.appointments.of_ticket(conn, ticket),
            aside=await self._set_aside(conn, card.ticket, last),
        )

    async def _shown(self, stand: _Stand) -> dict[str, Any]:
        """The fields of a StandingView; the place is asked for once the ledger is let go."""
        house, now, ticket = self._house, self._house.clock(), stand.card.ticket
        home, window = (
            house.catalogue.district(code) for code in (stand.card.home_district, ticket.home_district)
        )
        place, counted = await self._place(ticket)
        return {
            "ticket": ticket,
            "stage": stand.live.stage,
            "version": round(now * 1000),
            "item": house.item_of(ticket.item, ticket.item_version),
            "home": home,
            "window": window,
            "mobile": mask_mobile(stand.card.mobile),
            "place": None if place is None else as_shown(place, window),
            "place_known": counted,
            "open_now": window.calendar.is_open(now),
            "next_opening": window.calendar.next_opening(now),
            "resume_link": f"{house.origin}/resume#{stand.card.resume_secret}",
            "agent": self._card(stand.agent) if stand.agent else None,
            "return_by": _return_by(ticket),
            "held_until": _held_until(ticket, now),
            "held_seconds": max(0.0, (ticket.not_before or now) - now),
            "nearly": ticket.nearly_told_at is not None,
            "appointment": showing.appointment_mark(stand.booked),
            "set_aside": stand.aside,
            "matters": stand.matters,
        }

    def _card(self, agent: Staff) -> AgentCard:
        home = self._house.catalogue.district(agent.district)
        return AgentCard(name=agent.name, number=agent.number, district=home)

    async def _set_aside(self, conn: Connection, ticket: Ticket, last: Session | None) -> AsideView | None:
        """How a citizen waits whom an agent has sent back into the line; ``last``: the ticket's last call."""
        if ticket.state is not tickets.State.WAITING:
            return None
        parked = ticket.aside_reason in PARK_REASONS
        if not parked and (last is None or last.outcome is not sessions.Outcome.TRANSFERRED):
            return None
        wanted = ticket.preferred_agent
        agent = await self._house.people.staff(conn, wanted) if wanted else None
        return AsideView(
            kind="parked" if parked else "passed_on",
            agent=self._card(agent) if agent else None,
            until=ticket.not_before,
        )

    async def _case(self, case: Application, ticket: Ticket, language: str) -> Any:
        if not case.submitted:
            return None
        return await self._following.view(
            case, language, ticket=ticket.id, document_url=f"/cases/{case.receipt}/documents"
        )

    async def _place(self, ticket: Ticket) -> tuple[Place | None, bool]:
        """
        The place from the line, and true; while the line does not tell it what the ledger knows, and false.

        Who could serve is not in the ledger: then nothing is said about agents and waits.
        """
        if ticket.state is not tickets.State.WAITING:
            return None, True
        try:
            place = await self._places.place(ticket.id) or await self._places.rings(ticket.id)
            if place is not None:
                return place, True
        except CloudWindowError as error:
            if error.code != "line_unavailable":
                raise
        async with self._house.ledger.read() as conn:
            ahead = await self._house.visits.waiting_before(conn, ticket)
        kept = Place(ahead=ahead, of=ahead + 1, agents_on_duty=0, low_seconds=None, high_seconds=None)
        return kept, False

    # --- the socket --------------------------------------------------------------------------------------

    async def opened(self, ticket: str) -> None:
        """The page is connected: it keeps, or takes back, its place; both sides are told."""
        now = self._house.clock()
        try:
            if not self._places.stands(TicketId(ticket)):
                await self._house.line.attach(TicketId(ticket), now=now)
        except CloudWindowError as error:
            if error.code != "line_unavailable":
                raise
        await self.tell_stage(ticket)

    async def _lives(self, ids: Sequence[str]) -> Mapping[str, Live]:
        async with self._house.ledger.read() as conn:
            return await self._calls.lives(conn, ids)

    async def closed(self, ticket: str) -> None:
        """
        The page is gone: the place is kept for a while; in a call the agent is held.

        When the node itself goes, its pages come back elsewhere in a moment; for those that do not, its lease
        ends.
        """
        now = self._house.clock()
        self._places.closed(TicketId(ticket))
        live = await self._greeted.ask(ticket)
        if live is None:
            return
        if (
            live.ticket.state is tickets.State.SERVING
            and live.session
            and live.session.state in sessions.OPEN
        ):
            await self._calls.citizen_lost(ticket)
            return
        if live.ticket.state is tickets.State.WAITING and not self._house.hub.closing:
            try:
                await self._house.line.detach(live.ticket.id, now=now)
            except CloudWindowError as error:
                if error.code != "line_unavailable":
                    raise

    async def tell_stage(self, ticket: str) -> None:
        """Tell the citizen's page on this node, and the agent if there is one, where the visit stands."""
        live = await self._greeted.ask(ticket)
        if live is None:
            raise NotFound("unknown_ticket")
        if live.session is None:
            self._house.hub.deliver(citizen_topic(live.ticket.id), encode(self._calls.citizen_stage(live)))
        else:
            await self._calls.tell(live)
        await self.tell_place(live)

    async def ready(self, ticket: str) -> None:
        """The promised time of a ticket has come: a page of this node shows its place again."""
        if self._house.hub.here(citizen_topic(ticket)):
            await self._house.hub.tell(citizen_topic(ticket), PanelChanged(panels=("ticket",)))

    async def tell_place(self, live: Live) -> None:
        """Tell the page its place and range, and again whenever what it shows has changed."""
        if live.ticket.state is not tickets.State.WAITING:
            self._places.follow(live.ticket.id)
            return
        try:
            await self._places.opened(live.ticket.id)
        except CloudWindowError as error:
            if error.code != "line_unavailable":
                raise
            await self._house.hub.tell(citizen_topic(live.ticket.id), PanelChanged(panels=("ticket",)))

    def calm(self, ticket: str) -> bool:
        """Whether nothing will happen to this ticket's page soon."""
        return self._places.calm(TicketId(ticket))

    async def heard(self, filler: Filler, message: Message) -> None:
        """Carry out one message of the citizen's page."""
        match message:
            case CallPrepare():
                await self._calls.must_be_live(filler.ticket)
                await self._calls.name_ways(citizen_topic(filler.ticket))
            case CallOffer():
                await self._calls.offer_media(
                    message, ticket=filler.ticket, role="citizen", topic=citizen_topic(filler.ticket)
                )
            case CallReceiving():
                await self._calls.receive_media(message, ticket=filler.ticket, member="citizen")
            case FormSet():
                await self._filling.set_value(filler, message.field, message.value, message.base)
            case FormConfirm():
                await self._filling.confirm(filler, message.field, message.version)
            case FormFocus():
                await self._filling.focus(filler, message.field)
            case DeclarationConfirm():
                await self._filling.declare(filler, message.key, message.confirmed)
            case ChatSay():
                await self._filling.say(filler, message.text)
            case CallDevices():
                await self._filling.devices(filler, message.camera, message.microphone, message.reason)
            case DeviceReport():
                await self._keep_devices(filler, message)
            case CallQuality() | CallSetup() | CaptionsSwitch() | ChatType():
                await self._contact.heard(filler, message)
            case CallHangUp():
                await self._calls.leave(filler.ticket)
            case CallJoin():
                await self._calls.join(filler.ticket)
            case _:
                raise BadInput("message_unknown")

    async def _keep_devices(self, filler: Filler, report: DeviceReport) -> None:
        kept = {
            "camera": report.camera[:32],
            "microphone": report.microphone[:32],
            "echo": report.echo,
            "rtt_ms": report.rtt_ms,
            "loss_percent": report.loss_percent,
            "way": report.way if report.way in WAYS else "unknown",
            "kbit_up": report.kbit_up,
            "silent": report.silent,
            "speaker": report.speaker if report.speaker in {"ok", "no"} else "unknown",
        }
        await self._house.ledger.write(
            lambda conn: self._house.visits.keep_devices(conn, filler.ticket, kept)
        )

    async def picture(self, session: WebSession, material: str) -> bytes:
        """A photographed page of this visit. Raises NotFound("unknown_material")."""
        async with self._house.ledger.read() as conn:
            ticket = await self._house.visits.ticket(conn, self.ticket_of(session))
        return await self._filling.picture(ticket.application, material)

    # --- leaving, returning, resuming, rating ------------------------------------------------------------

    async def leave(self, session: WebSession) -> None:
        """Give up the place or end the call."""
        await self._calls.leave(self.ticket_of(session))

    async def come_back(self, session: WebSession) -> None:
        """Return after having been missed, three places behind the old one."""
        await self._calls.come_back(self.ticket_of(session))

    async def hold(self, session: WebSession, minutes: int) -> None:
        """Be rung in so many minutes, the place kept. Raises BadInput, Conflict as ``Calls.hold``."""
        if minutes not in HOLD_MINUTES:
            raise BadInput("promised_time_unusable", field="minutes")
        await self._calls.hold(self.ticket_of(session), until=self._house.clock() + minutes * 60.0)

    async def call_back(self, session: WebSession, wanted: bool) -> None:
        """Be rung when it is my turn, or wait on the page again. Raises Conflict("state_forbids")."""
        await self._calls.call_back(self.ticket_of(session), wanted)

    async def switch_mode(self, session: WebSession, mode: str, reason: str) -> None:
        """Wait on in another mode, number and clock kept. Raises as ``Contact.switch_mode``."""
        await self._contact.switch_mode(self.ticket_of(session), mode, reason)

    async def resume(self, session: WebSession, secret: str, code: str = "") -> None:
        """
        Take the visit over to this browser; the link works once and the page shows a new one.

        A running call moves only with the ``code`` that the agent reads aloud: who holds a stolen link is
        not in the call and does not hear it. Raises Gone("link_unknown") for anything we do not know,
        Conflict("device_code_needed") when the agent has been given one, and what ``People.try_code`` raises.
        """
        house = self._house
        fresh = word(house.random(20))
        await self._must_know_code(secret, code)

        async def work(conn: Connection) -> Ticket:
            ticket = await house.visits.resume(conn, secret.strip().lower(), fresh_secret=fresh)
            await house.people.bind_ticket(conn, session, ticket.id)
            actor = Actor(kind="citizen", id=ticket.citizen)
            await note(conn, ticket.application, "visit.resumed", actor, house.clock(), {"ticket": ticket.id})
            return ticket

        try:
            ticket = await house.ledger.write(work)
        except NotFound as error:
            raise Gone("link_unknown", field="secret") from error
        await house.hub.replace(citizen_topic(ticket.id))

    async def _must_know_code(self, secret: str, code: str) -> None:
        """Let only those through who know the code, when the link's ticket is in a call on another page."""
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            ticket = await house.visits.ticket_of_link(conn, secret.strip().lower())
            live = await self._calls.live(conn, ticket) if ticket else None
        if live is None or live.session is None or live.session.state not in sessions.OPEN:
            return
        topic = citizen_topic(live.ticket.id)
        if live.ticket.state is not tickets.State.SERVING or not house.hub.online(topic):
            return
        if not code:
            await self._give_code(live.ticket.id, live.session.agent, now)
            raise Conflict("device_code_needed", field="code")
        subject = live.ticket.id
        right = await house.ledger.write(
            lambda conn: house.people.try_code(
                conn, purpose="device", subject=subject, code=code.strip(), now=now
            )
        )
        if not right:
            raise wrong_code()

    async def _give_code(self, ticket: str, agent: str, now: float) -> None:
        """Show the agent a fresh code to read aloud; one that is still new stays as it is."""
        house, spoken = self._house, six_digits(self._house.random)
        try:
            await house.ledger.write(
                lambda conn: house.people.set_code(
                    conn, purpose="device", subject=ticket, code=spoken, now=now
                )
            )
        except TooOften:
            return
        told = DeviceCode(code=spoken, seconds=round(CODE_SECONDS))
        await house.hub.tell(agent_topic(agent), told)

    async def rate(self, session: WebSession, stars: int, reason: str) -> None:
        """Keep the citizen's rating. Raises BadInput("unknown_rating"), Conflict("already_rated")."""
        if stars not in STARS:
            raise BadInput("unknown_rating", field="stars")
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> None:
            ticket = await house.visits.ticket(conn, self.ticket_of(session))
            await house.cases.rate(conn, ticket.id, stars=stars, reason=reason.strip()[:500], now=now)
            actor = Actor(kind="citizen", id=ticket.citizen)
            await note(conn, ticket.application, "rating.given", actor, now, {"stars": stars})

        await house.ledger.write(work)


def _held_until(ticket: Ticket, now: float) -> float | None:
    """The promised time of a waiting ticket, while it lies ahead."""
    if ticket.state is not tickets.State.WAITING or ticket.not_before is None:
        return None
    return ticket.not_before if ticket.not_before > now else None


def _return_by(ticket: Ticket) -> float | None:
    """Until when a called citizen may answer, all recalls counted, or a missed one may return."""
    if ticket.deadline is None or ticket.state not in {tickets.State.CALLED, tickets.State.MISSED}:
        return None
    rings = tickets.RECALLS - ticket.recalls if ticket.state is tickets.State.CALLED else 0
    return ticket.deadline + rings * ticket.ring_seconds
