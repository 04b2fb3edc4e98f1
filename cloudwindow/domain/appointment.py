"""
An appointment: a promised time at the video window, and how its holder joins those who simply came.

Rule 1: one seat of one slot for one person and item; moving keeps the number and raises ``sequence``.
Rule 2 (shown to everybody): who checks in from 10 minutes before to 10 minutes after the slot's start stands
in line as if they had come 5 minutes before it, and overtakes nobody who has waited 10 minutes longer.
Later they are a walk-in from the moment they come; 30 minutes after the start the seat is given up.
Rule 3: the ticket's joining time is the moment of checking in; the rule gives a credit and nothing else.
Rule 4 (shown to everybody): who missed two appointments within 60 days books none for 14 days after the last;
a number can be taken at any time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from cloudwindow.domain.calendar import OfficeCalendar, day_of
from cloudwindow.domain.catalogue import District
from cloudwindow.domain.errors import Conflict, Gone
from cloudwindow.domain.ids import CitizenId, DistrictCode, ItemId, TicketId
from cloudwindow.domain.machine import step

EARLY_SECONDS = 600.0
"""Checking in opens so long before the slot."""
PUNCTUAL_SECONDS = 600.0
"""So long after the slot's start one is not late yet."""
STANDS_BEFORE_SECONDS = 300.0
"""A punctual holder stands in line as if they had joined so long before the slot."""
CREDIT_LIMIT_SECONDS = 600.0
"""Nobody who joined so much earlier is ever overtaken by an appointment."""
GIVEN_UP_SECONDS = 1800.0
"""So long after the slot's start the seat is given up."""
MISSED_MOST = 2
"""So many missed appointments are one too many."""
MISSED_WITHIN_SECONDS = 60 * 86_400.0
"""How far back a missed appointment counts, between the first and the last of them."""
PAUSE_SECONDS = 14 * 86_400.0
"""For so long after the last missed one nothing can be booked."""
DAY_BEFORE_SECONDS = 86_400.0
SOON_SECONDS = 1800.0
SLOT_STEP_MINUTES = 5
SHORTEST_SLOT_MINUTES = 10


class State(StrEnum):
    """Where an appointment stands."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What can happen to an appointment."""

    MOVE = "move"
    REMIND_DAY_BEFORE = "remind_day_before"
    REMIND_SOON = "remind_soon"
    ARRIVE = "arrive"
    CANCEL = "cancel"
    MISS = "miss"
    WITHDRAW = "withdraw"


