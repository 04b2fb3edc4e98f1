"""
A session: one call between a citizen and an agent about one ticket.

Rule 1: the call is not the legal act. A session ends with an outcome of the closed list; without one the
agent cannot take the next call.
Rule 2: a lost side interrupts the session and does not end it; the deadline does.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.ids import ApplicationId, CitizenId, SessionId, StaffId, TicketId
from cloudwindow.domain.machine import step


class State(StrEnum):
    """Where a call stands."""

    RINGING = "ringing"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    WRAPPING_UP = "wrapping_up"
    CLOSED = "closed"


class Event(StrEnum):
    """What can happen to a call."""

    CITIZEN_JOINS = "citizen_joins"
    SIDE_LOST = "side_lost"
    SIDE_BACK = "side_back"
    HANG_UP = "hang_up"
    GIVE_OUTCOME = "give_outcome"
    EXPIRE = "expire"


TRANSITIONS = {
    (State.RINGING, Event.CITIZEN_JOINS): State.LIVE,
    (State.RINGING, Event.HANG_UP): State.WRAPPING_UP,
    (State.RINGING, Event.EXPIRE): State.CLOSED,
    (State.LIVE, Event.SIDE_LOST): State.INTERRUPTED,
    (State.LIVE, Event.HANG_UP): State.WRAPPING_UP,
    (State.LIVE, Event.EXPIRE): State.WRAPPING_UP,
    (State.INTERRUPTED, Event.SIDE_BACK): State.LIVE,
    (State.INTERRUPTED, Event.HANG_UP): State.WRAPPING_UP,
    (State.INTERRUPTED, Event.EXPIRE): State.WRAPPING_UP,
    (State.WRAPPING_UP, Event.GIVE_OUTCOME): State.CLOSED,
    (State.WRAPPING_UP, Event.EXPIRE): State.CLOSED,
}

OPEN = frozenset({State.RINGING, State.LIVE, State.INTERRUPTED})


class Outcome(StrEnum):
    """How a call ended; the closed list of domain.md §2.5."""

    SUBMITTED = "submitted"
    DRAFT_OWNED = "draft_owned"
    CONSULTED = "consulted"
    TRANSFERRED = "transferred"
    ONSITE_REQUIRED = "onsite_required"
    IDENTITY_FAILED = "identity_failed"
    CITIZEN_LEFT = "citizen_left"
    NETWORK_LOST = "network_lost"
    AGENT_LOST = "agent_lost"
    ABUSE = "abuse"


CHOOSABLE = tuple(one for one in Outcome if one not in {Outcome.AGENT_LOST, Outcome.TRANSFERRED})
"""What an agent may choose; a transfer has a step of its own, a loss is nobody's choice."""
HOLD_REASONS = ("look_up", "ask_colleague", "technical", "break_asked")
"""Why a call is put on hold; both sides see it."""
NEEDS_NOTE = frozenset({Outcome.DRAFT_OWNED, Outcome.ONSITE_REQUIRED, Outcome.IDENTITY_FAILED, Outcome.ABUSE})

LIMITS_SECONDS = {
    State.RINGING: 200.0,
    State.LIVE: 4 * 3600.0,
    State.INTERRUPTED: 180.0,
    State.WRAPPING_UP: 30 * 60.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    ``room`` names the media room; times are seconds since the epoch.

    ``hold_reason`` of the closed list while the call is on hold, since ``held_at``; in the ``side_room``
    citizen and agent, and who translates, talk alone.
    """

    id: SessionId
    ticket: TicketId
    application: ApplicationId
    citizen: CitizenId
    agent: StaffId
    epoch: int
    room: str
    started_at: float
    state: State = State.RINGING
    joined_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    outcome_note: str = ""
    recording: bool = False
    deadline: float | None = None
    version: int = 0
    hold_reason: str = ""
    held_at: float | None = None
    side_room: bool = False


def advance(session: Session, event: Event, now: float) -> Session:
    """Move ``session``. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, session.state, event)
    ended = session.state in OPEN and state not in OPEN
    return replace(
        session,
        state=state,
        joined_at=now if event is Event.CITIZEN_JOINS else session.joined_at,
        ended_at=now if ended else session.ended_at,
        deadline=now + LIMITS_SECONDS[state] if state in LIMITS_SECONDS else None,
        version=session.version + 1,
        hold_reason="" if ended else session.hold_reason,
        held_at=None if ended else session.held_at,
        side_room=session.side_room and not ended,
    )


def hold(session: Session, reason: str, now: float) -> Session:
    """
    Put a running call on hold for ``reason``; with none it goes on.

    Raises BadInput("unknown_reason"), Conflict("no_call") for a call nobody has answered or that is over.
    """
    if reason and reason not in HOLD_REASONS:
        raise BadInput("unknown_reason", field="reason")
    if session.state not in {State.LIVE, State.INTERRUPTED}:
        raise Conflict("no_call")
    since = (session.held_at or now) if reason else None
    return replace(session, hold_reason=reason, held_at=since, version=session.version + 1)


def close(session: Session, outcome: Outcome, note: str, now: float, *, submitted: bool) -> Session:
    """
    End the wrap-up with ``outcome``.

    ``submitted`` tells whether the application was handed in. Raises BadInput("outcome_note_required") and
    Conflict("outcome_not_true") when the outcome claims, or denies, a submission wrongly.
    """
    must_be_true(outcome, note, submitted=submitted)
    return replace(advance(session, Event.GIVE_OUTCOME, now), outcome=outcome, outcome_note=note.strip())


def must_be_true(outcome: Outcome, note: str, *, submitted: bool) -> None:
    """Raise Conflict("outcome_not_true") or BadInput("outcome_note_required"), see ``close``."""
    if (outcome is Outcome.SUBMITTED) != submitted:
        raise Conflict("outcome_not_true")
    if outcome in NEEDS_NOTE and not note.strip():
        raise BadInput("outcome_note_required", field="note")
