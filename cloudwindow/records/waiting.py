"""Who waits, as agents who take by hand see the line. A window, no corridor."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.ticket import Ticket
from cloudwindow.records import tables
from cloudwindow.records.rows import from_row


async def first_in_line(
    conn: AsyncConnection,
    *,
    items: Sequence[str],
    languages: Sequence[str],
    modes: Sequence[str],
    limit: int,
) -> Sequence[Ticket]:
    """At most ``limit`` tickets that wait for ``items`` in these languages and modes, first come first."""
    table = tables.ticket
    query = (
        select(table)
        .where(
            table.c.state == tickets.State.WAITING,
            table.c.item.in_(items),
            table.c.language.in_(languages),
            table.c.mode.in_(modes),
        )
        .order_by(table.c.joined_at - table.c.credit_seconds, table.c.id)
        .limit(limit)
    )
    return [from_row(Ticket, row) for row in await conn.execute(query)]
