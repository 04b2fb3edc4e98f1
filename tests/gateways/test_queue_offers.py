"""What becomes of an offer, and of the people on its two sides."""

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.errors import Conflict, Gone
from cloudwindow.domain.ids import StaffId, TicketId
from cloudwindow.domain.presence import State
from tests.gateways.hall import BAIYUN, Hall, lane, offer_id, profile

MEI, LAN = StaffId("mei"), StaffId("lan")
T1, T2 = TicketId("t1"), TicketId("t2")


@pytest.fixture
def hall(redis: Redis) -> Hall:
    return Hall(redis)


async def ring(hall: Hall) -> None:
    """t1 is being offered to mei."""
    await hall.arrive(profile("mei"))
    await hall.join("t1")
    assert await hall.offers() == [("t1", "mei")]


async def test_an_accepted_offer_is_answered_the_same_when_repeated(hall: Hall) -> None:
    await ring(hall)
    first = await hall.line.accept(MEI, offer_id("t1", 1), now=hall.now)
    assert await hall.line.accept(MEI, offer_id("t1", 1), now=hall.now + 60) == first
    assert await hall.line.knows(T1) == "serving"
    assert await hall.state("mei") is State.IN_CALL
    kinds = await hall.kinds()
    assert kinds["offer.accepted"] == kinds["agent.busy"] == 1


async def test_somebody_elses_offer_is_gone(hall: Hall) -> None:
    await ring(hall)
    await hall.arrive(profile("lan"))
    with pytest.raises(Gone, match="offer_gone"):
        await hall.line.accept(LAN, offer_id("t1", 1), now=hall.now)
    with pytest.raises(Gone, match="offer_gone"):
        await hall.line.decline(LAN, offer_id("t1", 1), reason="other", now=hall.now)


async def test_an_offer_is_gone_at_the_instant_its_time_is_over(hall: Hall) -> None:
    await ring(hall)
    with pytest.raises(Gone, match="offer_gone"):
        await hall.line.accept(MEI, offer_id("t1", 1), now=hall.now + 20)


async def test_a_missed_offer_returns_to_its_old_place(hall: Hall) -> None:
    await ring(hall)
    await hall.join("t2")
    await hall.pass_time(20)
    assert await hall.offers() == [("t1", "mei"), ("t1", "mei")]
    assert (await hall.last_offer()).epoch == 2
    with pytest.raises(Gone, match="offer_gone"):
        await hall.line.accept(MEI, offer_id("t1", 1), now=hall.now)


async def test_a_missed_offer_goes_to_another_free_agent_first(hall: Hall) -> None:
    await ring(hall)
    await hall.arrive(profile("lan"))
    await hall.pass_time(20)
    assert await hall.offers() == [("t1", "mei"), ("t1", "lan")]
    assert await hall.state("mei") is State.IDLE


async def test_two_misses_send_the_agent_away(hall: Hall) -> None:
    await ring(hall)
    await hall.pass_time(20)
    await hall.pass_time(20)
    assert await hall.state("mei") is State.AWAY
    assert await hall.line.knows(T1) == "waiting"
    assert [one.extra["reason"] for one in await hall.told() if one.kind == "agent.away"][-1] == "missed"
    assert (await hall.kinds())["offer.missed"] == 2


async def test_an_answered_call_forgives_the_miss_before_it(hall: Hall) -> None:
    await ring(hall)
    await hall.pass_time(20)
    await hall.serve()
    await hall.join("t2")
    await hall.pass_time(20)
    assert await hall.state("mei") is State.OFFERED


async def test_a_declined_offer_returns_to_its_old_place(hall: Hall) -> None:
    await ring(hall)
    await hall.join("t2")
    await hall.line.decline(MEI, offer_id("t1", 1), reason="conflict_of_interest", now=hall.now)
    await hall.arrive(profile("lan"))
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei"), ("t1", "lan")]
    assert [one.extra["reason"] for one in await hall.told() if one.kind == "offer.declined"] == [
        "conflict_of_interest"
    ]


