"""One room of the forwarder: its members' slots, what flows between them, who taps it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cloudwindow.media.meeting import Seat, hold_of, in_side_room, meets, mode_of, receives, seated
from cloudwindow.media.peer import Peer
from cloudwindow.media.plane import Arrangement, MemberStats, RoomStats, Traffic
from cloudwindow.media.tap import MarkKind, Tap, TapMark, TapSource
from cloudwindow.media.tracks import Sink, Source

KINDS: Final = ("audio", "video")
RECORDER: Final = Seat("recorder", "recorder")
"""A tap receives what this member would."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What members must be told after a change."""

    renegotiate: tuple[Peer, ...]
    """Their browsers must offer more lines."""
    slots: tuple[Peer, ...]
    """They receive other members than before, or at other places."""


@dataclass(slots=True)
class Room:
    """One room's members by name, in the order they joined."""

    name: str
    members: dict[str, Peer] = field(default_factory=dict)
    arrangement: Arrangement = field(default_factory=Arrangement)
    taps: list[Tap] = field(default_factory=list)
    ears: list[Tap] = field(default_factory=list)
    """Taps of sound alone: they get what anybody in the room hears, also a private talk's."""
    emptied_at: float | None = None
    _held_since: dict[str, float] = field(default_factory=dict)
    _kept: dict[str, str] = field(default_factory=dict)
    """Roles of members who left and whose slot is kept for them."""
    _hearers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Who heard whom when the ears were last connected."""

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if the room were forgotten."""
        return not (self.members or self.taps or self.arrangement != Arrangement())

    # --- who is where -------------------------------------------------------------------------------

    def seats(self) -> list[Seat]:
        """The members as the rules see them."""
        return [_seat(peer) for peer in self.members.values()]

    def leave(self, member: str) -> Peer | None:
        """Take a member out; their slot may be kept for them."""
        peer = self.members.pop(member, None)
        if peer is not None and peer.rights.keeps_slot:
            self._kept[member] = peer.role
        return peer

    def connect(self, now: float) -> Asked:
        """
        Give every sink its source again and say who must be told.

        A slot keeps its member until that member leaves, so that nobody's picture moves.
        """
        self._note_holds(now)
        peers = list(self.members.values())
        before = {peer.member: list(peer.slots) for peer in peers}
        asked = tuple(peer for peer in peers if self._connect_one(peer, now))
        self._connect_taps(now)
        self._connect_ears(now)
        return Asked(asked, tuple(peer for peer in peers if peer.slots != before[peer.member]))

    def _connect_one(self, peer: Peer, now: float) -> bool:
        met = [other.member for other in self._met_by(peer)]
        present = {name: other.role for name, other in self.members.items()}
        peer.slots = seated(peer.slots, met, present, self._kept)
        for kind in KINDS:
            self._fill(peer, kind, now)
        return self._must_ask(peer)

    def _met_by(self, peer: Peer) -> Iterator[Peer]:
        if peer.echo:
            yield peer
            return
        for other in self.members.values():
            if other is not peer and not other.echo and meets(_seat(peer), _seat(other), self.arrangement):
                yield other

    def _flows(self, peer: Peer, other: Peer) -> bool:
        return peer is other or receives(_seat(peer), _seat(other), self.arrangement)

    def _fill(self, peer: Peer, kind: str, now: float) -> None:
        sinks = [sink for sink in peer.lines.sinks.values() if sink.kind == kind]
        for place, sink in enumerate(sinks):
            name = peer.slots[place] if place < len(peer.slots) else None
            other = self.members.get(name) if name else None
            heard = other is not None and self._flows(peer, other)
            sink.follow(_first_source(other, kind) if other and heard else None, now)

    def _must_ask(self, peer: Peer) -> bool:
        """True once per number of slots for which lines are missing."""
        lines = min(sum(sink.kind == kind for sink in peer.lines.sinks.values()) for kind in KINDS)
        missing = len(peer.slots) > max(lines, 1)
        ask = missing and peer.asked_slots < len(peer.slots)
        peer.asked_slots = len(peer.slots) if missing else 0
        return ask

    def choose_leaders(self) -> None:
        """Let the receiver that loses most decide what each sender is told about the path."""
        for peer in self.members.values():
            peer.upstream.leader = max(
                _receivers(peer), key=lambda other: other.downstream.loss, default=None
            )

    # --- how it stands ------------------------------------------------------------------------------

    def arrange(self, arrangement: Arrangement, now: float) -> None:
        """Stand like this from now on; ``connect`` carries it out."""
        before, self.arrangement = self.arrangement, arrangement
        for mark in marks_between(before, arrangement, self.name, now):
            self._mark(mark)

    def _note_holds(self, now: float) -> None:
        held = [seat.member for seat in self.seats() if hold_of(seat, self.arrangement) is not None]
        self._held_since = {member: self._held_since.get(member, now) for member in held}

    # --- taps ---------------------------------------------------------------------------------------

    def attach_tap(self, tap: Tap, now: float) -> None:
        """Hand everything a recorder may hear to ``tap`` from now on; it learns how the room stands."""
        if tap in self.taps:
            return
        self.taps.append(tap)
        for mark in marks_between(Arrangement(), self.arrangement, self.name, now):
            tap.put(mark)
        self._connect_taps(now)

    def detach_tap(self, tap: Tap, now: float) -> None:
        """Hand nothing more to ``tap``."""
        if tap not in self.taps:
            return
        self.taps.remove(tap)
        for source in self._sources():
            source.detach(tap, now)

    def _connect_taps(self, now: float) -> None:
        if not self.taps:
            return
        for peer in self.members.values():
            heard = not peer.echo and receives(RECORDER, _seat(peer), self.arrangement)
            for source in peer.lines.sources.values():
                self._connect_tap(peer, source, heard, now)

    def _connect_tap(self, peer: Peer, source: Source, heard: bool, now: float) -> None:
        for tap in self.taps:
            if heard:
                source.attach(tap, _label(peer, source), now)
            else:
                source.detach(tap, now)

    def attach_ear(self, tap: Tap, now: float) -> None:
        """
        Hand all sound that anybody hears to ``tap`` from now on.

        Whenever a speaker's hearers change their source ends and another starts, so that what was said to
        some never joins what is said to others.
        """
        if tap not in self.ears:
            self.ears.append(tap)
            self._connect_ears(now)

    def detach_ear(self, tap: Tap, now: float) -> None:
        """Hand nothing more to ``tap``."""
        if tap not in self.ears:
            return
        self.ears.remove(tap)
        for source in self._sources():
            source.detach(tap, now)
        if not self.ears:
            self._hearers.clear()

    def hearers(self, member: str) -> tuple[str, ...]:
        """Who hears ``member`` now, in the order they joined."""
        speaker = self.members.get(member)
        if speaker is None or speaker.echo:
            return ()
        others = [peer for peer in self.members.values() if peer is not speaker and not peer.echo]
        return tuple(
            peer.member for peer in others if receives(_seat(peer), _seat(speaker), self.arrangement)
        )

    def _connect_ears(self, now: float) -> None:
        if not self.ears:
            return
        before, self._hearers = self._hearers, {member: self.hearers(member) for member in self.members}
        for peer in self.members.values():
            heard = self._hearers[peer.member]
            for source in peer.lines.sources.values():
                if source.kind == "audio":
                    self._connect_ear(peer, source, bool(heard), heard != before.get(peer.member), now)

    def _connect_ear(self, peer: Peer, source: Source, heard: bool, changed: bool, now: float) -> None:
        for tap in self.ears:
            if changed or not heard:
                source.detach(tap, now)
            if heard:
                source.attach(tap, _label(peer, source), now)

    def _sources(self) -> Iterator[Source]:
        for peer in self.members.values():
            yield from peer.lines.sources.values()

    def _mark(self, mark: TapMark) -> None:
        for tap in self.taps:
            tap.put(mark)

    def mark_closed(self, now: float) -> None:
        """Tell the taps that everybody has left."""
        self._mark(TapMark(kind=MarkKind.ROOM_CLOSED, at=now, room=self.name))

    # --- what flows ---------------------------------------------------------------------------------

    def stats(self, now: float) -> RoomStats:
        """Count what flows."""
        return RoomStats(
            room=self.name, members=tuple(self._member_stats(peer, now) for peer in self.members.values())
        )

    def _member_stats(self, peer: Peer, now: float) -> MemberStats:
        sources, sinks = list(peer.lines.sources.values()), list(peer.lines.sinks.values())
        expected = sum(source.expected for source in sources)
        seat = _seat(peer)
        since = self._held_since.get(peer.member)
        return MemberStats(
            member=peer.member,
            role=peer.role,
            connected=peer.connected,
            last_packet_age_seconds=now - peer.last_packet_at if peer.last_packet_at >= 0 else None,
            audio_in=_traffic([source for source in sources if source.kind == "audio"]),
            video_in=_traffic([source for source in sources if source.kind == "video"]),
            audio_out=_traffic([sink for sink in sinks if sink.kind == "audio"]),
            video_out=_traffic([sink for sink in sinks if sink.kind == "video"]),
            video_frames=sum(source.frames for source in sources if source.kind == "video"),
            slots=tuple(name if name in self.members else None for name in peer.slots),
            expected_packets=expected,
            lost_packets=max(0, expected - sum(source.received for source in sources)),
            mode=mode_of(seat, self.arrangement),
            held=hold_of(seat, self.arrangement),
            held_seconds=now - since if since is not None else None,
            in_side_room=in_side_room(seat, self.arrangement),
        )


