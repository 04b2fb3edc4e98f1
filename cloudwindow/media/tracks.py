"""
A source is what one member sends on one line; a sink is what we send one member on one line.

A sink follows one source at a time. When it changes, sequence numbers and timestamps go on without a
step, and video waits for a keyframe. Times are seconds of the worker's monotonic clock.
"""

from collections import deque
from struct import Struct
from typing import Final, Protocol

from cloudwindow.media import rtcp
from cloudwindow.media.congestion import Downstream, Upstream
from cloudwindow.media.rtp import (
    Packet,
    find_extension,
    rename_extensions,
    starts_keyframe,
    wrap_retransmission,
    write_wide_sequence,
)
from cloudwindow.media.sdp import MID, ORIENTATION, WIDE_SEQUENCE, OfferedLine
from cloudwindow.media.srtp import PacketBuffer
from cloudwindow.media.tap import Straightener, Tap, TapPacket, TapSource

RING: Final = 512
"""Outgoing packets of a picture kept for retransmission."""
SOUND_RING: Final = 64
"""The same of sound: more than a second."""
KEYFRAME_PAUSE_SECONDS: Final = 0.2
LOST_PAUSE_SECONDS: Final = 0.1
LOST_TRIES: Final = 8
REPEATS_PER_TICK: Final = 32
"""Retransmissions one sink may ask for per tenth of a second, saved up to ``RING``."""
LOSSY: Final = 0.02
"""Share of lost packets from which on a repair is sent twice: to lose it too costs another round trip."""
MAX_GAP: Final = 256
"""A jump in sequence numbers wider than this is a new beginning, not a loss."""

_CLOCK_RATES: Final = {"audio": 48000, "video": 90000}
_FRAME_TICKS: Final = {"audio": 960, "video": 3000}
_HEAD: Final = Struct(">BHII")
_WORD: Final = Struct(">H")


