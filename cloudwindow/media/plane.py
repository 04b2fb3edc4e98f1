"""
What the web process may ask of the media plane, and what the media plane reports.

A room is a name; a member is a name within it. Media runs elsewhere (``worker.py``), reached through
``remote.py``; nothing here knows how. Every value that crosses is frozen.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
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
    SLOTS = "slots"
    """Whom this member receives has changed; ``MemberStats.slots`` names them in the order of streams."""
    INVITED = "invited"
    """This member's browser is offered the connection it receives on; ``invitation`` goes to ``receive``."""
    CLOSED = "closed"
    """Nobody is in the room any more and nothing of it is remembered; ``member`` is empty."""
    RECORDING_RUNS = "recording_runs"
    """The room is being recorded; ``member`` is the recording's id."""
    RECORDING_STOPPED = "recording_stopped"
    """The recording ``member`` has ended; ``reason`` is empty if it was asked to."""
    CAPTIONING = "captioning"
    """How the room's captions stand now: ``captioning`` says it; ``member`` is empty."""
    CAPTION = "caption"
    """Words of ``member`` as a machine understood them; ``caption`` holds them, and who may read them."""


class CaptionState(StrEnum):
    """How the captions of a room stand."""

    OFF = "off"
    STARTING = "starting"
    """Somebody wants them; the engine is being started."""
    ON = "on"
    BEHIND = "behind"
    """The machine does not keep up: words are missing."""
    STOPPED = "stopped"
    """The engine broke off; whoever still wants captions switches them on again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captioning:
    """How a room's captions stand: ``wanted_by`` are the members who switched them on."""

    state: CaptionState
    wanted_by: tuple[str, ...] = ()


OFF = Captioning(state=CaptionState.OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """
    Words of one speaker, for the members ``readers``: those who hear the speaker, and the speaker.

    ``line`` names the stretch of speech within the room; a later ``version`` of it replaces the earlier,
    and a ``final`` one is the last.
    """

    line: int
    version: int
    text: str
    final: bool
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """
    A plane that cannot send on the member's own connection offers another: ``sdp`` wants an answer.

    ``fresh`` makes a new receiving connection; else the offer is for the one there is. The answer names
    ``number``.
    """

    number: int
    sdp: str
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaEvent:
    """
    Something happened to ``member`` in ``room``; the recorder's kinds may carry a ``reason``, ``invited``
    always an ``invitation``, ``captioning`` and ``caption`` what they are called after.
    """

    kind: MediaEventKind
    room: str
    member: str
    reason: str = ""
    invitation: Invitation | None = None
    captioning: Captioning | None = None
    caption: Caption | None = None


EventHandler = Callable[[MediaEvent], Awaitable[None]]


class Mode(StrEnum):
    """How a supervisor takes part; everybody else always joins."""

    LISTEN = "listen"
    """Receives the others and is received by nobody, but stands in the list of members."""
    WHISPER = "whisper"
    """Received by agents only."""
    JOIN = "join"
    """Received by all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """
    How a room stands beside who is in it; without anything, everybody meets whom their role may meet.

    ``hold`` is the reason why the whole room is on hold (``None``: it is not), ``holds`` the reason per
    member: nothing flows to or from them. Members of ``side_room`` meet each other only, and all others
    meet nobody meanwhile. ``modes`` holds the supervisors' modes by member; a supervisor starts in
    ``listen``. Reasons are passed on as they are, at most 80 characters. Members named here need not be
    in the room yet.
    """

    hold: str | None = None
    holds: Mapping[str, str] = field(default_factory=dict)
    side_room: frozenset[str] = frozenset()
    modes: Mapping[str, Mode] = field(default_factory=dict)


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
    ``held`` is the reason why the member is on hold, themself or with the room, since ``held_seconds``.
    ``round_trip_seconds``, ``jitter_seconds`` and ``loss_out`` (share, 0 to 1) are what the member's
    browser last reported of what it receives; ``loss_in`` and ``bits_per_second_*`` are the last two
    seconds as the worker saw them.
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
    mode: Mode = Mode.JOIN
    held: str | None = None
    held_seconds: float | None = None
    in_side_room: bool = False
    round_trip_seconds: float | None = None
    jitter_seconds: float | None = None
    loss_in: float = 0.0
    loss_out: float = 0.0
    bits_per_second_in: int = 0
    bits_per_second_out: int = 0


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

    async def answer(
        self,
        room: str,
        member: str,
        *,
        role: str,
        offer: str,
        echo: bool = False,
        arrangement: Arrangement | None = None,
    ) -> str:
        """
        Let ``member`` in, or renegotiate, and return the SDP answer to their browser's ``offer``.

        The same member with a new connection replaces the old one. With ``echo`` the member meets only
        themself. ``arrangement`` is how the room stands, in force before the member is let in; without it
        the room stays as it is, and one that had to be placed anew is as this process last arranged it.
        Raises BadInput ``bad_sdp`` or ``unknown_role``, Conflict ``room_full``, or ``role_changed`` for a
        member who is in the room with another role; Unavailable ``media_unavailable``.
        """

    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None:
        """
        Take the browser's ``answer`` to the invitation ``number``; one to an older invitation is ignored.

        Raises BadInput ``bad_sdp``, Conflict ``not_invited`` for whom this plane never invites, Unavailable
        ``media_unavailable``.
        """

    async def remove(self, room: str, member: str) -> None:
        """End ``member``'s connection and drop all they send; does nothing for a stranger."""

    async def close(self, room: str) -> None:
        """Remove everybody from ``room`` and forget how it stood."""

    async def stats(self, room: str) -> RoomStats:
        """Count what flows in ``room``. Raises Unavailable ``media_unavailable``."""

    async def arrange(self, room: str, arrangement: Arrangement) -> None:
        """
        Let ``room`` stand like this from now on, whatever was before; safe to repeat.

        Raises BadInput ``side_room_refused`` if the side room names a member whose role has no right to
        it or leaves fewer than two, ``mode_refused`` for a mode of a member who is no supervisor,
        ``bad_media_call`` for what is too long; Unavailable ``media_unavailable``. Then nothing changes.
        """

    async def hold(self, room: str, reason: str | None, *, member: str | None = None) -> None:
        """Put one member, or without ``member`` the whole room, on hold for ``reason``; ``None`` ends it."""

    async def side_room(self, room: str, members: Collection[str]) -> None:
        """Let ``members`` talk in private; nobody ends the side room. Raises like ``arrange``."""

    async def mode(self, room: str, member: str, mode: Mode) -> None:
        """Let a supervisor listen, whisper or join. Raises like ``arrange``."""

    async def drain(self, worker: str) -> None:
        """
        Let ``worker`` take no new rooms and end when its last room has, or after its limit.

        Raises Unavailable ``media_unavailable`` if it does not answer.
        """
