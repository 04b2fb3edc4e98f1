"""What agents have asked of the line, kept for a line that was emptied."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.records import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """``pull``: takes tickets by hand. ``leaving``: why they are away after this call, empty if they stay."""

    pull: bool = False
    leaving: str = ""
    shift_ends_at: float | None = None


NONE = Wishes()


async def of_agent(conn: AsyncConnection, agent: str) -> Wishes:
    """What this agent has asked; nothing, if they never did."""
    row = (await conn.execute(select(tables.duty).where(tables.duty.c.staff == agent))).one_or_none()
    if row is None:
        return NONE
    return Wishes(pull=row.pull, leaving=row.leaving, shift_ends_at=row.shift_ends_at)


async def keep(conn: AsyncConnection, agent: str, wishes: Wishes) -> None:
    """Put ``wishes`` in the place of what this agent asked before."""
    await conn.execute(delete(tables.duty).where(tables.duty.c.staff == agent))
    if wishes != NONE:
        row = {"pull": wishes.pull, "leaving": wishes.leaving, "shift_ends_at": wishes.shift_ends_at}
        await conn.execute(insert(tables.duty).values(staff=agent, **row))
