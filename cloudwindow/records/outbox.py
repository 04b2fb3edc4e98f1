"""Text messages on their way: kept with the fact they tell of, taken by one node at a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.outbox import Outgoing, State
from cloudwindow.records import tables
from cloudwindow.records.rows import Sealer, as_row, dumps, from_row, place

TABLE = tables.outbox
ANY_DUE = select(TABLE.c.key).where(TABLE.c.due_at <= bindparam("now")).limit(1)
"""Asked several times a second, so it is built once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits to be sent and since when, and what ended unsent lately; ``oldest_at`` is of what waits."""

    waiting: int
    oldest_at: float | None
    refused: int
    expired: int


class Outbox:
    """The ledger's text messages; what cannot be read from elsewhere is sealed until they end."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(self, conn: AsyncConnection, one: Outgoing, said: Mapping[str, str] | None = None) -> bool:
        """Keep a new message with what is ``said``; false if its fact was told before: that one stands."""
        insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        sealed = None if said is None else self._sealer.seal(dumps(dict(said)), place=_place(one.key))
        new = insert(TABLE).values(**as_row(one), said_sealed=sealed)
        done = await conn.execute(new.on_conflict_do_nothing(index_elements=["key"]))
        return done.rowcount == 1

    async def failing(self, conn: AsyncConnection, key: str) -> bool:
        """Whether the message of this key was tried, was not taken, and is to be tried again."""
        query = select(TABLE.c.key).where(
            TABLE.c.key == key, TABLE.c.state == State.WAITING, TABLE.c.reason != ""
        )
        return (await conn.execute(query)).first() is not None

    async def any_due(self, conn: AsyncConnection, now: float) -> bool:
        """Whether any node may take a message."""
        return (await conn.execute(ANY_DUE, {"now": now})).first() is not None

    async def due(self, conn: AsyncConnection, now: float, *, limit: int) -> Sequence[Outgoing]:
        """The messages due, the longest due first; those another node is just taking are left to it."""
        query = select(TABLE).where(TABLE.c.due_at <= now).order_by(TABLE.c.due_at, TABLE.c.key).limit(limit)
        rows = await conn.execute(query.with_for_update(skip_locked=True))
        return [from_row(Outgoing, row) for row in rows]

    async def said(self, conn: AsyncConnection, key: str) -> Mapping[str, str]:
        """What was kept with the message; nothing once it has ended."""
        sealed = (await conn.execute(select(TABLE.c.said_sealed).where(TABLE.c.key == key))).scalar_one()
        if sealed is None:
            return {}
        said: Mapping[str, str] = json.loads(self._sealer.open(sealed, place=_place(key)))
        return said

    async def save(self, conn: AsyncConnection, one: Outgoing, *, seen: int) -> bool:
        """
        Write a moved message that still waits and was taken ``seen`` times; false if another node has it.

        What was said is forgotten with its end.
        """
        row = as_row(one) | ({"said_sealed": None} if one.ended_at is not None else {})
        where = (TABLE.c.key == one.key, TABLE.c.state == State.WAITING, TABLE.c.tries == seen)
        return (await conn.execute(update(TABLE).where(*where).values(**row))).rowcount == 1

    async def backlog(self, conn: AsyncConnection, *, since: float) -> Backlog:
        """What waits, and how many ended unsent since then."""
        waits = TABLE.c.state == State.WAITING
        ended = (TABLE.c.state.in_([State.REFUSED, State.EXPIRED])) & (TABLE.c.ended_at >= since)
        query = select(
            func.count().filter(waits),
            func.min(TABLE.c.made_at).filter(waits),
            func.count().filter(TABLE.c.state == State.REFUSED),
            func.count().filter((TABLE.c.state == State.EXPIRED) & (TABLE.c.reason != "overtaken")),
        ).where(waits | ended)
        waiting, oldest_at, refused, expired = (await conn.execute(query)).one()
        return Backlog(waiting=waiting, oldest_at=oldest_at, refused=refused, expired=expired)

    async def forget(self, conn: AsyncConnection, *, before: float) -> None:
        """Delete what ended before then."""
        over = TABLE.c.state.in_([State.SENT, State.REFUSED, State.EXPIRED])
        await conn.execute(delete(TABLE).where(over, TABLE.c.ended_at < before))


def _place(key: str) -> str:
    return place("outbox", "said", key)
