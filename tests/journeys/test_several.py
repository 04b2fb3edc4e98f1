"""Several items in one ticket: one number, one clock, one call, an outcome for each."""

import pytest

from cloudwindow.domain.errors import BadInput, Conflict, NotFound
from cloudwindow.domain.match import Lane
from cloudwindow.domain.matter import Matter
from cloudwindow.domain.messages import CallHangUp, ChatSay
from cloudwindow.domain.session import Outcome
from cloudwindow.domain.ticket import State
from cloudwindow.journey.calls import Onward
from cloudwindow.records import matters
from tests.journeys.town import (
    ANSWERS,
    HUADU,
    PANYU,
    Desk,
    Town,
    Visitor,
    signed,
    submitted,
)


async def adding(visitor: Visitor, *items: str) -> Visitor:
    """The visitor at the page of the code, with ``items`` added."""
    await visitor.begin()
    for item in items:
        await visitor.town.made.matters.add(await visitor.browser(), visitor.item, item)
    return visitor


async def with_several(town: Town, first: str = "HR01", *more: str, **typed: str) -> Visitor:
    """A citizen who waits, page open, with one number for several items."""
    town.now += 1
    visitor = await adding(await town.visitor(first, **typed), *(more or ("PS01",)))
    taken = await visitor.take()
    visitor.ticket, visitor.application = taken.id, taken.application
    await visitor.open()
    await town.settle()
    return visitor


async def talking(town: Town, *more: str) -> tuple[Visitor, Desk]:
    """The same in a call."""
    desk = await town.agent("mei")
    visitor = await with_several(town, "HR01", *more)
    await desk.accept()
    await visitor.join()
    return visitor, desk


async def about(town: Town, visitor: Visitor) -> list[Matter]:
    """The matters of the visitor's ticket, as the ledger has them."""
    async with town.house.ledger.read() as conn:
        return list(await matters.of_ticket(conn, visitor.ticket))


async def go_on(town: Town, visitor: Visitor, desk: Desk, outcome: str = "", text: str = "") -> None:
    """The next matter opens; the visitor's page is about it from now on."""
    await town.made.matters.go_on(desk.staff, outcome, text)
    await town.settle()
    now = await town.ticket(visitor.ticket)
    visitor.application, visitor.item = now.application, now.item


async def outcomes(town: Town, visitor: Visitor) -> list[Outcome | None]:
    return [one.outcome for one in await about(town, visitor)]


# --- choosing ----------------------------------------------------------------------------------------------


async def test_two_items_are_one_number_in_a_lane_that_asks_for_both_skills(either_town: Town) -> None:
    town = either_town
    visitor = await with_several(town, "HR01", "PS01")
    ticket = await town.ticket(visitor.ticket)
    lane = Lane.parse((await town.house.line.load())[0].lane.key)
    wanted = {town.house.item_of(one).skill for one in ("HR01", "PS01")}
    assert lane.skills == wanted == set(ticket.skill.split("+"))
    assert [one.item for one in await about(town, visitor)] == ["HR01", "PS01"]
    for one in await about(town, visitor):
        assert "ticket.taken" in await town.kinds(one.application)
    assert [one.name for one in (await visitor.view()).matters] == [
        town.house.item_of(one).name for one in ("HR01", "PS01")
    ]


async def test_what_cannot_be_added_is_refused_by_name(town: Town) -> None:
    visitor = await adding(await town.visitor("HR01"), "PS01", "CA04")
    add = town.made.matters.add
    for item, error, code in (
        ("PS01", Conflict, "matter_twice"),
        ("HR01", Conflict, "matter_twice"),
        ("XX99", NotFound, "unknown_item"),
    ):
        with pytest.raises(error, match=code):
            await add(await visitor.browser(), "HR01", item)
    await town.made.matters.drop(await visitor.browser(), "HR01", "PS01")
    intake = town.made.intakes.of(await visitor.browser(), "HR01")
    assert intake.more == ("CA04",)


async def test_a_fourth_item_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudwindow.journey.matters.MOST", 2)
    visitor = await adding(await town.visitor("HR01"), "PS01")
    with pytest.raises(Conflict, match="matters_full"):
        await town.made.matters.add(await visitor.browser(), "HR01", "CA04")
    basket = await town.made.matters.basket(town.made.intakes.of(await visitor.browser(), "HR01"))
    assert (basket.full, basket.together) == (True, [])


