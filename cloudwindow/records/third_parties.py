"""Third parties of calls; their names are sealed, the secret of a link is kept as its hash and works once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import third_party as parties
from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.third_party import ThirdParty
from cloudwindow.records import tables
from cloudwindow.records.rows import Sealer, as_row, from_row, overwrite, place


@cache
def _over(limit: int) -> Select[Any]:
    """Built once: every node asks each second."""
    table, calls = tables.third_party, tables.session
    late = table.c.deadline <= bindparam("now")
    over = select(table).join(calls, calls.c.id == table.c.session)
    over = over.where(
        table.c.state != parties.State.ENDED, late | calls.c.state.in_(("wrapping_up", "closed"))
    )
    return over.limit(limit)


class ThirdParties:
    """The ledger's third parties."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(self, conn: AsyncConnection, party: ThirdParty, *, secret: str | None) -> None:
        """Keep a new one; without ``secret`` no link leads to them."""
        link = {
            "secret_hash": self._sealer.hash_token(secret) if secret else None,
            "secret_sealed": self._sealer.seal(secret, place=_secret(party.id)) if secret else None,
        }
        await conn.execute(insert(tables.third_party).values(**self._row(party), **link))

    async def save(self, conn: AsyncConnection, party: ThirdParty, *, seen: int) -> None:
        """Write a moved one over version ``seen``. Raises Conflict("version_stale")."""
        await overwrite(conn, tables.third_party, self._row(party), seen=seen)

    async def one(self, conn: AsyncConnection, id: str) -> ThirdParty:
        """A third party. Raises NotFound("third_party_unknown")."""
        found = await self._many(conn, select(tables.third_party).where(tables.third_party.c.id == id))
        if not found:
            raise NotFound("third_party_unknown")
        return found[0]

    async def follow(self, conn: AsyncConnection, secret: str) -> ThirdParty:
        """Spend the secret of a link. Raises NotFound("link_unknown") for used and unknown ones alike."""
        table = tables.third_party
        wanted = table.c.secret_hash == self._sealer.hash_token(secret)
        found = await self._many(conn, select(table).where(wanted).with_for_update())
        if not found or not found[0].live:
            raise NotFound("link_unknown")
        spent = {"secret_hash": None, "secret_sealed": None}
        await conn.execute(update(table).where(table.c.id == found[0].id).values(**spent))
        return found[0]

    async def secrets(self, conn: AsyncConnection, session: str) -> Mapping[str, str]:
        """The secrets of links nobody has followed yet, by third party."""
        table = tables.third_party
        query = select(table.c.id, table.c.secret_sealed).where(
            table.c.session == session, table.c.secret_sealed.is_not(None)
        )
        rows = await conn.execute(query)
        return {row.id: self._sealer.open(row.secret_sealed, place=_secret(row.id)) for row in rows}

    async def of_session(self, conn: AsyncConnection, session: str) -> Sequence[ThirdParty]:
        """Those of a call who have not ended, in the order they were invited."""
        table = tables.third_party
        query = select(table).where(table.c.session == session, table.c.state != parties.State.ENDED)
        return await self._many(conn, query.order_by(table.c.invited_at, table.c.id))

    async def over(self, conn: AsyncConnection, now: float, *, limit: int = 100) -> Sequence[ThirdParty]:
        """Those whose deadline has passed, or whose call is over."""
        return await self._many(conn, _over(limit), now=now)

    async def _many(self, conn: AsyncConnection, query: Select[Any], **given: float) -> list[ThirdParty]:
        return [self._party(row) for row in await conn.execute(query, given)]

    def _party(self, row: Row[Any]) -> ThirdParty:
        name = self._sealer.open(row.name_sealed, place=place("third_party", "name", row.id))
        return from_row(ThirdParty, row, name=name)

    def _row(self, party: ThirdParty) -> dict[str, Any]:
        sealed = self._sealer.seal(party.name, place=place("third_party", "name", party.id))
        return as_row(party, without=("name",)) | {"name_sealed": sealed}


def _secret(id: str) -> str:
    return place("third_party", "secret", id)
