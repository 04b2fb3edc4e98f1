"""Book, move, check in, be called; late, absent, reminded; and what is offered when no number can be had."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
from icalendar import Calendar, Component
from sqlalchemy import update

from cloudwindow import journey
from cloudwindow.domain import appointment as rules
from cloudwindow.domain.appointment import State
from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound, Unavailable
from cloudwindow.domain.ids import DistrictCode
from cloudwindow.domain.intake_rule import Verdict
from cloudwindow.journey.appointment_views import AppointmentView
from cloudwindow.journey.booking import Booked
from cloudwindow.journey.booking_words import MESSAGES, filled
from cloudwindow.records import Connection, events, tables
from tests.journeys.town import (
    CATALOGUE,
    HUADU,
    PANYU,
    TIANHE,
    WEDNESDAY_TEN,
    Town,
    Visitor,
    all_at_once,
    id_number,
)

FRIDAY = date(2026, 5, 22)
START = moment(FRIDAY, time(10, 30))
LATER = moment(FRIDAY, time(15))


async def choose(visitor: Visitor, at: float = START, window: DistrictCode = HUADU) -> None:
    """Send the form «about you» with a time."""
    await visitor.town.made.bookings.begin(
        await visitor.browser(), visitor.item, visitor.about, window=window, at=at
    )


async def confirm(visitor: Visitor, code: str | None = None) -> Booked:
    """Enter the code."""
    return await visitor.town.made.bookings.book(
        await visitor.browser(),
        visitor.item,
        code=code or visitor.town.code_to(visitor.about["mobile"]),
        recording=False,
        language="zh-CN",
    )


async def booker(town: Town, at: float = START, **typed: str) -> Visitor:
    """A citizen with an appointment."""
    visitor = await town.visitor(**typed)
    await choose(visitor, at)
    await confirm(visitor)
    return visitor


async def come_back(visitor: Visitor) -> None:
    """A browser forgets within a day; the newest text message holds the way back."""
    visitor.token, session = await visitor.town.made.door.new_citizen()
    secret = next(text.rsplit("#", 1)[1] for text in texts_to(visitor) if "#" in text)
    await visitor.town.made.bookings.resume(session, secret)


async def check_in(visitor: Visitor) -> None:
    """Press the button; the page of the visit opens."""
    ticket = await visitor.town.made.bookings.check_in(await visitor.browser())
    visitor.ticket, visitor.application = ticket.id, ticket.application
    await visitor.open()
    await visitor.town.settle()


async def held(visitor: Visitor) -> AppointmentView:
    """The holder's page."""
    return await visitor.town.made.bookings.view(await visitor.browser())


async def entry(visitor: Visitor) -> tuple[Component, Component]:
    """The calendar file, parsed: (calendar, event)."""
    raw = await visitor.town.made.bookings.calendar_file(await visitor.browser(), "zh-CN")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    calendar = Calendar.from_ical(raw)
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def texts_to(visitor: Visitor) -> list[str]:
    """The text messages to this citizen without codes, newest first."""
    kept = visitor.town.house.demo_sms
    assert kept is not None
    return [
        one.text for one in kept.sent() if one.mobile == visitor.about["mobile"] and "验证码" not in one.text
    ]


# --- booking and the line --------------------------------------------------------------------------------


