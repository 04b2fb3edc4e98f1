"""
The tap: what members send, handed to whoever records it, without ever holding up the forwarding.

A tap gets, per source and in order of sequence, every packet as it was received (decrypted, its header
read), a gap for what never came, the sender's clock, and marks for what happened to the room. A packet
that is out of order is waited for; a tap that does not keep up loses records and is told how many.

Attach to a whole room with ``Forwarder.attach_tap``; the room then attaches to each source that the
rights, holds and side rooms let a recorder hear, and detaches where they no longer do.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

PATIENCE_SECONDS: Final = 1.0
"""How long a missing packet is waited for: repeats are asked for during 0.8 s (``tracks.LOST_TRIES``)."""
MAX_HELD: Final = 512
"""Packets of one source kept while one before them is missing."""
QUEUE_OCTETS: Final = 4 * 1024 * 1024
"""What one :class:`TapQueue` keeps at most, about ten seconds of one call."""
RECORD_OCTETS: Final = 128
"""What a record without payload counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapSource:
    """
    One line of one connection: ``kind`` is ``audio`` or ``video``.

    A reload makes a new ``connection``, and so a new source with numbers and timestamps of its own.
    """

    room: str
    member: str
    role: str
    kind: str
    mid: str
    connection: int


@dataclass(frozen=True, slots=True)
class TapPacket:
    """
    One RTP packet as received at ``at`` (seconds of the worker's monotonic clock).

    ``index`` is the sequence number counted on past 65535, rising by one unless a gap lies between;
    ``timestamp`` the 32 bits of RTP (48 kHz for audio, 90 kHz for video); ``marker`` ends a picture;
    ``payload`` is without header, extensions and padding; ``turns`` are the quarter turns clockwise the
    picture must be shown with (3GPP TS 26.114 §7.4.5), 0 where the sender says nothing.
    """

    source: TapSource
    at: float
    codec: str
    index: int
    timestamp: int
    marker: bool
    payload: bytes
    turns: int = 0


@dataclass(frozen=True, slots=True)
class TapGap:
    """``count`` packets from ``first`` on never came; said at ``at``, in their place among the packets."""

    source: TapSource
    at: float
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class TapClock:
    """
    The sender's own clock (RFC 3550 §6.4.1): ``timestamp`` was at ``clock_seconds`` since 1900.

    Sound and picture of one connection are aligned by it.
    """

    source: TapSource
    at: float
    clock_seconds: float
    timestamp: int


class MarkKind(StrEnum):
    """The words of :class:`TapMark`."""

    SOURCE_STARTED = "source_started"
    """The source is heard from now on: it is new, or what silenced it has ended."""
    SOURCE_ENDED = "source_ended"
    """Nothing more comes from the source until it is started again: left, held, or not for recorders."""
    HELD = "held"
    """``member`` (empty: everybody) is on hold for ``reason``."""
    RELEASED = "released"
    SIDE_ROOM = "side_room"
    """Some members talk in private; ``reason`` names them, separated by commas."""
    SIDE_ROOM_ENDED = "side_room_ended"
    OVERFLOW = "overflow"
    """The tap did not keep up; ``count`` records are missing here."""
    ROOM_CLOSED = "room_closed"
    """Everybody has left; more may come if somebody returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapMark:
    """Something happened at ``at``; ``source`` is set for the two kinds that speak of one."""

    kind: MarkKind
    at: float
    room: str = ""
    source: TapSource | None = None
    member: str = ""
    reason: str = ""
    count: int = 0


TapRecord = TapPacket | TapGap | TapClock | TapMark


class Tap(Protocol):
    """Where records go; called from the forwarding loop."""

    def put(self, record: TapRecord) -> None:
        """Take a record at once; never blocks, never raises."""


class TapQueue:
    """A tap for one reader in the same event loop, bounded in octets."""

    def __init__(self, *, max_octets: int = QUEUE_OCTETS) -> None:
        self.dropped = 0
        """Records lost because the reader did not keep up, in all."""
        self._max_octets = max_octets
        self._octets = self._unsaid = 0
        self._records: deque[TapRecord] = deque()
        self._filled = asyncio.Event()

    def put(self, record: TapRecord) -> None:
        """Keep the record, or count it as dropped."""
        size = _size(record)
        if self._octets + size > self._max_octets:
            self.dropped += 1
            self._unsaid += 1
            return
        if self._unsaid:
            self._keep(TapMark(kind=MarkKind.OVERFLOW, at=record.at, count=self._unsaid), RECORD_OCTETS)
            self._unsaid = 0
        self._keep(record, size)

    def _keep(self, record: TapRecord, size: int) -> None:
        self._octets += size
        self._records.append(record)
        self._filled.set()

    async def take(self) -> list[TapRecord]:
        """Return all that is there, oldest first; waits while there is nothing. One reader only."""
        await self._filled.wait()
        return self.take_now()

    def take_now(self) -> list[TapRecord]:
        """Return all that is there without waiting; perhaps nothing."""
        taken = list(self._records)
        self._records.clear()
        self._octets = 0
        self._filled.clear()
        return taken


def _size(record: TapRecord) -> int:
    return RECORD_OCTETS + (len(record.payload) if isinstance(record, TapPacket) else 0)


class Straightener:
    """One source for one tap: puts packets into the order they were sent in, and says what is missing."""

    def __init__(self, tap: Tap, source: TapSource) -> None:
        self.tap, self.source = tap, source
        self._next = -1
        self._held: dict[int, TapPacket] = {}

    def begin(self, now: float) -> None:
        """Announce the source."""
        self.tap.put(TapMark(kind=MarkKind.SOURCE_STARTED, at=now, room=self.source.room, source=self.source))

    def push(self, packet: TapPacket) -> None:
        """Take a packet as it came; what came before or twice is left out."""
        if self._next < 0:
            self._next = packet.index
        if packet.index < self._next or packet.index in self._held:
            return
        if packet.index > self._next:
            self._held[packet.index] = packet
            self.tick(packet.at)
            return
        self.tap.put(packet)
        self._next += 1
        self._go_on()

    def _go_on(self) -> None:
        while self._held and (packet := self._held.pop(self._next, None)) is not None:
            self.tap.put(packet)
            self._next += 1

    def tick(self, now: float) -> None:
        """Give up waiting for what is overdue."""
        while self._held:
            waited = now - next(iter(self._held.values())).at
            if waited < PATIENCE_SECONDS and len(self._held) <= MAX_HELD:
                return
            self._skip_to(min(self._held), now)

    def _skip_to(self, index: int, now: float) -> None:
        self.tap.put(TapGap(self.source, now, self._next, index - self._next))
        self._next = index
        self._go_on()

    def clock(self, at: float, clock: bytes, timestamp: int) -> None:
        """Pass the sender's clock on: eight octets of NTP time."""
        seconds = int.from_bytes(clock, "big") / (1 << 32)
        self.tap.put(TapClock(self.source, at, seconds, timestamp))

    def end(self, now: float) -> None:
        """Pass on all that is held, with its gaps, and say that no more comes."""
        while self._held:
            self._skip_to(min(self._held), now)
        self.tap.put(TapMark(kind=MarkKind.SOURCE_ENDED, at=now, room=self.source.room, source=self.source))
