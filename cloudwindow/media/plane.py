"""
What the web process may ask of the media plane, and what the media plane reports.

A room is a name; a member is a name within it. Media runs elsewhere (``worker.py``), reached through
``remote.py``; nothing here knows how. Every value that crosses is frozen.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class MediaEventKind(StrEnum):
    """The words of :class:`MediaEvent`."""

    CONNECTED = "connected"
    """The member's encrypted transport is up: the first time or after a reload."""
    SILENT = "silent"
    """No media packet for two seconds from a member who had been sending."""
    RESUMED = "resumed"
    """Packets again after ``silent``."""
    GONE = "gone"
    """The member's transport ended without being asked to, or its worker died."""
    RENEGOTIATE = "renegotiate"
    """Somebody joined for whom this member's browser must offer another receiving pair of lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaEvent:
    """Something happened to ``member`` in ``room``."""

    kind: MediaEventKind
    room: str
    member: str


EventHandler = Callable[[MediaEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Media packets of one kind in one direction since the member joined; ``octets`` without transport."""

    packets: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStats:
    """
    One member as the worker sees them: ``*_in`` from the member, ``*_out`` to the member.

    ``video_frames`` counts whole pictures received; ``lost_packets`` those expected from the member that
    never came, of ``expected_packets``. ``last_packet_age_seconds`` is ``None`` before the first packet.
    ``slots`` names whom the member receives: the first is their browser's stream ``slot-0``, and so on.
    """

    member: str
    role: str
    connected: bool
    last_packet_age_seconds: float | None = None
    audio_in: Traffic = field(default_factory=Traffic)
    audio_out: Traffic = field(default_factory=Traffic)
    video_in: Traffic = field(default_factory=Traffic)
    video_out: Traffic = field(default_factory=Traffic)
    video_frames: int = 0
    expected_packets: int = 0
    lost_packets: int = 0
    slots: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStats:
    """Everybody in ``room`` now, in the order they joined; empty for a room nobody is in."""

    room: str
    members: tuple[MemberStats, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAddress:
    """Where a worker listens (``unix:/path`` or ``host:port``) and how many members it carried lately."""

    name: str
    control: str
    members: int = 0
    draining: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLoad:
    """What a worker says about itself every two seconds."""

    name: str
    control: str
    rooms: int
    members: int
    packets_per_second: float
    draining: bool = False


class MediaPlane(Protocol):
    """Rooms in which members hear and see each other."""

    async def answer(self, room: str, member: str, *, role: str, offer: str, echo: bool = False) -> str:
        """
        Let ``member`` in, or renegotiate, and return the SDP answer to their browser's ``offer``.

        The same member with a new connection replaces the old one. With ``echo`` the member meets only
        themself. Raises BadInput ``bad_sdp`` or ``unknown_role``, Conflict ``room_full``, Unavailable
        ``media_unavailable``.
        """

    async def remove(self, room: str, member: str) -> None:
        """End ``member``'s connection and drop all they send; does nothing for a stranger."""

    async def close(self, room: str) -> None:
        """Remove everybody from ``room``."""

    async def stats(self, room: str) -> RoomStats:
        """Count what flows in ``room``. Raises Unavailable ``media_unavailable``."""