async def test_a_declined_ticket_is_offered_again_to_the_same_agent_only_after_a_while(hall: Hall) -> None:
    await ring(hall)
    await hall.line.decline(MEI, offer_id("t1", 1), reason="other", now=hall.now)
    assert await hall.state("mei") is State.IDLE
    await hall.pass_time(29)
    assert len(await hall.offers()) == 1
    await hall.pass_time(1)
    assert await hall.offers() == [("t1", "mei"), ("t1", "mei")]


async def test_a_ticket_behind_a_declined_one_is_not_held_up(hall: Hall) -> None:
    await ring(hall)
    await hall.line.decline(MEI, offer_id("t1", 1), reason="other", now=hall.now)
    await hall.join("t2")
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei")]


async def test_a_pass_ends_by_its_time_even_within_the_same_tick(hall: Hall) -> None:
    """The miss of the second ticket is carried out before the pass on the first is forgiven."""
    await ring(hall)
    await hall.join("t2")
    await hall.line.decline(MEI, offer_id("t1", 1), reason="other", now=hall.now)
    await hall.pass_time(31)
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei"), ("t1", "mei")]


async def test_a_declined_offer_is_answered_the_same_when_repeated(hall: Hall) -> None:
    await ring(hall)
    for _ in range(2):
        await hall.line.decline(MEI, offer_id("t1", 1), reason="other", now=hall.now)
    assert (await hall.kinds())["offer.declined"] == 1


async def test_leaving_chases_the_running_offer(hall: Hall) -> None:
    """The agent is told at once, keeps their turn and is offered the next ticket."""
    await ring(hall)
    await hall.join("t2")
    assert await hall.line.leave(T1, now=hall.now, reason="citizen")
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei")]
    with pytest.raises(Gone, match="offer_gone"):
        await hall.line.accept(MEI, offer_id("t1", 1), now=hall.now)
    kinds = [one.kind for one in await hall.told()]
    assert kinds.index("offer.withdrawn") < kinds.index("ticket.left")
    assert await hall.line.knows(T1) is None


async def test_leaving_twice_is_leaving_once(hall: Hall) -> None:
    await hall.join("t1")
    assert await hall.line.leave(T1, now=hall.now)
    assert await hall.line.leave(T1, now=hall.now)
    assert (await hall.kinds())["ticket.left"] == 1
    assert not await hall.line.leave(TicketId("never"), now=hall.now)


async def test_a_ticket_in_a_call_does_not_leave_the_line(hall: Hall) -> None:
    await ring(hall)
    await hall.accept()
    assert not await hall.line.leave(T1, now=hall.now)
    assert await hall.line.knows(T1) == "serving"


async def test_a_ticket_that_left_can_join_again_with_its_old_joining_time(hall: Hall) -> None:
    await hall.join("t1")
    joined = hall.now
    await hall.join("t2")
    await hall.line.leave(T1, now=hall.now)
    await hall.line.join(T1, lane(), joined_at=joined, now=hall.now, epoch=7)
    await hall.arrive(profile("mei"))
    assert (await hall.last_offer()).offer == "t1/8"


async def test_an_agent_who_vanishes_while_ringing_returns_the_ticket_at_once(hall: Hall) -> None:
    await ring(hall)
    hall.now += 5
    await hall.arrive(profile("lan"))
    await hall.join("t2")
    assert (await hall.offers())[-1] == ("t2", "lan")
    await hall.line.beat(LAN, now=hall.now)
    await hall.go_by_silently(1)
    assert await hall.state("mei") is State.AWAY
    assert await hall.line.knows(T1) == "waiting"
    await hall.serve()
    assert (await hall.offers())[-1] == ("t1", "lan")


