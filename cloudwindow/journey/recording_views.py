"""What the pages of recordings are shown: frozen values, already cut down to what this person may see."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudwindow.domain.catalogue import District, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """One recording in a list; ``seconds`` is its length, ``number`` its place in the call."""

    id: str
    receipt: str
    item: Text
    home: District
    agent: str
    number: int
    state: str
    started_at: float
    seconds: float
    keep_until: float | None
    held: bool
    failure: str
    film: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChapterRow:
    """A moment worth finding, ``at`` seconds from the beginning; ``clip`` is its number, None without one."""

    name: str
    at: float
    clip: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """A stretch of which nothing, or not everything, was recorded; ``end`` None: until the end."""

    reason: str
    start: float
    end: float | None
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewingRow:
    """Who was given leave to play the recording, when and why."""

    at: float
    expires_at: float
    name: str
    number: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingView:
    """
    Everything a page says about one recording. ``findings`` are ``problem: place``, empty if it is intact.

    ``can``: the words of what this person may do now, of ``play hold release film``.
    """

    row: RecordingRow
    octets: int
    head: str
    findings: Sequence[str]
    checked: bool
    gaps: Sequence[GapRow]
    chapters: Sequence[ChapterRow]
    viewings: Sequence[ViewingRow]
    held_reason: str
    can: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayView:
    """What a player needs; ``watermark`` stands over the picture, ``source`` gives the film by ranges."""

    row: RecordingRow
    watermark: str
    here: str
    source: str
    clip: int | None
    chapters: Sequence[ChapterRow]
    reason: str
    expires_at: float
    download: str
    """Where the film can be had as a file; empty without the right."""
