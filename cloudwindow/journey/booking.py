"""
Booking a time, moving and cancelling it, and checking in.

A seat is taken in the same unit of the ledger that spends the phone's code and writes the text message down:
when that cannot be sent at once, the booking stands all the same.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, time
from typing import Any
from urllib.parse import urlsplit

from cloudwindow.calendar_file import Entry, written
from cloudwindow.domain import appointment as rules
from cloudwindow.domain.appointment import Appointment, Event, Pool, Slot, State
from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.catalogue import District, ServiceItem
from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound, TooOften
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import ItemId, TicketId, normal_code, with_check, word
from cloudwindow.domain.intake_rule import Verdict
from cloudwindow.domain.left_form import look_by
from cloudwindow.domain.showings import mask_name
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import booking_words
from cloudwindow.journey.appointment_views import (
    AppointmentView,
    DayView,
    InsteadView,
    SlotsView,
    SlotView,
)
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import Agreed, Intake, Intakes, intake_of
from cloudwindow.journey.openings import Openings
from cloudwindow.journey.texts import Ready, Texts
from cloudwindow.records import Connection
from cloudwindow.records.people import Citizen, WebSession, wrong_code
from cloudwindow.records.story import note

NEXT_FREE = 3
BOOKED_WITH_ONE_PHONE = 5
"""A family may share a phone; nobody hoards times."""
WEEKEND = 5
NOON = time(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """
    What came of booking; not ``fresh``: the person had booked for this item before, and that stands.

    ``text``: the message that tells them.
    """

    appointment: Appointment
    fresh: bool
    asked_for: float
    text: Ready | None = None


class Bookings:
    """What a citizen does with an appointment. Every lookup starts from their session."""

    def __init__(self, house: House, intakes: Intakes, openings: Openings, texts: Texts) -> None:
        self._house = house
        self._intakes = intakes
        self._openings = openings
        self._texts = texts

    # --- choosing a time ---------------------------------------------------------------------------------

    async def times(
        self, item: ServiceItem, district: str, language: str, day: str, *, besides: str = ""
    ) -> SlotsView:
        """The days and times of ``district``; ``besides`` is an appointment whose own seat counts as free."""
        window = self._house.catalogue.district(district)
        spoken = language if language in item.languages else item.languages[0]
        days = rules.bookable_days(window, self._house.clock())
        every = await self._slots(item, window, spoken, days, besides=besides)
        chosen = _chosen(day, days, every)
        return SlotsView(
            item=item,
            district=window,
            language=spoken,
            days=[_day_view(one, every.get(one, []), chosen) for one in days],
            slots=every.get(chosen, []) if chosen else [],
            minutes=round(rules.slot_seconds(item.avg_minutes) / 60),
        )

    async def next_free(
        self, item: ServiceItem, district: District, language: str, *, most: int = NEXT_FREE
    ) -> list[SlotView]:
        """The next free times of ``district``; looks no further ahead than it must."""
        free: list[SlotView] = []
        for day in rules.bookable_days(district, self._house.clock()):
            slots = await self._slots(item, district, language, [day])
            free += [slot for slot in slots.get(day, ()) if slot.free]
            if len(free) >= most:
                break
        return free[:most]

    async def _slots(
        self, item: ServiceItem, district: District, language: str, days: Sequence[date], *, besides: str = ""
    ) -> dict[date, list[SlotView]]:
        now = self._house.clock()
        length = rules.slot_seconds(item.avg_minutes)
        by_day = {day: rules.bookable_slots(district, day, length, now) for day in days}
        slots = [slot for day in by_day.values() for slot in day]
        if not slots:
            return {}
        pool = Pool(district=district.code, skill=item.skill_group, language=language)
        async with self._house.ledger.read() as conn:
            held = await self._house.appointments.held(
                conn, pool, start=slots[0].start, end=slots[-1].end, besides=besides
            )
        seats = district.appointments.seats(item.skill_group, language)
        return {
            day: [_slot_view(slot, district, seats, held) for slot in slots_of_day]
            for day, slots_of_day in by_day.items()
        }

    def _slot(self, item: ServiceItem, district: District, at: float) -> Slot:
        """The slot that begins at ``at``. Raises Gone("slot_gone") if there is none to be booked any more."""
        now = self._house.clock()
        length = rules.slot_seconds(item.avg_minutes)
        if now <= at <= now + (district.appointments.days_ahead + 1) * 86_400:
            for slot in rules.bookable_slots(district, day_of(at), length, now):
                if slot.start == at:
                    return slot
        raise Gone("slot_gone", field="at")

    async def _seat(
        self, conn: Connection, item: ServiceItem, district: District, language: str, slot: Slot, besides: str
    ) -> int:
        pool = Pool(district=district.code, skill=item.skill_group, language=language)
        taken = await self._house.appointments.seats_taken(conn, pool, slot, besides=besides)
        seat = rules.free_seat(district.appointments.seats(pool.skill, language), taken)
        if seat is None:
            raise Conflict("slot_full", field="at")
        return seat

    # --- booking -----------------------------------------------------------------------------------------

    async def begin(
        self, session: WebSession, item_id: str, typed: Mapping[str, str], *, window: str, at: float
    ) -> Intake:
        """
        Keep who they are and the time they chose, and send the first code.

        Raises Problems, Gone("slot_gone"), Conflict("slot_full"), TooOften.
        """
        return await self._go_on(session, self._intakes.check(item_id, typed), window, at)

    async def choose(self, session: WebSession, item_id: str, *, window: str, at: float) -> Intake:
        """The same with what this browser has said already. Raises Gone("intake_gone") if that is nothing."""
        return await self._go_on(session, self._intakes.of(session, item_id), window, at)

    async def _go_on(self, session: WebSession, intake: Intake, window: str, at: float) -> Intake:
        item = self._house.item_of(intake.item, intake.item_version)
        district = self._house.catalogue.district(window)
        chosen = replace(intake, window_district=district.code, slot_start=0.0, more=())
        try:
            slot = self._slot(item, district, at)
        except Gone:
            await self._intakes.keep(session, chosen)  # nobody types it again for another time
            raise
        chosen = replace(chosen, slot_start=slot.start)
        await self._intakes.keep(session, chosen)
        async with self._house.ledger.read() as conn:
            await self._seat(conn, item, district, intake.call_language, slot, "")
        await self._intakes.have_code(session, chosen)
        return chosen

    def of(self, session: WebSession, item_id: str) -> Intake:
        """What this browser has chosen. Raises Gone("intake_gone") when no time is among it."""
        intake = self._intakes.of(session, item_id)
        if not intake.slot_start:
            raise Gone("intake_gone")
        return intake

    async def book(
        self, session: WebSession, item_id: str, *, code: str, recording: bool, language: str
    ) -> Booked:
        """
        Spend the code and take the seat; the handling consent was ticked.

        Who has booked for the item already keeps that, whatever was asked for now; a second press gives the
        same again. Raises Conflict slot_full, too_many_bookings or booking_paused, Gone slot_gone or
        intake_gone, and what a code can raise.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> Booked | BadInput:
            known = await house.people.session_again(conn, session)
            held = await self._held(conn, known, item_id)
            if held is not None:
                return Booked(appointment=held, fresh=False, asked_for=held.starts_at)
            intake = self.of(known, item_id)
            right = await house.people.try_code(
                conn, purpose="identify", subject=session.token_hash, code=code.strip(), now=now
            )
            if not right:
                return wrong_code()  # given, not raised: the wrong attempt must be committed
            agreed = self._intakes.agreed(recording=recording, language=language)
            return await self._book(conn, session, intake, agreed, now)

        booked = await house.ledger.write(work)
        if isinstance(booked, BadInput):
            raise booked
        await self._texts.try_send(booked.text)
        return booked

    async def _held(self, conn: Connection, session: WebSession, item_id: str) -> Appointment | None:
        """What this browser has just booked: a second press finds the intake spent."""
        if session.intake or session.appointment is None:
            return None
        held = await self._house.appointments.one(conn, session.appointment)
        return held if held.state is State.BOOKED and held.item == item_id else None

    async def _book(
        self, conn: Connection, session: WebSession, intake: Intake, agreed: Agreed, now: float
    ) -> Booked:
        house = self._house
        item = house.item_of(intake.item, intake.item_version)
        citizen = await self._intakes.identify(conn, intake, now)
        standing = await house.appointments.of_citizen(conn, citizen.id, item.id)
        if standing is not None:
            await house.people.bind_appointment(conn, session, standing.id)
            return Booked(appointment=standing, fresh=False, asked_for=intake.slot_start)
        if await house.appointments.booked_with(conn, intake.mobile) >= BOOKED_WITH_ONE_PHONE:
            raise Conflict("too_many_bookings", {"most": BOOKED_WITH_ONE_PHONE})
        since = now - rules.MISSED_WITHIN_SECONDS - rules.PAUSE_SECONDS
        missed = await house.appointments.missed_by(conn, citizen.id, since=since)
        paused_until = rules.booking_paused_until(missed, now)
        if paused_until is not None:
            raise Conflict("booking_paused", {"until": day_of(paused_until).isoformat()})
        made = await self._made(conn, intake, item, citizen, agreed, now)
        said = {"intake": asdict(intake), "agreed": asdict(agreed)}
        await house.appointments.add(conn, made, intake=said, resume_secret=word(house.random(20)))
        await house.people.bind_appointment(conn, session, made.id)
        actor = Actor(kind="citizen", id=citizen.id)
        await note(conn, made.id, "appointment.booked", actor, now, _told(made))
        for consent in agreed.consents:
            kind = "consent.given" if consent.given else "consent.refused"
            told = {"kind": consent.kind, "text_version": consent.text_version}
            await note(conn, made.id, kind, actor, now, told)
        text = await self._text(conn, made, "booked", now)
        return Booked(appointment=made, fresh=True, asked_for=made.starts_at, text=text)

    async def _made(
        self,
        conn: Connection,
        intake: Intake,
        item: ServiceItem,
        citizen: Citizen,
        agreed: Agreed,
        now: float,
    ) -> Appointment:
        district = self._house.catalogue.district(intake.window)
        slot = self._slot(item, district, intake.slot_start)
        seat = await self._seat(conn, item, district, intake.call_language, slot, "")
        made = Appointment(
            id=word(self._house.random(10)),
            number=with_check(self._house.random(5)),
            citizen=citizen.id,
            item=ItemId(item.id),
            item_version=item.version,
            district=district.code,
            skill=item.skill_group,
            language=intake.call_language,
            starts_at=slot.start,
            ends_at=slot.end,
            seat=seat,
            spoken=agreed.language,
            booked_at=now,
        )
        return rules.timed(made, now)

    # --- the holder's page -------------------------------------------------------------------------------

    def held_by(self, session: WebSession) -> str:
        """The appointment this browser holds. Raises NotFound("no_appointment")."""
        if session.appointment is None:
            raise NotFound("no_appointment")
        return session.appointment

    async def of_session(self, session: WebSession) -> Appointment:
        """The appointment this browser holds, as it stands. Raises NotFound("no_appointment")."""
        async with self._house.ledger.read() as conn:
            return await self._house.appointments.one(conn, self.held_by(session))

    async def view(self, session: WebSession) -> AppointmentView:
        """Everything the holder's page shows. Raises NotFound("no_appointment")."""
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            found = await house.appointments.one(conn, self.held_by(session))
            citizen = await house.people.citizen(conn, found.citizen)
            secret = await house.appointments.resume_secret(conn, found.id)
        district = house.catalogue.district(found.district)
        ahead = district.appointments.change_ahead_minutes * 60
        return AppointmentView(
            appointment=found,
            phase=_phase(found, now),
            item=house.item_of(found.item, found.item_version),
            district=district,
            weekday=day_of(found.starts_at).weekday(),
            name=mask_name(citizen.name),
            mobile=mask_mobile(citizen.mobile),
            may_move=found.state is State.BOOKED and now <= found.starts_at - ahead,
            resume_link=f"{house.origin}/resume#{secret}",
            visiting=session.ticket is not None and session.ticket == found.ticket,
        )

    async def check_in(self, session: WebSession) -> Ticket:
        """
        Take the ticket, with the credit of the rule; pressed again it is the same ticket.

        Raises Conflict check_in_early, or office_closed for who is late and finds the window closed;
        Gone appointment_over, NotFound no_appointment.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> Ticket:
            found = await house.appointments.one(conn, self.held_by(session))
            if found.ticket is not None:
                ticket = await house.visits.ticket(conn, found.ticket)
                await house.people.bind_ticket(conn, session, ticket.id)
                return ticket
            rules.arrived(found, TicketId(""), now)  # refuses before anything is opened
            self._must_be_open_if_late(found, now)
            return await self._arrive(conn, session, found, now)

        ticket = await house.ledger.write(work)
        await self._intakes.join(ticket)
        return ticket

    def _must_be_open_if_late(self, found: Appointment, now: float) -> None:
        calendar = self._house.catalogue.district(found.district).calendar
        if now > found.punctual_until and not calendar.is_open(now):
            raise Conflict("office_closed", {"next": calendar.next_opening(now)})

    async def _arrive(self, conn: Connection, session: WebSession, found: Appointment, now: float) -> Ticket:
        house = self._house
        said = await house.appointments.intake(conn, found.id)
        credit = rules.credit_seconds(found.starts_at, now)
        item = house.item_of(found.item, found.item_version)
        ticket = await self._intakes.open(
            conn,
            session,
            intake_of(said["intake"]),
            item,
            Agreed(**said["agreed"]),
            now,
            credit_seconds=credit,
        )
        after = rules.arrived(found, ticket.id, now)
        await house.appointments.save(conn, after, seen=found.version)
        actor = Actor(kind="citizen", id=found.citizen)
        told = {"ticket": ticket.id, "late": now > found.punctual_until, "credit_seconds": credit}
        await note(conn, found.id, "appointment.arrived", actor, now, told)
        of = {"appointment": found.id, "starts_at": found.starts_at, "credit_seconds": ticket.credit_seconds}
        await note(conn, ticket.application, "appointment.arrived", actor, now, of)
        return ticket

    # --- moving and cancelling ---------------------------------------------------------------------------

    async def move(self, session: WebSession, *, window: str, at: float) -> Appointment:
        """
        Give the seat back for another one, in one step; the number stays.

        Raises Conflict slot_full, too_late_to_move, state_forbids; Gone slot_gone; NotFound no_appointment.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> tuple[Appointment, Ready | None]:
            found = await house.appointments.one(conn, self.held_by(session))
            item = house.item_of(found.item, found.item_version)
            district = house.catalogue.district(window)
            if (found.starts_at, found.district) == (at, district.code) and found.state is State.BOOKED:
                return found, None
            before = house.catalogue.district(found.district)
            rules.may_move(found, before.appointments.change_ahead_minutes, now)
            slot = self._slot(item, district, at)
            seat = await self._seat(conn, item, district, found.language, slot, found.id)
            after = rules.moved(found, slot, seat=seat, district=district.code, now=now)
            await house.appointments.save(conn, after, seen=found.version)
            actor = Actor(kind="citizen", id=found.citizen)
            await note(
                conn, found.id, "appointment.moved", actor, now, _told(after) | {"from": found.starts_at}
            )
            return after, await self._text(conn, after, "moved", now)

        after, text = await house.ledger.write(work)
        await self._texts.try_send(text)
        return after

    async def cancel(self, session: WebSession) -> Appointment:
        """Give the seat back; a second press changes nothing. Raises Conflict("state_forbids"), NotFound."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> tuple[Appointment, Ready | None]:
            found = await house.appointments.one(conn, self.held_by(session))
            if found.state is State.CANCELLED:
                return found, None
            after = rules.advance(found, Event.CANCEL, now)
            await house.appointments.save(conn, after, seen=found.version)
            actor = Actor(kind="citizen", id=found.citizen)
            await note(conn, found.id, "appointment.cancelled", actor, now, _told(found))
            return after, await self._text(conn, after, "cancelled", now)

        after, text = await house.ledger.write(work)
        await self._texts.try_send(text)
        return after

    async def _text(self, conn: Connection, found: Appointment, what: str, now: float) -> Ready | None:
        kind, mark, until = text_of(found, what)
        return await self._texts.put_here(conn, kind, found.id, mark, now=now, until=until)

    # --- coming back -------------------------------------------------------------------------------------

    async def resume(self, session: WebSession, secret: str) -> None:
        """Take the appointment over to this browser; the link works once. Raises Gone("link_unknown")."""
        house = self._house
        fresh = word(house.random(20))

        async def work(conn: Connection) -> None:
            found = await house.appointments.resume(conn, secret.strip().lower(), fresh_secret=fresh)
            await self._take_over(conn, session, found)

        try:
            await house.ledger.write(work)
        except NotFound as error:
            raise Gone("link_unknown", field="secret") from error

    async def _take_over(self, conn: Connection, session: WebSession, found: Appointment) -> None:
        await self._house.people.bind_appointment(conn, session, found.id)
        actor = Actor(kind="citizen", id=found.citizen)
        await note(
            conn, found.id, "appointment.resumed", actor, self._house.clock(), {"number": found.number}
        )

    async def ask(self, number: str, mobile: str, *, address: str) -> None:
        """
        Send a code to the phone if it belongs to the booking; whether it does, nobody is told.

        Nor can they measure it: the message goes out by itself, within a second.
        Raises TooOften("lookup_too_often").
        """
        house, now = self._house, self._house.clock()
        wait = await house.buckets.take(f"booking:{address}", per_minute=6, burst=12, now=now)
        if wait > 0:
            raise TooOften("lookup_too_often", retry_after_seconds=int(wait) + 1)
        subject = self._subject(number, mobile)

        async def work(conn: Connection) -> None:
            found = await house.appointments.numbered(conn, normal_code(number) or "", mobile.strip())
            await self._texts.code_later(
                conn,
                purpose="appointment",
                subject=subject,
                mobile=mobile.strip() if found else None,
                language=found.spoken if found else "",
                now=now,
            )

        with suppress(TooOften):  # the code of the last minute is still good to be entered
            await house.ledger.write(work)

    async def enter(self, session: WebSession, number: str, mobile: str, code: str) -> None:
        """
        Take the booking over to this browser by the code. Raises BadInput("code_wrong"), Gone, TooOften.

        A number that does not exist answers like a wrong code.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> bool:
            right = await house.people.try_code(
                conn,
                purpose="appointment",
                subject=self._subject(number, mobile),
                code=code.strip(),
                now=now,
            )
            found = await house.appointments.numbered(conn, normal_code(number) or "", mobile.strip())
            if right and found is not None:
                await self._take_over(conn, session, found)
            return right and found is not None

        if not await house.ledger.write(work):
            raise wrong_code()

    def _subject(self, number: str, mobile: str) -> str:
        return self._house.vault.blind("booking", f"{normal_code(number) or number}\x1f{mobile.strip()}")

    # --- what leaves the house ---------------------------------------------------------------------------

    async def calendar_file(self, session: WebSession, language: str) -> bytes:
        """The appointment as an iCalendar file. Raises NotFound("no_appointment")."""
        house = self._house
        found = await self.of_session(session)
        link = f"{house.origin}/appointments"
        spoken = replace(found, spoken=language)
        return written(
            Entry(
                uid=f"{found.id}@{urlsplit(house.origin).hostname}",
                sequence=found.sequence,
                starts_at=found.starts_at,
                ends_at=found.ends_at,
                written_at=found.ended_at or found.booked_at,
                title=self._filled(booking_words.TITLE, spoken, link),
                text=self._filled(booking_words.DETAILS, spoken, link),
                place=self._filled(booking_words.PLACE, spoken, link),
                address=link,
                organizer=house.origin,
                cancelled=found.state in {State.CANCELLED, State.WITHDRAWN},
            )
        )

    def _filled(self, text: Any, found: Appointment, link: str) -> str:
        return booking_words.filled(
            text,
            found.spoken,
            item=self._house.item_of(found.item, found.item_version),
            district=self._house.catalogue.district(found.district),
            at=found.starts_at,
            number=found.number,
            link=link,
        )

    # --- instead of a number -----------------------------------------------------------------------------

    async def beside(self, intake: Intake) -> InsteadView | None:
        """The same beside a number that can be had, while nobody who could serve it is there."""
        return await self.instead(intake) if await self._verdict(intake) is Verdict.UNSTAFFED else None

    async def _verdict(self, intake: Intake) -> Verdict:
        item = self._house.item_of(intake.item, intake.item_version)
        district = self._house.catalogue.district(intake.window)
        return await self._openings.verdict(item, district, language=intake.call_language, mode=intake.mode)

    async def instead(self, intake: Intake) -> InsteadView:
        """What can truly be had by whoever cannot have a number now, or would wait for nobody."""
        house = self._house
        item = house.item_of(intake.item, intake.item_version)
        district = house.catalogue.district(intake.window)
        language, mode = intake.call_language, intake.mode
        leavable = await self._openings.leavable(item, district, language=language, mode=mode)
        return InsteadView(
            item=item,
            district=district,
            verdict=await self._verdict(intake),
            opens_at=district.calendar.next_opening(house.clock()),
            others=await self._openings.others(item, district, language=language, mode=mode),
            slots=await self.next_free(item, district, language),
            look_by=look_by(district.calendar, house.clock()) if leavable else None,
        )


