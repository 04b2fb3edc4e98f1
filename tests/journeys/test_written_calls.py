"""Several written calls at one desk: what is said and typed belongs to the call that is named."""

import pytest

from cloudwindow.domain.errors import CloudWindowError, Conflict
from cloudwindow.domain.messages import (
    AgentAvailable,
    AgentAway,
    AgentStay,
    CallHangUp,
    CallJoin,
    ChatSay,
    FormSet,
    OfferAccept,
    SessionOutcome,
)
from cloudwindow.domain.presence import State as Presence
from cloudwindow.journey.calls import Onward
from tests.journeys.town import Desk, Town, Visitor


async def written(town: Town, desk: Desk) -> tuple[Visitor, str]:
    """A citizen in a written call, and its session."""
    visitor = await town.citizen(mode="text")
    await desk.accept()
    await visitor.say(CallJoin())
    return visitor, (await town.session(visitor.ticket)).id


async def test_a_desk_holds_three_written_calls_and_is_rung_for_no_fourth(town: Town) -> None:
    desk = await town.agent("mei")
    held = [(await written(town, desk))[1] for _ in range(3)]
    await town.citizen(mode="text")
    await town.citizen()
    view = await desk.view()
    assert [one.session for one in view.calls] == held
    assert view.offer is None


async def test_what_is_said_and_typed_goes_to_the_call_that_is_named(town: Town) -> None:
    desk = await town.agent("mei")
    (first, one), (second, two) = await written(town, desk), await written(town, desk)
    await desk.say(ChatSay(text="您好", session=one))
    await desk.say(FormSet(field="trade", value="leather", base=0, session=one))
    await second.say(ChatSay(text="在吗"))
    assert [line.text for line in (await first.view()).chat] == ["您好"]
    assert "trade" in (await town.case(first.application)).values
    assert "trade" not in (await town.case(second.application)).values
    assert desk.page is not None
    said = [(told["text"], told["session"]) for told in desk.page.told if told["type"] == "chat.said"]
    assert said == [("您好", one), ("在吗", two)]
    cards = {card.session: card for card in (await desk.view()).calls}
    assert (cards[one].unanswered, cards[two].unanswered) == (0, 1)
    assert cards[two].unanswered_since == town.now


async def test_each_call_has_its_own_end(town: Town) -> None:
    desk = await town.agent("mei")
    (first, one), (_, two) = await written(town, desk), await written(town, desk)
    await desk.say(CallHangUp(session=one))
    with pytest.raises(Conflict, match="no_call"):
        await desk.say(SessionOutcome(outcome="consulted", note="", next="available", session=two))
    await desk.say(SessionOutcome(outcome="consulted", note="", next="available", session=one))
    view = await desk.view()
    assert [card.session for card in view.calls] == [two]
    assert (await first.view()).stage == "ended"
    presence = await town.made.desks.presence("mei")
    assert presence is not None
    assert (presence.state, len(presence.calls)) == (Presence.IN_CALL, 1)


async def test_a_call_of_somebody_else_cannot_be_named(town: Town) -> None:
    mei, lan = await town.agent("mei"), await town.desk("lan")
    _, session = await written(town, mei)
    await lan.open()
    with pytest.raises(Conflict, match="no_call"):
        await lan.say(ChatSay(text="?", session=session))


async def test_the_ledger_refuses_a_call_that_does_not_fit_whatever_the_line_believes(town: Town) -> None:
    desk = await town.agent("mei")
    visitor, _ = await written(town, desk)
    await town.redis.flushall()
    await town.sweep()
    with pytest.raises(Conflict, match="call_not_closed"):
        await desk.say(AgentAvailable())
    await town.made.desks.beat("mei")
    await town.house.line.set_available(desk.staff.id, now=town.now)
    other = await town.citizen()
    offer = (await desk.view()).offer
    assert offer is not None
    with pytest.raises(Conflict, match="call_not_closed"):
        await desk.say(OfferAccept(offer=offer.offer))
    assert (await town.ticket(other.ticket)).state == "waiting"
    assert (await visitor.view()).stage == "in_call"


async def test_all_citizens_of_a_lost_desk_wait_again(town: Town) -> None:
    desk = await town.agent("mei")
    visitors = [(await written(town, desk))[0] for _ in range(2)]
    await desk.shut()
    await town.pass_time(40)
    assert [(await town.ticket(one.ticket)).state for one in visitors] == ["waiting", "waiting"]


async def test_a_lost_desk_that_comes_back_goes_on_with_all_calls(town: Town) -> None:
    desk = await town.agent("mei")
    visitors = [(await written(town, desk))[0] for _ in range(2)]
    await desk.shut()
    await town.pass_time(5)
    await desk.open()
    assert [(await town.session(one.ticket)).state for one in visitors] == ["live", "live"]


async def test_who_passed_a_citizen_on_is_rung_again_only_by_name(town: Town) -> None:
    mei, lan = await town.agent("mei"), await town.agent("lan")
    visitor = await town.citizen()
    giving, taking = (mei, lan) if await mei.offered() else (lan, mei)
    await giving.accept()
    await visitor.join()
    await taking.say(AgentAway(reason="break"))
    await town.made.desks.transfer(giving.staff, Onward(language="yue"), "other_language")
    await town.settle()
    assert await giving.offered() == (await town.ticket(visitor.ticket)).number, "nobody else is at work"
    await taking.say(AgentAvailable())
    await giving.accept()
    await visitor.join()
    await town.made.desks.transfer(giving.staff, Onward(language="zh"), "other_language")
    await town.settle()
    assert await taking.offered()
    assert (await town.ticket(visitor.ticket)).passed_by == (giving.staff.id,)
    await taking.accept()
    await visitor.join()
    await town.made.desks.transfer(taking.staff, Onward(agent=giving.staff.id), "special_knowledge")
    await town.settle()
    assert await giving.offered(), "sent there by name"


async def test_a_break_that_was_asked_for_is_taken_back(town: Town) -> None:
    _, desk = await town.in_call()
    await desk.say(AgentAway(reason="break"))
    assert (await desk.view()).leaving == "break"
    await desk.say(AgentStay())
    assert (await desk.view()).leaving == ""
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    assert (await desk.view()).stage == "idle"


async def test_pull_break_and_end_of_shift_outlive_the_line(town: Town) -> None:
    desk = await town.desk("mei")
    await desk.open()
    await desk.say(AgentAvailable(pull=True))
    await town.made.desks.end_shift(desk.staff, "23:30")
    visitor = await town.citizen()
    await town.made.desks.next(desk.staff)
    await desk.accept()
    await visitor.join()
    await town.redis.flushall()
    await town.sweep()
    await town.made.desks.beat("mei")
    assert (await desk.view()).shift_ends_at is not None
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    view = await desk.view()
    assert (view.stage, view.pull) == ("idle", True)


async def test_a_break_asked_for_before_the_line_was_emptied_begins_after_the_call(town: Town) -> None:
    _, desk = await town.in_call()
    await desk.say(AgentAway(reason="meeting"))
    await town.redis.flushall()
    await town.sweep()
    await town.made.desks.beat(desk.staff.id)
    assert (await desk.view()).leaving == "meeting"
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    assert (await desk.view()).stage == "away"


async def test_a_wish_that_no_line_hears_is_kept_all_the_same(town: Town) -> None:
    _, desk = await town.in_call()
    await town.redis.flushall()
    with pytest.raises(CloudWindowError, match="agent_not_signed_in"):
        await desk.say(AgentAway(reason="break"))
    assert (await desk.view()).leaving == "break"
