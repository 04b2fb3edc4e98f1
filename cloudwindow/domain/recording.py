"""
A recording: one stretch of one call, kept with a chain of hashes.

Rule 1: it runs only while the citizen's consent stands, or the item's policy asks for it and they agreed.
Rule 2: a recording that breaks off is followed by another one of the same call; the gap is seen between them.
Rule 3: what an item's policy makes compulsory must cover read-back and signature, or nothing is handed in.
Rule 4: what is kept goes in two stages: all but the evidence clips, then these; a hold stops both.
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
    EVIDENCE = "evidence"
    DELETED = "deleted"


class Event(StrEnum):
    """What can happen to a recording."""

    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    KEEP = "keep"
    REDUCE = "reduce"
    DELETE = "delete"


TRANSITIONS = {
    (State.STARTING, Event.RUN): State.RUNNING,
    (State.STARTING, Event.END): State.ENDED,
    (State.RUNNING, Event.PAUSE): State.PAUSED,
    (State.RUNNING, Event.END): State.ENDED,
    (State.PAUSED, Event.RESUME): State.RUNNING,
    (State.PAUSED, Event.END): State.ENDED,
    (State.ENDED, Event.KEEP): State.KEPT,
    (State.KEPT, Event.REDUCE): State.EVIDENCE,
    (State.KEPT, Event.DELETE): State.DELETED,
    (State.EVIDENCE, Event.DELETE): State.DELETED,
}

ACTIVE = frozenset({State.STARTING, State.RUNNING, State.PAUSED})
WRITING = frozenset({State.RUNNING, State.PAUSED})
STORED = frozenset({State.KEPT, State.EVIDENCE})
"""There are finished files, all or the clips, which can be played and held back."""

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
BY_AGENT = "by_agent"
HAND = "hand"
"""In ``paused_by``: the agent's button, beside the sides whose cursor stands in a sensitive field."""
WORKER_DIED = "worker_died"
LEFT_BEHIND = frozenset({"", WORKER_DIED, "worker_ended"})
"""After these the call is recorded again as soon as its people are back, on another worker."""
REASON_CHARACTERS = (4, 300)
LEAVE_SECONDS = 1800.0
"""So long a typed reason lets one person play one recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """
    The ``number``-th recording of a call; times are seconds since the epoch, ``seconds`` its length.

    ``paused_by``: the sides whose cursor stands in a sensitive field, or ``hand``, separated by commas.
    ``failure``: why it stopped by itself, empty if it was asked to. ``head``: the last hash of its chain that
    we know. ``film``: ``made``, or why there is none yet; ``wanted`` when somebody asked for it once more.
    ``keep_until``: when everything but the ``clips`` evidence clips goes; ``evidence_until``: when these go,
    None if they go with the film. Once the film's files are gone (``film_deleted_at``) the clips' own key is
    all that is left, in ``evidence_key_sealed``.
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
    clips: int = 0
    evidence_until: float | None = None
    evidence_key_sealed: str | None = None
    film_deleted_at: float | None = None
    deleted_at: float | None = None
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
    until = _ended(recording, now) + days * DAY_SECONDS
    return replace(advance(recording, Event.KEEP, now), keep_until=until, deadline=until)


def with_evidence(recording: Recording, *, clips: int, days: int, now: float) -> Recording:
    """So many clips were cut; they are kept for ``days`` where that is longer than all the rest."""
    until = _ended(recording, now) + days * DAY_SECONDS
    longer = bool(clips) and recording.keep_until is not None and until > recording.keep_until
    return replace(recording, clips=clips, evidence_until=until if longer else None)


def _ended(recording: Recording, now: float) -> float:
    return recording.ended_at if recording.ended_at is not None else now


def kept_for(recording: Recording) -> float | None:
    """Until when what is left of a stored recording is kept."""
    return recording.evidence_until if recording.state is State.EVIDENCE else recording.keep_until


def active(recordings: Sequence[Recording]) -> Recording | None:
    """The one that is being written, or about to be."""
    return next((one for one in recordings if one.state in ACTIVE), None)


def may_begin(recordings: Sequence[Recording], now: float, *, rest: bool = True) -> bool:
    """Whether another recording of the call may begin: after a ``rest``, unless the worker died."""
    if active(recordings) is not None or len(recordings) >= MAX_OF_ONE_CALL:
        return False
    last = recordings[-1] if recordings else None
    if last is None or last.ended_at is None or not rest or last.failure in LEFT_BEHIND:
        return True
    return now - last.ended_at >= RETRY_SECONDS


Told = tuple[str, str, float]
"""(kind, recording, time) of an event ``recording.started``, ``paused``, ``resumed`` or ``stopped``."""
_WRITES = {
    "recording.started": True,
    "recording.resumed": True,
    "recording.paused": False,
    "recording.stopped": False,
}


def covers(told: Sequence[Told], *, since: float | None, until: float | None = None) -> bool:
    """
    Whether one recording was written without a break from ``since`` to ``until``, or still is.

    ``told``: the events of the call's recordings in their order. Nothing covers what has not begun.
    """
    if since is None:
        return False
    last = float("inf") if until is None else until
    writing: dict[str, float] = {}
    for kind, recording, at in told:
        begun = writing.pop(recording, None)
        if begun is not None and begun <= since and last <= at:
            return True
        if _WRITES.get(kind, False):
            writing[recording] = at if begun is None else begun
    return any(begun <= since for begun in writing.values())


def sides(recording: Recording) -> frozenset[str]:
    """Who keeps it paused."""
    return frozenset(recording.paused_by.split(",")) - {""}


def mark_of(recordings: Sequence[Recording], *, agreed: bool, asked: bool) -> str:
    """
    What both screens say: running, paused, starting, broken (it stopped by itself), off, declined or asking.

    ``agreed``: whether the citizen's consent stands; ``asked``: whether they were asked in this call.
    """
    running = active(recordings)
    if running is not None:
        return running.state.value
    if not agreed:
        return "declined" if asked else "asking"
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