async def test_items_that_no_one_agent_can_do_are_offered_a_number_each(town: Town) -> None:
    for account, item in (("mei", "HR01"), ("lan", "CA04")):
        await town.desk(account, skills=(town.house.item_of(item).skill_group,))
    visitor = await adding(await town.visitor("HR01"))
    intake = town.made.intakes.of(await visitor.browser(), "HR01")
    basket = await town.made.matters.basket(intake)
    assert "CA04" in [one.id for one in basket.apart]
    with pytest.raises(Conflict, match="matters_not_together"):
        await town.made.matters.add(await visitor.browser(), "HR01", "CA04")
    assert await visitor.take(), "the number for the first item is had all the same"


async def test_one_live_ticket_for_each_person_and_item_holds_for_every_matter(either_town: Town) -> None:
    town = either_town
    first = await with_several(town, "HR01", "PS01")
    same = {name: first.about[name] for name in ("id_number", "mobile")}
    again = await town.visitor("PS01", **same)
    town.now += 61
    await again.begin()
    assert (await again.take()).id == first.ticket, "the second item brings one back to the number"
    town.now += 61
    other = await adding(await town.visitor("CA04", **same), "PS01")
    with pytest.raises(Conflict, match="matter_has_number"):
        await other.take()
    await town.made.matters.drop(await other.browser(), "CA04", "PS01")
    assert (await other.take()).id != first.ticket, "the code was not spent by the refusal"
    await again.leave()
    town.now += 61
    free = await town.visitor("PS01", **same)
    await free.begin()
    assert (await free.take()).id != first.ticket


async def test_the_same_button_pressed_twice_gives_the_same_number(town: Town) -> None:
    visitor = await adding(await town.visitor("HR01"), "PS01")
    first = await visitor.take()
    assert (await visitor.take("000000")).id == first.id
    assert len(await town.house.line.load()) == 1


# --- waiting -----------------------------------------------------------------------------------------------


async def test_each_matter_is_prepared_while_waiting_and_the_place_stays(town: Town) -> None:
    visitor = await with_several(town, "HR01", "PS01")
    before = await town.ticket(visitor.ticket)
    await visitor.fill({"employ_type": "flexible"})
    await town.made.matters.prepare(visitor.ticket, 2)
    await visitor.fill({"hukou": "elsewhere"})
    view = await visitor.view()
    assert (view.item.id, [one.state for one in view.matters]) == ("PS01", ["open", "now"])
    assert view.place is not None
    assert view.place.ahead == 0
    now = await town.ticket(visitor.ticket)
    assert (now.joined_at, now.number, now.state) == (before.joined_at, before.number, State.WAITING)
    first, second = await about(town, visitor)
    assert "employ_type" in (await town.case(first.application)).values
    assert "hukou" in (await town.case(second.application)).values
    desk = await town.agent("mei")
    await desk.accept()
    assert (await town.ticket(visitor.ticket)).item == "HR01", "a call begins with the first matter"
    with pytest.raises(BadInput, match="unknown_matter"):
        await town.made.matters.prepare(visitor.ticket, 3)
    await visitor.join()
    with pytest.raises(Conflict, match="state_forbids"):
        await town.made.matters.prepare(visitor.ticket, 2)


async def test_an_agent_without_all_skills_is_neither_rung_nor_shown_the_ticket(town: Town) -> None:
    partly = await town.desk("lan", skills=(town.house.item_of("HR01").skill_group,))
    await partly.open()
    able = await town.desk("mei")
    visitor = await with_several(town, "HR01", "CA04")
    assert not (await partly.view()).choices
    await able.open()
    names = [town.house.item_of(one).name.zh for one in ("HR01", "CA04")]
    assert [one.item.zh for one in (await able.view()).choices] == ["、".join(names)]
    await town.made.desks.start(able.staff)
    await town.settle()
    offer = (await able.view()).offer
    assert offer is not None
    assert [one.zh for one in offer.matters] == names
    await able.accept()
    await visitor.join()
    story = await town.made.explaining.story(visitor.ticket)
    assert story.item.zh == "、".join(names)