class Wire(Protocol):
    """One member's encrypted transport, as tracks use it."""

    downstream: Downstream
    reporter: int
    ready: bool
    """Whether the keys are there."""

    def send_rtp(self, buffer: PacketBuffer, length: int) -> None:
        """Encrypt in place and send."""

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt a copy and send."""


class Source:
    """What one member sends on one line."""

    def __init__(self, wire: Wire, line: OfferedLine, upstream: Upstream | None) -> None:
        self.wire, self.kind, self.mid, self.upstream = wire, line.kind, line.mid, upstream
        self.ssrc, self.repair_ssrc = line.ssrc, line.repair_ssrc
        self.sinks: list[Sink] = []
        self.taps: list[Straightener] = []
        self.received = self.octets = self.frames = 0
        self.first = self.top = -1
        self._missing: dict[int, list[float]] = {}
        self._asked_at = -1.0
        self._wanted = False
        self._refreshes = 0
        self._last_turns = 0
        self.renew(line)

    def renew(self, line: OfferedLine) -> None:
        """Take over what a re-offer changed."""
        self.line = line
        self.codecs = {codec.payload_type: codec.name for codec in line.codecs}
        self.repairs = {codec.repair: codec.payload_type for codec in line.codecs if codec.repair is not None}
        self._feedback = frozenset[str]().union(*(codec.feedback for codec in line.codecs))
        self._repeats = "nack" in self._feedback
        self.takes_estimates = "goog-remb" in self._feedback
        self._orientation_id = dict(line.extensions).get(ORIENTATION, 0)

    @property
    def expected(self) -> int:
        """Packets that should have come since the first."""
        return self.top - self.first + 1 if self.first >= 0 else 0

    def take(self, packet: Packet, buffer: PacketBuffer, wide_index: int, now: float) -> None:
        """Count a packet and pass it on; a repeated one only if it was missing."""
        codec = self.codecs.get(packet.payload_type)
        if codec is None or not self._count(packet, now):
            return
        packet.codec = codec
        self.received += 1
        self.octets += packet.payload_end - packet.payload_start
        self.frames += packet.marker
        if self.taps:
            self._record(packet, buffer.octets, now)
        if len(self.sinks) == 1:
            self.sinks[0].forward(packet, buffer, wide_index, now)
        elif self.sinks:
            self._copy(packet, buffer, wide_index, now)

    def _copy(self, packet: Packet, buffer: PacketBuffer, wide_index: int, now: float) -> None:
        plain = bytes(buffer.view[: packet.length])
        for sink in self.sinks:
            buffer.load(plain)
            sink.forward(packet, buffer, wide_index, now)

    def attach(self, tap: Tap, label: TapSource, now: float) -> None:
        """Let ``tap`` have all that comes from now on, from a keyframe if it is video; once per tap."""
        if any(attached.tap is tap for attached in self.taps):
            return
        self.taps.append(Straightener(tap, label))
        self.taps[-1].begin(now)
        self.want_keyframe(now)

    def detach(self, tap: Tap, now: float) -> None:
        """Let ``tap`` have what is still held, and then nothing more."""
        for attached in [known for known in self.taps if known.tap is tap]:
            self.taps.remove(attached)
            attached.end(now)

    def _record(self, packet: Packet, octets: bytearray, now: float) -> None:
        payload = bytes(octets[packet.payload_start : packet.payload_end])
        turns = self._turns(packet, octets)
        for attached in self.taps:
            attached.push(
                TapPacket(
                    attached.source,
                    now,
                    packet.codec,
                    packet.index,
                    packet.timestamp,
                    packet.marker,
                    payload,
                    turns,
                )
            )

    def _turns(self, packet: Packet, octets: bytearray) -> int:
        """Quarter turns clockwise of the picture; browsers say it with the last packet of each."""
        if not self._orientation_id:
            return 0
        value = find_extension(octets, packet, self._orientation_id)
        if value is not None:
            self._last_turns = value & 3
        return self._last_turns

    def _count(self, packet: Packet, now: float) -> bool:
        """Give the packet its index; False for what came before."""
        top = self.top
        if top < 0:
            self.first = self.top = packet.index = packet.sequence + 0x10000
            return True
        distance = (packet.sequence - top) & 0xFFFF
        if 0 < distance < 0x8000:
            self.top = packet.index = top + distance
            if distance > 1:
                self._note_gap(top + 1, distance - 1, now)
            return True
        packet.index = top + distance - 0x10000 if distance else top
        if self._repeats:
            return self._missing.pop(packet.index, None) is not None
        return distance != 0 and packet.index >= self.first

    def _note_gap(self, start: int, count: int, now: float) -> None:
        if not self._repeats:
            return
        if count > MAX_GAP:
            self._missing.clear()
            self.want_keyframe(now)
            return
        for index in range(start, start + count):
            self._missing[index] = [1, now]
        self._ask_again(list(range(start, start + count)))

    def _ask_again(self, indexes: list[int]) -> None:
        if self.ssrc is not None:
            numbers = [index & 0xFFFF for index in indexes]
            self.wire.send_rtcp(rtcp.lost_request(self.wire.reporter, self.ssrc, numbers))

    def want_keyframe(self, now: float) -> None:
        """Ask the sender for a keyframe, at most once per 200 ms; a request too early is kept for later."""
        if self.kind != "video":
            return
        if self.ssrc is None or not self.wire.ready or now - self._asked_at < KEYFRAME_PAUSE_SECONDS:
            self._wanted = True
            return
        self._asked_at, self._wanted = now, False
        if "nack pli" in self._feedback:
            self.wire.send_rtcp(rtcp.picture_loss(self.wire.reporter, self.ssrc))
        else:
            self._refreshes += 1
            self.wire.send_rtcp(rtcp.full_refresh(self.wire.reporter, self.ssrc, self._refreshes))

    def tick(self, now: float) -> None:
        """Repeat what is due: a keyframe request that was held back, NACKs without an answer."""
        if self._wanted:
            self.want_keyframe(now)
        for attached in self.taps:
            attached.tick(now)
        if not self._missing:
            return
        due: list[int] = []
        for index, state in list(self._missing.items()):
            if index < self.top - RING or state[0] >= LOST_TRIES:
                del self._missing[index]
            elif now - state[1] >= LOST_PAUSE_SECONDS:
                state[0] += 1
                state[1] = now
                due.append(index)
        if due:
            self._ask_again(sorted(due))

    def sender_report(self, body: bytes, now: float) -> None:
        """Pass the sender's clock on to all who follow (RFC 3550 §6.4.1)."""
        timestamp = int.from_bytes(body[12:16], "big")
        for attached in self.taps:
            attached.clock(now, body[4:12], timestamp)
        for sink in self.sinks:
            sink.send_report(body[4:12], timestamp)


