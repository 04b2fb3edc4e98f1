"""
The loop that lets many legs send the recorded stream and count what comes.

One thread, one process: what it costs is stated beside every figure. A leg that measures carries the time
of sending in the last octets of each payload (no server looks there) and reads the kernel's time of
arrival, so that neither this loop's lateness in reading nor its work on other legs is counted.
"""

import heapq
import select
import socket
import struct
from dataclasses import dataclass, field
from random import Random
from time import monotonic, time

from benchmarks.calls.leg import CHECK_SECONDS, OPUS, VP8, Leg, extension_words
from benchmarks.calls.stream import AUDIO_CLOCK, VIDEO_CLOCK, Burst, Stream
from cloudwindow.media import rtcp
from cloudwindow.media.congestion import wide_body
from cloudwindow.media.srtp import PacketBuffer

SO_TIMESTAMPNS = 35
REPORT_SECONDS = 0.1
KEYFRAME_PAUSE_SECONDS = 0.3
READS = 64
_STAMP = struct.Struct(">d")
_HEAD = struct.Struct(">BBHIIHH")


@dataclass(slots=True)
class Arrived:
    """One SSRC as a receiver sees it."""

    first: int
    top: int
    packets: int = 0

    def note(self, sequence: int) -> None:
        """Count a packet."""
        distance = (sequence - self.top) & 0xFFFF
        if distance < 0x8000:
            self.top += distance
        self.packets += 1

    @property
    def lost(self) -> int:
        """Packets that should have come and have not."""
        return max(0, self.top - self.first + 1 - self.packets)


@dataclass(slots=True)
class Counts:
    """What a load saw between two looks."""

    sent: int = 0
    received: int = 0
    octets: int = 0
    repairs: int = 0
    keyframe_requests: int = 0
    delays: list[float] = field(default_factory=list)
    """Seconds from sending to arrival, of the legs that measure."""
    late: float = 0.0
    """The latest this loop ever was with sending, in seconds."""