async def test_a_time_is_booked_moved_and_checked_in_for(either_town: Town) -> None:
    town = either_town
    visitor = await booker(town)
    view = await held(visitor)
    number = view.appointment.number
    assert (view.phase, view.appointment.starts_at, view.may_move) == ("ahead", START, True)
    assert number in texts_to(visitor)[0]
    with pytest.raises(Conflict, match="check_in_early"):
        await check_in(visitor)
    after = await town.made.bookings.move(await visitor.browser(), window=HUADU, at=LATER)
    assert (after.number, after.starts_at) == (number, LATER)
    assert "15:00" in texts_to(visitor)[0]
    town.now = LATER - 600
    await come_back(visitor)
    assert (await held(visitor)).phase == "check_in"
    await check_in(visitor)
    assert (await held(visitor)).phase == "over"
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.joined_at, ticket.credit_seconds) == (LATER - 600, 0.0)
    assert (await visitor.view()).appointment is not None
    story = await town.kinds(visitor.application)
    assert {"ticket.taken", "appointment.arrived", "consent.given", "consent.refused"} <= set(story)
    async with town.house.ledger.read() as conn:
        assert await events.verify(conn, view.appointment.id) is None
        kinds = [one.kind for one in await events.story(conn, view.appointment.id)]
        actors = {one.actor_kind for one in await events.story(conn, view.appointment.id)}
    assert [kind for kind in kinds if kind.startswith("appointment.")] == [
        "appointment.booked",
        "appointment.moved",
        "appointment.resumed",
        "appointment.arrived",
    ]
    assert actors == {"citizen"}


async def test_an_appointment_goes_before_who_came_later_but_not_before_who_waited_past_the_cap(
    town: Town,
) -> None:
    visitor = await booker(town)
    town.now = START - 700
    patient = await town.citizen()
    town.now = START - 200
    later = await town.citizen()
    town.now = START
    await come_back(visitor)
    await check_in(visitor)
    numbers = {(await town.ticket(one.ticket)).number: one for one in (patient, visitor, later)}
    called = []
    for account in ("one", "two", "three"):
        desk = await town.agent(account)
        number = await desk.offered()
        assert number is not None
        called.append(numbers[number])
    assert called == [patient, visitor, later]


async def test_the_credit_is_bounded_whoever_waits(town: Town) -> None:
    visitor = await booker(town)
    town.now = START + 600
    await come_back(visitor)
    await check_in(visitor)
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.joined_at, ticket.credit_seconds) == (START + 600, 600.0)


async def test_who_is_late_stands_where_a_walk_in_would(town: Town) -> None:
    visitor = await booker(town)
    town.now = START + 900
    await come_back(visitor)
    assert (await held(visitor)).phase == "late"
    walk_in = await town.citizen()
    town.now += 60
    await check_in(visitor)
    assert (await town.ticket(visitor.ticket)).credit_seconds == 0.0
    desk = await town.agent("mei")
    assert await desk.offered() == (await town.ticket(walk_in.ticket)).number
    await desk.accept()
    second = await town.agent("second")
    offer = (await second.view()).offer
    assert offer is not None
    assert offer.appointment is not None
    assert offer.appointment.late
    assert offer.appointment.starts_at == START


async def test_the_agent_sees_a_punctual_appointment_in_offer_and_call(town: Town) -> None:
    visitor = await booker(town)
    town.now = START
    await come_back(visitor)
    await check_in(visitor)
    desk = await town.agent("mei")
    offer = (await desk.view()).offer
    assert offer is not None
    assert offer.appointment is not None
    assert not offer.appointment.late
    await desk.accept()
    session = (await desk.view()).session
    assert session is not None
    assert session.appointment == offer.appointment


async def test_checking_in_twice_gives_one_ticket(town: Town) -> None:
    visitor = await booker(town)
    town.now = START
    await come_back(visitor)
    browser = await visitor.browser()
    given = await all_at_once(*(town.made.bookings.check_in(browser) for _ in range(10)))
    assert len({ticket.id for ticket in given}) == 1


async def test_checking_in_before_opening_is_possible_but_late_into_lunch_is_not(town: Town) -> None:
    first, last = (
        await booker(town, moment(FRIDAY, time(9))),
        await booker(town, moment(FRIDAY, time(11, 50))),
    )
    town.now = moment(FRIDAY, time(8, 50))
    await come_back(first)
    await come_back(last)
    await check_in(first)
    town.now = moment(FRIDAY, time(12, 1))
    with pytest.raises(Conflict, match="office_closed"):
        await check_in(last)


