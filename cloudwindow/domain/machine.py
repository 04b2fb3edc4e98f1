"""
The one way every state machine here moves.

Rule 1: a machine is a table ``{(state, event): state}`` in the room of its thing; nothing else sets a state.
Rule 2: an event without a row is refused with ``Conflict("state_forbids")``; it never "does nothing".
Rule 3: a state without an outgoing row is final; every other state has a deadline (see each room).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from cloudwindow.domain.errors import Conflict

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

Table = Mapping[tuple[S, E], S]


def step(table: Table[S, E], state: S, event: E) -> S:
    """Return the state that ``event`` leads to. Raises Conflict("state_forbids")."""
    try:
        return table[state, event]
    except KeyError:
        raise Conflict("state_forbids", {"state": state.value, "event": event.value}) from None


def allowed(table: Table[S, E], state: S) -> frozenset[E]:
    """The events that ``state`` answers to."""
    return frozenset(event for at, event in table if at is state)


def final(table: Table[S, E], states: type[S]) -> frozenset[S]:
    """The states nothing leads out of."""
    return frozenset(states) - {at for at, _ in table}


def diagram(table: Table[S, E]) -> str:
    """The table as a Mermaid state diagram, in the order of its rows; the docs are printed from it."""
    rows = [f"    {at.value} --> {to.value}: {event.value}" for (at, event), to in table.items()]
    return "\n".join(["stateDiagram-v2", *rows])
