"""
One recording being written: sources into segments of ten seconds, gaps with their reasons.

Runs in the recorder's process alone; times are seconds of the machine's monotonic clock, which the worker
that handed the packets over shares. In files and chain they count from the beginning of the recording.
"""

import errno
import fractions
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
from av.container import OutputContainer
from av.stream import Stream

from cloudwindow.media.recorder_chain import Chain, digest, sync_folder
from cloudwindow.media.recorder_frames import Assembler, Frame, size_of
from cloudwindow.media.recorder_seal import SealedWriter
from cloudwindow.media.tap import MarkKind, TapClock, TapGap, TapMark, TapPacket, TapRecord, TapSource

SEGMENT_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 0.2
"""So long sound and picture may wait in memory, beside one cluster of the container."""
SYNC_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 2.0
LOSS_SECONDS: Final = 1.0
"""Losses closer together than this are one gap."""
CLUSTER_MILLISECONDS: Final = "200"
CLOCKS: Final[Mapping[str, int]] = {"audio": 48_000, "video": 90_000}
TIME_BASES: Final = {clock: fractions.Fraction(1, clock) for clock in CLOCKS.values()}
WRAP: Final = 1 << 32

_ENDS: Final = {MarkKind.HELD: "held", MarkKind.SIDE_ROOM: "side_room"}
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class TakeFailed(Exception):
    """The recording cannot go on; the argument is the reason: ``disk_full`` or ``write_failed``."""


def reason_of(error: OSError) -> str:
    """The word for what the disk said."""
    return "disk_full" if error.errno in _FULL else "write_failed"


@dataclass(slots=True)
class _Loss:
    first: float
    last: float
    packets: int


class _Segment:
    """One file of one source, open."""

    def __init__(self, path: Path, recording: str, key: bytes, codec: str, frame: Frame, size: Any) -> None:
        self.frames, self.begun = 0, frame.at
        self.last = frame.at
        self.file = SealedWriter(path, recording, key)
        transport = codec == "H264"
        options = {"flush_packets": "1", "cluster_time_limit": CLUSTER_MILLISECONDS}
        # MPEG-TS has no place for VP8; Matroska loses at most its last cluster.
        self._container: OutputContainer = av.open(
            self.file,
            "w",
            format="mpegts" if transport else "matroska",
            options={"flush_packets": "1"} if transport else options,
        )
        self._stream = self._open_stream(codec, size)

    def _open_stream(self, codec: str, size: tuple[int, int]) -> Stream:
        if codec == "OPUS":
            return self._container.add_mux_stream("opus", rate=CLOCKS["audio"])
        width, height = size
        base = TIME_BASES[CLOCKS["video"]]
        return self._container.add_mux_stream(codec.lower(), width=width, height=height, time_base=base)

    def put(self, frame: Frame, ticks: int, clock: int) -> None:
        packet = av.Packet(frame.content)
        packet.stream = self._stream
        packet.time_base = TIME_BASES[clock]
        packet.pts = packet.dts = ticks
        packet.is_keyframe = frame.key
        self._container.mux_one(packet)
        self.frames += 1
        self.last = frame.at

    def close(self) -> None:
        try:
            self._container.close()
        finally:
            self.file.close()

    def abandon(self) -> None:
        self.file.abandon()


class _Track:
    """One source of the recording."""

    def __init__(self, number: int, source: TapSource) -> None:
        self.number, self.source = number, source
        self.clock = CLOCKS[source.kind]
        self.codec = ""
        self.assembler = Assembler("")
        self.segment: _Segment | None = None
        self.segments = 0
        self.loss: _Loss | None = None
        self.heard: float | None = None
        self.silent = False
        self.ended: tuple[float, str] | None = None
        self.size = (0, 0)
        self._ticks, self._timestamp = -1, 0

    def ticks_of(self, frame: Frame, since: float) -> int:
        """Where a frame stands in the recording, in ticks of its clock; timestamps may wrap."""
        if self._ticks < 0:
            self._ticks = max(0, round((frame.at - since) * self.clock))
        else:
            ahead = (frame.timestamp - self._timestamp) % WRAP
            self._ticks += ahead if ahead < WRAP // 2 else 0
        self._timestamp = frame.timestamp
        return self._ticks

    def wants(self, frame: Frame) -> bool:
        """Whether a frame can be written: a picture only once a keyframe has come."""
        if self.source.kind == "audio":
            return True
        if frame.key:
            self.size = size_of(self.codec, frame.content, self.assembler.parameters)
        return self.size != (0, 0)