async def test_ten_bookings_at_once_by_one_person_give_one(either_town: Town) -> None:
    town = either_town
    visitor = await town.visitor()
    await choose(visitor)
    code = town.code_to(visitor.about["mobile"])
    given = await all_at_once(*(confirm(visitor, code) for _ in range(10)))
    assert len({one.appointment.id for one in given}) == 1
    assert [one.fresh for one in given].count(True) == 1
    assert len(texts_to(visitor)) == 1


async def test_the_seats_of_a_slot_go_to_as_many_as_there_are(either_town: Town) -> None:
    town = either_town
    visitors = [await town.visitor() for _ in range(4)]
    for visitor in visitors:
        await choose(visitor)
    given = await all_at_once(*(confirm(visitor) for visitor in visitors))
    assert sorted(type(one).__name__ for one in given) == ["Booked", "Booked", "Conflict", "Conflict"]
    refused = next(visitor for visitor, one in zip(visitors, given, strict=True) if isinstance(one, Conflict))
    with pytest.raises(Conflict, match="slot_full"):
        await choose(refused)
    item = town.house.item_of("HR01")
    view = await town.made.bookings.times(item, HUADU, "zh", FRIDAY.isoformat())
    assert next(slot.free for slot in view.slots if slot.start == START) == 0
    await town.made.bookings.choose(await refused.browser(), "HR01", window=HUADU, at=LATER)
    booked = await confirm(refused)  # the code was not spent by the refusal
    assert booked.appointment.starts_at == LATER


async def test_who_has_booked_keeps_that_when_booking_again_elsewhere(town: Town) -> None:
    visitor = await booker(town)
    other = await town.visitor(id_number=visitor.about["id_number"], mobile=visitor.about["mobile"])
    await town.pass_time(61)
    await choose(other, LATER)
    booked = await confirm(other)
    assert not booked.fresh
    assert (booked.asked_for, booked.appointment.starts_at) == (LATER, START)
    with pytest.raises(NotFound, match="no_appointment"):
        await held(visitor)  # one browser holds it


async def test_one_phone_books_for_a_family_and_not_for_a_crowd(town: Town) -> None:
    mobile = "13912345678"
    for serial in range(5):
        await booker(town, LATER + 600 * serial, mobile=mobile)
        await town.pass_time(61)
    sixth = await town.visitor(mobile=mobile)
    await choose(sixth)
    with pytest.raises(Conflict, match="too_many_bookings") as refused:
        await confirm(sixth)
    assert refused.value.values == {"most": 5}


@pytest.mark.parametrize(
    "at",
    [
        0.0,
        -1.0,
        1e18,
        START + 1,
        WEDNESDAY_TEN - 3600,
        WEDNESDAY_TEN + 600,
        moment(date(2026, 5, 23), time(10)),
        moment(FRIDAY, time(12)),
        moment(date(2026, 7, 1), time(10)),
    ],
)
async def test_a_time_that_is_no_slot_is_refused(town: Town, at: float) -> None:
    with pytest.raises(Gone, match="slot_gone"):
        await choose(await town.visitor(), at)


async def test_an_unknown_district_and_a_missing_choice_are_refused(town: Town) -> None:
    visitor = await town.visitor()
    with pytest.raises(NotFound, match="unknown_district"):
        await choose(visitor, window=DistrictCode("999999"))
    with pytest.raises(Gone, match="intake_gone"):
        await confirm(visitor, "000000")
    await choose(visitor)
    with pytest.raises(BadInput, match="code_wrong"):
        await confirm(visitor, "000000" if town.code_to(visitor.about["mobile"]) != "000000" else "111111")


async def test_an_appointment_at_another_district_queues_there_and_is_decided_at_home(town: Town) -> None:
    visitor = await town.visitor()
    await choose(visitor, window=TIANHE)
    await confirm(visitor)
    town.now = START
    await come_back(visitor)
    await check_in(visitor)
    ticket, case = await town.ticket(visitor.ticket), await town.case(visitor.application)
    assert (ticket.home_district, case.home_district) == (TIANHE, HUADU)
    near, far = await town.agent("tianhe", TIANHE), await town.agent("huadu", HUADU)
    assert await near.offered() == ticket.number
    assert await far.offered() is None


