"""The story of a case: one more event, signed by whoever acted."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from cloudwindow.domain.filling import Actor
from cloudwindow.records import Connection, events

SYSTEM = Actor(kind="system", id="cloudwindow")

Told: TypeAlias = tuple[str, Mapping[str, Any]]
"""A kind and its payload."""


async def note(
    conn: Connection,
    case: str,
    kind: str,
    actor: Actor,
    now: float,
    payload: Mapping[str, Any],
    *,
    organ: str | None = None,
) -> None:
    """Append ``kind`` to the chain of ``case``; with ``organ`` it is done in that organ's name."""
    await events.append(conn, case=case, kind=kind, payload=payload, **_signed(actor, now, organ))


async def note_all(conn: Connection, case: str, told: Sequence[Told], actor: Actor, now: float) -> None:
    """``note`` for several kinds with their payloads, in their order."""
    await events.append_all(conn, case=case, told=told, **_signed(actor, now, None))


def _signed(actor: Actor, now: float, organ: str | None) -> events.Signed:
    return {
        "actor_kind": actor.kind,
        "actor": actor.id,
        "capacity": "for_organ" if organ else actor.capacity,
        "on_behalf_of": None if organ else actor.on_behalf_of,
        "organ": organ,
        "at": now,
    }
