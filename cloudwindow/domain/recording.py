"""
A recording: one stretch of one call, kept with a chain of hashes.

Rule 1: it runs only while the citizen's consent stands, or the item's policy asks for it and they agreed.
Rule 2: a recording that breaks off is followed by another one of the same call; the gap is seen between them.
Rule 3: what an item's policy makes compulsory must cover read-back and signature, or nothing is handed in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cloudwindow.domain.ids import ApplicationId, SessionId
from cloudwindow.domain.machine import step


class State(StrEnum):
    """Where a recording stands."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    KEPT = "kept"
    DELETED = "deleted"


class Event(StrEnum):
    """What can happen to a recording."""

    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    KEEP = "keep"
    DELETE = "delete"


TRANSITIONS = {
    (State.STARTING, Event.RUN): State.RUNNING,
    (State.STARTING, Event.END): State.ENDED,
    (State.RUNNING, Event.PAUSE): State.PAUSED,
    (State.RUNNING, Event.END): State.ENDED,
    (State.PAUSED, Event.RESUME): State.RUNNING,
    (State.PAUSED, Event.END): State.ENDED,
    (State.ENDED, Event.KEEP): State.KEPT,
    (State.KEPT, Event.DELETE): State.DELETED,
}

ACTIVE = frozenset({State.STARTING, State.RUNNING, State.PAUSED})
WRITING = frozenset({State.RUNNING, State.PAUSED})

LIMITS_SECONDS = {
    State.STARTING: 10.0,
    State.RUNNING: 30.0,
    State.PAUSED: 120.0,
    State.ENDED: 5.0,
}
"""After this somebody looks: whether it runs, whether the pause is over, whether it can be finished."""

RETRY_SECONDS = 5.0
MAX_OF_ONE_CALL = 20
DAY_SECONDS = 86_400.0
SENSITIVE = "sensitive_field"
REASON_CHARACTERS = (4, 300)
LEAVE_SECONDS = 1800.0
"""So long a typed reason lets one person play one recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """
    The ``number``-th recording of a call; times are seconds since the epoch, ``seconds`` its length.

    ``paused_by``: the sides whose cursor stands in a sensitive field, separated by commas. ``failure``: why
    it stopped by itself, empty if it was asked to. ``head``: the last hash of its chain that we know.
    ``film``: ``made``, or why there is none yet; ``wanted`` when somebody asked for it once more.
    """

    id: str
    session: SessionId
    application: ApplicationId
    district: str
    room: str
    number: int
    key_sealed: str
    state: State
    started_at: float
    ended_at: float | None = None
    paused_by: str = ""
    failure: str = ""
    head: str = ""
    seconds: float = 0.0
    octets: int = 0
    film: str = ""
    keep_until: float | None = None
    held_by: str | None = None
    held_at: float | None = None
    held_reason: str = ""
    deadline: float | None = None
    version: int = 0


def advance(recording: Recording, event: Event, now: float) -> Recording:
    """Move ``recording``. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, recording.state, event)
    limit = LIMITS_SECONDS.get(state)
    return replace(
        recording,
        state=state,
        ended_at=now if event is Event.END else recording.ended_at,
        paused_by=recording.paused_by if state is State.PAUSED else "",
        deadline=now + limit if limit is not None else None,
        version=recording.version + 1,
    )


def kept(recording: Recording, *, days: int, now: float) -> Recording:
    """Finished: kept for so many days from the end of the recording, then deleted unless held."""
    ended = recording.ended_at if recording.ended_at is not None else now
    until = ended + days * DAY_SECONDS
    return replace(advance(recording, Event.KEEP, now), keep_until=until, deadline=until)


def active(recordings: Sequence[Recording]) -> Recording | None:
    """The one that is being written, or about to be."""
    return next((one for one in recordings if one.state in ACTIVE), None)


def covers(recordings: Sequence[Recording], *, since: float | None) -> bool:
    """Whether one recording has been written without a break since ``since`` and still is."""
    running = next((one for one in recordings if one.state in WRITING), None)
    return running is not None and since is not None and running.started_at <= since


def sides(recording: Recording) -> frozenset[str]:
    """Who keeps it paused."""
    return frozenset(recording.paused_by.split(",")) - {""}


def mark_of(recordings: Sequence[Recording], *, agreed: bool) -> str:
    """
    What both screens say: declined, starting, running, paused, broken (it stopped by itself) or off.

    ``agreed``: whether the citizen's consent stands.
    """
    running = active(recordings)
    if running is not None:
        return running.state.value
    if not agreed:
        return "declined"
    return "broken" if recordings and recordings[-1].failure else "off"


CHAPTERS: Mapping[str, tuple[str, float, float]] = {
    "identity.checked": ("identity", 60.0, 5.0),
    "read_back.started": ("read_back", 5.0, 120.0),
    "signature.made": ("signature", 45.0, 10.0),
}
"""Event of the case → chapter, and how many seconds before and after it belong to the evidence clip."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A moment of a recording worth finding: ``at`` and the clip's span count from its beginning."""

    name: str
    at: float
    start: float
    end: float


def chapters(recording: Recording, events: Sequence[tuple[str, float]]) -> list[Chapter]:
    """The chapters of a recording, from (kind, time) of its case's events."""
    end = recording.ended_at if recording.ended_at is not None else float("inf")
    found = []
    for kind, at in events:
        if kind in CHAPTERS and recording.started_at <= at <= end:
            name, before, after = CHAPTERS[kind]
            since = at - recording.started_at
            found.append(Chapter(name, since, max(0.0, since - before), since + after))
    return found
