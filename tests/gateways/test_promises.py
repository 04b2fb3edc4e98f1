"""Shown waits as promises, on both databases."""

from collections.abc import AsyncIterator

import pytest_asyncio

from cloudwindow.domain.estimate import Marks, Wait, bucket, names, teachers
from cloudwindow.records import promises
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.promises import Promise, Record
from tests.gateways.records_world import HUADU, NOON, TIANHE, Kept, kept_in, ticket


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """Four tickets that wait."""
    rooms = kept_in(ledger)
    await rooms.citizens(1, 2, 3, 4)
    await rooms.take(ticket(1), ticket(2), ticket(3), ticket(4, home_district=TIANHE))
    yield rooms


def promise(serial: int, district: str = HUADU) -> Promise:
    """Four to eight minutes, shown at noon."""
    return Promise(
        ticket=f"t{serial}",
        district=district,
        lane=f"{district}|HR|zh|video|120-60-180",
        at=NOON,
        expected=350.0,
        low=240.0,
        point=360.0,
        high=480.0,
    )


async def settle(kept: Kept, serial: int, minutes: float, *, called: bool = True) -> None:
    now = NOON + 60 * minutes
    await kept.ledger.write(lambda conn: promises.settle(conn, f"t{serial}", now=now, called=called))


async def make(kept: Kept, *made: Promise) -> None:
    for one in made:
        await kept.ledger.write(lambda conn, one=one: promises.add(conn, one))  # type: ignore[misc]


async def records(kept: Kept, since: float = NOON) -> dict[str, Record]:
    async with kept.ledger.read() as conn:
        return dict(await promises.records(conn, since=since))


async def test_a_district_is_judged_by_the_promises_that_came_to_an_end(kept: Kept) -> None:
    await make(kept, promise(1), promise(2), promise(3), promise(4, TIANHE))
    assert await records(kept) == {}
    await settle(kept, 1, 6)
    await settle(kept, 2, 9)
    await settle(kept, 4, 8)
    assert await records(kept) == {HUADU: Record(cases=2, kept=1), TIANHE: Record(cases=1, kept=1)}
    assert await records(kept, since=NOON + 8.5 * 60) == {HUADU: Record(cases=1, kept=0)}


async def test_who_leaves_early_proves_nothing_and_who_leaves_late_proves_us_wrong(kept: Kept) -> None:
    await make(kept, promise(1), promise(2))
    await settle(kept, 1, 6, called=False)
    assert await records(kept) == {}
    await settle(kept, 2, 10, called=False)
    assert await records(kept) == {HUADU: Record(cases=1, kept=0)}


async def test_a_promise_is_made_once_and_judged_once(kept: Kept) -> None:
    await make(kept, promise(1), promise(1))
    await settle(kept, 1, 6)
    await settle(kept, 1, 60)
    assert await records(kept) == {HUADU: Record(cases=1, kept=1)}


async def test_a_ticket_without_a_promise_is_settled_without_a_trace(kept: Kept) -> None:
    await settle(kept, 3, 6)
    assert await records(kept) == {}


async def test_another_time_that_was_asked_for_ends_the_promise(kept: Kept) -> None:
    await make(kept, promise(1))
    await kept.ledger.write(lambda conn: promises.forget(conn, "t1"))
    await settle(kept, 1, 90)
    assert await records(kept) == {}


async def test_what_waits_taught_is_kept_and_read_by_every_node(kept: Kept) -> None:
    await make(kept, promise(1), promise(2))
    await settle(kept, 1, 9)
    await settle(kept, 2, 9)
    async with kept.ledger.read() as conn:
        found = await promises.calibration(conn)
    wait = Wait(HUADU, "HR", False, 350.0)
    assert set(found) == set(names(wait))
    assert {marks.cases for marks in found.values()} == {2}
    assert all(found[teacher].middle > Marks().middle for teacher in teachers(wait))
    assert found[bucket(wait)].above > Marks().above
