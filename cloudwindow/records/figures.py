"""What the board reads of the ledger: today's totals, per district and item. Windows, no corridor."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.application import SUBMITTED
from cloudwindow.records import tables

COUNTED = {
    tickets.State.DONE: "served",
    tickets.State.ABANDONED: "abandoned",
    tickets.State.MISSED: "missed",
    tickets.State.EXPIRED: "missed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """Tickets waiting for one item in one district; ``since`` is the earliest joining time."""

    district: str
    item: str
    waiting: int
    since: float


async def waiting(conn: AsyncConnection, district: str | None) -> Sequence[WaitingGroup]:
    """Who waits now, by district and item; of one ``district`` or of all."""
    table = tables.ticket
    query = select(table.c.home_district, table.c.item, func.count(), func.min(table.c.joined_at)).where(
        table.c.state.in_([tickets.State.WAITING, tickets.State.CALLED])
    )
    if district:
        query = query.where(table.c.home_district == district)
    rows = await conn.execute(query.group_by(table.c.home_district, table.c.item))
    return [WaitingGroup(district=d, item=i, waiting=n, since=since) for d, i, n, since in rows]


async def today(
    conn: AsyncConnection, district: str | None, *, since: float
) -> Mapping[str, Mapping[str, int]]:
    """
    Counts since the instant ``since`` by home district.

    taken, served, abandoned and missed count tickets by the time they were taken; submitted counts receipts,
    issued documents of decision, handed_over packages.
    """
    found: dict[str, Counter[str]] = {}
    table = tables.ticket
    query = select(table.c.home_district, table.c.state, func.count()).where(table.c.joined_at >= since)
    for code, state, count in await conn.execute(query.group_by(table.c.home_district, table.c.state)):
        counts = found.setdefault(code, Counter())
        counts["taken"] += count
        if state in COUNTED:
            counts[COUNTED[tickets.State(state)]] += count
    await _count_cases(conn, found, since)
    return {code: counts for code, counts in found.items() if district in (None, code)}


async def _count_cases(conn: AsyncConnection, found: dict[str, Counter[str]], since: float) -> None:
    cases = tables.application
    received = (
        select(cases.c.home_district, func.count())
        .where(cases.c.received_at >= since, cases.c.state.in_(SUBMITTED))
        .group_by(cases.c.home_district)
    )
    handed = (
        select(tables.handover.c.to_district, func.count())
        .where(tables.handover.c.sent_at >= since)
        .group_by(tables.handover.c.to_district)
    )
    issued = (
        select(cases.c.home_district, func.count())
        .join_from(tables.document, cases, tables.document.c.application == cases.c.id)
        .where(
            tables.document.c.issued_at >= since,
            tables.document.c.kind.in_(["certificate", "confirmation_result", "approval"]),
        )
        .group_by(cases.c.home_district)
    )
    for name, query in {"submitted": received, "handed_over": handed, "issued": issued}.items():
        for code, count in await conn.execute(query):
            found.setdefault(code, Counter())[name] += count


async def mean_wait_seconds(conn: AsyncConnection, district: str | None, *, since: float) -> float | None:
    """Mean time from the first press to the first call, over tickets first called since ``since``."""
    calls, line = tables.session, tables.ticket
    first = select(calls.c.ticket, func.min(calls.c.started_at).label("at")).group_by(calls.c.ticket)
    called = first.subquery()
    query = (
        select(func.avg(called.c.at - line.c.joined_at))
        .join_from(called, line, called.c.ticket == line.c.id)
        .where(called.c.at >= since)
    )
    if district:
        query = query.where(line.c.home_district == district)
    mean = (await conn.execute(query)).scalar_one_or_none()
    return None if mean is None else float(mean)


async def served_by(conn: AsyncConnection, agent: str, *, since: float) -> int:
    """Calls this agent closed since ``since``."""
    table = tables.session
    query = select(func.count()).where(
        table.c.agent == agent, table.c.started_at >= since, table.c.outcome.is_not(None)
    )
    return int((await conn.execute(query)).scalar_one())