async def test_the_wait_of_several_matters_is_estimated_by_those_who_can_do_all(town: Town) -> None:
    await town.in_call()
    await town.agent("lan", PANYU)
    await town.citizen()
    visitor = await with_several(town, "HR01", "PS01")
    await town.pass_time(5)
    place = (await visitor.view()).place
    assert place is not None
    assert place.agents_on_duty == 2
    assert place.high_seconds is not None


# --- the call ----------------------------------------------------------------------------------------------


async def test_two_matters_are_handed_in_in_one_call(either_town: Town) -> None:
    town = either_town
    visitor, desk = await talking(town, "PS01")
    first = await submitted(visitor, desk)
    session = await town.session(visitor.ticket)
    await go_on(town, visitor, desk)
    assert (await town.session(visitor.ticket)).id == session.id
    carried = await town.case(visitor.application)
    assert carried.identity_result == "confirmed"
    assert {one.rule for one in carried.materials} == {"id_card"}, "the two ask for different portraits"
    assert {one.verdict for one in carried.materials} == {"pending"}
    assert "delivery_method" not in carried.values, "a permit does not come electronically: it is asked"
    assert "matter.opened" in await town.kinds(visitor.application)
    page = await visitor.view()
    assert [one.state for one in page.matters] == ["done", "now"]
    with pytest.raises(Conflict, match="no_further_matter"):
        await town.made.matters.go_on(desk.staff, "consulted", "")
    await filled_again(visitor, desk)
    await signed(visitor, desk)
    second = await desk.submit("second")
    assert second.status == 200
    assert first not in second.body.decode()
    await desk.say(CallHangUp())
    await desk.finish("submitted")
    assert await outcomes(town, visitor) == [Outcome.SUBMITTED, Outcome.SUBMITTED]
    ended = await visitor.view()
    assert ended.matters[0].receipt == first
    assert all(one.receipt for one in ended.matters)
    assert await town.made.following.case_of(await visitor.browser(), first)


async def filled_again(visitor: Visitor, desk: Desk) -> None:
    """The second matter's own questions and papers, beside what was carried over."""
    await desk.propose(ANSWERS["PS01"])
    await visitor.confirm_all()
    await visitor.photograph("portrait", "job_proof")
    await desk.judge_all(visitor.application)


async def test_a_call_is_not_closed_while_a_matter_has_no_outcome(town: Town) -> None:
    visitor, desk = await talking(town, "PS01", "CA04")
    await desk.say(CallHangUp())
    with pytest.raises(Conflict, match="matters_open"):
        await desk.finish("consulted")
    with pytest.raises(BadInput, match="unknown_matter"):
        await town.made.matters.settle(desk.staff, 1, "consulted", "")
    with pytest.raises(BadInput, match="outcome_note_required"):
        await town.made.matters.settle(desk.staff, 2, "onsite_required", "")
    with pytest.raises(Conflict, match="outcome_not_true"):
        await town.made.matters.settle(desk.staff, 2, "submitted", "")
    await town.made.matters.settle(desk.staff, 2, "onsite_required", "原件")
    await town.made.matters.settle(desk.staff, 3, "consulted", "")
    with pytest.raises(BadInput, match="unknown_matter"):
        await town.made.matters.settle(desk.staff, 3, "consulted", "")
    await desk.finish("draft_owned", "明天续办")
    assert await outcomes(town, visitor) == [
        Outcome.DRAFT_OWNED,
        Outcome.ONSITE_REQUIRED,
        Outcome.CONSULTED,
    ]


async def test_answers_to_the_same_question_come_along_as_proposals(town: Town) -> None:
    visitor, desk = await talking(town, "CA04")
    await visitor.fill({"delivery_method": "electronic"})
    await visitor.photograph("id_card", "portrait")
    await desk.judge_all(visitor.application)
    await go_on(town, visitor, desk, "draft_owned", "还缺材料")
    carried = await town.case(visitor.application)
    value = carried.values["delivery_method"]
    assert (value.value, value.standing) == ("electronic", "proposed"), "nothing is confirmed silently"
    assert [(one.rule, one.verdict) for one in carried.materials] == [("id_card", "pending")]
    assert carried.identity_result is None, "what was not checked is not carried over"
    await visitor.confirm_all()
    assert (await town.case(visitor.application)).values["delivery_method"].standing == "confirmed"


