"""How much an agent carries: one call with picture or voice, or several written ones."""

from typing import Any

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.errors import BadInput, CloudWindowError
from cloudwindow.domain.ids import StaffId, TicketId
from cloudwindow.domain.match import AgentProfile, Terms
from cloudwindow.domain.presence import State
from tests.gateways.hall import BAIYUN, HUADU, Hall, lane, profile

MEI, LAN = StaffId("mei"), StaffId("lan")
TEXT = lane(mode="text")


@pytest.fixture
async def hall(redis: Redis) -> Hall:
    return Hall(redis)


def writer(agent: str, capacity: int = 3) -> AgentProfile:
    return AgentProfile(
        agent=StaffId(agent),
        district=HUADU,
        skills=frozenset({"HR"}),
        modes=frozenset({"video", "text"}),
        capacity=capacity,
    )


async def hold(hall: Hall, *tickets: str) -> None:
    """Mei holds these written calls."""
    await hall.arrive(writer("mei"))
    for ticket in tickets:
        await hall.join(ticket, TEXT)
        await hall.accept()


async def test_three_written_calls_fill_an_agent(hall: Hall) -> None:
    await hold(hall, "t1", "t2", "t3")
    await hall.join("t4", TEXT)
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei"), ("t3", "mei")]
    mei = await hall.line.agent(MEI)
    assert mei is not None
    assert ([one.ticket for one in mei.calls], mei.load) == (["t1", "t2", "t3"], 3)
    await hall.line.wrap_up(MEI, TicketId("t2"), now=hall.now)
    assert len(await hall.offers()) == 3, "the after-work belongs to the call"
    await hall.line.finish(MEI, ticket=TicketId("t2"), now=hall.now)
    assert (await hall.offers())[-1] == ("t4", "mei")


async def test_the_next_one_rings_while_the_agent_writes_one_at_a_time(hall: Hall) -> None:
    for ticket in ("t1", "t2", "t3"):
        await hall.join(ticket, TEXT)
    await hall.arrive(writer("mei"))
    assert len(await hall.offers()) == 1
    await hall.accept()
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei")]
    assert await hall.state("mei") is State.IN_CALL, "what rings beside a call does not change the state"


@pytest.mark.parametrize("mode", ["video", "audio", "sign"])
async def test_who_sees_and_hears_has_the_agent_alone(hall: Hall, mode: str) -> None:
    one = AgentProfile(
        agent=MEI,
        district=HUADU,
        skills=frozenset({"HR"}),
        modes=frozenset({"video", "audio", "sign", "text"}),
    )
    await hall.arrive(one)
    await hall.join("t1", lane(mode=mode))
    await hall.accept()
    await hall.join("t2", TEXT)
    assert await hall.offers() == [("t1", "mei")]


