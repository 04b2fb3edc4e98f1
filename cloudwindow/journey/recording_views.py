"""What the pages of recordings are shown: frozen values, already cut down to what this person may see."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudwindow.domain.catalogue import District, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """
    One recording in a list; ``seconds`` is its length, ``number`` its place in the call.

    ``keep_until``: all of it; ``evidence_until``: its ``clips``, None if they go with the rest.
    """

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
    clips: int = 0
    evidence_until: float | None = None
    film_deleted_at: float | None = None
    deleted_at: float | None = None


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
    """Who was given leave to play the recording, when and why; ``copies``: how many they downloaded."""

    at: float
    expires_at: float
    name: str
    number: str
    reason: str
    copies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingView:
    """
    Everything a page says about one recording. ``findings`` are ``problem: place``, empty if it was intact
    when it was last checked (``checked_at``; None: not finished).

    ``can``: the words of what this person may do now, of ``play hold release film``.
    """

    row: RecordingRow
    octets: int
    head: str
    findings: Sequence[str]
    checked_at: float | None
    gaps: Sequence[GapRow]
    chapters: Sequence[ChapterRow]
    viewings: Sequence[ViewingRow]
    held_reason: str
    can: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayView:
    """
    What a player needs; ``watermark`` stands over the picture, ``source`` gives the film by ranges.

    ``whole``: the film of the whole call is still there. ``may_copy``: a marked copy may be taken along.
    """

    row: RecordingRow
    watermark: str
    here: str
    source: str
    clip: int | None
    whole: bool
    chapters: Sequence[ChapterRow]
    reason: str
    expires_at: float
    may_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyView:
    """
    A marked copy being made, ready or not to be had; ``state``: making, ready, failed or over.

    ``sha256`` of the copy, ``original`` of the sealed file it was made from, as the recording's chain has it.
    """

    row: RecordingRow
    here: str
    player: str
    state: str
    words: str
    chapter: str
    octets: int
    sha256: str
    original: str
    failure: str
    expires_at: float
