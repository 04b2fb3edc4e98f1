"""Tickets that wait aside: held until a promised time, or rung back with the page closed."""

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.ids import StaffId, TicketId
from cloudwindow.domain.match import Terms
from cloudwindow.domain.presence import State
from tests.gateways.hall import Hall, profile

MEI, T1 = StaffId("mei"), TicketId("t1")


@pytest.fixture
def hall(redis: Redis) -> Hall:
    return Hall(redis)


async def test_a_held_ticket_is_offered_to_nobody_and_keeps_its_place(hall: Hall) -> None:
    for ticket in ("t1", "t2", "t3"):
        await hall.join(ticket)
    for _ in range(2):
        assert await hall.line.hold(T1, not_before=hall.now + 100, now=hall.now)
    await hall.arrive(profile("mei"))
    assert await hall.offers() == [("t2", "mei")]
    await hall.accept()
    await hall.pass_time(100)
    assert await hall.line.knows(T1) == "waiting"
    await hall.line.wrap_up(MEI, TicketId("t2"), now=hall.now)
    await hall.line.finish(MEI, now=hall.now)
    assert (await hall.offers())[1:] == [("t1", "mei")], "it joined before t3"
    assert (await hall.kinds())["ticket.ready"] == 1


async def test_a_hold_ends_early_when_the_citizen_is_ready(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.join("t1", terms=Terms(not_before=hall.now + 1000))
    assert await hall.line.knows(T1) == "held"
    assert await hall.offers() == []
    for _ in range(2):
        assert await hall.line.hold(T1, not_before=hall.now, now=hall.now)
    assert await hall.offers() == [("t1", "mei")]


async def test_holding_a_ringing_ticket_frees_its_agent(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.join("t1")
    await hall.join("t2")
    assert await hall.line.hold(T1, not_before=hall.now + 60, now=hall.now)
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei")]
    assert await hall.line.knows(T1) == "held"


async def test_a_ticket_in_a_call_cannot_be_held(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.join("t1")
    await hall.accept()
    assert not await hall.line.hold(T1, not_before=hall.now + 60, now=hall.now)
    assert not await hall.line.hold(TicketId("never"), not_before=hall.now + 60, now=hall.now)
    assert await hall.state("mei") is State.IN_CALL


async def test_a_held_ticket_can_leave_and_does_not_come_back(hall: Hall) -> None:
    await hall.join("t1", terms=Terms(not_before=hall.now + 10))
    assert await hall.line.leave(T1, now=hall.now)
    await hall.pass_time(20)
    assert await hall.line.knows(T1) is None
    assert await hall.line.load() == []


async def test_who_is_rung_back_need_not_have_the_page_open(hall: Hall) -> None:
    await hall.join("t1")
    for _ in range(2):
        assert await hall.line.call_back(T1, True, now=hall.now)
    assert await hall.line.detach(T1, now=hall.now)
    await hall.pass_time(3600)
    assert await hall.line.knows(T1) == "waiting"
    await hall.arrive(profile("mei"))
    assert await hall.offers() == [("t1", "mei")]
    assert (await hall.kinds())["ticket.callback"] == 1


async def test_asking_to_be_rung_brings_a_closed_page_back_to_its_place(hall: Hall) -> None:
    await hall.join("t1")
    await hall.join("t2")
    await hall.line.detach(T1, now=hall.now)
    await hall.line.call_back(T1, True, now=hall.now)
    await hall.arrive(profile("mei"))
    assert await hall.offers() == [("t1", "mei")]


async def test_without_the_wish_a_closed_page_loses_the_place_in_time(hall: Hall) -> None:
    await hall.join("t1", terms=Terms(callback=True))
    await hall.line.call_back(T1, False, now=hall.now)
    await hall.line.detach(T1, now=hall.now)
    await hall.pass_time(600)
    assert await hall.line.knows(T1) is None


async def test_how_a_ticket_waits_survives_a_rebuild(hall: Hall) -> None:
    await hall.redis.flushall()
    await hall.arrive(profile("old"))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("free"))
    terms = {
        TicketId("held"): Terms(not_before=hall.now + 50),
        TicketId("mine"): Terms(preferred=StaffId("old"), preferred_until=hall.now + 50),
        TicketId("rung"): Terms(callback=True),
    }
    entries = [(ticket, (await hall.last_offer()).lane, hall.now - 10, 0.0) for ticket in terms]
    assert await hall.line.rebuild(entries, now=hall.now, terms=terms) == 3  # type: ignore[arg-type]
    assert (await hall.offers())[1:] == [("rung", "free")]
    assert [await hall.line.knows(ticket) for ticket in terms] == ["held", "waiting", "offered"]
    assert await hall.line.rebuild(entries, now=hall.now, terms=terms) == 0  # type: ignore[arg-type]


async def test_an_agent_is_seen_with_what_they_asked_for(hall: Hall) -> None:
    mei = StaffId("mei")
    assert await hall.line.agent(mei) is None
    await hall.arrive(profile("mei"))
    await hall.line.set_available(mei, pull=True, now=hall.now)
    await hall.line.end_shift_at(mei, hall.now + 60, now=hall.now)
    seen = await hall.line.agent(mei)
    assert seen is not None
    assert (seen.pull, seen.leaving, seen.shift_ends_at) == (True, "", hall.now + 60)
    await hall.join("t1")
    await hall.line.next_for(mei, now=hall.now)
    await hall.accept()
    await hall.line.set_away(mei, reason="meeting", now=hall.now)
    seen = await hall.line.agent(mei)
    assert seen is not None
    assert (seen.ticket, seen.leaving) == ("t1", "meeting")
    assert [seen] == list(await hall.line.agents())
