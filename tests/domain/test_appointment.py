"""Appointments: their machine, the slots of a day, and the one rule by which they join walk-ins."""

from dataclasses import replace
from datetime import date, datetime, time
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.appointment import (
    CREDIT_LIMIT_SECONDS,
    EARLY_SECONDS,
    GIVEN_UP_SECONDS,
    PUNCTUAL_SECONDS,
    STANDS_BEFORE_SECONDS,
    TRANSITIONS,
    Appointment,
    Event,
    Slot,
    State,
    advance,
    arrived,
    bookable_days,
    bookable_slots,
    booking_paused_until,
    credit_seconds,
    due,
    free_seat,
    kept,
    may_move,
    moved,
    remind_again,
    slot_seconds,
    slots_on,
    timed,
)
from cloudwindow.domain.calendar import KNOWN_UNTIL, SHANGHAI, OfficeCalendar, Period, moment
from cloudwindow.domain.catalogue import AppointmentRules, District, SeatRule, Text
from cloudwindow.domain.errors import Conflict, Gone
from cloudwindow.domain.ids import CitizenId, DistrictCode, ItemId, TicketId

HOURS = (Period(start=time(9), end=time(12)), Period(start=time(13), end=time(17)))
CALENDAR = OfficeCalendar(periods=HOURS, closed_days=frozenset({date(2026, 5, 27)}))
HUADU = DistrictCode("440114")
RULES = AppointmentRules(
    days_ahead=14,
    book_ahead_minutes=60,
    change_ahead_minutes=120,
    seat_rules=(SeatRule(seats=3, skill="hr", language="zh"), SeatRule(seats=1, language="yue")),
    placeholder=True,
)
DISTRICT = District(
    code=HUADU,
    name=Text(zh="花都区", en="Huadu District"),
    letter="H",
    streets=(),
    organs=(),
    neighbours=(),
    calendar=CALENDAR,
    appointments=RULES,
)
WEDNESDAY = date(2026, 5, 20)
TEN = moment(WEDNESDAY, time(10))
START = moment(date(2026, 5, 22), time(10, 30))


def booked(state: State = State.BOOKED, **more: object) -> Appointment:
    """An appointment of Friday 10:30, booked on Wednesday at ten."""
    made = Appointment(
        id="b1",
        number="ABCD-EFGH-J",
        citizen=CitizenId("c1"),
        item=ItemId("HR01"),
        item_version=1,
        district=HUADU,
        skill="hr",
        language="zh",
        starts_at=START,
        ends_at=START + 600,
        seat=0,
        spoken="zh-CN",
        booked_at=TEN,
    )
    return replace(timed(made, TEN), state=state, **more)  # type: ignore[arg-type]


def clock(at: float) -> str:
    """The hands of the clock in Guangzhou."""
    return datetime.fromtimestamp(at, SHANGHAI).strftime("%H:%M")


# --- the machine -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    before = booked(state)
    if (state, event) not in TRANSITIONS:
        with pytest.raises(Conflict, match="state_forbids"):
            advance(before, event, START)
        return
    after = advance(before, event, START)
    assert after.state is TRANSITIONS[state, event]
    assert after.version == before.version + 1
    assert (after.number, after.id, after.citizen) == (before.number, before.id, before.citizen)
    assert (after.deadline is None) == (after.state is not State.BOOKED)


def test_calendars_hear_of_moves_and_endings_by_a_rising_sequence() -> None:
    reminded = advance(booked(), Event.REMIND_DAY_BEFORE, START)
    assert reminded.sequence == 0
    assert advance(reminded, Event.MOVE, START).sequence == 1
    assert advance(advance(reminded, Event.MOVE, START), Event.CANCEL, START).sequence == 2


def test_moving_keeps_the_number_and_sets_the_clocks_anew() -> None:
    slot = Slot(start=START + 3600, end=START + 4200)
    told = advance(booked(), Event.REMIND_DAY_BEFORE, START - 86_400)
    after = moved(told, slot, seat=2, district=DistrictCode("440106"), now=START - 85_000)
    assert (after.slot, after.seat, after.district) == (slot, 2, "440106")
    assert after.remind_day_at == slot.start - 86_400
    assert after.deadline == slot.start + GIVEN_UP_SECONDS
    assert after.number == told.number


