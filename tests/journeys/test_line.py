"""The life of a ticket beside the plain way: set aside, passed on, rung back, resumed, lent agents."""

from datetime import date

import pytest

from cloudwindow.domain.errors import BadInput, Conflict, NotFound
from cloudwindow.domain.messages import AgentAvailable, AgentAway, CallHangUp
from cloudwindow.domain.session import Outcome
from cloudwindow.domain.ticket import State
from cloudwindow.journey.calls import Onward
from cloudwindow.journey.desk import profile_of
from tests.journeys.town import HUADU, PANYU, TIANHE, Town, id_number


async def number(town: Town, ticket: str) -> str:
    return (await town.ticket(ticket)).number


async def test_a_parked_citizen_is_rung_at_the_promised_time_by_the_same_agent(town: Town) -> None:
    visitor, desk = await town.in_call()
    other = await town.agent("lan")
    joined = (await town.ticket(visitor.ticket)).joined_at
    await town.made.desks.park(desk.staff, 30, "fetch_papers")
    await town.settle()
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.state, ticket.joined_at, ticket.callback) == (State.WAITING, joined, True)
    assert (await town.session(visitor.ticket)).outcome is Outcome.DRAFT_OWNED
    await visitor.shut()
    await town.pass_time(29 * 60)
    assert [await desk.offered(), await other.offered()] == [None, None]
    await town.pass_time(61)
    assert await desk.offered() == ticket.number
    await desk.accept()
    await visitor.open()
    await visitor.join()
    assert (await town.ticket(visitor.ticket)).state is State.SERVING
    assert {"ticket.parked", "session.closed"} <= set(await town.kinds(visitor.application))


async def test_a_promised_time_lies_ahead_and_within_four_hours(town: Town) -> None:
    visitor, desk = await town.in_call()
    for minutes in (0, -5, 241):
        with pytest.raises(BadInput, match="promised_time_unusable"):
            await town.made.desks.park(desk.staff, minutes, "fetch_papers")
    with pytest.raises(BadInput, match="unknown_reason"):
        await town.made.desks.park(desk.staff, 10, "lunch")
    assert (await town.ticket(visitor.ticket)).state is State.SERVING
    with pytest.raises(Conflict, match="no_call"):
        await town.made.desks.park((await town.agent("lan")).staff, 10, "other")


async def test_a_transfer_keeps_number_and_clock_and_rings_where_it_was_sent(town: Town) -> None:
    visitor, desk = await town.in_call()
    english = await town.agent("lan", TIANHE)
    before = await town.ticket(visitor.ticket)
    onward = Onward(language="en", agent=english.staff.id)
    await town.made.desks.transfer(desk.staff, onward, "other_language")
    await town.settle()
    after = await town.ticket(visitor.ticket)
    assert (after.number, after.joined_at) == (before.number, before.joined_at)
    assert after.language == "en"
    assert await english.offered() == before.number, "the named agent is asked first"
    assert (await town.session(visitor.ticket)).outcome is Outcome.TRANSFERRED
    assert (await desk.view()).stage == "idle"
    await english.accept()
    await visitor.join()
    assert (await visitor.view()).stage == "in_call"


async def test_a_transfer_to_the_right_home_takes_the_case_along(town: Town) -> None:
    visitor, desk = await town.in_call()
    street = town.house.catalogue.district(PANYU).streets[0].code
    with pytest.raises(BadInput, match="unknown_street"):
        await town.made.desks.transfer(desk.staff, Onward(home_district=PANYU), "wrong_district")
    await town.made.desks.transfer(
        desk.staff, Onward(home_district=PANYU, home_street=street), "wrong_district"
    )
    case = await town.case(visitor.application)
    assert (case.home_district, case.home_street) == (PANYU, street)
    assert (await town.ticket(visitor.ticket)).home_district == PANYU


@pytest.mark.parametrize(
    ("onward", "code"),
    [
        (Onward(language="fr"), "unknown_language"),
        (Onward(mode="smoke"), "unknown_mode"),
        (Onward(agent="nobody"), "unknown_agent"),
    ],
)
async def test_an_unusable_transfer_changes_nothing(town: Town, onward: Onward, code: str) -> None:
    visitor, desk = await town.in_call()
    before = await town.ticket(visitor.ticket)
    with pytest.raises(BadInput, match=code):
        await town.made.desks.transfer(desk.staff, onward, "other")
    with pytest.raises(BadInput, match="unknown_reason"):
        await town.made.desks.transfer(desk.staff, Onward(), "because")
    assert await town.ticket(visitor.ticket) == before
    with pytest.raises(NotFound, match="unknown_district"):
        await town.made.desks.transfer(
            desk.staff, Onward(home_district="110101", home_street="110101001"), "wrong_district"
        )


