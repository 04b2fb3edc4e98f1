"""
Ten seconds of a real picture and sound as RTP payloads, made at run time and replayed in a loop.

640×480 VP8 at 30 pictures a second, held to 800 kbit/s, one keyframe at the start, and Opus in steps of
20 ms: what a phone sends in a call.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from struct import pack
from typing import Any, cast

import av
from aiortc.codecs.vpx import Vp8Encoder

SECONDS = 10
PICTURES_PER_SECOND = 30
VIDEO_BITS = 800_000
AUDIO_BITS = 32_000
VIDEO_CLOCK, AUDIO_CLOCK = 90_000, 48_000
SIZE = (640, 480)
AUDIO_STEP = 960


@dataclass(frozen=True, slots=True)
class Burst:
    """What is sent ``at`` seconds after the start: the payloads of one picture, or one of sound."""

    at: float
    kind: str
    timestamp: int
    payloads: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """The bursts of ``seconds``, in order."""

    seconds: float
    bursts: tuple[Burst, ...]

    @property
    def packets(self) -> int:
        """Packets in one round."""
        return sum(len(burst.payloads) for burst in self.bursts)

    @property
    def octets(self) -> int:
        """Octets of payload in one round."""
        return sum(len(payload) for burst in self.bursts for payload in burst.payloads)


def recorded(seconds: int = SECONDS) -> Stream:
    """Make picture and sound; takes a few seconds of one core."""
    bursts = [*_pictures(seconds), *_sounds(seconds)]
    return Stream(float(seconds), tuple(sorted(bursts, key=lambda burst: burst.at)))


def _pictures(seconds: int) -> list[Burst]:
    coder = cast(Any, av.CodecContext.create("libvpx", "w"))
    coder.width, coder.height = SIZE
    coder.pix_fmt = "yuv420p"
    coder.time_base = Fraction(1, PICTURES_PER_SECOND)
    coder.bit_rate = VIDEO_BITS
    rate = str(VIDEO_BITS)
    coder.options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "g": "100000",
        "minrate": rate,
        "maxrate": rate,
        "bufsize": rate,
        "lag-in-frames": "0",
    }
    coded = [coder.encode(frame) for frame in _scene(seconds * PICTURES_PER_SECOND)]
    bursts: list[Burst] = []
    for place, packets in enumerate([*coded, coder.encode(None)]):
        for packet in packets:
            number = len(bursts)
            payloads = tuple(Vp8Encoder._packetize(bytes(packet), number & 0x7FFF))
            timestamp = number * VIDEO_CLOCK // PICTURES_PER_SECOND
            bursts.append(Burst(number / PICTURES_PER_SECOND, "video", timestamp, payloads))
            assert number == place, "the coder holds pictures back"
    return bursts


def _scene(pictures: int) -> list[Any]:
    """A picture that moves all over, so that the coder needs all it is given."""
    source = cast(
        Any, av.open(f"mandelbrot=size={SIZE[0]}x{SIZE[1]}:rate={PICTURES_PER_SECOND}", format="lavfi")
    )
    frames = []
    for number, frame in enumerate(source.decode(video=0)):
        if number == pictures:
            break
        ready = frame.reformat(format="yuv420p")
        ready.pts, ready.time_base = number, Fraction(1, PICTURES_PER_SECOND)
        frames.append(ready)
    source.close()
    return frames


def _sounds(seconds: int) -> list[Burst]:
    coder = cast(Any, av.CodecContext.create("libopus", "w"))
    coder.sample_rate, coder.format, coder.layout = AUDIO_CLOCK, "s16", "stereo"
    coder.bit_rate = AUDIO_BITS
    coder.time_base = Fraction(1, AUDIO_CLOCK)
    bursts: list[Burst] = []
    for step in range(seconds * AUDIO_CLOCK // AUDIO_STEP):
        for packet in coder.encode(_tone(step)):
            at = len(bursts) * AUDIO_STEP / AUDIO_CLOCK
            bursts.append(Burst(at, "audio", len(bursts) * AUDIO_STEP, (bytes(packet),)))
    return bursts


def _tone(step: int) -> Any:
    frame = av.AudioFrame(format="s16", layout="stereo", samples=AUDIO_STEP)
    first = step * AUDIO_STEP
    samples = (
        int(8000 * math.sin((first + place) * (0.03 + 0.01 * math.sin(step / 7))))
        for place in range(AUDIO_STEP)
    )
    frame.planes[0].update(b"".join(pack("<hh", value, value) for value in samples))
    frame.sample_rate, frame.pts = AUDIO_CLOCK, first
    frame.time_base = Fraction(1, AUDIO_CLOCK)
    return frame