def _seat(peer: Peer) -> Seat:
    return Seat(peer.member, peer.role)


def _label(peer: Peer, source: Source) -> TapSource:
    return TapSource(
        room=peer.room,
        member=peer.member,
        role=peer.role,
        kind=source.kind,
        mid=source.mid,
        connection=peer.session,
    )


def marks_between(before: Arrangement, after: Arrangement, room: str, now: float) -> Iterator[TapMark]:
    """What a tap is told when a room stands differently."""
    for member in sorted({"", *before.holds, *after.holds}):
        old, new = _reason(before, member), _reason(after, member)
        if old != new:
            kind = MarkKind.RELEASED if new is None else MarkKind.HELD
            yield TapMark(kind=kind, at=now, room=room, member=member, reason=new or "")
    if before.side_room == after.side_room:
        return
    if before.side_room:
        yield TapMark(kind=MarkKind.SIDE_ROOM_ENDED, at=now, room=room)
    if after.side_room:
        names = ",".join(sorted(after.side_room))
        yield TapMark(kind=MarkKind.SIDE_ROOM, at=now, room=room, reason=names)


def _reason(arrangement: Arrangement, member: str) -> str | None:
    return arrangement.holds.get(member) if member else arrangement.hold


def _first_source(peer: Peer, kind: str) -> Source | None:
    return next((source for source in peer.lines.sources.values() if source.kind == kind), None)


def _receivers(peer: Peer) -> list[Peer]:
    wires = [sink.wire for source in peer.lines.sources.values() for sink in source.sinks]
    return [wire for wire in wires if isinstance(wire, Peer) and wire.ready]


def _traffic(tracks: list[Source] | list[Sink]) -> Traffic:
    packets = sum(track.received if isinstance(track, Source) else track.packets for track in tracks)
    return Traffic(packets=packets, octets=sum(track.octets for track in tracks))
