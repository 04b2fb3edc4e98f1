"""What agents choose from and say of themselves: whom they take, where a call goes on, when they leave."""

import pytest

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.messages import AgentAvailable, AgentAway
from cloudwindow.journey import taking
from cloudwindow.journey.calls import Onward
from cloudwindow.journey.views import DeskView, OnwardView
from tests.journeys.test_line import number
from tests.journeys.town import HUADU, PANYU, TIANHE, Desk, Town


async def shown(town: Town, desk: Desk, panel: str) -> DeskView:
    """The desk as one of its panels asks for it."""
    return await town.made.desks.view(desk.staff, "zh-CN", panels=frozenset({panel}))


async def onward(town: Town, desk: Desk) -> OnwardView:
    """Where the call of this desk can go on."""
    found = (await shown(town, desk, "transfer")).onward
    assert found is not None
    return found


async def test_who_takes_by_hand_is_rung_only_when_they_ask(town: Town) -> None:
    desk = await town.desk("mei")
    await desk.open()
    await desk.say(AgentAvailable(pull=True))
    visitor = await town.citizen()
    await town.pass_time(600)
    view = await desk.view()
    assert (view.stage, view.pull, view.offer) == ("idle", True, None)
    assert [one.number for one in view.choices] == [await number(town, visitor.ticket)]
    assert await town.made.desks.next(desk.staff)
    assert await desk.offered() == await number(town, visitor.ticket)


async def test_asking_for_the_next_one_while_nobody_waits_leaves_the_agent_ready(town: Town) -> None:
    desk = await town.desk("mei")
    await desk.open()
    await desk.say(AgentAvailable(pull=True))
    assert not await town.made.desks.next(desk.staff)
    assert (await desk.view()).stage == "idle"


async def test_who_was_away_and_takes_somebody_goes_on_taking_by_hand(town: Town) -> None:
    first, second = await town.citizen(), await town.citizen()
    desk = await town.desk("mei")
    await desk.open()
    with pytest.raises(BadInput, match="unknown_reason"):
        await town.made.desks.pick(desk.staff, second.ticket, "because")
    assert (await desk.view()).stage == "away"
    await town.made.desks.pick(desk.staff, second.ticket, "urgent")
    await town.settle()
    await desk.accept()
    await second.join()
    await second.leave()
    await desk.finish("consulted")
    view = await desk.view()
    assert (view.stage, view.pull, view.offer) == ("idle", True, None)
    assert [one.ticket for one in view.choices] == [first.ticket]


async def test_the_list_holds_those_whom_the_agent_may_take_longest_wait_first(town: Town) -> None:
    first, english = await town.citizen(), await town.citizen(call_language="en")
    typing, gone = await town.citizen(mode="text"), await town.citizen()
    last = await town.citizen(home_district=PANYU, home_street=street_of(town, PANYU))
    await gone.shut()
    desk = await town.desk("mei")
    object.__setattr__(desk.staff, "modes", ("video",))
    await desk.open()
    wanted = [first, english, last]
    listed = [one.ticket for one in (await desk.view()).choices]
    assert listed == [one.ticket for one in wanted]
    assert typing.ticket not in listed


def street_of(town: Town, district: str) -> str:
    return town.house.catalogue.district(district).streets[0].code


