"""
Numbers without gaps: 1, 2, 3 … per issuer, period and kind.

A number belongs to the unit of work that took it: if that is undone, the next unit gets the same number.
"""

from datetime import date

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.ids import DistrictCode
from cloudwindow.records.tables import serial_number


async def next_number(conn: AsyncConnection, organ: str, year: int, kind: str) -> int:
    """Return the next number of ``organ`` for papers of ``kind`` (receipt, decision …) in ``year``."""
    return await _next(conn, organ, str(year), kind)


async def next_ticket_number(conn: AsyncConnection, district: DistrictCode, day: date) -> int:
    """Return the next ticket number of ``district`` on ``day``, a local date."""
    return await _next(conn, district, day.isoformat(), "ticket")


async def _next(conn: AsyncConnection, issuer: str, period: str, kind: str) -> int:
    table = serial_number.c
    counted = await conn.execute(
        update(serial_number)
        .where(table.issuer == issuer, table.period == period, table.kind == kind)
        .values(last=table.last + 1)
        .returning(table.last)
    )
    number: int | None = counted.scalar_one_or_none()
    if number is not None:
        return number
    await conn.execute(insert(serial_number).values(issuer=issuer, period=period, kind=kind, last=1))
    return 1
