"""Serial numbers have no gaps and no twins."""

import asyncio
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import Conflict, Unavailable
from cloudwindow.domain.ids import DistrictCode
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.numbers import next_number, next_ticket_number

HUADU = DistrictCode("440114")


async def test_two_hundred_writers_get_numbers_without_gaps_or_twins(ledger: Ledger) -> None:
    numbers = await asyncio.gather(
        *(ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt")) for _ in range(200))
    )
    assert sorted(numbers) == list(range(1, 201))


async def test_writers_on_two_nodes_get_numbers_without_gaps_or_twins(ledger_url: str) -> None:
    nodes = [await Ledger.open(ledger_url), await Ledger.open(ledger_url)]
    try:
        numbers = await asyncio.gather(
            *(
                node.write(lambda conn: next_number(conn, "organ", 2026, "receipt"))
                for _ in range(50)
                for node in nodes
            )
        )
        assert sorted(numbers) == list(range(1, 101))
    finally:
        for node in nodes:
            await node.close()


async def test_a_number_whose_unit_was_undone_goes_to_the_next(ledger: Ledger) -> None:
    async def take_and_fail(conn: AsyncConnection) -> None:
        await next_number(conn, "organ", 2026, "receipt")
        raise Conflict("stale")

    outcomes = await asyncio.gather(
        ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt")),
        ledger.write(take_and_fail),
        ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt")),
        return_exceptions=True,
    )
    assert (outcomes[0], outcomes[2]) == (1, 2)


async def test_a_number_whose_commit_failed_goes_to_the_next(ledger: Ledger) -> None:
    async def fails() -> None:
        raise OSError("the disk said no")

    ledger.failpoints["before_commit"] = fails
    with pytest.raises(Unavailable):
        await ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt"))
    ledger.failpoints.clear()
    assert await ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt")) == 1


async def test_each_organ_year_and_kind_counts_for_itself(ledger: Ledger) -> None:
    async def take(conn: AsyncConnection) -> list[int]:
        return [
            await next_number(conn, "a", 2026, "receipt"),
            await next_number(conn, "a", 2026, "receipt"),
            await next_number(conn, "b", 2026, "receipt"),
            await next_number(conn, "a", 2027, "receipt"),
            await next_number(conn, "a", 2026, "decision"),
            await next_number(conn, "a", 2026, "receipt"),
        ]

    assert await ledger.write(take) == [1, 2, 1, 1, 1, 3]


async def test_ticket_numbers_begin_again_each_day_in_each_district(ledger: Ledger) -> None:
    async def take(conn: AsyncConnection) -> list[int]:
        return [
            await next_ticket_number(conn, HUADU, date(2026, 11, 23)),
            await next_ticket_number(conn, HUADU, date(2026, 11, 23)),
            await next_ticket_number(conn, HUADU, date(2026, 11, 24)),
            await next_ticket_number(conn, DistrictCode("440106"), date(2026, 11, 23)),
        ]

    assert await ledger.write(take) == [1, 2, 1, 1]
