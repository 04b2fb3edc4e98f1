"""Appointments in the ledger, on both databases: a seat is given once, whoever presses how often."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from cloudwindow.domain import appointment as rules
from cloudwindow.domain.appointment import Appointment, Event, Pool, Slot, State, timed
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.ids import CitizenId, ItemId, TicketId
from cloudwindow.records import Connection
from cloudwindow.records.appointments import Appointments
from cloudwindow.records.ledger import Ledger
from cloudwindow.vault import Vault
from tests.gateways.records_world import HUADU, NOON, TIANHE, Kept, kept_in

START = NOON + 86_400 * 2
POOL = Pool(district=HUADU, skill="human_resources", language="zh")
SLOT = Slot(start=START, end=START + 600)
SEATS = 3


@pytest.fixture
def desk() -> Appointments:
    """The room of the ledger."""
    return Appointments(Vault.of(bytes(32)))


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """Twenty citizens."""
    rooms = kept_in(ledger)
    await rooms.citizens(*range(1, 21))
    yield rooms


def made(serial: int = 1, seat: int = 0, **more: Any) -> Appointment:
    """An appointment of citizen ``serial`` in two days at noon."""
    one = Appointment(
        id=f"b{serial}",
        number=f"N-{serial}",
        citizen=CitizenId(f"c{serial}"),
        item=ItemId("HR01"),
        item_version=1,
        district=HUADU,
        skill=POOL.skill,
        language=POOL.language,
        starts_at=SLOT.start,
        ends_at=SLOT.end,
        seat=seat,
        spoken="zh-CN",
        booked_at=NOON,
    )
    return timed(replace(one, **more), NOON)


async def add(kept: Kept, desk: Appointments, one: Appointment) -> None:
    """Keep ``one`` with what its citizen said."""
    await kept.ledger.write(
        lambda conn: desk.add(conn, one, intake={"name": "王小明"}, resume_secret=one.id * 8)
    )


async def book(kept: Kept, desk: Appointments, serial: int, **more: Any) -> Appointment | None:
    """What the journey does in one unit: look for a free seat and take it; ``None`` when there is none."""

    async def work(conn: Connection) -> Appointment | None:
        standing = await desk.of_citizen(conn, more.get("citizen", f"c{serial}"), "HR01")
        if standing is not None:
            return standing
        seat = rules.free_seat(SEATS, await desk.seats_taken(conn, POOL, SLOT))
        if seat is None:
            return None
        one = made(serial, seat, **more)
        await desk.add(conn, one, intake={}, resume_secret=one.id * 8)
        return one

    return await kept.ledger.write(work)


async def test_an_appointment_comes_back_as_it_was_kept(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())
    async with kept.ledger.read() as conn:
        assert await desk.one(conn, "b1") == made()
        assert await desk.of_citizen(conn, "c1", "HR01") == made()
        assert await desk.of_citizen(conn, "c1", "PS01") is None
        assert await desk.intake(conn, "b1") == {"name": "王小明"}
        with pytest.raises(NotFound, match="unknown_appointment"):
            await desk.one(conn, "b9")


async def test_of_many_who_book_at_once_as_many_get_a_seat_as_there_are(
    kept: Kept, desk: Appointments
) -> None:
    given = await asyncio.gather(*(book(kept, desk, serial) for serial in range(1, 21)))
    seats = sorted(one.seat for one in given if one is not None)
    assert seats == list(range(SEATS))


async def test_ten_bookings_at_once_by_one_person_give_one(kept: Kept, desk: Appointments) -> None:
    given = await asyncio.gather(
        *(book(kept, desk, serial, citizen=CitizenId("c1")) for serial in range(1, 11))
    )
    assert len({one.id for one in given if one is not None}) == 1
    async with kept.ledger.read() as conn:
        assert await desk.seats_taken(conn, POOL, SLOT) == {0}


async def test_two_ledgers_on_one_database_give_a_seat_once(
    kept: Kept, desk: Appointments, ledger_url: str
) -> None:
    """Two nodes: each has its own writer."""
    other = await Ledger.open(ledger_url)
    try:
        there = replace(kept, ledger=other)
        both = [book(where, desk, serial) for serial in range(1, 7) for where in (kept, there)]
        given = await asyncio.gather(*both)
    finally:
        await other.close()
    assert sorted({(one.citizen, one.seat) for one in given if one is not None})[-1][1] <= SEATS - 1
    assert len({one.seat for one in given if one is not None}) == SEATS
    assert len({one.id for one in given if one is not None}) == SEATS


async def test_the_unique_seat_stands_behind_the_search(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made(1))
    with pytest.raises(Conflict, match="slot_full"):
        await add(kept, desk, made(2))
    with pytest.raises(Conflict, match="already_booked"):
        await add(kept, desk, made(3, seat=1, citizen=CitizenId("c1")))


async def test_a_longer_slot_sees_the_seats_of_every_slot_it_touches(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made(1, 0))
    await add(kept, desk, made(2, 1, starts_at=SLOT.end, ends_at=SLOT.end + 600))
    async with kept.ledger.read() as conn:
        longer = Slot(start=SLOT.start + 300, end=SLOT.end + 300)
        assert await desk.seats_taken(conn, POOL, longer) == {0, 1}
        assert await desk.seats_taken(conn, POOL, longer, besides="b1") == {1}
        assert await desk.seats_taken(conn, replace(POOL, language="yue"), longer) == frozenset()
        held = await desk.held(conn, POOL, start=SLOT.start, end=SLOT.end + 1)
        assert sorted(held) == [(SLOT.start, SLOT.end, 0), (SLOT.end, SLOT.end + 600, 1)]


@pytest.mark.parametrize("event", [Event.CANCEL, Event.MISS, Event.WITHDRAW])
async def test_a_seat_given_back_is_free_and_what_was_said_is_forgotten(
    kept: Kept, desk: Appointments, event: Event
) -> None:
    await add(kept, desk, made())
    after = rules.advance(made(), event, START)
    await kept.ledger.write(lambda conn: desk.save(conn, after, seen=0))
    async with kept.ledger.read() as conn:
        assert await desk.seats_taken(conn, POOL, SLOT) == frozenset()
        assert await desk.of_citizen(conn, "c1", "HR01") is None
        with pytest.raises(NotFound):
            await desk.intake(conn, "b1")
    await add(kept, desk, made(2))
    again = await book(kept, desk, 3, citizen=CitizenId("c1"))
    assert again is not None


async def test_who_has_arrived_keeps_the_seat_but_may_book_again(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())
    after = rules.arrived(made(), TicketId("t1"), START)
    await kept.ledger.write(lambda conn: desk.save(conn, after, seen=0))
    async with kept.ledger.read() as conn:
        assert await desk.seats_taken(conn, POOL, SLOT) == {0}
        assert await desk.of_ticket(conn, "t1") == after
        assert await desk.of_ticket(conn, "t2") is None
        assert await desk.of_citizen(conn, "c1", "HR01") is None


async def test_of_two_who_move_one_appointment_the_second_is_told(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())
    later = Slot(start=START + 3600, end=START + 4200)
    after = rules.moved(made(), later, seat=0, district=HUADU, now=NOON)
    await kept.ledger.write(lambda conn: desk.save(conn, after, seen=0))
    with pytest.raises(Conflict, match="version_stale"):
        await kept.ledger.write(lambda conn: desk.save(conn, after, seen=0))
    async with kept.ledger.read() as conn:
        assert await desk.seats_taken(conn, POOL, SLOT) == frozenset()
        assert await desk.seats_taken(conn, POOL, later) == {0}


async def test_moving_to_a_held_seat_is_refused_and_changes_nothing(kept: Kept, desk: Appointments) -> None:
    later = Slot(start=START + 3600, end=START + 4200)
    await add(kept, desk, made(1))
    await add(kept, desk, made(2, starts_at=later.start, ends_at=later.end))
    after = rules.moved(made(1), later, seat=0, district=HUADU, now=NOON)
    with pytest.raises(Conflict, match="slot_full"):
        await kept.ledger.write(lambda conn: desk.save(conn, after, seen=0))
    async with kept.ledger.read() as conn:
        assert await desk.one(conn, "b1") == made(1)


async def test_what_is_due_is_found_by_each_of_its_three_clocks(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())

    async def due(now: float) -> list[str]:
        async with kept.ledger.read() as conn:
            return [one.id for one in await desk.due(conn, now)]

    assert await due(START - 86_401) == []
    assert await due(START - 86_400) == ["b1"]
    one = rules.advance(made(), Event.REMIND_SOON, START - 1800)
    await kept.ledger.write(lambda conn: desk.save(conn, one, seen=0))
    assert await due(START) == []
    assert await due(START + rules.GIVEN_UP_SECONDS) == ["b1"]
    missed = rules.advance(one, Event.MISS, START + 1800)
    await kept.ledger.write(lambda conn: desk.save(conn, missed, seen=one.version))
    assert await due(START * 2) == []


async def test_a_booking_is_found_by_number_and_phone_together_only(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())
    async with kept.ledger.read() as conn:
        found = await desk.numbered(conn, "N-1", "13800000001")
        assert found is not None
        assert found.id == "b1"
        assert await desk.numbered(conn, "N-1", "13800000002") is None
        assert await desk.numbered(conn, "N-2", "13800000001") is None


async def test_a_link_works_once(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())
    found = await kept.ledger.write(lambda conn: desk.resume(conn, "b1" * 8, fresh_secret="new"))
    assert found.id == "b1"
    with pytest.raises(NotFound, match="link_unknown"):
        await kept.ledger.write(lambda conn: desk.resume(conn, "b1" * 8, fresh_secret="newer"))
    async with kept.ledger.read() as conn:
        assert await desk.resume_secret(conn, "b1") == "new"


async def test_the_districts_day_and_its_share_of_missed_ones(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made(1))
    await add(kept, desk, made(2, 1))
    await add(kept, desk, made(3, district=TIANHE))
    for one, event in ((made(1), Event.MISS), (made(3, district=TIANHE), Event.MISS)):
        after = rules.advance(one, event, START + 1800)
        await kept.ledger.write(lambda conn, to=after: desk.save(conn, to, seen=0))  # type: ignore[misc]
    here = rules.arrived(made(2, 1), TicketId("t2"), START)
    await kept.ledger.write(lambda conn: desk.save(conn, here, seen=0))
    async with kept.ledger.read() as conn:
        day = await desk.between(conn, HUADU, start=NOON, end=START + 1)
        assert [one.id for one in day] == ["b1", "b2"]
        assert [one.state for one in day] == [State.NO_SHOW, State.ARRIVED]
        assert await desk.kept_and_missed(conn, HUADU, since=NOON) == (1, 1)
        assert await desk.kept_and_missed(conn, HUADU, since=START + 1) == (0, 0)


async def test_nothing_a_person_said_stands_readable_in_the_ledger(kept: Kept, desk: Appointments) -> None:
    await add(kept, desk, made())
    async with kept.ledger.read() as conn:
        row = (await conn.execute(text("SELECT * FROM appointment"))).one()
    assert "王小明" not in str(tuple(row))