class End:
    """A leg in a load: what it sends and what it has seen."""

    def __init__(self, leg: Leg, stream: Stream, *, sends: bool, receives: bool, measures: bool) -> None:
        self.leg, self.stream = leg, stream
        self.sends, self.receives, self.measures = sends, receives, measures
        self.arrived: dict[int, Arrived] = {}
        self.peer: End | None = None
        self._place = self._round = 0
        self._origin = self._begun_at = 0.0
        self._speed = 1.0
        self._sequences = {"audio": 100, "video": 200}
        self._wide = 1
        self._wide_seen: dict[int, float] = {}
        self._feedback = self._refreshes = 0
        self._reported_at = self._clocked_at = 0.0

    def begin(self, at: float, speed: float) -> float:
        """Start sending ``at``, ``speed`` times as fast as recorded; returns when the first burst is due."""
        self._speed = speed
        self._round += 1
        self._place = 0
        self._origin = at - self._round * self.stream.seconds / speed
        return at

    def turn(self) -> float:
        """Go on to the next burst and return when it is due."""
        self._place += 1
        if self._place == len(self.stream.bursts):
            self._place, self._round = 0, self._round + 1
        at = self._round * self.stream.seconds + self.stream.bursts[self._place].at
        return self._origin + at / self._speed

    def back_to_keyframe(self, now: float) -> None:
        """Begin the recording anew, as a sender does that is asked for a keyframe; not again at once."""
        if now - self._begun_at > KEYFRAME_PAUSE_SECONDS:
            self._begun_at = now
            self.begin(now, self._speed)

    def burst(self) -> Burst:
        """What is due now."""
        return self.stream.bursts[self._place]

    def send(self, buffer: PacketBuffer, now: float) -> int:
        """Send one burst and return how many packets it was."""
        burst, leg = self.burst(), self.leg
        tx = leg.tx
        assert tx
        sound = burst.kind == "audio"
        clock = AUDIO_CLOCK if sound else VIDEO_CLOCK
        timestamp = (burst.timestamp + int(self._round * self.stream.seconds * clock)) & 0xFFFFFFFF
        last = len(burst.payloads) - 1
        for number, payload in enumerate(burst.payloads):
            self._sequences[burst.kind] = sequence = (self._sequences[burst.kind] + 1) & 0xFFFF
            self._wide = wide = (self._wide + 1) & 0xFFFF
            words = extension_words(now, wide, level=sound)
            kind = (OPUS if sound else VP8) | (0x80 if number == last and not sound else 0)
            _HEAD.pack_into(
                buffer.octets,
                0,
                0x90,
                kind,
                sequence,
                timestamp,
                leg.ssrcs[burst.kind],
                0xBEDE,
                len(words) // 4,
            )
            start = _HEAD.size + len(words)
            length = start + len(payload)
            buffer.octets[_HEAD.size : start] = words
            buffer.octets[start:length] = payload
            if self.measures:
                _STAMP.pack_into(buffer.octets, length - _STAMP.size, time())
            length = tx.protect(buffer, length)
            try:
                leg.socket.send(buffer.view[:length])
            except OSError:
                continue
        return last + 1

    # --- what comes ---------------------------------------------------------------------------------

    def on_rtp(self, octets: bytearray, length: int, now: float, counts: Counts) -> None:
        """Count a packet by its header, which SRTP leaves open."""
        sequence, _, ssrc = struct.unpack_from(">HII", octets, 2)
        counts.received += 1
        counts.octets += length
        if octets[1] & 0x7F not in (OPUS, VP8):
            counts.repairs += 1
        seen = self.arrived.get(ssrc)
        if seen is None:
            seen = self.arrived[ssrc] = Arrived(sequence, sequence)
        seen.note(sequence)
        if octets[0] & 0x10:
            self._note_wide(octets, now)

    def _note_wide(self, octets: bytearray, now: float) -> None:
        profile, words = struct.unpack_from(">HH", octets, 12)
        position, end, wide = 16, 16 + 4 * words, self.leg.wide_id
        while profile == 0xBEDE and position < end:
            head = octets[position]
            if head >> 4 == wide:
                self._wide_seen[octets[position + 1] << 8 | octets[position + 2]] = now
                return
            position += (head & 15) + 2 if head else 1

    def report(self, buffer: PacketBuffer, now: float) -> None:
        """Send what a browser sends: transport-wide feedback often, reports once a second."""
        if self.receives and self._wide_seen and now - self._reported_at > REPORT_SECONDS:
            self._reported_at = now
            self._send_wide(buffer)
        if now - self._clocked_at > 1:
            self._clocked_at = now
            if self.receives:
                for ssrc, seen in self.arrived.items():
                    block = rtcp.ReportBlock(ssrc, 0, seen.top & 0xFFFFFFFF, 30, 0, 0)
                    self._send_rtcp(buffer, rtcp.receiver_report(1, block))
            if self.sends:
                self._send_clocks(buffer)
        if now - self.leg.checked_at > CHECK_SECONDS:
            self.leg.check(now)

    def _send_wide(self, buffer: PacketBuffer) -> None:
        numbers = sorted(self._wide_seen)
        if numbers[-1] - numbers[0] > 0x8000:
            numbers = [number for number in numbers if number > 0x8000]
        start = numbers[0]
        times: list[int | None] = [None] * (numbers[-1] - start + 1)
        for number in numbers:
            times[number - start] = int(self._wide_seen.pop(number) * 1e6)
        for place in range(0, len(times), 200):
            group = times[place : place + 200]
            if any(group):
                body = wide_body(start + place, group, self._feedback)
                self._feedback = (self._feedback + 1) & 0xFF
                self._send_rtcp(buffer, rtcp.wide_feedback(1, next(iter(self.arrived), 1), body))

    def _send_clocks(self, buffer: PacketBuffer) -> None:
        clock = struct.pack(">II", int(time()) + 2_208_988_800 & 0xFFFFFFFF, 0)
        for kind, ssrc in self.leg.ssrcs.items():
            report = rtcp.sender_report(
                ssrc, clock=clock, timestamp=self.burst().timestamp, packets=self._sequences[kind], octets=0
            )
            self._send_rtcp(buffer, report)

    def _send_rtcp(self, buffer: PacketBuffer, packet: bytes) -> None:
        tx = self.leg.tx
        assert tx
        length = tx.protect_rtcp(buffer, buffer.load(packet))
        try:
            self.leg.socket.send(buffer.view[:length])
        except OSError:
            return

    def wants_keyframe(self, buffer: PacketBuffer, length: int) -> bool:
        """Whether the RTCP packet in ``buffer`` asks us for a keyframe."""
        rx = self.leg.rx
        assert rx
        length = rx.unprotect_rtcp(buffer, length)
        if length <= 0:
            return False
        kinds = (rtcp.PICTURE_LOSS, rtcp.FULL_REFRESH)
        return any(
            part.kind == rtcp.PAYLOAD_FEEDBACK and part.form in kinds
            for part in rtcp.parts(bytes(buffer.view[:length]))
        )