async def test_the_next_matter_asks_how_the_present_one_ends(town: Town) -> None:
    visitor, desk = await talking(town, "PS01")
    with pytest.raises(BadInput, match="unknown_outcome"):
        await town.made.matters.go_on(desk.staff, "", "")
    await go_on(town, visitor, desk, "consulted")
    assert (await outcomes(town, visitor))[0] is Outcome.CONSULTED
    await desk.say(ChatSay(text="第二件"))
    assert [one.text for one in (await visitor.view()).chat] == ["第二件"]
    shown = (await desk.view()).session
    assert shown is not None
    assert (shown.item.id, shown.open_matters) == ("PS01", [])


async def test_the_chat_goes_on_from_one_matter_to_the_next(town: Town) -> None:
    visitor, desk = await talking(town, "PS01")
    await desk.say(ChatSay(text="一"))
    await go_on(town, visitor, desk, "consulted")
    await visitor.say(ChatSay(text="二"))
    assert [one.text for one in (await visitor.view()).chat] == ["一", "二"]


@pytest.mark.parametrize("way", ["park", "transfer", "lost"])
async def test_whoever_goes_on_serves_what_is_left_at_the_old_place(town: Town, way: str) -> None:
    visitor, desk = await talking(town, "PS01")
    joined_at = (await town.ticket(visitor.ticket)).joined_at
    await go_on(town, visitor, desk, "consulted")
    if way == "park":
        await town.made.desks.park(desk.staff, 10, "fetch_papers")
        await town.pass_time(601)
    elif way == "transfer":
        other = await town.agent("lan", PANYU)
        street = town.house.catalogue.district(PANYU).streets[0].code
        onward = Onward(home_district=PANYU, home_street=street, agent=other.staff.id)
        await town.made.desks.transfer(desk.staff, onward, "wrong_district")
        desk = other
    else:
        await desk.shut()
        await town.pass_time(40)
        desk = await town.agent("lan")
    await town.settle()
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.joined_at, ticket.item, ticket.several) == (joined_at, "PS01", True)
    assert await outcomes(town, visitor) == [Outcome.CONSULTED, None]
    await desk.accept()
    await visitor.join()
    assert (await town.session(visitor.ticket)).application == ticket.application
    assert (await town.case(ticket.application)).home_district == (PANYU if way == "transfer" else HUADU)
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    assert await outcomes(town, visitor) == [Outcome.CONSULTED, Outcome.CONSULTED]


async def test_a_matter_handed_in_in_a_call_that_broke_off_is_not_begun_again(town: Town) -> None:
    visitor, desk = await talking(town, "PS01")
    await submitted(visitor, desk)
    await desk.shut()
    await town.pass_time(40)
    assert (await town.ticket(visitor.ticket)).state is State.WAITING
    other = await town.agent("lan")
    await other.accept()
    assert (await town.ticket(visitor.ticket)).item == "PS01"
    assert await outcomes(town, visitor) == [Outcome.SUBMITTED, None]


async def test_an_emptied_line_gets_the_ticket_back_in_its_lane(town: Town) -> None:
    visitor = await with_several(town, "HR01", "PS01")
    lane = (await town.house.line.load())[0].lane
    await town.redis.flushall()
    await town.sweep()
    await town.sweep()
    assert [(one.lane, one.waiting) for one in await town.house.line.load() if one.waiting] == [(lane, 1)]
    view = await visitor.view()
    assert view.place is not None
    assert len(view.matters) == 2


async def test_who_missed_the_call_comes_back_with_all_matters(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await with_several(town, "HR01", "PS01")
    await desk.accept()
    await town.pass_time(70)
    assert (await town.ticket(visitor.ticket)).state is State.MISSED
    await town.made.visits.come_back(await visitor.browser())
    await town.settle()
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.state in {State.WAITING, State.CALLED}, ticket.several) == (True, True)
    assert await outcomes(town, visitor) == [None, None]


async def test_a_silent_agent_leaves_a_draft_of_every_matter(town: Town) -> None:
    visitor, desk = await talking(town, "PS01")
    await visitor.leave()
    await town.pass_time(31 * 60)
    assert (await town.session(visitor.ticket)).outcome is Outcome.DRAFT_OWNED
    assert await outcomes(town, visitor) == [Outcome.DRAFT_OWNED, Outcome.DRAFT_OWNED]
    assert (await desk.view()).session is None
