"""Packets as two browsers send them, and recordings read back: for the tests of the recorder."""

import fractions
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import av

from cloudwindow.media.recorder_chain import Line, read
from cloudwindow.media.recorder_seal import opened
from cloudwindow.media.tap import TapPacket, TapSource

KEY = bytes(range(32))
RECORDING = "rec1"
PICTURES_PER_SECOND = 20
TICKS = 90_000 // PICTURES_PER_SECOND


def source(member: str, kind: str, connection: int = 1) -> TapSource:
    """One line of one member."""
    return TapSource(room="r1", member=member, role=member, kind=kind, mid=kind[0], connection=connection)


@cache
def pictures(codec: str = "libvpx", count: int = 40, size: tuple[int, int] = (320, 240)) -> tuple[bytes, ...]:
    """A moving picture, encoded; the first and every twentieth is a keyframe."""
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base = fractions.Fraction(1, 90_000)
    context.gop_size = PICTURES_PER_SECOND
    context.options = (
        {"deadline": "realtime", "cpu-used": "8"}
        if codec == "libvpx"
        else {"preset": "ultrafast", "tune": "zerolatency"}
    )
    encoded = []
    for number in range(count):
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([(number * 5) % 256]) * plane.buffer_size)
        frame.pts, frame.time_base = number * TICKS, context.time_base
        encoded += [bytes(packet) for packet in context.encode(frame)]
    return tuple(encoded)


@cache
def sounds(count: int = 100) -> tuple[bytes, ...]:
    """Two seconds of a tone in pieces of 20 ms, as Opus."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, "stereo", "s16"
    encoded = []
    for number in range(count):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        frame.planes[0].update(bytes(number % 7 for _ in range(frame.planes[0].buffer_size)))
        frame.sample_rate, frame.pts = 48_000, number * 960
        encoded += [bytes(packet) for packet in context.encode(frame)]
    return tuple(encoded)


def vp8_packets(
    member: str, *, begin: float, seconds: float, first: int = 0, size: int = 900, connection: int = 1
) -> Iterator[TapPacket]:
    """``seconds`` of picture from ``begin`` on, in payloads of at most ``size``."""
    line, index, encoded = source(member, "video", connection), first, pictures()
    for number in range(int(seconds * PICTURES_PER_SECOND)):
        content = encoded[number % len(encoded)]
        parts = [content[at : at + size] for at in range(0, len(content), size)]
        for part, payload in enumerate(parts):
            at = begin + number / PICTURES_PER_SECOND
            head = b"\x90\x80\x01" if part == 0 else b"\x80\x80\x01"
            last = part == len(parts) - 1
            timestamp = (4_294_900_000 + number * TICKS) % (1 << 32)
            yield TapPacket(line, at, "VP8", index, timestamp, last, head + payload)
            index += 1


def opus_packets(member: str, *, begin: float, seconds: float, first: int = 0) -> Iterator[TapPacket]:
    """``seconds`` of sound."""
    line, encoded = source(member, "audio"), sounds()
    for number in range(int(seconds * 50)):
        content = encoded[number % len(encoded)]
        yield TapPacket(line, begin + number / 50, "opus", first + number, number * 960, False, content)


def call(*, begin: float, seconds: float) -> list[TapPacket]:
    """Citizen and agent, sound and picture, in the order of arrival."""
    found: list[TapPacket] = []
    for member in ("citizen", "agent"):
        found += vp8_packets(member, begin=begin, seconds=seconds)
        found += opus_packets(member, begin=begin, seconds=seconds)
    return sorted(found, key=lambda packet: packet.at)


def segments(folder: Path) -> list[Line]:
    """The finished segments, in order."""
    return [line for line in read(folder) if line["kind"] == "segment"]


def gaps(folder: Path) -> list[tuple[str, float, float | None]]:
    """(reason, from, to) of every gap."""
    return [(line["reason"], line["from"], line["to"]) for line in read(folder) if line["kind"] == "gap"]


def frames_in(path: Path, recording: str = RECORDING, key: bytes = KEY) -> list[float]:
    """Times of the frames that really decode, in seconds since the recording began."""
    plain = io.BytesIO(b"".join(opened(path, recording, key)))
    with av.open(plain, "r") as container:
        frames: Any = container.decode(container.streams[0])
        return [float(frame.time) for frame in frames]


def decoded(folder: Path, *, media: str, member: str = "citizen", recording: str = RECORDING) -> list[float]:
    """Times of all frames of one member that decode, over all segments."""
    about = {line["source"]: line for line in read(folder) if line["kind"] == "source"}
    wanted = {number for number, line in about.items() if (line["member"], line["media"]) == (member, media)}
    names = [line["name"] for line in read(folder) if line["kind"] == "begun" and line["source"] in wanted]
    return [at for name in names for at in frames_in(folder / name, recording)]