async def test_a_free_agent_who_vanishes_is_away_and_later_signed_out(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.go_by_silently(5.9)
    assert await hall.state("mei") is State.IDLE
    await hall.go_by_silently(0.1)
    assert await hall.state("mei") is State.AWAY
    await hall.join("t1")
    assert await hall.offers() == []
    await hall.go_by_silently(600)
    assert await hall.state("mei") is State.OFFLINE


async def test_an_agent_lost_in_a_call_keeps_it_and_is_announced(hall: Hall) -> None:
    await ring(hall)
    await hall.accept()
    await hall.go_by_silently(60)
    assert await hall.state("mei") is State.IN_CALL
    assert [one.ticket for one in await hall.told() if one.kind == "agent.lost"] == ["t1"]
    assert [one.present for one in await hall.line.agents()] == [False]
    await hall.line.beat(MEI, now=hall.now)
    await hall.line.beat(MEI, now=hall.now)
    assert (await hall.kinds())["agent.returned"] == 1


async def test_an_agent_whose_last_call_is_finished_while_they_are_lost_is_away(hall: Hall) -> None:
    await ring(hall)
    await hall.accept()
    await hall.go_by_silently(60)
    await hall.line.wrap_up(MEI, T1, now=hall.now)
    for _ in range(2):
        await hall.line.finish(MEI, now=hall.now)
    await hall.join("t2")
    assert await hall.offers() == [("t1", "mei")]
    assert [(one.state, one.reason, one.present) for one in await hall.line.agents()] == [
        (State.AWAY, "vanished", False)
    ]


@pytest.mark.parametrize("act", ["available", "next"])
async def test_a_lost_agent_who_acts_is_there_again(hall: Hall, act: str) -> None:
    await test_an_agent_whose_last_call_is_finished_while_they_are_lost_is_away(hall)
    node = hall.line.replica(await hall.line.snapshot(), {})
    if act == "available":
        await hall.line.set_available(MEI, now=hall.now)
    else:
        await hall.line.next_for(MEI, now=hall.now)
    assert [one.present for one in await hall.line.agents()] == [True]
    for news in await hall.line.since(node.id) or []:
        node.apply(news.id, news)
    assert [one.present for one in node.agents()] == [True]
    assert (await hall.kinds())["agent.returned"] == 1


async def test_a_released_ticket_stands_at_its_old_place(hall: Hall) -> None:
    await ring(hall)
    await hall.join("t2")
    await hall.accept()
    for _ in range(2):
        await hall.line.release(MEI, T1, now=hall.now)
    assert await hall.state("mei") is State.WRAP_UP
    await hall.arrive(profile("lan"))
    assert await hall.offers() == [("t1", "mei"), ("t1", "lan")]
    await hall.line.finish(MEI, now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei")


async def test_a_call_ends_once_and_its_agent_is_free_after_the_after_work(hall: Hall) -> None:
    await ring(hall)
    await hall.join("t2")
    await hall.accept()
    with pytest.raises(Conflict, match="ticket_elsewhere"):
        await hall.line.wrap_up(MEI, T2, now=hall.now)
    for _ in range(2):
        await hall.line.wrap_up(MEI, T1, now=hall.now)
    assert await hall.state("mei") is State.WRAP_UP
    assert await hall.line.knows(T1) is None
    assert len(await hall.offers()) == 1
    for _ in range(2):
        await hall.line.finish(MEI, now=hall.now)
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei")]
    assert (await hall.kinds())["agent.wrap_up"] == 1


async def test_an_agent_can_go_away_after_the_after_work(hall: Hall) -> None:
    await ring(hall)
    await hall.accept()
    await hall.line.wrap_up(MEI, T1, now=hall.now)
    for _ in range(2):
        await hall.line.finish(MEI, now=hall.now, then="away")
    assert await hall.state("mei") is State.AWAY


async def test_an_agent_in_a_call_can_neither_sign_out_nor_be_free(hall: Hall) -> None:
    await ring(hall)
    await hall.accept()
    with pytest.raises(Conflict, match="state_forbids") as refusal:
        await hall.line.set_available(MEI, now=hall.now)
    assert refusal.value.values == {"state": "in_call", "event": "go_available"}
    for call in (hall.line.sign_out, hall.line.finish, hall.line.next_for):
        with pytest.raises(Conflict, match="state_forbids"):
            await call(MEI, now=hall.now)


async def test_a_break_asked_for_in_a_call_begins_after_its_wrap_up(hall: Hall) -> None:
    await ring(hall)
    await hall.join("t2")
    await hall.accept()
    for _ in range(2):
        assert await hall.line.set_away(MEI, reason="break", now=hall.now) is State.IN_CALL
    await hall.line.wrap_up(MEI, T1, now=hall.now)
    for _ in range(2):
        await hall.line.finish(MEI, now=hall.now, then="available")
    assert await hall.state("mei") is State.AWAY
    assert [one.extra["reason"] for one in await hall.told() if one.kind == "agent.away"][-1] == "break"
    assert (await hall.kinds())["agent.leaving"] == 1
    await hall.line.set_available(MEI, now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei")


async def test_a_shift_ends_at_its_time_but_never_in_the_middle_of_a_call(hall: Hall) -> None:
    await ring(hall)
    await hall.arrive(profile("lan", BAIYUN))
    for agent in (MEI, LAN):
        await hall.line.end_shift_at(agent, hall.now + 100, now=hall.now)
    await hall.accept()
    await hall.pass_time(99)
    assert [await hall.state("mei"), await hall.state("lan")] == [State.IN_CALL, State.IDLE]
    await hall.pass_time(1)
    assert [await hall.state("mei"), await hall.state("lan")] == [State.IN_CALL, State.AWAY]
    await hall.line.wrap_up(MEI, T1, now=hall.now)
    await hall.line.finish(MEI, now=hall.now)
    assert await hall.state("mei") is State.AWAY


async def test_an_agent_who_pulls_is_pushed_nothing(hall: Hall) -> None:
    await hall.line.sign_in(profile("mei"), now=hall.now)
    await hall.line.set_available(MEI, pull=True, now=hall.now)
    await hall.join("t1")
    await hall.pass_time(30)
    assert await hall.offers() == []
    for _ in range(2):
        assert await hall.line.next_for(MEI, now=hall.now)
    assert await hall.offers() == [("t1", "mei")]
    assert (await hall.last_offer()).why["rule"] == "next"
    await hall.serve()
    assert not await hall.line.next_for(MEI, now=hall.now)
    await hall.join("t2")
    assert len(await hall.offers()) == 1
    await hall.line.set_available(MEI, pull=False, now=hall.now)
    assert (await hall.offers())[-1] == ("t2", "mei")


async def test_next_makes_an_agent_free_who_was_away(hall: Hall) -> None:
    await hall.line.sign_in(profile("mei"), now=hall.now)
    assert not await hall.line.next_for(MEI, now=hall.now)
    assert await hall.state("mei") is State.IDLE


async def test_a_picked_ticket_rings_before_its_turn_with_the_reason_kept(hall: Hall) -> None:
    for ticket in ("t1", "t2", "t3"):
        await hall.join(ticket)
    await hall.line.sign_in(profile("mei", BAIYUN), now=hall.now)
    for _ in range(2):
        await hall.line.pick(MEI, T2, reason="same_family", now=hall.now)
    assert await hall.offers() == [("t1", "mei")] or await hall.offers() == [("t2", "mei")]
    offer = await hall.last_offer()
    assert (offer.ticket, offer.ring) == ("t2", 2)
    assert (offer.why["rule"], offer.why["reason"]) == ("picked", "same_family")
    with pytest.raises(Conflict, match="state_forbids"):
        await hall.line.pick(MEI, T1, reason="other", now=hall.now)


async def test_only_who_waits_can_be_picked_and_only_by_who_may_serve(hall: Hall) -> None:
    await ring(hall)
    await hall.join("deaf", lane(mode="sign"))
    await hall.line.sign_in(profile("lan"), now=hall.now)
    for ticket in ("t1", "never"):
        with pytest.raises(Conflict, match="ticket_not_waiting"):
            await hall.line.pick(LAN, TicketId(ticket), reason="other", now=hall.now)
    with pytest.raises(Conflict, match="may_not_serve"):
        await hall.line.pick(LAN, TicketId("deaf"), reason="other", now=hall.now)
    assert await hall.state("lan") is State.AWAY


async def test_going_away_while_ringing_gives_the_ticket_to_the_next(hall: Hall) -> None:
    await ring(hall)
    await hall.arrive(profile("lan"))
    for _ in range(2):
        await hall.line.set_away(MEI, reason="break", now=hall.now)
    assert await hall.offers() == [("t1", "mei"), ("t1", "lan")]


async def test_signing_out_while_ringing_gives_the_ticket_to_the_next(hall: Hall) -> None:
    await ring(hall)
    await hall.arrive(profile("lan", BAIYUN))
    for _ in range(2):
        await hall.line.sign_out(MEI, now=hall.now)
    await hall.line.tick(now=hall.now)
    assert await hall.offers() == [("t1", "mei"), ("t1", "lan")]
    assert await hall.state("mei") is State.OFFLINE


async def test_a_repeated_set_available_during_an_offer_changes_nothing(hall: Hall) -> None:
    await ring(hall)
    await hall.line.set_available(MEI, now=hall.now)
    assert await hall.offers() == [("t1", "mei")]


async def test_a_detached_ticket_is_passed_over_and_keeps_its_place(hall: Hall) -> None:
    await hall.join("t1")
    await hall.join("t2")
    for _ in range(2):
        await hall.line.detach(T1, now=hall.now)
    await hall.arrive(profile("mei"))
    assert await hall.offers() == [("t2", "mei")]
    await hall.join("t3")
    for _ in range(2):
        await hall.line.attach(T1, now=hall.now)
    await hall.serve()
    assert (await hall.offers())[-1] == ("t1", "mei")
    assert (await hall.kinds())["ticket.detached"] == (await hall.kinds())["ticket.attached"] == 1


async def test_a_citizen_who_returns_is_offered_at_once(hall: Hall) -> None:
    await hall.join("t1")
    await hall.line.detach(T1, now=hall.now)
    await hall.arrive(profile("mei"))
    assert await hall.offers() == []
    await hall.line.attach(T1, now=hall.now)
    assert await hall.offers() == [("t1", "mei")]


async def test_a_place_is_kept_ten_minutes(hall: Hall) -> None:
    await hall.join("t1")
    await hall.line.detach(T1, now=hall.now)
    await hall.pass_time(599)
    assert await hall.line.knows(T1) == "detached"
    await hall.pass_time(1)
    assert await hall.line.knows(T1) is None
    assert (await hall.kinds())["ticket.expired"] == 1
    assert not await hall.line.attach(T1, now=hall.now)


async def test_a_page_closed_while_it_rings_does_not_stop_the_ringing(hall: Hall) -> None:
    await ring(hall)
    await hall.line.detach(T1, now=hall.now)
    assert await hall.state("mei") is State.OFFERED
    await hall.pass_time(20)
    assert await hall.line.knows(T1) == "detached"
    assert await hall.state("mei") is State.IDLE
    await hall.line.attach(T1, now=hall.now)
    assert await hall.offers() == [("t1", "mei"), ("t1", "mei")]


async def test_an_expiring_ticket_takes_its_offer_along(hall: Hall) -> None:
    await ring(hall)
    await hall.line.detach(T1, now=hall.now - 595)
    await hall.pass_time(5)
    assert await hall.line.knows(T1) is None
    assert await hall.state("mei") is State.IDLE
    kinds = await hall.kinds()
    assert kinds["offer.withdrawn"] == kinds["ticket.expired"] == 1