TRANSITIONS = {
    (State.BOOKED, Event.MOVE): State.BOOKED,
    (State.BOOKED, Event.REMIND_DAY_BEFORE): State.BOOKED,
    (State.BOOKED, Event.REMIND_SOON): State.BOOKED,
    (State.BOOKED, Event.ARRIVE): State.ARRIVED,
    (State.BOOKED, Event.CANCEL): State.CANCELLED,
    (State.BOOKED, Event.MISS): State.NO_SHOW,
    (State.BOOKED, Event.WITHDRAW): State.WITHDRAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A stretch of time that can be booked, from ``start`` until just before ``end`` (seconds)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Who shares seats: the district whose windows serve, the skill and the language of the call."""

    district: DistrictCode
    skill: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """
    Times are seconds since the epoch. ``sequence`` counts moves and the ending, as calendars want it.

    ``remind_day_at`` and ``remind_soon_at`` are empty once told or when there is nothing to tell;
    ``deadline`` is when the seat is given up.
    """

    id: str
    number: str
    citizen: CitizenId
    item: ItemId
    item_version: int
    district: DistrictCode
    skill: str
    language: str
    starts_at: float
    ends_at: float
    seat: int
    spoken: str
    booked_at: float
    state: State = State.BOOKED
    sequence: int = 0
    ticket: TicketId | None = None
    ended_at: float | None = None
    remind_day_at: float | None = None
    remind_soon_at: float | None = None
    deadline: float | None = None
    version: int = 0

    @property
    def pool(self) -> Pool:
        """Whose seats it takes one of."""
        return Pool(district=self.district, skill=self.skill, language=self.language)

    @property
    def slot(self) -> Slot:
        """The promised time."""
        return Slot(start=self.starts_at, end=self.ends_at)

    @property
    def check_in_from(self) -> float:
        """From when its holder may check in."""
        return self.starts_at - EARLY_SECONDS

    @property
    def punctual_until(self) -> float:
        """Until when its holder is not late."""
        return self.starts_at + PUNCTUAL_SECONDS

    @property
    def given_up_at(self) -> float:
        """When the seat is given up."""
        return self.starts_at + GIVEN_UP_SECONDS


def credit_seconds(slot_start: float, arrived_at: float) -> float:
    """
    Rule 2 as a number: the credit of a ticket taken at ``arrived_at`` for the slot at ``slot_start``.

    Between 0 and ``CREDIT_LIMIT_SECONDS``; 0 for whoever comes early enough by themselves, or too late.
    """
    if not slot_start - EARLY_SECONDS <= arrived_at <= slot_start + PUNCTUAL_SECONDS:
        return 0.0
    return min(max(arrived_at - (slot_start - STANDS_BEFORE_SECONDS), 0.0), CREDIT_LIMIT_SECONDS)


def slot_seconds(minutes: int) -> float:
    """The length of a slot for an item that takes ``minutes``: whole steps of five, at least ten minutes."""
    steps = -(-max(minutes, SHORTEST_SLOT_MINUTES) // SLOT_STEP_MINUTES)
    return float(steps * SLOT_STEP_MINUTES * 60)


def slots_on(calendar: OfficeCalendar, day: date, length_seconds: float) -> Iterator[Slot]:
    """Yield the slots of ``day``, in order: none crosses a break or the closing."""
    for opens, closes in calendar.openings_on(day):
        start = opens
        while start + length_seconds <= closes:
            yield Slot(start=start, end=start + length_seconds)
            start += length_seconds


def bookable_days(district: District, now: float) -> tuple[date, ...]:
    """
    The days on which ``district`` gives appointments, as far as its working days are known.

    Of a year whose holidays are not published yet every weekday counts; what proves closed is withdrawn.
    """
    today = day_of(now)
    days = (today + timedelta(days=number) for number in range(district.appointments.days_ahead + 1))
    return tuple(day for day in days if district.calendar.is_working_day(day))


def bookable_slots(district: District, day: date, length_seconds: float, now: float) -> tuple[Slot, ...]:
    """The slots of ``day`` that can still be booked at ``now``, taken ones among them."""
    if day not in bookable_days(district, now):
        return ()
    earliest = now + district.appointments.book_ahead_minutes * 60
    return tuple(slot for slot in slots_on(district.calendar, day, length_seconds) if slot.start >= earliest)


def free_seat(seats: int, taken: Iterable[int]) -> int | None:
    """The lowest seat below ``seats`` that nobody has, or ``None``."""
    held = frozenset(taken)
    return next((seat for seat in range(seats) if seat not in held), None)


def timed(appointment: Appointment, now: float) -> Appointment:
    """``appointment`` with what its slot makes due: reminders still ahead, and the deadline."""
    day, soon = appointment.starts_at - DAY_BEFORE_SECONDS, appointment.starts_at - SOON_SECONDS
    return replace(
        appointment,
        remind_day_at=day if now < day else None,
        remind_soon_at=soon if now < soon else None,
        deadline=appointment.given_up_at,
    )


def may_move(appointment: Appointment, change_ahead_minutes: int, now: float) -> None:
    """Raise Conflict("state_forbids"), or Conflict("too_late_to_move") shortly before the slot."""
    step(TRANSITIONS, appointment.state, Event.MOVE)
    if now > appointment.starts_at - change_ahead_minutes * 60:
        raise Conflict("too_late_to_move", {"minutes": change_ahead_minutes})


def moved(
    appointment: Appointment, slot: Slot, *, seat: int, district: DistrictCode, now: float
) -> Appointment:
    """The appointment at another ``slot``, under its old number. Raises Conflict("state_forbids")."""
    after = advance(appointment, Event.MOVE, now)
    change = replace(
        after, district=district, starts_at=slot.start, ends_at=slot.end, seat=seat, booked_at=now
    )
    return timed(change, now)


def arrived(appointment: Appointment, ticket: TicketId, now: float) -> Appointment:
    """
    The appointment whose holder is here and has taken ``ticket``.

    Raises Conflict("check_in_early") before the window opens, Gone("appointment_over") once it has ended.
    """
    if appointment.state is not State.BOOKED or now >= appointment.given_up_at:
        raise Gone("appointment_over")
    if now < appointment.check_in_from:
        raise Conflict("check_in_early")
    return replace(advance(appointment, Event.ARRIVE, now), ticket=ticket)


def advance(appointment: Appointment, event: Event, now: float) -> Appointment:
    """Move ``appointment``. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, appointment.state, event)
    told_day = event in {Event.REMIND_DAY_BEFORE, Event.REMIND_SOON}
    over = state is not State.BOOKED
    return replace(
        appointment,
        state=state,
        sequence=appointment.sequence + (over or event is Event.MOVE),
        ended_at=now if over else None,
        remind_day_at=None if told_day or over else appointment.remind_day_at,
        remind_soon_at=None if event is Event.REMIND_SOON or over else appointment.remind_soon_at,
        deadline=None if over else appointment.deadline,
        version=appointment.version + 1,
    )


def due(appointment: Appointment, calendar: OfficeCalendar, now: float) -> Event | None:
    """
    What time brings to ``appointment`` at ``now``; nothing before anything is due.

    A slot that the office no longer keeps (a closed day came in between) is withdrawn instead of reminded of.
    """
    if appointment.state is not State.BOOKED:
        return None
    if appointment.deadline is not None and now >= appointment.deadline:
        return Event.MISS
    reminder = None
    if appointment.remind_soon_at is not None and now >= appointment.remind_soon_at:
        reminder = Event.REMIND_SOON
    elif appointment.remind_day_at is not None and now >= appointment.remind_day_at:
        reminder = Event.REMIND_DAY_BEFORE
    if reminder is not None and not kept(appointment.slot, calendar):
        return Event.WITHDRAW
    return reminder


def remind_again(appointment: Appointment, event: Event, at: float) -> Appointment:
    """``appointment`` with the reminder ``event`` due again ``at``: its message could not be sent."""
    day = event is Event.REMIND_DAY_BEFORE
    return replace(
        appointment,
        remind_day_at=at if day else appointment.remind_day_at,
        remind_soon_at=appointment.remind_soon_at if day else at,
        version=appointment.version + 1,
    )


def kept(slot: Slot, calendar: OfficeCalendar) -> bool:
    """Whether the office works during the whole of ``slot``."""
    openings = calendar.openings_on(day_of(slot.start))
    return any(opens <= slot.start and slot.end <= closes for opens, closes in openings)


def booking_paused_until(missed: Iterable[float], now: float) -> float | None:
    """Until when somebody who gave up seats at these times may not book; ``None``: they may."""
    last = sorted(missed)[-MISSED_MOST:]
    if len(last) < MISSED_MOST or last[-1] - last[0] > MISSED_WITHIN_SECONDS:
        return None
    until = last[-1] + PAUSE_SECONDS
    return until if now < until else None