async def test_nobody_is_shown_a_picture_beside_a_written_call(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.join("t2")
    await hall.pass_time(30)
    assert await hall.offers() == [("t1", "mei")]
    await hall.line.wrap_up(MEI, TicketId("t1"), now=hall.now)
    await hall.line.finish(MEI, now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei")


async def test_an_agent_may_carry_less(hall: Hall) -> None:
    await hall.arrive(writer("mei", capacity=1))
    await hall.join("t1", TEXT)
    await hall.accept()
    await hall.join("t2", TEXT)
    assert await hall.offers() == [("t1", "mei")]


async def test_who_holds_nothing_comes_before_who_writes_already(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.pass_time(5)
    await hall.arrive(writer("lan"))
    await hall.join("t2", TEXT)
    await hall.accept()
    await hall.join("t3", TEXT)
    assert await hall.offers() == [("t1", "mei"), ("t2", "lan"), ("t3", "mei")]


async def test_a_declined_one_goes_elsewhere_and_the_call_goes_on(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.join("t2", TEXT)
    offer = await hall.last_offer()
    await hall.line.decline(MEI, offer.offer, reason="other", now=hall.now)
    assert await hall.state("mei") is State.IN_CALL
    assert await hall.line.knows(TicketId("t2")) == "waiting"
    await hall.pass_time(31)
    assert (await hall.offers())[-1] == ("t2", "mei")


async def test_an_agent_who_does_not_hear_the_second_bell_takes_no_more(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.join("t2", TEXT)
    await hall.pass_time(21)
    await hall.pass_time(21)
    mei = await hall.line.agent(MEI)
    assert mei is not None
    assert (mei.state, mei.offer, mei.leaving) == (State.IN_CALL, None, "missed")


async def test_a_break_waits_until_all_calls_are_closed(hall: Hall) -> None:
    await hold(hall, "t1", "t2")
    await hall.join("t3", TEXT)
    assert await hall.line.set_away(MEI, reason="break", now=hall.now) is State.IN_CALL
    assert await hall.line.knows(TicketId("t3")) == "waiting", "what rang is given back"
    for ticket in ("t1", "t2"):
        await hall.line.wrap_up(MEI, TicketId(ticket), now=hall.now)
        assert await hall.state("mei") is not State.AWAY
        await hall.line.finish(MEI, ticket=TicketId(ticket), now=hall.now)
    assert await hall.state("mei") is State.AWAY


async def test_a_break_that_is_taken_back_brings_the_next_at_once(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.line.set_away(MEI, reason="break", now=hall.now)
    await hall.join("t2", TEXT)
    assert await hall.offers() == [("t1", "mei")]
    await hall.line.stay(MEI, now=hall.now)
    await hall.line.stay(MEI, now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei")
    assert (await hall.kinds())["agent.staying"] == 1


async def test_a_dead_desk_is_offered_nothing_more_and_keeps_its_calls(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.join("t2", TEXT)
    await hall.go_by_silently(8)
    mei = await hall.line.agent(MEI)
    assert mei is not None
    assert (mei.state, mei.offer, [one.ticket for one in mei.calls]) == (State.IN_CALL, None, ["t1"])
    await hall.line.beat(MEI, now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei"), "back at the desk the next one rings"


async def test_an_agent_takes_the_next_by_hand_beside_a_written_call(hall: Hall) -> None:
    await hall.line.sign_in(writer("mei"), now=hall.now)
    await hall.line.set_available(MEI, pull=True, now=hall.now)
    for ticket in ("t1", "t2"):
        await hall.join(ticket, TEXT)
    await hall.join("v1")
    assert await hall.line.next_for(MEI, now=hall.now)
    await hall.accept()
    assert await hall.offers() == [("t1", "mei")], "who pulls is pushed nothing"
    with pytest.raises(CloudWindowError, match="state_forbids"):
        await hall.line.pick(MEI, TicketId("v1"), reason="other", now=hall.now)
    await hall.line.pick(MEI, TicketId("t2"), reason="other", now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei")


async def test_a_released_call_is_not_offered_again_to_who_still_wraps_it_up(hall: Hall) -> None:
    await hold(hall, "t1", "t2")
    await hall.line.release(MEI, TicketId("t1"), now=hall.now)
    await hall.pass_time(40)
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei")]
    await hall.line.finish(MEI, ticket=TicketId("t1"), now=hall.now)
    assert (await hall.offers())[-1] == ("t1", "mei")


async def test_what_a_written_call_takes_of_an_agent_is_its_share(hall: Hall) -> None:
    await hold(hall, "t1")
    await hall.pass_time(300)
    await hall.line.wrap_up(MEI, TicketId("t1"), now=hall.now)
    await hall.line.finish(MEI, now=hall.now)
    seconds: Any = await hall.redis.hget("{hall}:handling", "HR|t")
    assert float(seconds) == pytest.approx(100)


@pytest.mark.parametrize("capacity", [0, 4])
def test_a_capacity_that_cannot_be_is_refused(capacity: int) -> None:
    with pytest.raises(BadInput, match="agent_profile_unusable"):
        writer("mei", capacity)


# --- passed on ---------------------------------------------------------------------------------------------


async def test_who_passed_a_ticket_on_is_offered_it_again_only_if_nobody_else_can(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.arrive(profile("lan", district=BAIYUN))
    await hall.join("t1", terms=Terms(passed_by=(MEI,)))
    await hall.join("t2")
    assert await hall.offers() == [("t2", "mei")]
    await hall.serve()
    assert len(await hall.offers()) == 1, "somebody farther away may take it in two minutes"
    await hall.line.set_away(LAN, now=hall.now)
    await hall.pass_time(1)
    offer = await hall.last_offer()
    assert (offer.ticket, offer.agent, offer.why["passed_on"]) == ("t1", "mei", True)


async def test_who_is_passed_by_is_named_among_the_reasons(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.pass_time(1)
    await hall.arrive(profile("lan"))
    await hall.join("t1", terms=Terms(passed_by=(MEI,)))
    offer = await hall.last_offer()
    assert offer.agent == "lan"
    assert offer.why["considered"] == [{"agent": "mei", "ring": 0, "passed_on": True}]
