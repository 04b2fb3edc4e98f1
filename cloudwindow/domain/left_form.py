"""
A form left for the agents to look at, by somebody who could not have a number.

Rule 1: leaving a form is not the legal act. Nothing is handed in before the citizen has confirmed and signed
in a call; the draft only waits there.
Rule 2: it is promised to be looked at by the end of the next working day that has not begun (``look_by``).
Rule 3: one agent at a time looks it through; who does not finish gives it back by the deadline.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from cloudwindow.domain.calendar import OfficeCalendar, day_of
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, StaffId, TicketId
from cloudwindow.domain.machine import step

FILLING_SECONDS = 86_400.0
"""A form that was begun and never left is forgotten after so long."""
TAKEN_SECONDS = 3600.0
"""An agent has so long to look a form through."""
KEPT_SECONDS = 30 * 86_400.0
"""A form nobody acted on ends after so long, as drafts do, and its citizen is told."""
INVITED_SECONDS = 14 * 86_400.0
"""Who was asked to come has so long."""
SEARCH_DAYS = 60


class State(StrEnum):
    """Where a left form stands."""

    FILLING = "filling"
    LEFT = "left"
    TAKEN = "taken"
    INVITED = "invited"
    CONTINUED = "continued"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Event(StrEnum):
    """What can happen to a left form."""

    LEAVE = "leave"
    TAKE = "take"
    RELEASE = "release"
    INVITE = "invite"
    CONTINUE = "continue"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


TRANSITIONS = {
    (State.FILLING, Event.LEAVE): State.LEFT,
    (State.FILLING, Event.CONTINUE): State.CONTINUED,
    (State.FILLING, Event.WITHDRAW): State.WITHDRAWN,
    (State.FILLING, Event.EXPIRE): State.EXPIRED,
    (State.LEFT, Event.TAKE): State.TAKEN,
    (State.LEFT, Event.CONTINUE): State.CONTINUED,
    (State.LEFT, Event.WITHDRAW): State.WITHDRAWN,
    (State.LEFT, Event.EXPIRE): State.EXPIRED,
    (State.TAKEN, Event.RELEASE): State.LEFT,
    (State.TAKEN, Event.INVITE): State.INVITED,
    (State.TAKEN, Event.CONTINUE): State.CONTINUED,
    (State.TAKEN, Event.WITHDRAW): State.WITHDRAWN,
    (State.INVITED, Event.CONTINUE): State.CONTINUED,
    (State.INVITED, Event.WITHDRAW): State.WITHDRAWN,
    (State.INVITED, Event.EXPIRE): State.EXPIRED,
}

OPEN = frozenset({State.FILLING, State.LEFT, State.TAKEN, State.INVITED})
"""One citizen has at most one open form for an item, and may still change it."""
UNSEEN = frozenset({State.LEFT, State.TAKEN})
"""Promised to be looked at, and not done yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftForm:
    """
    Times are seconds since the epoch. ``district`` is whose agents look; ``application`` the draft itself.

    ``due_at``: by when it is looked at, empty until it is left; ``deadline``: when time moves it.
    """

    id: str
    number: str
    citizen: CitizenId
    application: ApplicationId
    item: ItemId
    item_version: int
    district: DistrictCode
    language: str
    mode: str
    spoken: str
    begun_at: float
    state: State = State.FILLING
    call_back: bool = False
    left_at: float | None = None
    due_at: float | None = None
    agent: StaffId | None = None
    ticket: TicketId | None = None
    ended_at: float | None = None
    deadline: float | None = None
    version: int = 0

    @property
    def open(self) -> bool:
        """Whether it may still be changed, taken or withdrawn."""
        return self.state in OPEN

    def overdue(self, now: float) -> bool:
        """Whether the promise to look at it is broken."""
        return self.state in UNSEEN and self.due_at is not None and now >= self.due_at


def look_by(calendar: OfficeCalendar, now: float) -> float:
    """
    Rule 2: the last closing of the first working day whose opening lies ahead.

    Where no such day is known the promise is a week.
    """
    for number in range(SEARCH_DAYS):
        openings = calendar.openings_on(day_of(now) + timedelta(days=number))
        if openings and openings[0][0] > now:
            return openings[-1][1]
    return now + 7 * 86_400.0


def deadline_of(form: LeftForm, state: State, now: float) -> float | None:
    """When time moves a form that entered ``state`` at ``now``; a form given back keeps its first one."""
    left_at = form.left_at or now
    return {
        State.FILLING: now + FILLING_SECONDS,
        State.LEFT: left_at + KEPT_SECONDS,
        State.TAKEN: now + TAKEN_SECONDS,
        State.INVITED: now + INVITED_SECONDS,
    }.get(state)


def advance(
    form: LeftForm,
    event: Event,
    now: float,
    *,
    agent: StaffId | None = None,
    ticket: TicketId | None = None,
) -> LeftForm:
    """
    Move ``form``; taking names its ``agent``, continuing its ``ticket``.

    Raises Conflict("state_forbids").
    """
    state = step(TRANSITIONS, form.state, event)
    moved = replace(
        form,
        state=state,
        left_at=now if event is Event.LEAVE else form.left_at,
        agent=agent if event is Event.TAKE else (None if event is Event.RELEASE else form.agent),
        ticket=ticket or form.ticket,
        ended_at=None if state in OPEN else now,
        version=form.version + 1,
    )
    return replace(moved, deadline=deadline_of(moved, state, now))


def left(form: LeftForm, calendar: OfficeCalendar, now: float, *, call_back: bool) -> LeftForm:
    """``form`` left to be looked at, with its promise. Raises Conflict("state_forbids")."""
    moved = advance(form, Event.LEAVE, now)
    return replace(moved, due_at=look_by(calendar, now), call_back=call_back)


def due(form: LeftForm) -> Event:
    """What happens to an open ``form`` when its deadline passes."""
    return Event.RELEASE if form.state is State.TAKEN else Event.EXPIRE