class Take:
    """
    The recording ``recording`` in ``folder``, which must not hold one yet.

    Its time zero is ``began_at``, when it was asked for, ``late`` seconds before ``now``.

    Raises TakeFailed, from any method, when the disk does not take it; then ``abandon`` it.
    """

    def __init__(
        self, folder: Path, recording: str, key: bytes, *, now: float, began_at: float, late: float = 0.0
    ) -> None:
        self.recording, self.began = recording, now - late
        self.octets = 0
        self._folder, self._key = folder, key
        self._tracks: dict[tuple[str, str, int, str], _Track] = {}
        self._paused: tuple[float, str] | None = None
        self._flushed = self._synced = now
        self._last_mark = "away"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._chain = Chain(folder)
            self._chain.append(
                "opened", recording=recording, began_at=began_at, alg="sha256", at=round(late, 3)
            )
            sync_folder(folder)
        except OSError as exc:
            raise TakeFailed(reason_of(exc)) from exc

    @property
    def head(self) -> str:
        """The hash of the chain's last line."""
        return self._chain.head

    def put(self, record: TapRecord) -> None:
        """Take what the tap said."""
        try:
            match record:
                case TapPacket():
                    self._packet(record)
                case TapGap():
                    self._gap(record)
                case TapMark():
                    self._mark(record)
                case TapClock():
                    pass
        except OSError as exc:
            raise TakeFailed(reason_of(exc)) from exc

    def pause(self, reason: str, now: float) -> None:
        """Write nothing from ``now`` on, whatever comes; says why."""
        if self._paused is None:
            self._paused = (now, reason)
            self._guarded(self._end_segments)

    def resume(self, now: float) -> None:
        """Go on writing."""
        if self._paused is None:
            return
        since, reason = self._paused
        self._paused = None
        for track in self._tracks.values():
            track.size, track.heard, track.silent = (0, 0), None, False
        self._guarded(lambda: self._say_gap(0, reason, since, now))

    def tick(self, now: float) -> None:
        """Flush what waits, sync once a second, note who has fallen silent."""
        self._guarded(lambda: self._tick(now))

    def close(self, reason: str, now: float) -> None:
        """Finish every segment and the chain."""
        self._guarded(lambda: self._close(reason, now))

    def abandon(self, reason: str, now: float) -> None:
        """Give up: let go of every file; what is written stays, and the chain is closed if it can be."""
        for track in self._tracks.values():
            if track.segment is not None:
                track.segment.abandon()
                track.segment = None
        try:
            self._chain.append("stopped", reason=reason, at=self._since(now))
        except OSError:
            pass  # the disk is full: whoever recovers the recording says it
        finally:
            self._chain.close()

    # --- inside ------------------------------------------------------------------------------------------

    def _guarded(self, step: Any) -> None:
        try:
            step()
        except OSError as exc:
            raise TakeFailed(reason_of(exc)) from exc

    def _since(self, at: float) -> float:
        return round(max(0.0, at - self.began), 3)

    def _track(self, source: TapSource) -> _Track:
        key = (source.member, source.kind, source.connection, source.mid)
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track(len(self._tracks) + 1, source)
            self._chain.append(
                "source", source=track.number, member=source.member, role=source.role, media=source.kind
            )
        return track

    def _packet(self, packet: TapPacket) -> None:
        if self._paused is not None or packet.at < self.began:
            return
        track = self._track(packet.source)
        if packet.codec.upper() != track.codec:
            self._end_segment(track)
            track.codec, track.assembler = packet.codec.upper(), Assembler(packet.codec)
            track.size = (0, 0)
        if track.silent and track.heard is not None:
            self._say_gap(track.number, "silent", track.heard, packet.at)
            track.silent = False
        track.heard = packet.at
        for frame in track.assembler.push(packet):
            if track.wants(frame):
                self._write(track, frame)

    def _write(self, track: _Track, frame: Frame) -> None:
        ticks = track.ticks_of(frame, self.began)
        if track.segment is not None and frame.at - track.segment.begun >= SEGMENT_SECONDS:
            self._end_segment(track)
        if track.segment is None:
            track.segment = self._begin(track, frame)
        track.segment.put(frame, ticks, track.clock)

    def _begin(self, track: _Track, frame: Frame) -> _Segment:
        ending = "ts" if track.codec == "H264" else "mkv"
        name = f"{track.number:02d}-{track.segments:04d}.{ending}.sealed"
        track.segments += 1
        at = self._since(frame.at)
        self._chain.append("begun", name=name, source=track.number, codec=track.codec, at=at)
        return _Segment(self._folder / name, self.recording, self._key, track.codec, frame, track.size)

    def _end_segment(self, track: _Track) -> None:
        self._say_loss(track)
        segment, track.segment = track.segment, None
        if segment is None:
            return
        segment.close()
        self.octets += segment.file.octets
        self._chain.append(
            "segment",
            name=segment.file.path.name,
            source=track.number,
            sha256=digest(segment.file.path),
            octets=segment.file.octets,
            frames=segment.frames,
            **{"from": self._since(segment.begun), "to": self._since(segment.last)},
        )

    def _end_segments(self) -> None:
        for track in self._tracks.values():
            self._end_segment(track)

    def _gap(self, gap: TapGap) -> None:
        if self._paused is not None:
            return
        track = self._track(gap.source)
        track.assembler.lose()
        if track.loss is not None and gap.at - track.loss.last > LOSS_SECONDS:
            self._say_loss(track)
        if track.loss is None:
            track.loss = _Loss(track.heard if track.heard is not None else gap.at, gap.at, gap.count)
        else:
            track.loss.last = gap.at
            track.loss.packets += gap.count

    def _say_loss(self, track: _Track) -> None:
        loss, track.loss = track.loss, None
        if loss is not None:
            self._say_gap(track.number, "lost_packets", loss.first, loss.last, packets=loss.packets)

    def _say_gap(self, source: int, reason: str, first: float, last: float, **more: Any) -> None:
        span = {"from": self._since(first), "to": self._since(last)}
        self._chain.append("gap", source=source, reason=reason, **span, **more)

    def _mark(self, mark: TapMark) -> None:
        if mark.kind in _ENDS:
            self._last_mark = _ENDS[mark.kind]
        if mark.kind is MarkKind.OVERFLOW:
            for track in self._tracks.values():
                track.assembler.lose()
            self._say_gap(0, "overflow", mark.at, mark.at, packets=mark.count)
        if mark.source is None:
            return
        track = self._track(mark.source)
        if mark.kind is MarkKind.SOURCE_ENDED:
            self._end_segment(track)
            track.ended = (mark.at, self._last_mark)
            track.heard, track.silent, track.size = None, False, (0, 0)
        elif mark.kind is MarkKind.SOURCE_STARTED and track.ended is not None:
            since, reason = track.ended
            track.ended = None
            self._last_mark = "away"
            self._say_gap(track.number, reason, since, mark.at)

    def _tick(self, now: float) -> None:
        if now - self._flushed < FLUSH_SECONDS:
            return
        self._flushed = now
        sync = now - self._synced >= SYNC_SECONDS
        for track in self._tracks.values():
            if track.segment is not None:
                track.segment.file.flush()
                if sync:
                    track.segment.file.sync()
            if track.heard is not None and self._paused is None and now - track.heard > SILENCE_SECONDS:
                track.silent = True
            if track.loss is not None and now - track.loss.last > LOSS_SECONDS:
                self._say_loss(track)
        if sync:
            self._synced = now

    def _close(self, reason: str, now: float) -> None:
        if self._paused is not None:
            since, why = self._paused
            self._say_gap(0, why, since, now)
        for track in self._tracks.values():
            if track.silent and track.heard is not None:
                self._say_gap(track.number, "silent", track.heard, now)
            self._end_segment(track)
        self._chain.append("closed", reason=reason, at=self._since(now))
        self._chain.close()


def enough_room(folder: Path, free_octets: int) -> bool:
    """Whether the disk has more than ``free_octets`` left. Raises OSError."""
    left = os.statvfs(folder)
    return left.f_bavail * left.f_frsize > free_octets
