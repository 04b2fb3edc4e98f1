"""
What the worker writes to its captions' process, in the frames of ``child_pipe``.

``J`` is an order, a JSON object: ``warm`` a language, ``start`` a stretch in a language, ``end`` a stretch.
``S`` is one packet of sound. A stretch is one source of sound from its start to its end, known by a number.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cloudwindow.media.child_pipe import JSON, Cutter, framed

SOUND: Final = struct.Struct(">IdI")
MAX_FRAME_OCTETS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sound:
    """One Opus packet that came at ``at`` (monotonic seconds), its timestamp in ticks of 48 kHz."""

    stretch: int
    at: float
    timestamp: int
    payload: bytes


def sound_frame(sound: Sound) -> bytes:
    """One packet as it goes through the pipe."""
    body = SOUND.pack(sound.stretch, sound.at, sound.timestamp)
    return framed(b"S", body, sound.payload)


class Unpacker:
    """The other end: octets in any portions to orders and sounds."""

    def __init__(self) -> None:
        self._cutter = Cutter(MAX_FRAME_OCTETS)

    def feed(self, octets: bytes) -> Iterator[Sound | dict[str, Any]]:
        """Yield what became whole. Raises ValueError for what no worker of ours writes."""
        for kind, body in self._cutter.feed(octets):
            yield json.loads(body) if kind == JSON else _sound(body)


def _sound(body: bytes) -> Sound:
    stretch, at, timestamp = SOUND.unpack_from(body)
    return Sound(stretch, at, timestamp, body[SOUND.size :])
