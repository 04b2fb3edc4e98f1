"""Who hears and sees whom: every member has slots, filled in the order the others joined."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cloudwindow.media.peer import Peer
from cloudwindow.media.plane import MemberStats, RoomStats, Traffic
from cloudwindow.media.tracks import Sink, Source

KINDS: Final = ("audio", "video")


@dataclass(slots=True)
class Room:
    """One room's members by name, in the order they joined."""

    name: str
    members: dict[str, Peer] = field(default_factory=dict)

    def connect(self, now: float) -> list[Peer]:
        """
        Give every sink its source again; return members whose browser must offer more lines.

        A slot keeps its member until that member leaves, so that nobody's picture moves.
        """
        return [peer for peer in self.members.values() if self._connect_one(peer, now)]

    def _connect_one(self, peer: Peer, now: float) -> bool:
        met = [other.member for other in self._met_by(peer)]
        slots = [name if name in met else None for name in peer.slots]
        for name in met:
            if name in slots:
                continue
            if None in slots:
                slots[slots.index(None)] = name
            else:
                slots.append(name)
        while slots and slots[-1] is None:
            slots.pop()
        peer.slots = slots
        for kind in KINDS:
            self._fill(peer, kind, now)
        return self._must_ask(peer)

    def _met_by(self, peer: Peer) -> Iterator[Peer]:
        if peer.echo:
            yield peer
            return
        for other in self.members.values():
            if other is not peer and not other.echo and other.role in peer.rights.meets:
                yield other

    def _fill(self, peer: Peer, kind: str, now: float) -> None:
        sinks = [sink for sink in peer.lines.sinks.values() if sink.kind == kind]
        for place, sink in enumerate(sinks):
            name = peer.slots[place] if place < len(peer.slots) else None
            sink.follow(_first_source(self.members[name], kind) if name else None, now)

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

    def stats(self, now: float) -> RoomStats:
        """Count what flows."""
        return RoomStats(
            room=self.name, members=tuple(_member_stats(peer, now) for peer in self.members.values())
        )


def _first_source(peer: Peer, kind: str) -> Source | None:
    return next((source for source in peer.lines.sources.values() if source.kind == kind), None)


def _receivers(peer: Peer) -> list[Peer]:
    wires = [sink.wire for source in peer.lines.sources.values() for sink in source.sinks]
    return [wire for wire in wires if isinstance(wire, Peer) and wire.ready]


def _traffic(tracks: list[Source] | list[Sink]) -> Traffic:
    packets = sum(track.received if isinstance(track, Source) else track.packets for track in tracks)
    return Traffic(packets=packets, octets=sum(track.octets for track in tracks))


def _member_stats(peer: Peer, now: float) -> MemberStats:
    sources, sinks = list(peer.lines.sources.values()), list(peer.lines.sinks.values())
    expected = sum(source.expected for source in sources)
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
        slots=tuple(peer.slots),
        expected_packets=expected,
        lost_packets=max(0, expected - sum(source.received for source in sources)),
    )
