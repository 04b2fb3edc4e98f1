"""Which district lends its agents to which, from when to when."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.records import tables
from cloudwindow.records.rows import as_row, from_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Lending:
    """The agents of ``lender`` help citizens of ``borrower``; times are seconds since the epoch."""

    id: str
    lender: DistrictCode
    borrower: DistrictCode
    starts_at: float
    ends_at: float
    agreed_by: StaffId
    reason: str
    made_at: float


async def add(conn: AsyncConnection, lending: Lending) -> None:
    """Keep a new lending."""
    await conn.execute(insert(tables.lending).values(**as_row(lending)))


async def lending(conn: AsyncConnection, id: str) -> Lending:
    """One lending. Raises NotFound("unknown_lending")."""
    row = (await conn.execute(select(tables.lending).where(tables.lending.c.id == id))).one_or_none()
    if row is None:
        raise NotFound("unknown_lending")
    return from_row(Lending, row)


async def end(conn: AsyncConnection, id: str, *, now: float) -> None:
    """End a lending now, if it has not ended."""
    table = tables.lending
    await conn.execute(update(table).where(table.c.id == id, table.c.ends_at > now).values(ends_at=now))


async def not_over(conn: AsyncConnection, now: float) -> Sequence[Lending]:
    """Lendings in force or still to come, the earliest first."""
    table = tables.lending
    query = select(table).where(table.c.ends_at > now).order_by(table.c.starts_at, table.c.id)
    return [from_row(Lending, row) for row in await conn.execute(query)]