# --- moving, cancelling, coming back ---------------------------------------------------------------------


async def test_moving_frees_the_old_seat_and_shortly_before_it_is_refused(town: Town) -> None:
    visitor, second, third = [await booker(town, at) for at in (START, START, LATER)]
    item = town.house.item_of("HR01")
    await town.made.bookings.move(await visitor.browser(), window=HUADU, at=LATER)
    with pytest.raises(Conflict, match="slot_full"):
        await town.made.bookings.move(await second.browser(), window=HUADU, at=LATER)
    assert (await held(second)).appointment.starts_at == START
    view = await town.made.bookings.times(item, HUADU, "zh", FRIDAY.isoformat())
    free = {slot.start: slot.free for slot in view.slots}
    assert (free[START], free[LATER]) == (1, 0)
    town.now = LATER - 7199
    await come_back(third)
    assert not (await held(third)).may_move
    with pytest.raises(Conflict, match="too_late_to_move") as refused:
        await town.made.bookings.move(await third.browser(), window=HUADU, at=LATER + 3600)
    assert refused.value.values == {"minutes": 120}


async def test_pressing_the_present_time_moves_nothing(town: Town) -> None:
    visitor = await booker(town)
    before = len(texts_to(visitor))
    same = await town.made.bookings.move(await visitor.browser(), window=HUADU, at=START)
    assert same.sequence == 0
    assert len(texts_to(visitor)) == before


async def test_cancelling_gives_the_seat_back_once(town: Town) -> None:
    visitor = await booker(town)
    for _ in range(2):
        after = await town.made.bookings.cancel(await visitor.browser())
        assert after.state is State.CANCELLED
    assert [text for text in texts_to(visitor) if "取消" in text and "已取消" in text] == texts_to(visitor)[
        :1
    ]
    with pytest.raises(Gone, match="appointment_over"):
        await check_in(visitor)
    with pytest.raises(Conflict, match="state_forbids"):
        await town.made.bookings.move(await visitor.browser(), window=HUADU, at=LATER)
    town.now += 61
    await choose(visitor)
    assert (await confirm(visitor)).fresh


async def test_the_link_and_the_number_with_a_code_bring_it_into_another_browser(town: Town) -> None:
    visitor, stranger = await booker(town), await town.visitor()
    bookings = town.made.bookings
    number, mobile = (await held(visitor)).appointment.number, visitor.about["mobile"]
    secret = (await held(visitor)).resume_link.rsplit("#", 1)[1]
    await bookings.resume(await stranger.browser(), secret)
    assert (await held(stranger)).appointment.number == number
    with pytest.raises(Gone, match="link_unknown"):
        await bookings.resume(await visitor.browser(), secret)
    with pytest.raises(NotFound, match="no_appointment"):
        await held(visitor)
    await town.pass_time(61)
    await bookings.ask(number.lower().replace("-", " "), mobile, address="a")
    assert "验证码" not in town.house.demo_sms.sent()[0].text, "who asks cannot measure"  # type: ignore[union-attr]
    await town.made.texts.look()
    code = town.code_to(mobile)
    with pytest.raises(BadInput, match="code_wrong"):
        await bookings.enter(await visitor.browser(), number, mobile, "12345x")
    await bookings.enter(await visitor.browser(), number, mobile, code)
    assert (await held(visitor)).appointment.number == number


async def test_a_foreign_number_sends_nothing_and_answers_like_a_wrong_code(town: Town) -> None:
    visitor, stranger = await booker(town), await town.visitor()
    number = (await held(visitor)).appointment.number
    before = len(town.house.demo_sms.sent())  # type: ignore[union-attr]
    await town.made.bookings.ask(number, stranger.about["mobile"], address="b")
    await town.made.bookings.ask("XXXX-XXXX-X", visitor.about["mobile"], address="b")
    await town.made.texts.look()
    assert len(town.house.demo_sms.sent()) == before  # type: ignore[union-attr]
    for wrong in (number, "XXXX-XXXX-X"):
        mobile = stranger.about["mobile"] if wrong == number else visitor.about["mobile"]
        with pytest.raises(BadInput, match="code_wrong"):
            await town.made.bookings.enter(await stranger.browser(), wrong, mobile, "000000")
    with pytest.raises(NotFound, match="no_appointment"):
        await held(stranger)