class Load:
    """All ends, driven together for some seconds at a time."""

    def __init__(self, ends: list[End], *, chance: Random) -> None:
        self.ends = ends
        self._by_fd = {end.leg.socket.fileno(): end for end in ends}
        self._out, self._in = PacketBuffer(), PacketBuffer()
        self._chance = chance
        self._poll = select.epoll()
        for end in ends:
            self._poll.register(end.leg.socket.fileno(), select.EPOLLIN)
            if end.measures:
                end.leg.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._due: list[tuple[float, int]] = []
        self._speed = 1.0

    def run(self, seconds: float, *, speed: float = 1.0, look: float = 0.05) -> Counts:
        """Send for ``seconds``, ``speed`` times as fast as recorded, and return what was seen."""
        counts = Counts()
        now = begun = monotonic()
        if speed != self._speed or not self._due:
            self._speed = speed
            self._due = [
                (end.begin(now + self._chance.random() * 0.5, speed), place)
                for place, end in enumerate(self.ends)
                if end.sends
            ]
            heapq.heapify(self._due)
        looked_at = now
        while now - begun < seconds:
            self._send_due(now, counts)
            wait = max(0.0, self._due[0][0] - monotonic()) if self._due else look
            for fd, _ in self._poll.poll(min(wait, look)):
                self._read(self._by_fd[fd], monotonic(), counts)
            now = monotonic()
            if now - looked_at > look:
                looked_at = now
                for end in self.ends:
                    end.report(self._out, now)
        return counts

    def _send_due(self, now: float, counts: Counts) -> None:
        due, ends = self._due, self.ends
        for _ in range(len(ends)):
            if not due or due[0][0] > now:
                return
            at, place = due[0]
            counts.late = max(counts.late, now - at)
            end = ends[place]
            counts.sent += end.send(self._out, now)
            heapq.heapreplace(due, (end.turn(), place))

    def _read(self, end: End, now: float, counts: Counts) -> None:
        if end.measures:
            self._read_timed(end, now, counts)
            return
        buffer, receive = self._in, end.leg.socket.recv_into
        for _ in range(READS):
            try:
                length = receive(buffer.view)
            except OSError:
                return
            self._sort(end, buffer, length, now, counts)

    def _read_timed(self, end: End, now: float, counts: Counts) -> None:
        buffer = self._in
        for _ in range(READS):
            try:
                length, extra, _, _ = end.leg.socket.recvmsg_into([buffer.view], 64)
            except OSError:
                return
            if self._sort(end, buffer, length, now, counts) and extra:
                seconds, nanoseconds = struct.unpack("qq", extra[0][2])
                self._measure(end, buffer, length, seconds + nanoseconds / 1e9, counts)

    def _measure(self, end: End, buffer: PacketBuffer, length: int, at: float, counts: Counts) -> None:
        rx = end.leg.rx
        assert rx
        length = rx.unprotect(buffer, length)
        if length > 0:
            counts.delays.append(at - _STAMP.unpack_from(buffer.octets, length - _STAMP.size)[0])

    def _sort(self, end: End, buffer: PacketBuffer, length: int, now: float, counts: Counts) -> bool:
        """Deal with a datagram; True for a media packet."""
        first, second = buffer.octets[0], buffer.octets[1]
        if first < 4:
            end.leg.on_stun(bytes(buffer.view[:length]))
        elif 127 < first < 192 and not 191 < second < 224:
            end.on_rtp(buffer.octets, length, now, counts)
            return True
        elif 127 < first < 192 and end.sends and end.wants_keyframe(buffer, length):
            counts.keyframe_requests += 1
            end.back_to_keyframe(now)
        return False

    def lost(self) -> int:
        """Packets lost on the way to all receivers, since the beginning."""
        return sum(seen.lost for end in self.ends for seen in end.arrived.values())

    def reset(self) -> None:
        """Forget what was seen: a new count begins."""
        for end in self.ends:
            end.arrived.clear()

    def close(self) -> None:
        """Stop watching."""
        self._poll.close()