async def test_a_citizen_can_ask_to_be_rung_later_without_losing_the_place(town: Town) -> None:
    visitor = await town.citizen()
    behind = await town.citizen()
    await town.made.visits.hold(await visitor.browser(), 20)
    await visitor.shut()
    await town.pass_time(1200)
    desk = await town.agent("mei")
    assert await desk.offered() == await number(town, visitor.ticket)
    assert (await town.ticket(behind.ticket)).state is State.WAITING


async def test_a_ringing_citizen_can_put_the_call_off(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await town.made.visits.hold(await visitor.browser(), 10)
    await town.settle()
    assert (await desk.view()).stage == "idle"
    await town.pass_time(601)
    assert await desk.offered() == await number(town, visitor.ticket)


async def test_who_asked_to_be_rung_keeps_the_place_with_the_page_closed(town: Town) -> None:
    visitor = await town.citizen()
    await town.made.visits.call_back(await visitor.browser(), True)
    await visitor.shut()
    await town.pass_time(3600)
    desk = await town.agent("mei")
    assert await desk.offered() == await number(town, visitor.ticket)
    await desk.accept()
    ticket = await town.ticket(visitor.ticket)
    assert ticket.deadline == town.now + 60, "a link has to be opened first"
    with pytest.raises(Conflict, match="state_forbids"):
        await town.made.visits.call_back(await visitor.browser(), False)


async def test_waiting_on_the_page_again_ends_the_promised_time(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await town.made.visits.hold(await visitor.browser(), 60)
    await town.made.visits.call_back(await visitor.browser(), False)
    await town.settle()
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.not_before, ticket.callback) == (None, False)
    assert await desk.offered() == ticket.number


async def test_a_call_that_broke_off_is_resumed_first_by_the_same_agent(town: Town) -> None:
    visitor, desk = await town.in_call()
    await visitor.leave()
    await desk.finish("draft_owned", note="明天再来", then="away")
    other = await town.citizen()
    await town.pass_time(300)
    again = await town.visitor(**visitor.about)
    taken = await again.take_number()
    assert (taken.priority, taken.credit_seconds) == ("resumed_drop", 600)
    assert taken.preferred_agent == desk.staff.id
    await again.open()
    await desk.say(AgentAvailable())
    assert await desk.offered() == taken.number
    assert taken.application == visitor.application
    assert (await town.ticket(other.ticket)).state is State.WAITING


async def test_age_and_stated_reasons_give_ten_minutes_and_no_more(town: Town) -> None:
    old = await town.visitor(id_number=born(1940))
    stated = await town.visitor(priority="pregnant")
    plain = await town.visitor()
    taken = [await one.take_number() for one in (old, stated, plain)]
    assert [(one.priority, one.credit_seconds) for one in taken] == [
        ("age_80", 600),
        ("pregnant", 600),
        ("", 0),
    ]


def born(year: int) -> str:
    """A valid identity number of somebody born on the first of March of ``year``."""
    stem = id_number(7)[:6] + f"{year}0301" + "001"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(stem, weights, strict=True))
    return stem + "10X98765432"[total % 11]


async def test_lent_agents_come_before_neighbours_from_beginning_to_end(town: Town) -> None:
    await town.in_call()
    lent = await town.agent("lan", TIANHE)
    admin = await town.desk("chief", TIANHE)
    aid = town.made.aid
    await aid.lend(
        admin.staff, lender=TIANHE, borrower=HUADU, starts_at=0, ends_at=town.now + 3600, reason="排队较长"
    )
    visitor = await town.citizen()
    await town.pass_time(120)
    assert await lent.offered() == await number(town, visitor.ticket)
    assert [one.lender for one in await aid.agreed(HUADU)] == [TIANHE]
    with pytest.raises(Conflict, match="lending_exists"):
        await aid.lend(
            admin.staff, lender=TIANHE, borrower=HUADU, starts_at=0, ends_at=town.now + 900, reason="再次"
        )
    await town.pass_time(3600)
    await town.sweep()
    assert await town.house.line.lenders() == {}