# --- the calendar file -----------------------------------------------------------------------------------


async def test_the_calendar_file_follows_the_appointment_under_one_name(town: Town) -> None:
    visitor = await booker(town)
    calendar, event = await entry(visitor)
    assert (calendar["METHOD"], event["STATUS"], event["SEQUENCE"]) == ("PUBLISH", "CONFIRMED", 0)
    assert event.decoded("DTSTART") == datetime.fromtimestamp(START, UTC)
    assert event.decoded("DTEND") == datetime.fromtimestamp(START + 600, UTC)
    assert (await held(visitor)).appointment.number in str(event["DESCRIPTION"])
    assert "#" not in str(event["URL"])  # no secret leaves in a file that is kept in other people's clouds
    assert len(event.walk("VALARM")) == 2
    town.now += 60
    await town.made.bookings.move(await visitor.browser(), window=HUADU, at=LATER)
    _, moved = await entry(visitor)
    assert (moved["UID"], moved["SEQUENCE"]) == (event["UID"], 1)
    assert moved.decoded("DTSTART") == datetime.fromtimestamp(LATER, UTC)
    assert moved.decoded("DTSTAMP") > event.decoded("DTSTAMP")
    town.now += 60
    await town.made.bookings.cancel(await visitor.browser())
    calendar, gone = await entry(visitor)
    assert (calendar["METHOD"], gone["STATUS"], gone["SEQUENCE"]) == ("CANCEL", "CANCELLED", 2)
    assert gone["UID"] == event["UID"]


# --- what time brings ------------------------------------------------------------------------------------


async def test_reminders_are_sent_once_by_however_many_watches(either_town: Town) -> None:
    town = either_town
    visitor = await booker(town)
    watch = town.made.appointments
    await watch.due()
    assert len(texts_to(visitor)) == 1
    for moment_due, words in ((START - 86_400, "备好材料"), (START - 1800, "快到了")):
        town.now = moment_due
        before = len(texts_to(visitor))
        await all_at_once(*(watch.due() for _ in range(5)))
        assert len(texts_to(visitor)) == before + 1
        assert words in texts_to(visitor)[0]


async def test_who_does_not_come_loses_the_seat_and_is_told_how_to_go_on(town: Town) -> None:
    visitor = await booker(town)
    town.now = START + 1800
    await come_back(visitor)
    with pytest.raises(Gone, match="appointment_over"):
        await check_in(visitor)
    await all_at_once(*(town.made.appointments.due() for _ in range(3)))
    view = await held(visitor)
    assert (view.appointment.state, view.phase) == (State.NO_SHOW, "over")
    assert "随时取号" in texts_to(visitor)[0]
    assert len([text for text in texts_to(visitor) if "随时取号" in text]) == 1
    async with town.house.ledger.read() as conn:
        assert await town.house.appointments.of_citizen(conn, view.appointment.citizen, "HR01") is None
    await visitor.take_number()


async def test_a_reminder_that_cannot_be_sent_is_tried_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await booker(town)
    town.now = START - 1800
    gateway = town.house.demo_sms
    assert gateway is not None
    sent = type(gateway).send

    async def away(self: object, mobile: str, text: str, *, key: str, now: float) -> None:
        raise Unavailable("sms_unavailable")

    monkeypatch.setattr(type(gateway), "send", away)
    await town.made.appointments.due()
    monkeypatch.setattr(type(gateway), "send", sent)
    await town.made.appointments.due()
    assert "快到了" not in texts_to(visitor)[0]
    town.now += 2
    await town.made.appointments.due()
    await town.made.appointments.due()
    assert "快到了" in texts_to(visitor)[0]
    assert "快到了" not in texts_to(visitor)[1]


# --- instead of a number ---------------------------------------------------------------------------------


