"""
A ticket: one citizen's place in the line, for one item or several (``domain.matter``).

Rule 1: ``joined_at`` never changes. Whatever happens, the wait is measured from the first press.
Rule 2: every call raises ``epoch``; who writes with an older epoch is refused by the ledger.
Rule 3: a ticket leaves the line only into a final state or into a call.
Rule 4: who is set aside until a promised time waits: the place stays, only nobody is offered it before.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, StaffId, TicketId
from cloudwindow.domain.machine import step
from cloudwindow.domain.match import CREDIT_LIMIT_SECONDS, Terms


class State(StrEnum):
    """Where a ticket stands; labels in domain.md §2.5."""

    WAITING = "waiting"
    CALLED = "called"
    SERVING = "serving"
    ON_HOLD = "on_hold"
    MISSED = "missed"
    DONE = "done"
    ABANDONED = "abandoned"
    EXPIRED = "expired"


class Event(StrEnum):
    """What can happen to a ticket."""

    CALL = "call"
    RECALL = "recall"
    ANSWER = "answer"
    RELEASE = "release"
    MISS = "miss"
    RETURN = "return"
    DROP = "drop"
    RESUME = "resume"
    REQUEUE = "requeue"
    PARK = "park"
    TRANSFER = "transfer"
    HOLD = "hold"
    SWITCH = "switch"
    FINISH = "finish"
    LEAVE = "leave"
    EXPIRE = "expire"


TRANSITIONS = {
    (State.WAITING, Event.CALL): State.CALLED,
    (State.WAITING, Event.LEAVE): State.ABANDONED,
    (State.WAITING, Event.EXPIRE): State.EXPIRED,
    (State.WAITING, Event.HOLD): State.WAITING,
    (State.WAITING, Event.SWITCH): State.WAITING,
    (State.CALLED, Event.ANSWER): State.SERVING,
    (State.CALLED, Event.RECALL): State.CALLED,
    (State.CALLED, Event.RELEASE): State.WAITING,
    (State.CALLED, Event.MISS): State.MISSED,
    (State.CALLED, Event.LEAVE): State.ABANDONED,
    (State.CALLED, Event.HOLD): State.WAITING,
    (State.MISSED, Event.RETURN): State.WAITING,
    (State.MISSED, Event.LEAVE): State.ABANDONED,
    (State.MISSED, Event.EXPIRE): State.EXPIRED,
    (State.SERVING, Event.DROP): State.ON_HOLD,
    (State.SERVING, Event.REQUEUE): State.WAITING,
    (State.SERVING, Event.PARK): State.WAITING,
    (State.SERVING, Event.TRANSFER): State.WAITING,
    (State.SERVING, Event.FINISH): State.DONE,
    (State.SERVING, Event.LEAVE): State.DONE,
    (State.ON_HOLD, Event.RESUME): State.SERVING,
    (State.ON_HOLD, Event.REQUEUE): State.WAITING,
    (State.ON_HOLD, Event.PARK): State.WAITING,
    (State.ON_HOLD, Event.FINISH): State.DONE,
    (State.ON_HOLD, Event.LEAVE): State.DONE,
}

LIVE = frozenset({State.WAITING, State.CALLED, State.SERVING, State.ON_HOLD, State.MISSED})
"""One citizen has at most one live ticket for an item."""

RING_SECONDS = 20.0
CALLBACK_RING_SECONDS = 60.0
"""Who is rung back has to open a link first."""
RECALLS = 2
PENALTY_PLACES = 3
"""Who missed the call and returns lets so many of their lane go first (domain.md §2.5)."""
PREFER_SECONDS = 120.0
"""So long a resumed case waits for its old agent alone, once it could be served."""
HOLD_LIMIT_SECONDS = 4 * 3600.0
HOLD_SECONDS = 180.0
MISSED_SECONDS = 600.0
WAIT_LIMIT_SECONDS = 12 * 3600.0
SERVING_LIMIT_SECONDS = 4 * 3600.0


class Effect(StrEnum):
    """What must be carried out after a move has been committed."""

    JOIN_LINE = "join_line"
    LEAVE_LINE = "leave_line"


EFFECTS: dict[Event, tuple[Effect, ...]] = {
    Event.RELEASE: (Effect.JOIN_LINE,),
    Event.RETURN: (Effect.JOIN_LINE,),
    Event.REQUEUE: (Effect.JOIN_LINE,),
    Event.PARK: (Effect.JOIN_LINE,),
    Event.TRANSFER: (Effect.JOIN_LINE,),
    Event.HOLD: (Effect.JOIN_LINE,),
    Event.SWITCH: (Effect.JOIN_LINE,),
    Event.MISS: (Effect.LEAVE_LINE,),
    Event.FINISH: (Effect.LEAVE_LINE,),
    Event.LEAVE: (Effect.LEAVE_LINE,),
    Event.EXPIRE: (Effect.LEAVE_LINE,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """
    Times are seconds since the epoch; ``version`` counts every change, ``epoch`` every call.

    ``application``, ``item`` and ``item_version`` are those of the matter it stands at. ``skill`` and
    ``rings`` are its lane's words, frozen when it was taken for several matters; empty for a single one.
    ``credit_seconds``: what ``priority`` gives, or a penalty below zero. ``preferred_agent`` alone is offered
    the ticket until ``preferred_until``; nobody before ``not_before``. ``callback``: the citizen is rung.
    ``passed_by``: agents who passed it on; it is not offered to them again while others are there.
    """

    id: TicketId
    number: str
    citizen: CitizenId
    application: ApplicationId
    item: ItemId
    item_version: int
    home_district: DistrictCode
    language: str
    mode: str
    joined_at: float
    credit_seconds: float = 0.0
    state: State = State.WAITING
    epoch: int = 0
    recalls: int = 0
    agent: StaffId | None = None
    deadline: float | None = None
    priority: str = ""
    preferred_agent: StaffId | None = None
    preferred_until: float | None = None
    not_before: float | None = None
    aside_reason: str = ""
    callback: bool = False
    nearly_told_at: float | None = None
    skill: str = ""
    rings: str = ""
    passed_by: tuple[StaffId, ...] = ()
    version: int = 0

    @property
    def several(self) -> bool:
        """Whether it has more than one matter."""
        return self.skill != ""

    @property
    def terms(self) -> Terms:
        """How it waits, for the line."""
        return Terms(
            priority=self.priority,
            preferred=self.preferred_agent,
            preferred_until=self.preferred_until or 0.0,
            not_before=self.not_before or 0.0,
            callback=self.callback,
            passed_by=tuple(self.passed_by or ()),
        )

    @property
    def ring_seconds(self) -> float:
        """How long one ringing lasts."""
        return CALLBACK_RING_SECONDS if self.callback else RING_SECONDS

    @property
    def live(self) -> bool:
        """Whether the ticket may still be served."""
        return self.state in LIVE


def callback_minutes() -> int:
    """How long somebody who is rung back may take to answer, all recalls counted."""
    return round(CALLBACK_RING_SECONDS * (RECALLS + 1) / 60)


def deadline_of(state: State, now: float, ring_seconds: float = RING_SECONDS) -> float | None:
    """The instant at which something must happen to a ticket that entered ``state`` at ``now``."""
    limits = {
        State.WAITING: WAIT_LIMIT_SECONDS,
        State.CALLED: ring_seconds,
        State.SERVING: SERVING_LIMIT_SECONDS,
        State.ON_HOLD: HOLD_SECONDS,
        State.MISSED: MISSED_SECONDS,
    }
    return now + limits[state] if state in limits else None


def advance(
    ticket: Ticket, event: Event, now: float, *, agent: StaffId | None = None, epoch: int | None = None
) -> tuple[Ticket, tuple[Effect, ...]]:
    """
    Move ``ticket``. A call names its ``agent`` and the ``epoch`` of the offer, or takes the next one.

    Raises Conflict("state_forbids"), and Conflict("epoch_stale") for a call older than the last.
    """
    state = step(TRANSITIONS, ticket.state, event)
    called = event is Event.CALL
    fence = ticket.epoch + 1 if epoch is None else epoch
    if called and fence <= ticket.epoch:
        raise Conflict("epoch_stale")
    keeps_agent = state in {State.CALLED, State.SERVING, State.ON_HOLD, State.DONE}
    moved = replace(
        ticket,
        state=state,
        epoch=fence if called else ticket.epoch,
        recalls=ticket.recalls + 1 if event is Event.RECALL else (0 if called else ticket.recalls),
        agent=agent if called else (ticket.agent if keeps_agent else None),
        deadline=deadline_of(state, now, ticket.ring_seconds),
        preferred_agent=None if called else ticket.preferred_agent,
        preferred_until=None if called else ticket.preferred_until,
        not_before=None if called else ticket.not_before,
        aside_reason="" if called else ticket.aside_reason,
        version=ticket.version + 1,
    )
    return moved, EFFECTS.get(event, ())


def set_aside(
    ticket: Ticket, event: Event, now: float, *, until: float, reason: str, agent: StaffId | None = None
) -> Ticket:
    """
    Let ``ticket`` wait until ``until``, its place kept, for ``reason``; then its old ``agent`` comes first.

    The citizen is rung: they need not have the page open. Raises Conflict("state_forbids") and
    BadInput("promised_time_unusable") for a time that has passed or is more than four hours away.
    """
    if not now < until <= now + HOLD_LIMIT_SECONDS:
        raise BadInput("promised_time_unusable", field="until")
    moved, _ = advance(ticket, event, now)
    return replace(
        moved,
        not_before=until,
        aside_reason=reason,
        callback=True,
        preferred_agent=agent,
        preferred_until=until + PREFER_SECONDS if agent else None,
    )


def penalised(ticket: Ticket, behind: float | None) -> Ticket:
    """
    ``ticket`` standing just behind the score ``behind`` (seconds), if that is later than its own.

    The joining time stays what it was: the wait is still counted from the first press.
    """
    if behind is None or behind <= ticket.joined_at - ticket.credit_seconds:
        return ticket
    credit = max(-CREDIT_LIMIT_SECONDS, ticket.joined_at - behind - 0.001)
    return replace(ticket, credit_seconds=credit)


def due(ticket: Ticket) -> Event:
    """What happens to ``ticket`` when its deadline passes."""
    if ticket.state is State.CALLED:
        return Event.RECALL if ticket.recalls < RECALLS else Event.MISS
    return {State.ON_HOLD: Event.REQUEUE, State.SERVING: Event.REQUEUE}.get(ticket.state, Event.EXPIRE)
