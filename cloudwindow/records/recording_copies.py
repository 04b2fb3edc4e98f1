"""Marked copies of recordings, and the last check of each recording's files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import NotFound
from cloudwindow.records import tables
from cloudwindow.records.rows import as_row, from_row, overwrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """
    A copy of a film (``clip`` None) or evidence clip, asked for by one viewing, ``words`` drawn into it.

    Asked for, made, taken once or more, ended: one of ``made_at`` and ``failure`` says how the making went.
    ``deadline``: when a node makes it or takes its file away.
    """

    id: str
    viewing: str
    recording: str
    clip: int | None
    words: str
    asked_at: float
    made_at: float | None = None
    taken_at: float | None = None
    ended_at: float | None = None
    failure: str = ""
    seconds: float = 0.0
    octets: int = 0
    sha256: str = ""
    original: str = ""
    deadline: float | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """When a recording's files were compared with its chain, and what was wrong; ``mark`` as they were."""

    recording: str
    at: float
    mark: str
    findings: Sequence[str]


async def add(conn: AsyncConnection, copy: Copy) -> None:
    """Keep a new copy."""
    await conn.execute(insert(tables.recording_copy).values(**as_row(copy)))


async def change(conn: AsyncConnection, copy: Copy, *, seen: int) -> None:
    """Write a copy over the version ``seen``. Raises Conflict("version_stale")."""
    await overwrite(conn, tables.recording_copy, as_row(copy), seen=seen)


async def one(conn: AsyncConnection, id: str) -> Copy:
    """One copy. Raises NotFound("unknown_recording")."""
    table = tables.recording_copy
    row = (await conn.execute(select(table).where(table.c.id == id))).one_or_none()
    if row is None:
        raise NotFound("unknown_recording")
    return from_row(Copy, row)


async def due(conn: AsyncConnection, now: float, *, made: bool, limit: int = 20) -> Sequence[Copy]:
    """Copies to be taken away (``made``), or to be made, whose time has come; the longest overdue first."""
    table = tables.recording_copy
    stands = table.c.made_at.is_not(None) if made else table.c.made_at.is_(None)
    query = select(table).where(table.c.deadline <= now, table.c.ended_at.is_(None), stands)
    return [from_row(Copy, row) for row in await conn.execute(query.order_by(table.c.deadline).limit(limit))]


async def of_viewing(conn: AsyncConnection, viewing: str) -> Sequence[Copy]:
    """The copies somebody asked for under one leave, the newest first."""
    table = tables.recording_copy
    query = select(table).where(table.c.viewing == viewing).order_by(table.c.asked_at.desc())
    return [from_row(Copy, row) for row in await conn.execute(query)]


async def taken(conn: AsyncConnection, viewings: Collection[str]) -> Mapping[str, int]:
    """How many copies were downloaded under each of ``viewings``; those without are missing."""
    table, count = tables.recording_copy, dict[str, int]()
    query = select(table.c.viewing).where(table.c.viewing.in_(viewings), table.c.taken_at.is_not(None))
    for row in await conn.execute(query):
        count[row.viewing] = count.get(row.viewing, 0) + 1
    return count


async def check(conn: AsyncConnection, recording: str) -> Check | None:
    """The last check of a recording's files."""
    table = tables.recording_check
    row = (await conn.execute(select(table).where(table.c.recording == recording))).one_or_none()
    return from_row(Check, row) if row else None


async def keep_check(conn: AsyncConnection, made: Check) -> None:
    """Keep a check in the place of the last one."""
    table = tables.recording_check
    await conn.execute(delete(table).where(table.c.recording == made.recording))
    await conn.execute(insert(table).values(**as_row(made)))
