"""What each ticket is about: its matters in their order, with their outcomes."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.matter import Matter
from cloudwindow.domain.ticket import Ticket
from cloudwindow.records.rows import as_row, from_row
from cloudwindow.records.tables import ticket_matter as TABLE


async def add(conn: AsyncConnection, ticket: Ticket, more: Sequence[Matter]) -> None:
    """Keep what ``ticket`` stands at as its first matter, and ``more`` after it."""
    first = Matter(
        ticket=ticket.id,
        position=1,
        application=ticket.application,
        item=ticket.item,
        item_version=ticket.item_version,
    )
    rows = [as_row(one) | {"live_key": live_key(ticket.citizen, one.item)} for one in (first, *more)]
    await conn.execute(insert(TABLE), rows)


async def of_ticket(conn: AsyncConnection, ticket: str) -> Sequence[Matter]:
    """The matters of one ticket, as they were chosen."""
    query = select(TABLE).where(TABLE.c.ticket == ticket).order_by(TABLE.c.position)
    return [from_row(Matter, row) for row in await conn.execute(query)]


async def of_tickets(conn: AsyncConnection, ids: Collection[str]) -> Mapping[str, Sequence[Matter]]:
    """The matters of many tickets at once."""
    found: dict[str, list[Matter]] = defaultdict(list)
    if ids:
        query = select(TABLE).where(TABLE.c.ticket.in_(ids)).order_by(TABLE.c.ticket, TABLE.c.position)
        for row in await conn.execute(query):
            found[row.ticket].append(from_row(Matter, row))
    return found


async def save(conn: AsyncConnection, matter: Matter) -> None:
    """Write a matter's outcome; whoever does holds the lock of its ticket."""
    here = (TABLE.c.ticket == matter.ticket) & (TABLE.c.position == matter.position)
    change = update(TABLE).where(here)
    await conn.execute(change.values(outcome=matter.outcome, outcome_note=matter.outcome_note))


async def let_go(conn: AsyncConnection, ticket: str) -> None:
    """The ticket is over: another may be taken for each of its items."""
    await conn.execute(update(TABLE).where(TABLE.c.ticket == ticket).values(live_key=None))


def live_key(citizen: str, item: str) -> str:
    """What stands once in the ledger, while a ticket with this item is live."""
    return f"{citizen}/{item}"
