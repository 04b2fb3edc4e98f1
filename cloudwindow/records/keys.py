"""
Idempotency: a request that is sent again has no second effect and gets the first answer, byte for byte.

The key, the effect and the stored reply are one transaction. Units of the ledger run one after the other, so
a repeat that arrives while the first is under way waits behind it and then finds its reply.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import BadInput, Malformed
from cloudwindow.records.tables import idempotency_key

KEY_SHAPE: Final = re.compile(r"[!-~]{1,100}", re.ASCII)
"""1 to 100 visible ASCII characters."""

KEPT_SECONDS: Final = 30 * 86_400
"""A reply can be had again for this long; ``forget`` removes older ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReply:
    """An HTTP answer as it was given: status, headers that belong to it (Content-Type, Location), body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def once(
    conn: AsyncConnection,
    *,
    actor: str,
    route: str,
    key: str,
    body_hash: str,
    now: float,
    effect: Callable[[], Awaitable[StoredReply]],
) -> StoredReply:
    """
    Carry out ``effect`` the first time ``actor`` sends ``key`` to ``route``; after that return its reply.

    ``body_hash`` is the SHA-256 of the request's body, hexadecimal. An effect that raises leaves no key
    behind, so the request can be sent again. Raises Malformed("idempotency_key_malformed") and
    BadInput("idempotency_key_reused") if the key came before with another body.
    """
    if KEY_SHAPE.fullmatch(key) is None:
        raise Malformed("idempotency_key_malformed")
    earlier = await _earlier(conn, actor, route, key, body_hash)
    if earlier is not None:
        return earlier
    reply = await effect()
    await conn.execute(
        insert(idempotency_key).values(
            actor=actor,
            route=route,
            key=key,
            body_hash=body_hash,
            status=reply.status,
            headers=json.dumps(reply.headers, ensure_ascii=False),
            body=reply.body,
            stored_at=now,
        )
    )
    return reply


async def forget(conn: AsyncConnection, *, now: float) -> int:
    """Remove the replies stored more than 30 days before ``now``; return how many."""
    old = idempotency_key.c.stored_at < now - KEPT_SECONDS
    removed = await conn.execute(delete(idempotency_key).where(old))
    return removed.rowcount


async def _earlier(
    conn: AsyncConnection, actor: str, route: str, key: str, body_hash: str
) -> StoredReply | None:
    table = idempotency_key.c
    found = await conn.execute(
        select(table.body_hash, table.status, table.headers, table.body).where(
            table.actor == actor, table.route == route, table.key == key
        )
    )
    row = found.first()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise BadInput("idempotency_key_reused")
    return StoredReply(status=row.status, headers=json.loads(row.headers), body=row.body)
