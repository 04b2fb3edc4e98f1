"""Recordings of calls and who looked at them; the files themselves lie with the recorder."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import session as sessions
from cloudwindow.domain.errors import Conflict, Gone, NotFound
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A recording with the case and the agent it belongs to, as lists name them."""

    recording: Recording
    receipt: str
    item: str
    item_version: int
    agent: StaffId
    agent_name: str
    agent_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A leave to play with whom it was given to."""

    viewing: Viewing
    name: str
    number: str


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


async def listed(
    conn: AsyncConnection, *, districts: Sequence[str] | None, agent: str, limit: int
) -> Sequence[Listed]:
    """The newest recordings of cases at home in ``districts`` (None: all), and of the calls of ``agent``."""
    query = _listed()
    if districts is not None:
        at_home = tables.recording.c.district.in_(districts)
        query = query.where(or_(at_home, tables.session.c.agent == agent))
    rows = await conn.execute(query.order_by(tables.recording.c.started_at.desc()).limit(limit))
    return [_as_listed(row) for row in rows]


async def listed_of(conn: AsyncConnection, application: str) -> Sequence[Listed]:
    """The recordings of every call in which this case was handled, in order."""
    matter = tables.ticket_matter
    of_case = select(matter.c.ticket).where(matter.c.application == application)
    query = _listed(tables.session.c.ticket.in_(of_case))
    return [_as_listed(row) for row in await conn.execute(query.order_by(tables.recording.c.started_at))]


async def listed_one(conn: AsyncConnection, id: str) -> Listed:
    """One recording as lists show it. Raises NotFound("unknown_recording")."""
    row = (await conn.execute(_listed(tables.recording.c.id == id))).one_or_none()
    if row is None:
        raise NotFound("unknown_recording")
    return _as_listed(row)


def _listed(*conditions: ColumnElement[bool]) -> Select[Any]:
    table, call, case, staff = tables.recording, tables.session, tables.application, tables.staff
    named = (
        case.c.receipt,
        case.c.item,
        case.c.item_version,
        call.c.agent,
        staff.c.name.label("agent_name"),
        staff.c.number.label("agent_number"),
    )
    query = select(table, *named).join(call, call.c.id == table.c.session)
    query = query.join(case, case.c.id == table.c.application).join(staff, staff.c.id == call.c.agent)
    return query.where(*conditions)


def _as_listed(row: Row[Any]) -> Listed:
    return from_row(Listed, row, recording=from_row(Recording, row), receipt=row.receipt or "")


async def due(
    conn: AsyncConnection, now: float, *, states: Collection[State], limit: int = 50
) -> Sequence[Recording]:
    """
    Recordings in one of ``states`` whose deadline has passed, the longest overdue first.

    A hold stops nothing but the end of the time a recording is kept for.
    """
    query = _due(frozenset(states), limit)
    return [from_row(Recording, row) for row in await conn.execute(query, {"now": now})]


@cache
def _due(states: frozenset[State], limit: int) -> Select[Any]:
    """Built once: every node asks each second."""
    table = tables.recording
    unheld = or_(
        table.c.held_at.is_(None), table.c.keep_until.is_(None), table.c.deadline < table.c.keep_until
    )
    late = select(table).where(
        table.c.deadline <= bindparam("now"), table.c.state.in_(_values(states)), unheld
    )
    return late.order_by(table.c.deadline).limit(limit)


async def left_over(conn: AsyncConnection, *, before: float, limit: int = 50) -> Sequence[Recording]:
    """Recordings that have not ended though their call did ``before``, or was passed on in its room."""
    return [from_row(Recording, row) for row in await conn.execute(_left_over(limit), {"before": before})]


@cache
def _left_over(limit: int) -> Select[Any]:
    """Built once: every node asks each second."""
    table, call = tables.recording, tables.session
    over = (call.c.ended_at <= bindparam("before")) | (call.c.outcome == sessions.Outcome.TRANSFERRED.value)
    left = select(table).join(call, call.c.id == table.c.session)
    left = left.where(table.c.state.in_(_values(ACTIVE)), call.c.state.not_in(_values(sessions.OPEN)), over)
    return left.limit(limit)


async def unrecorded(conn: AsyncConnection, *, limit: int = 100) -> Sequence[str]:
    """Answered calls of citizens who agreed to a recording, and of which none runs."""
    return [row.id for row in await conn.execute(_unrecorded(limit))]


@cache
def _unrecorded(limit: int) -> Select[Any]:
    """Built once: every node asks each second."""
    call, ticket, consent, table = tables.session, tables.ticket, tables.consent, tables.recording
    runs = select(table.c.id).where(table.c.session == call.c.id, table.c.state.in_(_values(ACTIVE)))
    return (
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
    """
    A leave of this person that still holds.

    Raises NotFound("unknown_recording"), also for somebody else's; Gone("viewing_over").
    """
    table = tables.recording_viewing
    row = (await conn.execute(select(table).where(table.c.id == id, table.c.staff == staff))).one_or_none()
    if row is None:
        raise NotFound("unknown_recording")
    if row.expires_at <= now:
        raise Gone("viewing_over")
    return from_row(Viewing, row)


async def any_viewing(conn: AsyncConnection, id: str) -> Viewing:
    """A leave, whoever has it and however old. Raises NotFound("unknown_recording")."""
    table = tables.recording_viewing
    row = (await conn.execute(select(table).where(table.c.id == id))).one_or_none()
    if row is None:
        raise NotFound("unknown_recording")
    return from_row(Viewing, row)


async def viewings(conn: AsyncConnection, recording: str) -> Sequence[Viewer]:
    """Who was given leave to play a recording, the newest first."""
    table, staff = tables.recording_viewing, tables.staff
    named = (staff.c.name.label("staff_name"), staff.c.number.label("staff_number"))
    query = select(table, *named).join(staff, staff.c.id == table.c.staff)
    query = query.where(table.c.recording == recording).order_by(table.c.at.desc(), table.c.id)
    return [
        Viewer(viewing=from_row(Viewing, row), name=row.staff_name, number=row.staff_number)
        for row in await conn.execute(query)
    ]


async def viewed(conn: AsyncConnection, recordings: Collection[str]) -> Mapping[str, int]:
    """How often leave was given to play each of ``recordings``; those never played are missing."""
    table = tables.recording_viewing
    query = select(table.c.recording, func.count()).where(table.c.recording.in_(recordings))
    rows = await conn.execute(query.group_by(table.c.recording))
    return {recording: int(times) for recording, times in rows}