def text_of(found: Appointment, what: str) -> tuple[str, str, float | None]:
    """The kind of the text message ``what``, the mark of what it tells, and until when it is of use."""
    until = found.punctual_until if found.state is State.BOOKED else None
    return f"appointment.{what}", str(found.sequence), until


def _told(appointment: Appointment) -> dict[str, Any]:
    return {
        "number": appointment.number,
        "item": appointment.item,
        "item_version": appointment.item_version,
        "district": appointment.district,
        "starts_at": appointment.starts_at,
    }


def _phase(found: Appointment, now: float) -> str:
    if found.state is not State.BOOKED or now >= found.given_up_at:
        return "over"
    if now < found.check_in_from:
        return "ahead"
    return "check_in" if now <= found.punctual_until else "late"


def _slot_view(
    slot: Slot, district: District, seats: int, held: Sequence[tuple[float, float, int]]
) -> SlotView:
    taken = {seat for start, end, seat in held if start < slot.end and end > slot.start}
    free = seats - len([seat for seat in taken if seat < seats])
    return SlotView(district=district, start=slot.start, end=slot.end, free=free, seats=seats)


def _day_view(day: date, slots: Sequence[SlotView], chosen: date | None) -> DayView:
    return DayView(
        day=day.isoformat(),
        at=slots[0].start if slots else moment(day, NOON),
        weekday=day.weekday(),
        free=sum(slot.free for slot in slots),
        makes_up=day.weekday() >= WEEKEND,
        chosen=day == chosen,
    )


def _chosen(day: str, days: Sequence[date], slots: Mapping[date, Sequence[SlotView]]) -> date | None:
    """The day asked for, else the first with a free time, else the first."""
    wanted = next((one for one in days if one.isoformat() == day), None)
    free = next((one for one in days if any(slot.free for slot in slots.get(one, ()))), None)
    return wanted or free or next(iter(days), None)
