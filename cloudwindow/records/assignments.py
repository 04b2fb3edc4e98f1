"""
Which agent each ticket was offered to, and why: one row an offer, written from the line's announcements.

Rule: everything here may be written twice and in any order. The first telling of an offer stays; an end may
come before the offer it ends and then waits for it in a row without a rule.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.explain import Assignment, Ending
from cloudwindow.domain.ticket import Ticket
from cloudwindow.records import tables
from cloudwindow.records.rows import as_row, from_row

TABLE = tables.assignment
KEY = ("ticket", "epoch")
TOLD = ("agent", "agent_district", "lane", "ring", "rule", "made_at", "why")
UNTOLD = {"agent_district": "", "ring": -1, "rule": "", "why": "{}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One thing that happened to an offer; ``returned`` is a ticket that stands in the line again."""

    ticket: str
    epoch: int
    agent: str
    lane: str
    at: float
    ending: Ending
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """A member of staff as an explanation names them."""

    id: str
    name: str
    number: str
    district: str


async def keep(conn: AsyncConnection, made: Sequence[Assignment], ended: Sequence[End]) -> None:
    """Write offers and their ends; what is there already stays as it is."""
    if made:
        known = await colleagues(conn, {one.agent for one in made})
        districts = {one.id: one.district for one in known.values()}
        rows = [as_row(one) | {"agent_district": districts.get(one.agent, "")} for one in made]
        await conn.execute(_tell(conn), [{name: row[name] for name in KEY + TOLD} for row in rows])
    for returned in (False, True):
        ends = [_end_row(one) for one in ended if (one.ending is Ending.RETURNED) is returned]
        if ends:
            await conn.execute(_end(conn, returned=returned), ends)


def _tell(conn: AsyncConnection) -> Any:
    added = _insert(conn)
    return added.on_conflict_do_update(
        index_elements=KEY, set_={name: added.excluded[name] for name in TOLD}, where=TABLE.c.rule == ""
    )


def _end(conn: AsyncConnection, *, returned: bool) -> Any:
    """A return ends an offer only if nothing else did: when its agent went away or vanished."""
    added = _insert(conn)
    new = added.excluded
    changes = {name: new[name] for name in ("ended_at", "ending", "end_reason")}
    if returned:
        changes = {name: func.coalesce(TABLE.c[name], value) for name, value in changes.items()}
        changes |= {"returned_at": new.returned_at, "return_reason": new.return_reason}
    return added.on_conflict_do_update(index_elements=KEY, set_=changes)


def _end_row(end: End) -> dict[str, Any]:
    row = UNTOLD | {name: getattr(end, name) for name in ("ticket", "epoch", "agent", "lane")}
    row |= {"made_at": end.at, "ended_at": end.at, "ending": end.ending.value, "end_reason": end.reason}
    if end.ending is Ending.RETURNED:
        row |= {"returned_at": end.at, "return_reason": end.reason}
    return row


def _insert(conn: AsyncConnection) -> Any:
    return (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(TABLE)


async def of_ticket(conn: AsyncConnection, ticket: str) -> Sequence[Assignment]:
    """Every offer of ``ticket``, in order."""
    query = select(TABLE).where(TABLE.c.ticket == ticket).order_by(TABLE.c.epoch)
    return [from_row(Assignment, row) for row in await conn.execute(query)]


async def latest(
    conn: AsyncConnection, *, district: str | None = None, agent: str | None = None, limit: int = 20
) -> Sequence[tuple[Assignment, Ticket]]:
    """
    The newest offers with their tickets.

    ``district``: only tickets at home there or answered by one of its agents; ``agent``: only theirs.
    """
    line = tables.ticket
    query = select(TABLE).join(line, line.c.id == TABLE.c.ticket).where(TABLE.c.rule != "")
    if district is not None:
        served = (TABLE.c.agent_district == district) & (TABLE.c.ending == Ending.ACCEPTED.value)
        query = query.where(or_(line.c.home_district == district, served))
    if agent is not None:
        query = query.where(TABLE.c.agent == agent)
    rows = await conn.execute(query.order_by(TABLE.c.made_at.desc(), TABLE.c.ticket).limit(limit))
    found = [from_row(Assignment, row) for row in rows]
    known = await tickets_of(conn, {one.ticket for one in found})
    return [(one, known[one.ticket]) for one in found]


async def tickets_of(conn: AsyncConnection, ids: Collection[str]) -> Mapping[str, Ticket]:
    """The tickets of these ids that there are."""
    rows = await conn.execute(select(tables.ticket).where(tables.ticket.c.id.in_(ids)))
    return {row.id: from_row(Ticket, row) for row in rows}


async def named(conn: AsyncConnection, name: str, *, since: float, until: float) -> Sequence[Ticket]:
    """The ticket with the id ``name``, or those with this number taken in [``since``, ``until``)."""
    table = tables.ticket
    of_day = (table.c.number == name.upper()) & (table.c.joined_at >= since) & (table.c.joined_at < until)
    query = select(table).where(or_(table.c.id == name.lower(), of_day)).order_by(table.c.joined_at)
    return [from_row(Ticket, row) for row in await conn.execute(query)]


async def first_called_at(conn: AsyncConnection, ticket: str) -> float | None:
    """When the ticket's first call began."""
    calls = tables.session
    query = select(func.min(calls.c.started_at)).where(calls.c.ticket == ticket)
    found: float | None = (await conn.execute(query)).scalar_one()
    return found


async def colleagues(conn: AsyncConnection, ids: Collection[str]) -> Mapping[str, Colleague]:
    """The staff of these ids that there are."""
    staff = tables.staff
    rows = await conn.execute(select(staff).where(staff.c.id.in_(ids)))
    return {row.id: from_row(Colleague, row) for row in rows}


async def highest_epochs(conn: AsyncConnection) -> Mapping[str, int]:
    """The number of the last recorded offer of every waiting ticket that was offered before."""
    line = tables.ticket
    query = (
        select(TABLE.c.ticket, func.max(TABLE.c.epoch))
        .join(line, line.c.id == TABLE.c.ticket)
        .where(line.c.state == tickets.State.WAITING)
        .group_by(TABLE.c.ticket)
    )
    return {ticket: int(epoch) for ticket, epoch in await conn.execute(query)}
