"""How calls were for those in them: what browsers measured every five seconds, and how long joining took."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.records import tables
from cloudwindow.records.rows import as_row, from_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    Five seconds of a call as one ``side`` (citizen, agent or third) measured them until ``at``.

    Losses are percent, ``rtt_ms`` milliseconds, the picture in pixels as received; unknown is ``None``.
    """

    session: str
    side: str
    at: float
    loss_up: float | None
    loss_down: float | None
    rtt_ms: int | None
    kbit_up: int
    kbit_down: int
    width: int
    height: int
    step: str
    limited_by: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How long a ``side`` took to be in the call, in ms; ``occasion`` is join or repair."""

    session: str
    side: str
    at: float
    occasion: str
    devices_ms: int | None
    answer_ms: int | None
    connected_ms: int | None
    picture_ms: int | None
    browser: str


async def keep(conn: AsyncConnection, measured: Sequence[Measured], setups: Sequence[Setup]) -> None:
    """Keep what has gathered, all or nothing."""
    if measured:
        await conn.execute(insert(tables.call_quality), [as_row(one) for one in measured])
    if setups:
        await conn.execute(insert(tables.call_setup), [as_row(one) for one in setups])


async def of_session(conn: AsyncConnection, session: str) -> tuple[list[Measured], list[Setup]]:
    """What is known of one call, oldest first."""
    quality, setup = tables.call_quality, tables.call_setup
    measured = await conn.execute(select(quality).where(quality.c.session == session).order_by(quality.c.id))
    setups = await conn.execute(select(setup).where(setup.c.session == session).order_by(setup.c.id))
    return [from_row(Measured, row) for row in measured], [from_row(Setup, row) for row in setups]


async def forget_before(conn: AsyncConnection, at: float) -> None:
    """Delete what was measured before ``at``."""
    for table in (tables.call_quality, tables.call_setup):
        await conn.execute(delete(table).where(table.c.at < at))
