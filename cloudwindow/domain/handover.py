"""
A handover: a received application on its way to the home district, which must sign for it.

Rule: the home district acknowledges within four working hours; what is late is late on its account
(domain.md §3.3). The legal clocks run from the receiving district's receipt.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from cloudwindow.domain.ids import ApplicationId, DistrictCode, StaffId
from cloudwindow.domain.machine import step


class State(StrEnum):
    """Where a package stands."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Event(StrEnum):
    """What can happen to a package."""

    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"


TRANSITIONS = {
    (State.SENT, Event.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.SENT, Event.CLOSE): State.CLOSED,
    (State.ACKNOWLEDGED, Event.CLOSE): State.CLOSED,
}

ACKNOWLEDGE_WITHIN_WORKING_HOURS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """``acknowledge_by`` and ``due_at`` are seconds since the epoch."""

    application: ApplicationId
    from_district: DistrictCode
    to_district: DistrictCode
    organ: str
    sent_at: float
    acknowledge_by: float
    due_at: float
    state: State = State.SENT
    acknowledged_by: StaffId | None = None
    acknowledged_at: float | None = None
    version: int = 0


def advance(handover: Handover, event: Event, now: float, *, approver: StaffId | None = None) -> Handover:
    """Move the package. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, handover.state, event)
    moved = replace(handover, state=state, version=handover.version + 1)
    if event is Event.ACKNOWLEDGE:
        return replace(moved, acknowledged_by=approver, acknowledged_at=now)
    return moved