async def test_the_district_list_shows_today_and_tomorrow_with_masked_names(town: Town) -> None:
    today = await booker(town, moment(date(2026, 5, 20), time(15)))
    await booker(town, moment(date(2026, 5, 21), time(9, 30)))
    await booker(town)
    admin = await town.desk("boss", role="district_admin")
    view = await town.made.appointments.day_list(admin.staff, None)
    assert [[row.starts_at for row in day.rows] for day in view.days] == [
        [moment(date(2026, 5, 20), time(15))],
        [moment(date(2026, 5, 21), time(9, 30))],
    ]
    assert view.days[0].rows[0].name == "王**"
    assert view.missed_percent is None
    with pytest.raises(NotFound, match="unknown_district"):
        await town.made.appointments.day_list(admin.staff, TIANHE)
    town.now = moment(date(2026, 5, 20), time(15, 30))
    await town.made.appointments.due()
    view = await town.made.appointments.day_list(admin.staff, HUADU)
    assert view.days[0].rows[0].state == "no_show"
    assert view.missed_percent == 100
    assert (await held(today)).phase == "over"


async def instead(visitor: Visitor) -> tuple[Verdict, list[DistrictCode], list[float]]:
    """(why not, districts offered, times offered)."""
    made = visitor.town.made
    view = await made.bookings.instead(made.intakes.of(await visitor.browser(), visitor.item))
    return view.verdict, [one.district.code for one in view.others], [slot.start for slot in view.slots]


async def test_when_closed_the_next_free_times_are_offered_and_no_district_that_is_closed_too(
    town: Town,
) -> None:
    await town.agent("tianhe", TIANHE)
    visitor = await town.visitor()
    town.now = moment(date(2026, 5, 20), time(18))
    with pytest.raises(Conflict, match="office_closed"):
        await visitor.begin()
    verdict, others, times = await instead(visitor)
    nine = moment(date(2026, 5, 21), time(9))
    assert (verdict, others, times) == (Verdict.CLOSED, [], [nine, nine + 600, nine + 1200])
    await town.made.bookings.choose(await visitor.browser(), "HR01", window=HUADU, at=nine)
    assert (await confirm(visitor)).appointment.starts_at == nine


async def test_another_district_is_offered_only_while_it_can_serve_and_the_case_stays_at_home(
    town: Town,
) -> None:
    catalogue = town.house.catalogue
    closed = frozenset({day_of(town.now)})
    typhoon = tuple(
        replace(one, calendar=replace(one.calendar, closed_days=closed))
        if one.code in {HUADU, PANYU}
        else one
        for one in catalogue.districts
    )
    struck = replace(catalogue, districts=typhoon)
    town.made = journey.build(replace(town.house, catalogue=struck))
    visitor = await town.visitor()
    with pytest.raises(Conflict, match="office_closed"):
        await visitor.begin()
    assert (await instead(visitor))[1] == []  # nobody is on duty anywhere
    await town.agent("panyu", PANYU)
    await town.agent("tianhe", TIANHE)
    town.now += 2
    assert (await instead(visitor))[1] == [TIANHE]  # Panyu has people, but is closed itself
    await town.made.intakes.elsewhere(await visitor.browser(), "HR01", TIANHE)
    ticket = await visitor.take()
    assert (ticket.home_district, ticket.number[0]) == (TIANHE, "D")
    assert (await town.case(ticket.application)).home_district == HUADU
    view = await visitor.view()
    assert (view.home.code, view.window.code, view.open_now) == (HUADU, TIANHE, True)


async def test_when_what_waits_fills_the_day_no_number_is_given(town: Town) -> None:
    town.now = moment(date(2026, 5, 20), time(16, 35))
    await town.agent("mei")
    for _ in range(3):
        await town.citizen()
    visitor = await town.visitor()
    town.now += 2
    with pytest.raises(Conflict, match="intake_full") as refused:
        await visitor.begin()
    assert refused.value.values["next"] is not None
    verdict, _, times = await instead(visitor)
    assert verdict is Verdict.FULL
    assert times[0] == moment(date(2026, 5, 21), time(9))


