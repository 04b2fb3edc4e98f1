"""
Everything that happened, one row each, appended in the transaction of what it tells and never changed.

The rows of a case form a chain: each carries the hash of the row before, so a row that was altered, removed
or slipped in shows. What a chain alone cannot show is that its end was cut off; that takes a copy of the last
hash somewhere else (a receipt, a signed bundle).

The hash of a row is that of its canonical JSON: the fields of ``Event`` except ``id`` and ``hash``, keys
sorted, no spaces, UTF-8, floats in their shortest exact form.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypedDict, Unpack

from sqlalchemy import RowMapping, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.records.tables import event

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None

NO_HASH: Final = "0" * 64
"""What the first row of a chain gives as the hash before it."""

HASHES: Final = {"sha256": hashlib.sha256}

HASHED_COLUMNS: Final = (
    "seq",
    "kind",
    "actor_kind",
    "actor",
    "capacity",
    "on_behalf_of",
    "organ",
    "at",
    "alg",
    "prev_hash",
)
"""Beside ``case`` and ``payload``. Rule: a column added later must not enter old hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to ``case``: the ``seq``-th, told by ``actor`` in the given capacity."""

    id: int
    """Place in the whole ledger: later commits have higher numbers, with gaps."""
    case: str
    seq: int
    kind: str
    actor_kind: str
    actor: str
    capacity: str
    """``own``, ``on_behalf_of`` (the principal) or ``for_organ`` (the organ)."""
    on_behalf_of: str | None
    organ: str | None
    at: float
    payload: dict[str, Any]
    alg: str
    prev_hash: str
    hash: str


class Signed(TypedDict):
    """Who did it, in which capacity (``Event.capacity``), and when (seconds since the epoch)."""

    actor_kind: str
    actor: str
    capacity: str
    on_behalf_of: str | None
    organ: str | None
    at: float


async def append(
    conn: AsyncConnection,
    *,
    case: str,
    kind: str,
    payload: Mapping[str, JSON],
    **signed: Unpack[Signed],
) -> Event:
    """
    Add a row at the end of ``case``'s chain, in the transaction of ``conn`` (a unit of the ledger's writer).

    The writer's turn keeps two rows from taking the same place; were it missing, the unique (case, seq)
    refuses the second. Raises ValueError if ``payload`` holds something JSON cannot say.
    """
    [row] = await _chained(conn, case, [(kind, payload)], signed)
    added = await conn.execute(insert(event).values(row).returning(event.c.id))
    return _read(row | {"id": added.scalar_one()})


async def append_all(
    conn: AsyncConnection,
    *,
    case: str,
    told: Sequence[tuple[str, Mapping[str, JSON]]],
    **signed: Unpack[Signed],
) -> None:
    """``append`` for several kinds with their payloads, in their order, by one actor in one moment."""
    await conn.execute(insert(event), await _chained(conn, case, told, signed))


async def story(conn: AsyncConnection, case: str) -> list[Event]:
    """Return what happened to ``case``, in order; empty if nothing did."""
    rows = await conn.execute(_chain(case))
    return [_read(row) for row in rows.mappings()]


async def since(conn: AsyncConnection, id: int, limit: int) -> list[Event]:
    """Return up to ``limit`` events of all cases after the one numbered ``id``; nothing is ever skipped."""
    rows = await conn.execute(select(event).where(event.c.id > id).order_by(event.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]


async def verify(conn: AsyncConnection, case: str) -> int | None:
    """Return the first ``seq`` of ``case`` that is missing or not as it was written; None if all is well."""
    prev_hash = NO_HASH
    rows = await conn.execute(_chain(case))
    for seq, row in enumerate(rows.mappings(), start=1):
        if row["seq"] != seq or row["prev_hash"] != prev_hash or row["hash"] != _hash_of(row):
            return seq
        prev_hash = row["hash"]
    return None


def canonical(value: JSON) -> str:
    """Return the one spelling of ``value`` that we hash. Raises ValueError for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _chain(case: str) -> Select[Any]:
    return select(event).where(event.c.case_id == case).order_by(event.c.seq)


async def _chained(
    conn: AsyncConnection,
    case: str,
    told: Sequence[tuple[str, Mapping[str, JSON]]],
    signed: Signed,
) -> list[dict[str, Any]]:
    """The next rows of ``case``'s chain."""
    seq, prev_hash = await _end_of_chain(conn, case)
    rows = []
    for place, (kind, payload) in enumerate(told, start=seq + 1):
        row = {"case_id": case, "seq": place, "kind": kind, **signed, "payload": canonical(payload)}
        row |= {"at": float(signed["at"]), "alg": "sha256", "prev_hash": prev_hash}
        row["hash"] = prev_hash = _hash_of(row) or NO_HASH
        rows.append(row)
    return rows


async def _end_of_chain(conn: AsyncConnection, case: str) -> tuple[int, str]:
    last = await conn.execute(
        select(event.c.seq, event.c.hash).where(event.c.case_id == case).order_by(event.c.seq.desc()).limit(1)
    )
    row = last.first()
    return (row.seq, row.hash) if row else (0, NO_HASH)


def _hash_of(row: Mapping[str, Any] | RowMapping) -> str | None:
    """Return the hash ``row`` should carry; None if its payload or algorithm cannot be read."""
    hashed = {name: row[name] for name in HASHED_COLUMNS} | {"case": row["case_id"]}
    try:
        hashed["payload"] = json.loads(row["payload"])
        spelled_otherwise = canonical(hashed["payload"]) != row["payload"]
        return None if spelled_otherwise else HASHES[row["alg"]](canonical(hashed).encode()).hexdigest()
    except (KeyError, ValueError):
        return None


def _read(row: Mapping[str, Any] | RowMapping) -> Event:
    fields = dict(row)
    return Event(case=fields.pop("case_id"), payload=json.loads(fields.pop("payload")), **fields)
