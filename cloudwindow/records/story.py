"""The story of a case: one more event, signed by whoever acted."""

from collections.abc import Mapping
from typing import Any

from cloudwindow.domain.filling import Actor
from cloudwindow.records import Connection, events

SYSTEM = Actor(kind="system", id="cloudwindow")


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
    await events.append(
        conn,
        case=case,
        kind=kind,
        actor_kind=actor.kind,
        actor=actor.id,
        capacity="for_organ" if organ else actor.capacity,
        on_behalf_of=None if organ else actor.on_behalf_of,
        organ=organ,
        at=now,
        payload=payload,
    )
