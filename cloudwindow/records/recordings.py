"""Recordings of calls and who looked at them; the files themselves lie with the recorder."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import session as sessions
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.ids import StaffId
from cloudwindow.domain.recording import ACTIVE, Recording, State
from cloudwindow.records import tables
from cloudwindow.records.rows import as_row, from_row, overwrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewing:
    """Leave for one member of staff to play one recording until ``expires_at``, for a typed reason."""

    id: str
    recording: str
    staff: StaffId
    reason: str
    at: float
    expires_at: float


async def add(conn: AsyncConnection, recording: Recording) -> None:
    """Keep a new recording. Raises Conflict("recording_running") if another node began the same one."""
    try:
        async with conn.begin_nested():
            await conn.execute(insert(tables.recording).values(**as_row(recording)))
    except IntegrityError as exc:
        raise Conflict("recording_running") from exc


async def change(conn: AsyncConnection, recording: Recording, *, seen: int) -> None:
    """Write a recording over the version ``seen``. Raises Conflict("version_stale")."""
    await overwrite(conn, tables.recording, as_row(recording), seen=seen)


async def one(conn: AsyncConnection, id: str) -> Recording:
    """One recording. Raises NotFound("unknown_recording")."""
    row = (await conn.execute(select(tables.recording).where(tables.recording.c.id == id))).one_or_none()
    if row is None:
        raise NotFound("unknown_recording")
    return from_row(Recording, row)


async def of_session(conn: AsyncConnection, session: str) -> Sequence[Recording]:
    """The recordings of one call, in order."""
    table = tables.recording
    query = select(table).where(table.c.session == session).order_by(table.c.number)
    return [from_row(Recording, row) for row in await conn.execute(query)]


async def of_application(conn: AsyncConnection, application: str) -> Sequence[Recording]:
    """The recordings of one case, in order."""
    table = tables.recording
    query = select(table).where(table.c.application == application).order_by(table.c.started_at)
    return [from_row(Recording, row) for row in await conn.execute(query)]


async def of_districts(
    conn: AsyncConnection, districts: Sequence[str] | None, *, limit: int
) -> Sequence[Recording]:
    """The newest recordings of cases at home in ``districts``, or of all."""
    table = tables.recording
    query = select(table).order_by(table.c.started_at.desc()).limit(limit)
    if districts is not None:
        query = query.where(table.c.district.in_(districts))
    return [from_row(Recording, row) for row in await conn.execute(query)]


async def due(
    conn: AsyncConnection, now: float, *, states: Collection[State], limit: int = 50
) -> Sequence[Recording]:
    """Recordings in ``states`` whose deadline has passed and that are not held, the longest overdue first."""
    table = tables.recording
    query = (
        select(table)
        .where(
            table.c.deadline <= now,
            table.c.state.in_([state.value for state in states]),
            table.c.held_at.is_(None) | table.c.keep_until.is_(None),
        )
        .order_by(table.c.deadline)
        .limit(limit)
    )
    return [from_row(Recording, row) for row in await conn.execute(query)]


async def left_over(conn: AsyncConnection, *, before: float, limit: int = 50) -> Sequence[Recording]:
    """Recordings that have not ended though their call did ``before``, or was passed on in its room."""
    table, call = tables.recording, tables.session
    query = (
        select(table)
        .join(call, call.c.id == table.c.session)
        .where(
            table.c.state.in_(_values(ACTIVE)),
            call.c.state.not_in(_values(sessions.OPEN)),
            (call.c.ended_at <= before) | (call.c.outcome == sessions.Outcome.TRANSFERRED.value),
        )
        .limit(limit)
    )
    return [from_row(Recording, row) for row in await conn.execute(query)]


async def unrecorded(conn: AsyncConnection, *, limit: int = 100) -> Sequence[str]:
    """Answered calls of citizens who agreed to a recording, and of which none runs."""
    call, ticket, consent, table = tables.session, tables.ticket, tables.consent, tables.recording
    runs = select(table.c.id).where(table.c.session == call.c.id, table.c.state.in_(_values(ACTIVE)))
    query = (
        select(call.c.id)
        .join(ticket, ticket.c.id == call.c.ticket)
        .join(consent, consent.c.application == call.c.application)
        .where(
            call.c.state == sessions.State.LIVE.value,
            ticket.c.mode != "text",
            consent.c.kind == "recording",
            consent.c.given.is_(True),
            ~runs.exists(),
        )
        .limit(limit)
    )
    return [row.id for row in await conn.execute(query)]


def _values(states: Iterable[StrEnum]) -> list[str]:
    return sorted(state.value for state in states)


async def active_in(conn: AsyncConnection, room: str) -> Recording | None:
    """The recording of a media room that has not ended."""
    table = tables.recording
    query = select(table).where(table.c.room == room, table.c.state.in_(_values(ACTIVE)))
    row = (await conn.execute(query)).first()
    return from_row(Recording, row) if row else None


async def add_viewing(conn: AsyncConnection, viewing: Viewing) -> None:
    """Keep a leave to play."""
    await conn.execute(insert(tables.recording_viewing).values(**as_row(viewing)))


async def viewing(conn: AsyncConnection, id: str, *, staff: str, now: float) -> Viewing:
    """A leave that still holds, of this person. Raises NotFound("unknown_recording")."""
    table = tables.recording_viewing
    query = select(table).where(table.c.id == id, table.c.staff == staff, table.c.expires_at > now)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise NotFound("unknown_recording")
    return from_row(Viewing, row)


async def viewings(conn: AsyncConnection, recording: str) -> Sequence[Viewing]:
    """Who was given leave to play a recording, the newest first."""
    table = tables.recording_viewing
    query = select(table).where(table.c.recording == recording).order_by(table.c.at.desc())
    return [from_row(Viewing, row) for row in await conn.execute(query)]
