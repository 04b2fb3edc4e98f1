"""Tickets, calls and chat in the ledger, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import select

from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.ids import ItemId, StaffId
from cloudwindow.domain.ticket import Event, State
from cloudwindow.records import tables, waiting
from cloudwindow.records.ledger import Ledger
from tests.gateways.records_world import NOON, TIANHE, Kept, kept_in, session, ticket


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """Three citizens and an agent."""
    rooms = kept_in(ledger)
    await rooms.citizens(1, 2, 3)
    await rooms.agent()
    yield rooms


async def moved(kept: Kept, of: tickets.Ticket, *events: Event, now: float = NOON + 10) -> tickets.Ticket:
    """The ticket after ``events``, written one by one."""
    for event in events:
        after, _ = tickets.advance(of, event, now, agent=StaffId("mei"))
        await kept.ledger.write(
            lambda conn, to=after, seen=of.version: kept.visits.save_ticket(conn, to, seen=seen)  # type: ignore[misc]
        )
        of = after
    return of


# --- tickets ---------------------------------------------------------------------------------------------


async def test_a_ticket_comes_back_as_it_was_kept(kept: Kept) -> None:
    made = ticket(credit_seconds=60.0, language="yue", mode="audio")
    await kept.take(made)
    async with kept.ledger.read() as conn:
        assert await kept.visits.ticket(conn, "t1") == made
        with pytest.raises(NotFound, match="unknown_ticket"):
            await kept.visits.ticket(conn, "t9")


async def test_a_citizen_holds_one_live_ticket_for_an_item(kept: Kept) -> None:
    await kept.take(ticket(1))
    second = ticket(2, citizen=ticket(1).citizen)
    with pytest.raises(Conflict, match="ticket_exists"):
        await kept.take(second)
    await kept.take(replace(second, item=ItemId("PS01")))
    async with kept.ledger.read() as conn:
        held = await kept.visits.live_ticket(conn, "c1", "HR01")
        assert held is not None
        assert held.id == "t1"
        assert await kept.visits.live_ticket(conn, "c2", "HR01") is None


async def test_a_ticket_that_ended_makes_room_for_the_next(kept: Kept) -> None:
    await kept.take(ticket(1))
    await moved(kept, ticket(1), Event.LEAVE)
    await kept.take(ticket(2, citizen=ticket(1).citizen))
    async with kept.ledger.read() as conn:
        held = await kept.visits.live_ticket(conn, "c1", "HR01")
    assert held is not None
    assert held.id == "t2"


async def test_of_two_writers_who_saw_the_same_ticket_one_is_told(kept: Kept) -> None:
    await kept.take(ticket())
    called, _ = tickets.advance(ticket(), Event.CALL, NOON, agent=StaffId("mei"))
    left, _ = tickets.advance(ticket(), Event.LEAVE, NOON)

    async def write(to: tickets.Ticket) -> None:
        await kept.ledger.write(lambda conn: kept.visits.save_ticket(conn, to, seen=0))

    told = await asyncio.gather(write(called), write(left), return_exceptions=True)
    assert told[0] is None
    assert isinstance(told[1], Conflict)
    assert told[1].code == "version_stale"


async def test_waiting_tickets_come_in_the_order_of_joining(kept: Kept) -> None:
    await kept.take(ticket(3), ticket(1), ticket(2))
    await moved(kept, ticket(2), Event.CALL)
    async with kept.ledger.read() as conn:
        waiting = await kept.visits.tickets_in(conn, [State.WAITING])
        assert [one.id for one in waiting] == ["t1", "t3"]
        called = await kept.visits.tickets_in(conn, [State.CALLED])
        assert [one.agent for one in called] == ["mei"]


async def test_tickets_are_due_when_their_deadline_has_passed_and_never_after_their_end(kept: Kept) -> None:
    await kept.take(ticket(1), ticket(2), ticket(3))
    await moved(kept, ticket(1), Event.CALL, now=NOON + 5)
    await moved(kept, ticket(2), Event.CALL, now=NOON)
    await moved(kept, ticket(3), Event.CALL, Event.LEAVE, now=NOON)
    async with kept.ledger.read() as conn:
        assert [one.id for one in await kept.visits.tickets_due(conn, NOON + 19)] == []
        assert [one.id for one in await kept.visits.tickets_due(conn, NOON + 20)] == ["t2"]
        assert [one.id for one in await kept.visits.tickets_due(conn, NOON + 25)] == ["t2", "t1"]
        assert [one.id for one in await kept.visits.tickets_due(conn, NOON + 25, limit=1)] == ["t2"]


async def test_the_place_without_a_line_counts_who_waits_before_in_the_district(kept: Kept) -> None:
    await kept.take(ticket(1), ticket(2, home_district=TIANHE), ticket(3, credit_seconds=0.0))
    async with kept.ledger.read() as conn:
        assert await kept.visits.waiting_before(conn, ticket(3)) == 1
        assert await kept.visits.waiting_before(conn, ticket(1)) == 0
        assert await kept.visits.waiting_before(conn, ticket(3, credit_seconds=10.0)) == 0
    await moved(kept, ticket(1), Event.LEAVE)
    async with kept.ledger.read() as conn:
        assert await kept.visits.waiting_before(conn, ticket(3)) == 0


async def test_the_ticket_of_a_case_is_the_one_taken_last(kept: Kept) -> None:
    first = ticket(1)
    await kept.take(first)
    await moved(kept, first, Event.LEAVE)
    await kept.take(ticket(2, citizen=first.citizen, application=first.application))
    async with kept.ledger.read() as conn:
        assert await kept.visits.ticket_of(conn, "a1") == "t2"
        assert await kept.visits.ticket_of(conn, "a9") is None


async def test_a_resume_secret_works_once_and_is_replaced(kept: Kept) -> None:
    await kept.take(ticket())

    async def resume(secret: str, fresh: str) -> tickets.Ticket:
        return await kept.ledger.write(lambda conn: kept.visits.resume(conn, secret, fresh_secret=fresh))

    tried = await asyncio.gather(*(resume("t1t1", f"fresh{n}") for n in range(5)), return_exceptions=True)
    assert [isinstance(one, NotFound) for one in tried] == [False, True, True, True, True]
    async with kept.ledger.read() as conn:
        assert await kept.visits.resume_secret(conn, "t1") == "fresh0"
        row = (await conn.execute(select(tables.ticket))).one()
    assert "fresh0" not in repr(row)
    assert (await resume("fresh0", "next")).id == "t1"


async def test_the_last_device_test_is_kept_with_the_ticket(kept: Kept) -> None:
    await kept.take(ticket())
    async with kept.ledger.read() as conn:
        assert await kept.visits.devices(conn, "t1") == {}
    for camera in ("denied", "ok"):
        report = {"camera": camera, "rtt_ms": 31}
        await kept.ledger.write(lambda conn, it=report: kept.visits.keep_devices(conn, "t1", it))  # type: ignore[misc]
    async with kept.ledger.read() as conn:
        assert await kept.visits.devices(conn, "t1") == {"camera": "ok", "rtt_ms": 31}


# --- calls -----------------------------------------------------------------------------------------------


async def test_a_ticket_has_one_call_for_each_epoch_and_the_last_one_counts(kept: Kept) -> None:
    await kept.take(ticket())
    await kept.call(session(ticket(), 1), session(ticket(), 2))
    with pytest.raises(Conflict, match="epoch_stale"):
        await kept.call(session(ticket(), 2, id="s-other", room="other"))
    async with kept.ledger.read() as conn:
        assert await kept.visits.session_of_ticket(conn, "t1") == session(ticket(), 2)
        assert await kept.visits.session_of_ticket(conn, "t2") is None
        assert await kept.visits.session(conn, "s-t1-1") == session(ticket(), 1)
        with pytest.raises(NotFound, match="unknown_session"):
            await kept.visits.session(conn, "s-t9-1")


async def test_a_call_is_found_by_its_room_and_by_its_agent_until_it_is_closed(kept: Kept) -> None:
    await kept.take(ticket())
    made = session(ticket())
    await kept.call(made)
    async with kept.ledger.read() as conn:
        assert await kept.visits.session_of_room(conn, made.room) == made
        assert await kept.visits.session_of_agent(conn, "mei") == made
        assert await kept.visits.session_of_agent(conn, "lan") is None
        assert await kept.visits.open_calls(conn) == {"mei": [made]}
    closed = sessions.advance(made, sessions.Event.EXPIRE, NOON + 99)
    await kept.ledger.write(lambda conn: kept.visits.save_session(conn, closed, seen=0))
    async with kept.ledger.read() as conn:
        assert await kept.visits.session_of_agent(conn, "mei") is None
        assert await kept.visits.open_calls(conn) == {}
    with pytest.raises(Conflict, match="version_stale"):
        await kept.ledger.write(lambda conn: kept.visits.save_session(conn, closed, seen=0))


async def test_calls_are_due_until_they_are_closed(kept: Kept) -> None:
    await kept.take(ticket())
    made = session(ticket())
    await kept.call(made)
    assert made.deadline is not None
    async with kept.ledger.read() as conn:
        assert await kept.visits.sessions_due(conn, made.deadline - 1) == []
        assert await kept.visits.sessions_due(conn, made.deadline) == [made]
    closed = sessions.advance(made, sessions.Event.EXPIRE, made.deadline)
    await kept.ledger.write(lambda conn: kept.visits.save_session(conn, closed, seen=0))
    async with kept.ledger.read() as conn:
        assert await kept.visits.sessions_due(conn, made.deadline + 9999) == []


# --- chat ------------------------------------------------------------------------------------------------


async def test_the_last_lines_of_a_chat_come_oldest_first_and_are_sealed(kept: Kept) -> None:
    for n in range(4):
        await kept.ledger.write(
            lambda conn, n=n: kept.visits.say(  # type: ignore[misc]
                conn, case="a1", session="s1", author="agent", name="陈晓敏", text=f"第{n}句", at=NOON + n
            )
        )
    async with kept.ledger.read() as conn:
        assert [one.text for one in await kept.visits.chat(conn, "a1", limit=3)] == [
            "第1句",
            "第2句",
            "第3句",
        ]
        assert await kept.visits.chat(conn, "a2") == []
        assert "句" not in repr((await conn.execute(select(tables.chat_line))).all())


async def test_the_first_in_line_are_those_of_the_wanted_kinds_by_credit_and_time(kept: Kept) -> None:
    await kept.take(ticket(1, joined_at=NOON + 5))
    await kept.take(ticket(2, joined_at=NOON + 9, credit_seconds=60.0))
    await kept.take(ticket(3, joined_at=NOON, mode="text"))

    async def first(
        limit: int = 9, modes: tuple[str, ...] = ("video", "text"), item: str = "HR01"
    ) -> list[str]:
        async with kept.ledger.read() as conn:
            found = await waiting.first_in_line(
                conn, items=[item], languages=["zh"], modes=modes, limit=limit
            )
        return [one.id for one in found]

    assert await first() == ["t2", "t3", "t1"]
    assert await first(modes=("video",)) == ["t2", "t1"]
    assert await first(limit=1) == ["t2"]
    assert await first(item="PS01") == []
    await moved(kept, ticket(2, joined_at=NOON + 9, credit_seconds=60.0), Event.CALL)
    assert await first() == ["t3", "t1"]