async def test_the_list_ends_after_twenty(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CHOICES_SHOWN", 2)
    taken = [await town.citizen() for _ in range(3)]
    desk = await town.desk("mei")
    await desk.open()
    assert [one.ticket for one in (await desk.view()).choices] == [one.ticket for one in taken[:2]]


async def test_who_is_rung_by_the_line_is_shown_no_list(town: Town) -> None:
    await town.in_call()
    assert (await (await town.agent("mei")).view()).choices == ()
    waiting = await town.citizen(mode="text")
    other = await town.desk("lan")
    await other.open()
    assert waiting.ticket not in {one.ticket for one in (await other.view()).choices}, "it rings elsewhere"
    assert (await shown(town, other, "status")).choices == (), "a panel without the list does not look it up"


async def test_an_offer_says_what_makes_it_special(town: Town) -> None:
    visitor, desk = await town.in_call()
    await town.made.desks.park(desk.staff, 10, "fetch_papers")
    await town.pass_time(601)
    offer = (await desk.view()).offer
    assert offer is not None
    assert (offer.preferred, offer.served_before, offer.aside_reason) == (True, True, "fetch_papers")
    assert offer.promised_at == (await town.ticket(visitor.ticket)).not_before
    assert (offer.ring, offer.passed_on) == (0, "")


async def test_a_named_colleague_is_told_who_was_passed_on_and_why(town: Town) -> None:
    _, desk = await town.in_call()
    other = await town.agent("lan", PANYU)
    await town.made.desks.transfer(desk.staff, Onward(agent=other.staff.id), "special_knowledge")
    await town.settle()
    offer = (await other.view()).offer
    assert offer is not None
    assert (offer.preferred, offer.served_before, offer.passed_on) == (True, False, "special_knowledge")
    assert offer.ring == 3


async def test_lent_agents_see_that_their_district_lends_them(town: Town) -> None:
    admin = await town.desk("chief", TIANHE)
    await town.made.aid.lend(
        admin.staff, lender=TIANHE, borrower=HUADU, starts_at=0, ends_at=town.now + 3600, reason="排队较长"
    )
    lent = await town.agent("lan", TIANHE)
    await town.citizen()
    offer = (await lent.view()).offer
    assert offer is not None
    assert offer.ring == 1


async def test_colleagues_at_work_with_the_skill_can_be_named(town: Town) -> None:
    _, desk = await town.in_call()
    free, away = await town.agent("lan", TIANHE), await town.desk("hui")
    unable = await town.desk("kei")
    object.__setattr__(unable.staff, "skills", ("civil_affairs",))
    for one in (away, unable):
        await one.open()
    await unable.say(AgentAvailable())
    found = await onward(town, desk)
    assert [one.id for one in found.colleagues] == [free.staff.id]
    assert [at for _, at in found.parks] == [town.now + 60 * minutes for minutes, _ in found.parks]
    assert (await desk.view()).onward is None


async def test_a_transfer_that_changes_nothing_is_refused(town: Town) -> None:
    visitor, desk = await town.in_call()
    before = await town.ticket(visitor.ticket)
    with pytest.raises(BadInput, match="transfer_unchanged"):
        await town.made.desks.transfer(desk.staff, Onward(), "other")
    assert await town.ticket(visitor.ticket) == before


async def test_nobody_is_passed_on_to_wait_for_somebody_who_is_not_employed(town: Town) -> None:
    visitor, desk = await town.in_call()
    before = await town.ticket(visitor.ticket)
    with pytest.raises(Conflict, match="lane_uncovered"):
        await town.made.desks.transfer(desk.staff, Onward(mode="sign"), "other")
    assert await town.ticket(visitor.ticket) == before


async def test_a_break_that_was_asked_for_is_shown_until_it_begins(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.say(AgentAway(reason="break"))
    assert (await desk.view()).leaving == "break"
    await visitor.leave()
    await desk.finish("consulted")
    view = await desk.view()
    assert (view.stage, view.leaving, view.away_reason) == ("away", "", "break")


async def test_a_shift_ends_when_it_was_said_and_after_the_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    idle = await town.agent("lan")
    ends = clock_of(town, 40)
    for one in (desk, idle):
        await town.made.desks.end_shift(one.staff, ends)
    assert (await desk.view()).shift_ends_at == taking.shift_end(ends, town.now)
    await town.pass_time(41 * 60)
    assert ((await idle.view()).stage, (await idle.view()).away_reason) == ("away", "end_of_shift")
    view = await desk.view()
    assert (view.stage, view.leaving, view.shift_ends_at) == ("in_call", "end_of_shift", None)
    await visitor.leave()
    await desk.finish("consulted")
    assert (await desk.view()).stage == "away"


def clock_of(town: Town, minutes: int) -> str:
    """What the clock in Guangzhou shows in so many minutes."""
    seconds = int(town.now + minutes * 60 + 8 * 3600) % 86_400
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


async def test_a_shifts_end_can_be_taken_back(town: Town) -> None:
    desk = await town.agent("mei")
    await town.made.desks.end_shift(desk.staff, clock_of(town, 40))
    await town.made.desks.end_shift(desk.staff, "")
    assert (await desk.view()).shift_ends_at is None


@pytest.mark.parametrize("clock", ["25:00", "soon", "00:01", "23:59:59", "2359", "٢٣:٥٩", "-1:00"])
async def test_a_shift_ends_at_a_time_that_is_still_to_come_today(town: Town, clock: str) -> None:
    desk = await town.agent("mei")
    with pytest.raises(BadInput, match="shift_end_unusable"):
        await town.made.desks.end_shift(desk.staff, clock)
    assert (await desk.view()).shift_ends_at is None


async def test_two_missed_calls_are_the_reason_shown(town: Town) -> None:
    desk = await town.agent("mei")
    await town.citizen()
    await town.pass_time(21)
    await town.pass_time(21)
    assert (await desk.view()).away_reason == "missed"


async def test_a_parked_citizen_reads_when_and_by_whom_they_are_rung(town: Town) -> None:
    visitor, desk = await town.in_call()
    await town.made.desks.park(desk.staff, 30, "fetch_papers")
    view = await visitor.view()
    assert view.stage == "waiting"
    assert view.set_aside is not None
    assert (view.set_aside.kind, view.set_aside.until) == ("parked", town.now + 1800)
    assert view.set_aside.agent is not None
    assert view.set_aside.agent.number == desk.staff.number


async def test_a_citizen_passed_on_reads_for_whom_they_wait(town: Town) -> None:
    visitor, desk = await town.in_call()
    assert (await visitor.view()).set_aside is None
    await town.made.desks.transfer(desk.staff, Onward(mode="audio"), "other_mode")
    view = await visitor.view()
    assert view.set_aside is not None
    assert (view.set_aside.kind, view.set_aside.agent, view.ticket.mode) == ("passed_on", None, "audio")


async def test_the_board_tells_of_lendings_and_of_leaving(town: Town) -> None:
    _, desk = await town.in_call()
    await desk.say(AgentAway(reason="break"))
    admin, city = await town.desk("chief", TIANHE), await town.desk("mayor", PANYU, role="city_admin")
    await town.made.aid.lend(
        admin.staff,
        lender=TIANHE,
        borrower=HUADU,
        starts_at=town.now + 600,
        ends_at=town.now + 4200,
        reason="忙",
    )
    boards = town.made.boards
    own, all_of_it = await boards.view(admin.staff, None), await boards.view(city.staff, None)
    assert [(one.lender.code, one.borrower.code, one.begun) for one in own.lendings] == [
        (TIANHE, HUADU, False)
    ]
    assert [one.code for one in own.lenders] == [TIANHE]
    assert len(all_of_it.lenders) == 11
    assert [one.leaving for one in all_of_it.agent_rows if one.state == "in_call"] == ["break"]
    assert (await boards.view((await town.desk("other", PANYU)).staff, None)).lendings == []
