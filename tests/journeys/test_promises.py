"""The wait that is shown: promised with the number, judged by the call, hidden where a district wants it."""

from collections.abc import Mapping
from dataclasses import replace

from cloudwindow.domain.ids import TicketId
from cloudwindow.domain.messages import AgentAway, AgentStay, PlaceChanged
from cloudwindow.journey.places import Places, as_told
from cloudwindow.journey.promises import FEWEST_CASES, wait_record
from cloudwindow.records import promises
from cloudwindow.records.promises import Record
from tests.journeys.town import HUADU, Town

TOLD = PlaceChanged(ahead=3, low_minutes=4, high_minutes=10, agents=4)


async def records(town: Town) -> Mapping[str, Record]:
    async with town.house.ledger.read() as conn:
        return await promises.records(conn, since=0.0)


async def test_a_wait_that_was_shown_is_judged_when_the_citizen_is_called(town: Town) -> None:
    await town.in_call()
    visitor = await town.citizen()
    place = (await visitor.view()).place
    assert place is not None
    assert place.high_seconds is not None
    await town.pass_time(place.high_seconds + 120)
    await visitor.open()
    helper = await town.agent("lan")
    assert await helper.offered() is not None
    assert await records(town) == {}
    await helper.accept()
    assert await records(town) == {HUADU: Record(cases=1, kept=0)}
    published = await town.made.promises.published()
    assert {one.name.zh: one.cases for one in published}["花都区"] == 1


async def test_a_wait_longer_than_shown_makes_the_next_shown_range_longer(town: Town) -> None:
    await town.in_call()
    first = await town.citizen()
    shown = (await first.view()).place
    async with town.house.ledger.read() as conn:
        assert await promises.calibration(conn) == {}
    await town.pass_time(2400)
    await first.leave()
    await town.made.promises.recalibrate()
    again = (await (await town.citizen()).view()).place
    assert shown is not None
    assert again is not None
    assert again.expected_seconds == shown.expected_seconds
    assert (again.point_seconds or 0) > (shown.point_seconds or 0)


async def test_no_wait_is_shown_to_who_comes_after_all_that_the_shift_allows(town: Town) -> None:
    _, desk = await town.in_call()
    visitor = await town.citizen()
    before = (await visitor.view()).place
    await town.house.line.end_shift_at(desk.staff.id, town.now + 60, now=town.now)
    places = Places(town.house)
    after = await places.place(TicketId(visitor.ticket))
    assert before is not None
    assert after is not None
    assert before.high_seconds is not None
    assert (after.agents_on_duty, after.high_seconds) == (1, None)


async def test_who_goes_on_a_break_after_the_call_is_not_counted_on(town: Town) -> None:
    _, desk = await town.in_call()
    visitor = await town.citizen()
    before = (await visitor.view()).place
    await desk.say(AgentAway(reason="break"))
    leaving = (await visitor.view()).place
    await desk.say(AgentStay())
    again = (await visitor.view()).place
    assert before is not None
    assert leaving is not None
    assert again is not None
    assert before.high_seconds is not None
    assert (leaving.agents_on_duty, leaving.high_seconds) == (1, None)
    assert again.high_seconds == before.high_seconds


async def test_nothing_is_promised_while_nobody_is_on_duty(town: Town) -> None:
    visitor = await town.citizen()
    await town.pass_time(300)
    await visitor.open()
    desk = await town.agent("mei")
    await desk.accept()
    assert await records(town) == {}


async def test_who_leaves_after_the_range_was_over_counts_against_us(town: Town) -> None:
    await town.in_call()
    visitor = await town.citizen()
    place = (await visitor.view()).place
    assert place is not None
    assert place.high_seconds is not None
    await town.pass_time(place.high_seconds + 60)
    await visitor.leave()
    assert await records(town) == {HUADU: Record(cases=1, kept=0)}


async def test_a_district_may_hide_the_place_or_the_wait(town: Town) -> None:
    home = town.house.catalogue.district(HUADU)
    shown = as_told(TOLD, home)
    assert (shown.ahead, shown.low_minutes, shown.high_minutes) == (3, 4, 10)
    no_wait = as_told(TOLD, replace(home, show_wait=False))
    assert (no_wait.ahead, no_wait.low_minutes, no_wait.high_minutes) == (3, None, None)
    no_place = as_told(TOLD, replace(home, show_place=False))
    assert (no_place.ahead, no_place.low_minutes, no_place.high_minutes) == (None, 4, 10)


async def test_a_share_of_too_few_cases_is_not_published(town: Town) -> None:
    home = town.house.catalogue.district(HUADU)
    few, enough = Record(cases=FEWEST_CASES - 1, kept=3), Record(cases=FEWEST_CASES, kept=16)
    assert wait_record(home, {HUADU: few}).share is None
    assert wait_record(home, {HUADU: enough}).share == 0.8
    assert wait_record(home, {}).cases == 0