async def test_nobody_lends_the_agents_of_another_district(town: Town) -> None:
    admin = await town.desk("chief", TIANHE)
    aid, soon = town.made.aid, town.now + 3600
    for lender, borrower, ends_at, reason, code in (
        (PANYU, HUADU, soon, "忙", "unknown_district"),
        (TIANHE, TIANHE, soon, "忙", "lending_to_itself"),
        (TIANHE, HUADU, town.now + 60, "忙", "lending_time_unusable"),
        (TIANHE, HUADU, soon, "  ", "reason_required"),
    ):
        with pytest.raises((BadInput, NotFound), match=code):
            await aid.lend(
                admin.staff, lender=lender, borrower=borrower, starts_at=0, ends_at=ends_at, reason=reason
            )
    lending = await aid.lend(
        admin.staff, lender=TIANHE, borrower=HUADU, starts_at=0, ends_at=soon, reason="忙"
    )
    stranger = await town.desk("stranger", PANYU)
    with pytest.raises(NotFound, match="unknown_lending"):
        await aid.end(stranger.staff, lending.id)
    await aid.end(admin.staff, lending.id)
    assert list(await aid.agreed(None)) == []
    assert await town.house.line.lenders() == {}


async def test_a_certificate_that_has_expired_takes_its_skill_along(town: Town) -> None:
    staff = (await town.desk("mei")).staff
    object.__setattr__(staff, "levels", {"human_resources": 2})
    object.__setattr__(
        staff, "certified_until", {"civil_affairs": "2026-11-24", "human_resources": "2026-11-25"}
    )
    assert "civil_affairs" in staff.skills
    today = profile_of(staff, date(2026, 11, 25))
    assert {"human_resources", "human_resources.2"} <= today.skills
    assert "civil_affairs" not in today.skills


async def test_an_agent_takes_by_hand_and_gives_a_reason(town: Town) -> None:
    first, second = await town.citizen(), await town.citizen()
    desk = await town.desk("mei")
    await desk.open()
    with pytest.raises(BadInput, match="unknown_reason"):
        await town.made.desks.pick(desk.staff, second.ticket, "because")
    await town.made.desks.pick(desk.staff, second.ticket, "urgent")
    await town.settle()
    assert await desk.offered() == await number(town, second.ticket)
    await desk.accept()
    await second.join()
    assert (await town.ticket(first.ticket)).state is State.WAITING
    with pytest.raises(Conflict, match="ticket_not_waiting"):
        await town.made.desks.pick((await town.agent("lan")).staff, second.ticket, "urgent")


async def test_a_break_asked_for_in_a_call_waits_for_the_outcome(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.say(AgentAway(reason="break"))
    assert (await desk.view()).stage == "in_call"
    await visitor.leave()
    await desk.finish("consulted", then="available")
    assert (await desk.view()).stage == "away"


async def test_promises_outlive_the_loss_of_the_line(town: Town) -> None:
    waiting = await town.citizen()
    aside = await town.citizen()
    await town.made.visits.hold(await aside.browser(), 10)
    await aside.shut()
    await town.redis.flushall()
    town._heard = "0-0"
    await town.sweep()
    desk = await town.agent("mei")
    assert await desk.offered() == await number(town, waiting.ticket)
    await desk.accept()
    await waiting.join()
    await town.pass_time(601)
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    assert await desk.offered() == await number(town, aside.ticket)


async def test_an_agent_is_never_in_two_calls_even_if_the_line_forgot_the_first(town: Town) -> None:
    """The line lets them be free after a loss; the ledger knows that an outcome is owed."""
    first, desk = await town.in_call()
    await desk.say(CallHangUp())
    await town.redis.flushall()
    town._heard = "0-0"
    await town.sweep()
    await desk.open()
    with pytest.raises(Conflict, match="call_not_closed"):
        await desk.say(AgentAvailable())
    for by_hand in (town.made.desks.next(desk.staff), town.made.desks.start(desk.staff)):
        with pytest.raises(Conflict, match="call_not_closed"):
            await by_hand
    second = await town.citizen()
    await town.house.line.set_available(desk.staff.id, now=town.now)  # as if a race had let them
    offer = await town.house.line.agents()
    ringing = next(one.offer for one in offer if one.agent == desk.staff.id)
    assert ringing is not None
    with pytest.raises(Conflict, match="call_not_closed"):
        await town.made.calls.accept(desk.staff, ringing)
    assert (await town.ticket(second.ticket)).state is State.WAITING
    other = await town.agent("lan")
    assert await other.offered() == await number(town, second.ticket)
    assert (await desk.view()).stage == "wrap_up"
    await desk.finish("consulted")
    assert (await town.session(first.ticket)).outcome is Outcome.CONSULTED


async def test_who_is_free_beside_an_open_call_is_set_away_by_the_watch(town: Town) -> None:
    _, desk = await town.in_call()
    await desk.say(CallHangUp())
    await town.redis.flushall()
    town._heard = "0-0"
    await town.sweep()
    await desk.open()
    await town.house.line.set_available(desk.staff.id, now=town.now)
    await town.pass_time(15)
    await town.sweep()
    assert [one.state.value for one in await town.house.line.agents()] == ["away"]