async def test_a_language_nobody_speaks_is_refused_at_once(town: Town) -> None:
    desk = await town.desk("mei")
    visitor = await town.visitor(call_language="yue")
    await town.house.ledger.write(lambda conn: _speak_only(conn, desk.staff.id))
    with pytest.raises(Conflict, match="lane_uncovered"):
        await visitor.begin()
    assert (await instead(visitor))[0] is Verdict.UNCOVERED
    other = await town.visitor(call_language="zh")
    await other.begin()


async def _speak_only(conn: Connection, staff: str) -> None:
    table = tables.staff
    await conn.execute(update(table).where(table.c.id == staff).values(languages=["zh"]))


async def test_with_nobody_on_duty_a_number_is_still_given_and_other_ways_are_shown(town: Town) -> None:
    await town.desk("mei")
    visitor = await town.visitor()
    await visitor.begin()
    verdict, others, times = await instead(visitor)
    assert (verdict, others, len(times)) == (Verdict.UNSTAFFED, [], 3)
    assert (await visitor.take()).number == "H001"


async def test_the_line_being_away_refuses_nobody(town: Town) -> None:
    visitor = await town.visitor(id_number=id_number(77))
    await town.redis.flushall()
    await visitor.begin()
    assert (await instead(visitor))[0] in {Verdict.OPEN, Verdict.UNSTAFFED}


async def test_a_slot_that_a_typhoon_closes_is_withdrawn_with_a_message_and_the_seat_is_free(
    town: Town,
) -> None:
    visitor = await booker(town)
    catalogue = town.house.catalogue
    struck = tuple(
        replace(one, calendar=replace(one.calendar, closed_days=frozenset({FRIDAY})))
        for one in catalogue.districts
    )
    town.made = journey.build(replace(town.house, catalogue=replace(catalogue, districts=struck)))
    town.now = START - 86_400
    await all_at_once(*(town.made.appointments.due() for _ in range(3)))
    await come_back(visitor)
    assert (await held(visitor)).appointment.state is State.WITHDRAWN
    assert len([text for text in texts_to(visitor) if "当天不开放" in text]) == 1
    calendar, event = await entry(visitor)
    assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("what", sorted(MESSAGES))
def test_every_message_says_when_and_leaves_nothing_unfilled(what: str, language: str) -> None:
    item, district = CATALOGUE.item("HR01"), CATALOGUE.district(HUADU)
    text = filled(MESSAGES[what], language, item=item, district=district, at=START, number="N", link="L")
    assert "10:30" in text
    assert ("周五" in text) == (language == "zh-CN")
    assert not set(text) & set("{}")


async def missed(town: Town, visitor: Visitor) -> None:
    """The visitor's seat is given up half an hour after its time."""
    town.now = (await held(visitor)).appointment.starts_at + rules.GIVEN_UP_SECONDS
    await town.made.appointments.due()


async def again(town: Town, visitor: Visitor, day: date) -> Visitor:
    """The same person in a new browser, who chooses a time on ``day``."""
    one = await town.visitor(id_number=visitor.about["id_number"], mobile=visitor.about["mobile"])
    await choose(one, moment(day, time(15)))
    return one


async def test_who_misses_two_appointments_pauses_booking_and_still_takes_a_number(either_town: Town) -> None:
    town = either_town
    first = await booker(town, moment(date(2026, 5, 20), time(15)))
    await missed(town, first)
    second = await again(town, first, date(2026, 5, 21))
    await confirm(second)
    await missed(town, second)
    third = await again(town, first, date(2026, 5, 22))
    with pytest.raises(Conflict, match="booking_paused") as refused:
        await confirm(third)
    assert refused.value.values == {"until": "2026-06-04"}
    town.now = moment(date(2026, 5, 22), time(10))
    walk_in = await town.visitor(id_number=first.about["id_number"], mobile=first.about["mobile"])
    await walk_in.take_number()
    assert (await town.ticket(walk_in.ticket)).live
