"""
A text message on its way: kept with the fact it tells of, then sent by whichever node comes first.

Rule 1: what is no longer true, or comes too late to be of use, is never sent.
Rule 2: it is sent at least once; the gateway drops what comes again under the same ``key``.
Rule 3: a node has it for ``LEASE_SECONDS``; whoever loses that time writes nothing any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from cloudwindow.domain.machine import step

LEASE_SECONDS = 30.0
"""Longer than a gateway may take to answer."""
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 120.0
DAY_SECONDS = 86_400.0

WORTH_SECONDS: Mapping[str, float] = {
    "code.identify": 300.0,
    "code.sign": 300.0,
    "code.appointment": 300.0,
    "ticket.nearly": 900.0,
    "ticket.rung": 180.0,
    "appointment.booked": DAY_SECONDS,
    "appointment.moved": DAY_SECONDS,
    "appointment.cancelled": DAY_SECONDS,
    "appointment.remind_day_before": DAY_SECONDS,
    "appointment.remind_soon": 2400.0,
    "appointment.no_show": DAY_SECONDS,
    "appointment.withdrawn": DAY_SECONDS,
    "left_form.left": DAY_SECONDS,
    "left_form.invited": 3 * DAY_SECONDS,
    "left_form.expired": 3 * DAY_SECONDS,
    "third_party.invited": 900.0,
}
"""Every kind of text message, and how long after its fact it is still of use."""


class State(StrEnum):
    """Where a text message stands."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    EXPIRED = "expired"


class Event(StrEnum):
    """What can happen to a text message."""

    FAIL = "fail"
    SEND = "send"
    REFUSE = "refuse"
    EXPIRE = "expire"


TRANSITIONS = {
    (State.WAITING, Event.FAIL): State.WAITING,
    (State.WAITING, Event.SEND): State.SENT,
    (State.WAITING, Event.REFUSE): State.REFUSED,
    (State.WAITING, Event.EXPIRE): State.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """
    One text message; times are seconds since the epoch.

    ``about``: the id of the ticket, appointment … it tells of, ``mark``: which state of that. ``due_at``:
    when a node may take it, empty once it ended. ``tries`` counts the nodes that took it and fences each.
    ``reason``: the code of the last failure, ``late`` or ``overtaken``.
    """

    key: str
    kind: str
    about: str
    mark: str
    made_at: float
    worthless_at: float
    due_at: float | None
    tries: int = 0
    state: State = State.WAITING
    reason: str = ""
    ended_at: float | None = None


def key_of(kind: str, about: str, mark: str) -> str:
    """The same fact always has the same key, and the key says nothing about anybody."""
    return sha256("\x1f".join((kind, about, mark)).encode()).hexdigest()[:32]


def written(kind: str, about: str, mark: str, *, now: float, until: float | None = None) -> Outgoing:
    """The message of ``kind`` about a fact, due now; worthless after its time or ``until``, if sooner."""
    worthless_at = now + WORTH_SECONDS[kind]
    return Outgoing(
        key=key_of(kind, about, mark),
        kind=kind,
        about=about,
        mark=mark,
        made_at=now,
        worthless_at=worthless_at if until is None else min(worthless_at, until),
        due_at=now,
    )


def taken(one: Outgoing, now: float) -> Outgoing:
    """``one`` in the hands of a node."""
    return replace(one, tries=one.tries + 1, due_at=now + LEASE_SECONDS)


def advance(one: Outgoing, event: Event, now: float, *, reason: str = "") -> Outgoing:
    """Move ``one``; what failed is due again after a pause that grows. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, one.state, event)
    over = state is not State.WAITING
    return replace(
        one,
        state=state,
        reason=reason,
        due_at=None if over else min(now + pause_seconds(one.tries), one.worthless_at),
        ended_at=now if over else None,
    )


def pause_seconds(tries: int) -> float:
    """How long to wait after the ``tries``-th failure: 2, 4, 8 … at most 120 seconds."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** max(tries - 1, 0), LONGEST_PAUSE_SECONDS))