class Sink:
    """What we send one member on one line."""

    def __init__(self, wire: Wire, line: OfferedLine, *, ssrc: int, repair_ssrc: int, first: int) -> None:
        self.wire, self.kind = wire, line.kind
        self.ssrc, self.repair_ssrc = ssrc, repair_ssrc
        self.source: Source | None = None
        self._upstream: Upstream | None = None
        self.packets = self.octets = 0
        self._rate, self._frame = _CLOCK_RATES[line.kind], _FRAME_TICKS[line.kind]
        self._top = first
        self._floor = -1
        self._shift = self._turn = 0
        self._last_timestamp, self._last_at = 0, -1.0
        self._ring: list[tuple[int, bytes] | None] = [None] * (RING if line.kind == "video" else SOUND_RING)
        self._mask = len(self._ring) - 1
        self._repair_number = first
        self._repeats_left = RING
        self._clocks: deque[int] = deque(maxlen=8)
        self._names: tuple[int, ...] = (0,) * 16
        self._identical = False
        self.renew(line)

    def renew(self, line: OfferedLine) -> None:
        """Take over what a re-offer changed."""
        self.line = line
        self._numbers = {codec.name: codec.payload_type for codec in line.codecs}
        self._repair = {codec.payload_type: codec.repair for codec in line.codecs}
        self._repeats = any("nack" in codec.feedback for codec in line.codecs)
        self._mid = line.mid.encode()
        self._wide = WIDE_SEQUENCE in dict(line.extensions)
        self._rename()

    def follow(self, source: Source | None, now: float) -> None:
        """Send what ``source`` sends from now on; ``None`` is silence."""
        if self.source is source:
            return
        if self.source is not None:
            self.source.sinks.remove(self)
        self.source = source
        self._upstream = source.upstream if source is not None else None
        self.restart(now)
        if source is not None:
            source.sinks.append(self)
            self._rename()

    def restart(self, now: float) -> None:
        """Begin anew with the next packet a decoder can start from, and ask for it."""
        self._floor = -1
        self._clocks.clear()
        if self.source is not None:
            self.source.want_keyframe(now)

    def _rename(self) -> None:
        """Map the source's extension ids to ours; 0 for what this receiver did not negotiate."""
        if self.source is None:
            return
        mine = dict(self.line.extensions)
        names = [0] * 16
        for uri, number in self.source.line.extensions:
            names[number] = mine.get(uri, 0)
        self._names = tuple(names)
        self._identical = all(mine.get(uri) == number for uri, number in self.source.line.extensions)
        self._mid_name = mine.get(MID, 0)

    def forward(self, packet: Packet, buffer: PacketBuffer, wide_index: int, now: float) -> None:
        """Rewrite the packet in ``buffer`` for this receiver and send it."""
        wire = self.wire
        if not wire.ready:
            return
        number = self._numbers.get(packet.codec)
        if number is None or (
            packet.index < self._floor if self._floor >= 0 else not self._begin(packet, buffer, now)
        ):
            return
        octets = buffer.octets
        index = packet.index + self._shift
        timestamp = (packet.timestamp + self._turn) & 0xFFFFFFFF
        if index > self._top:
            self._top, self._last_timestamp, self._last_at = index, timestamp, now
        second = number | 0x80 if packet.marker else number
        _HEAD.pack_into(octets, 1, second, index & 0xFFFF, timestamp, self.ssrc)
        if packet.extensions_end:
            self._rewrite_extensions(packet, octets, wide_index, now)
        if self._repeats:
            self._ring[index & self._mask] = (index & 0xFFFF, bytes(buffer.view[: packet.length]))
        self.packets += 1
        self.octets += packet.payload_end - packet.payload_start
        wire.send_rtp(buffer, packet.length)

    def _begin(self, packet: Packet, buffer: PacketBuffer, now: float) -> bool:
        """Join a source where a decoder can, continuing our numbering and our clock."""
        if self.kind == "video" and not starts_keyframe(
            packet.codec, buffer.octets, packet.payload_start, packet.payload_end
        ):
            if self.source is not None:
                self.source.want_keyframe(now)
            return False
        self._floor = packet.index
        self._shift = self._top + 1 - packet.index
        if self._last_at >= 0:
            passed = max(self._frame, int((now - self._last_at) * self._rate))
            self._turn = (self._last_timestamp + passed - packet.timestamp) & 0xFFFFFFFF
        return True

    def _rewrite_extensions(self, packet: Packet, octets: bytearray, wide_index: int, now: float) -> None:
        if not self._identical:
            rename_extensions(octets, packet, self._names)
        if packet.mid_position and self._mid_name:
            self._write_mid(packet, octets)
        if packet.wide_position and self._wide:
            wire, upstream = self.wire, self._upstream
            number = wire.downstream.number(upstream, wide_index, int(now * 1_000_000))
            _WORD.pack_into(octets, packet.wide_position, number)
            if upstream is not None and upstream.leader is wire:
                upstream.passed_on(wide_index)

    def _write_mid(self, packet: Packet, octets: bytearray) -> None:
        """Ours instead of theirs; sizes never change, so one of another length becomes padding."""
        start, size = packet.mid_position, packet.mid_length
        if size == len(self._mid):
            octets[start : start + size] = self._mid
        else:
            octets[start - 1 : start + size] = bytes(size + 1)

    def repeat(self, numbers: list[int], scratch: PacketBuffer, now: float) -> None:
        """Answer a NACK from the ring, as RFC 4588 where negotiated, else the very same packet again."""
        times = 2 if self.wire.downstream.loss > LOSSY else 1
        for number in numbers:
            kept = self._ring[number & self._mask]
            if kept is None or kept[0] != number:
                continue
            for _ in range(min(times, self._repeats_left)):
                self._repeats_left -= 1
                self._send_again(kept[1], scratch, now)

    def _send_again(self, packet: bytes, scratch: PacketBuffer, now: float) -> None:
        repair = self._repair.get(packet[1] & 0x7F)
        if repair is not None:
            self._repair_number += 1
            packet = wrap_retransmission(
                packet, payload_type=repair, sequence=self._repair_number & 0xFFFF, ssrc=self.repair_ssrc
            )
        self.wire.send_rtp(scratch, self._renumbered(packet, scratch, repair is not None, now))

    def _renumbered(self, packet: bytes, scratch: PacketBuffer, repaired: bool, now: float) -> int:
        """A repair is a packet of its own for congestion control; a plain repeat must stay identical."""
        length = scratch.load(packet)
        if repaired and self._wide:
            again = Packet()
            wide_id = dict(self.line.extensions)[WIDE_SEQUENCE]
            if again.parse(scratch.octets, length) and again.locate(scratch.octets, wide_id, 0):
                number = self.wire.downstream.number(None, 0, int(now * 1_000_000))
                if again.wide_position:
                    write_wide_sequence(scratch.octets, again.wide_position, number)
        return length

    def tick(self) -> None:
        """Allow some more retransmissions."""
        self._repeats_left = min(RING, self._repeats_left + REPEATS_PER_TICK)

    def send_report(self, clock: bytes, timestamp: int) -> None:
        """Pass a sender report on, with our timestamp and counts."""
        if self._floor < 0 or not self.wire.ready:
            return
        self._clocks.append(int.from_bytes(clock[2:6], "big"))
        report = rtcp.sender_report(
            self.ssrc, clock=clock, timestamp=timestamp + self._turn, packets=self.packets, octets=self.octets
        )
        self.wire.send_rtcp(report)

    def receiver_report(self, block: rtcp.ReportBlock) -> None:
        """Pass the receiver's view on to the sender, in the sender's numbers."""
        source = self.source
        if source is None or source.ssrc is None or self._floor < 0:
            return
        timed = block.last_report in self._clocks
        moved = rtcp.ReportBlock(
            source.ssrc,
            block.loss,
            (block.highest - self._shift) & 0xFFFFFFFF,
            block.jitter,
            block.last_report if timed else 0,
            block.delay if timed else 0,
        )
        source.wire.send_rtcp(rtcp.receiver_report(self.ssrc, moved))