def test_moving_ends_before_the_slot() -> None:
    may_move(booked(), 120, START - 7200)
    with pytest.raises(Conflict, match="too_late_to_move") as refused:
        may_move(booked(), 120, START - 7199)
    assert refused.value.values == {"minutes": 120}
    with pytest.raises(Conflict, match="state_forbids"):
        may_move(booked(State.CANCELLED), 120, TEN)


def test_checking_in_is_possible_from_ten_minutes_before_until_the_seat_is_given_up() -> None:
    ticket = TicketId("t1")
    with pytest.raises(Conflict, match="check_in_early"):
        arrived(booked(), ticket, START - EARLY_SECONDS - 1)
    for now in (START - EARLY_SECONDS, START, START + GIVEN_UP_SECONDS - 1):
        after = arrived(booked(), ticket, now)
        assert (after.state, after.ticket, after.ended_at) == (State.ARRIVED, ticket, now)
    for held, now in ((booked(), START + GIVEN_UP_SECONDS), (booked(State.CANCELLED), START)):
        with pytest.raises(Gone, match="appointment_over"):
            arrived(held, ticket, now)


# --- the rule of merging ---------------------------------------------------------------------------------


def test_the_rule_of_merging_in_numbers() -> None:
    assert credit_seconds(START, START - 601) == 0.0
    assert credit_seconds(START, START - 600) == 0.0
    assert credit_seconds(START, START - 300) == 0.0
    assert credit_seconds(START, START - 299) == 1.0
    assert credit_seconds(START, START) == 300.0
    assert credit_seconds(START, START + 300) == 600.0
    assert credit_seconds(START, START + 600) == 600.0
    assert credit_seconds(START, START + 601) == 0.0


@given(offset=st.floats(-7200, 7200), waited=st.floats(0, 7200))
def test_nobody_who_has_waited_longer_than_the_cap_is_overtaken(offset: float, waited: float) -> None:
    now = START + offset
    credit = credit_seconds(START, now)
    assert 0.0 <= credit <= CREDIT_LIMIT_SECONDS
    walk_in_joined = now - waited
    overtakes = now - credit < walk_in_joined
    assert not (overtakes and waited >= CREDIT_LIMIT_SECONDS)


@given(offset=st.floats(-EARLY_SECONDS, PUNCTUAL_SECONDS))
def test_a_punctual_holder_stands_five_minutes_before_the_slot_or_better_never_worse_than_a_walk_in(
    offset: float,
) -> None:
    now = START + offset
    score = now - credit_seconds(START, now)
    assert score <= now
    assert score == pytest.approx(max(min(now, START - STANDS_BEFORE_SECONDS), now - CREDIT_LIMIT_SECONDS))


# --- slots -----------------------------------------------------------------------------------------------


def test_slots_fill_the_opening_hours_and_none_crosses_lunch_or_closing() -> None:
    slots = list(slots_on(CALENDAR, WEDNESDAY, 1500.0))
    spans = [(clock(slot.start), clock(slot.end)) for slot in slots]
    assert spans[:2] == [("09:00", "09:25"), ("09:25", "09:50")]
    assert ("11:30", "11:55") in spans
    assert ("13:00", "13:25") in spans
    assert max(end for _, end in spans) == "16:45"
    assert not [span for span in spans if span[0] < "13:00" and span[1] > "12:00"]
    assert all(one.end <= other.start for one, other in pairwise(slots))


@pytest.mark.parametrize(
    ("minutes", "length"), [(1, 600), (8, 600), (10, 600), (11, 900), (15, 900), (43, 2700)]
)
def test_a_slot_is_as_long_as_the_item_takes_in_steps_of_five_minutes(minutes: int, length: float) -> None:
    assert slot_seconds(minutes) == length


def test_days_follow_the_make_up_weekends_the_holidays_and_the_districts_closed_days() -> None:
    """The May holiday of 2026: 1 to 5 May off, Saturday 9 May worked."""
    days = bookable_days(DISTRICT, moment(date(2026, 4, 28), time(8)))
    assert [day.isoformat() for day in days] == [
        *("2026-04-28", "2026-04-29", "2026-04-30"),
        *("2026-05-06", "2026-05-07", "2026-05-08", "2026-05-09", "2026-05-11", "2026-05-12"),
    ]
    later = bookable_days(DISTRICT, TEN)
    assert date(2026, 5, 27) not in later
    assert date(2026, 5, 26) in later


def test_in_a_year_whose_holidays_are_not_published_yet_weekdays_can_be_booked() -> None:
    last = bookable_days(DISTRICT, moment(KNOWN_UNTIL, time(9)))
    assert any(day > KNOWN_UNTIL for day in last)
    assert all(day.weekday() < 5 for day in last if day > KNOWN_UNTIL)


