"""What people were told about their wait, what became of it, and what that taught."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, cast, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.estimate import Calibration, Marks, Span, Wait, learnt, names
from cloudwindow.domain.match import Lane
from cloudwindow.records import tables
from cloudwindow.records.rows import as_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """
    A range shown to a ticket's holder ``at`` an instant; ``expected`` … ``high`` are seconds from then.

    ``credit``: the ticket stood before some who came earlier.
    """

    ticket: str
    district: str
    lane: str
    at: float
    expected: float
    low: float
    point: float
    high: float
    credit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How many promises of a district came to an end, and how many of them came true."""

    cases: int
    kept: int


async def add(conn: AsyncConnection, promise: Promise) -> None:
    """Keep what was shown. A ticket is promised once: a second promise changes nothing."""
    try:
        async with conn.begin_nested():
            await conn.execute(insert(tables.wait_promise).values(**as_row(promise)))
    except IntegrityError:
        return


async def settle(conn: AsyncConnection, ticket: str, *, now: float, called: bool) -> None:
    """
    The ticket was ``called`` for the first time, or left: close its promise and learn from it.

    Who leaves before the range is over has proved nothing, and nothing is learnt.
    """
    table = tables.wait_promise
    open_one = select(table).where(table.c.ticket == ticket, table.c.ended_at.is_(None)).with_for_update()
    row = (await conn.execute(open_one)).one_or_none()
    if row is None:
        return
    waited = max(0.0, now - row.at)
    closed = update(table).where(table.c.ticket == ticket)
    await conn.execute(closed.values(ended_at=now, waited=waited, called=called))
    if called or waited > row.high:
        wait = Wait(row.district, Lane.parse(row.lane).skill, row.credit, row.expected)
        await _learn(conn, wait, Span(row.low, row.point, row.high), waited)


async def forget(conn: AsyncConnection, ticket: str) -> None:
    """The citizen asked for another time: a promise that is still open binds nobody any more."""
    table = tables.wait_promise
    await conn.execute(delete(table).where(table.c.ticket == ticket, table.c.ended_at.is_(None)))


async def _learn(conn: AsyncConnection, wait: Wait, shown: Span, waited: float) -> None:
    """Move the marks; those that another node is moving are left to it: one lesson less, and no waiting."""
    table = tables.wait_marks
    query = select(table).where(table.c.bucket.in_(names(wait)))
    known = _marks(await conn.execute(query))
    free = _marks(await conn.execute(query.with_for_update(skip_locked=True)))
    for name, marks in learnt(known | free, wait, shown, waited).items():
        if name in free:
            await conn.execute(update(table).where(table.c.bucket == name).values(**marks._asdict()))
        elif name not in known:
            await _begin(conn, name, marks)


async def _begin(conn: AsyncConnection, name: str, marks: Marks) -> None:
    try:
        async with conn.begin_nested():
            await conn.execute(insert(tables.wait_marks).values(bucket=name, **marks._asdict()))
    except IntegrityError:
        return  # another node was first: one lesson less


def _marks(rows: Iterable[Any]) -> dict[str, Marks]:
    return {row.bucket: Marks(row.middle, row.below, row.above, row.cases) for row in rows}


async def calibration(conn: AsyncConnection) -> Calibration:
    """All that was learnt so far."""
    return _marks(await conn.execute(select(tables.wait_marks)))


async def records(conn: AsyncConnection, *, since: float) -> Mapping[str, Record]:
    """
    How often the shown range was right, by home district, over promises that ended since ``since``.

    Counted are those who were called, and those who left when their range was already over: it was wrong.
    """
    table = tables.wait_promise
    right = table.c.called & (table.c.waited >= table.c.low) & (table.c.waited <= table.c.high)
    query = (
        select(table.c.district, func.count(), func.sum(cast(right, Integer)))
        .where(table.c.ended_at >= since, or_(table.c.called, table.c.waited > table.c.high))
        .group_by(table.c.district)
    )
    return {
        district: Record(cases=cases, kept=int(kept or 0))
        for district, cases, kept in await conn.execute(query)
    }