def test_slots_too_near_too_far_or_on_a_closed_day_cannot_be_booked() -> None:
    today = bookable_slots(DISTRICT, WEDNESDAY, 600.0, TEN)
    assert clock(today[0].start) == "11:00"
    assert bookable_slots(DISTRICT, date(2026, 5, 27), 600.0, TEN) == ()
    assert bookable_slots(DISTRICT, date(2026, 5, 23), 600.0, TEN) == ()
    assert bookable_slots(DISTRICT, date(2026, 6, 4), 600.0, TEN) == ()
    assert bookable_slots(DISTRICT, date(2026, 5, 19), 600.0, TEN) == ()


def test_a_window_that_never_closes_still_gives_appointments_in_office_hours() -> None:
    always = replace(DISTRICT, calendar=replace(CALENDAR, always_open=True))
    assert bookable_slots(always, date(2026, 5, 22), 600.0, TEN) == bookable_slots(
        DISTRICT, date(2026, 5, 22), 600.0, TEN
    )


def test_seats_come_from_the_first_row_that_fits() -> None:
    assert RULES.seats("hr", "zh") == 3
    assert RULES.seats("hr", "yue") == 1
    assert RULES.seats("hr", "en") == 0
    assert free_seat(3, [0, 2]) == 1
    assert free_seat(2, [1, 0]) is None
    assert free_seat(0, []) is None


# --- what time brings ------------------------------------------------------------------------------------


def test_reminders_come_the_day_before_and_half_an_hour_before_each_once() -> None:
    one = booked()
    assert due(one, CALENDAR, START - 86_401) is None
    assert due(one, CALENDAR, START - 86_400) is Event.REMIND_DAY_BEFORE
    one = advance(one, Event.REMIND_DAY_BEFORE, START - 86_400)
    assert due(one, CALENDAR, START - 1801) is None
    assert due(one, CALENDAR, START - 1800) is Event.REMIND_SOON
    one = advance(one, Event.REMIND_SOON, START - 1800)
    assert due(one, CALENDAR, START) is None
    assert due(one, CALENDAR, START + GIVEN_UP_SECONDS) is Event.MISS
    assert due(advance(one, Event.MISS, START), CALENDAR, START * 2) is None


def test_after_a_long_sleep_only_the_nearer_reminder_is_told() -> None:
    late = START - 600
    assert due(booked(), CALENDAR, late) is Event.REMIND_SOON
    assert due(advance(booked(), Event.REMIND_SOON, late), CALENDAR, late) is None


def test_a_reminder_that_could_not_be_sent_is_due_again() -> None:
    told = advance(booked(), Event.REMIND_SOON, START - 1800)
    again = remind_again(told, Event.REMIND_SOON, START - 1740)
    assert due(again, CALENDAR, START - 1741) is None
    assert due(again, CALENDAR, START - 1740) is Event.REMIND_SOON


def test_booked_at_short_notice_no_reminder_of_the_past_is_sent() -> None:
    near = timed(booked(), START - 3700)
    assert near.remind_day_at is None
    assert near.remind_soon_at == START - 1800


def test_a_slot_that_the_office_no_longer_keeps_is_withdrawn_instead_of_reminded_of() -> None:
    typhoon = replace(CALENDAR, closed_days=frozenset({date(2026, 5, 22)}))
    assert kept(booked().slot, CALENDAR)
    assert not kept(booked().slot, typhoon)
    assert due(booked(), typhoon, START - 86_400) is Event.WITHDRAW


DAY = 86_400.0


@pytest.mark.parametrize(
    ("missed", "now", "until"),
    [
        ((), 0.0, None),
        ((10 * DAY,), 11 * DAY, None),
        ((10 * DAY, 20 * DAY), 20 * DAY, 34 * DAY),
        ((20 * DAY, 10 * DAY), 33.9 * DAY, 34 * DAY),
        ((10 * DAY, 20 * DAY), 34 * DAY, None),
        ((10 * DAY, 71 * DAY), 71 * DAY, None),
        ((1 * DAY, 10 * DAY, 70 * DAY), 71 * DAY, 84 * DAY),
    ],
)
def test_two_missed_within_sixty_days_pause_booking_for_fourteen(
    missed: tuple[float, ...], now: float, until: float | None
) -> None:
    assert booking_paused_until(missed, now) == until
