"""
What the worker writes to its captions' process: frames of ``length (4) | kind (1) | body``.

``J`` is an order, a JSON object: ``warm`` a language, ``start`` a stretch in a language, ``end`` a stretch.
``S`` is one packet of sound. A stretch is one source of sound from its start to its end, known by a number.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

HEAD: Final = struct.Struct(">Ic")
SOUND: Final = struct.Struct(">IdI")
MAX_FRAME_OCTETS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sound:
    """One Opus packet that came at ``at`` (monotonic seconds), its timestamp in ticks of 48 kHz."""

    stretch: int
    at: float
    timestamp: int
    payload: bytes


def order_frame(order: dict[str, Any]) -> bytes:
    """One order as it goes through the pipe."""
    body = json.dumps(order, separators=(",", ":")).encode()
    return HEAD.pack(len(body), b"J") + body


def sound_frame(sound: Sound) -> bytes:
    """One packet as it goes through the pipe."""
    body = SOUND.pack(sound.stretch, sound.at, sound.timestamp)
    return HEAD.pack(len(body) + len(sound.payload), b"S") + body + sound.payload


class Unpacker:
    """The other end: octets in any portions to orders and sounds."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, octets: bytes) -> Iterator[Sound | dict[str, Any]]:
        """Yield what became whole. Raises ValueError for what no worker of ours writes."""
        data, at = self._kept + octets, 0
        while at + HEAD.size <= len(data):
            length, kind = HEAD.unpack_from(data, at)
            if length > MAX_FRAME_OCTETS:
                raise ValueError("a frame is too long")
            end = at + HEAD.size + length
            if end > len(data):
                break
            body = data[at + HEAD.size : end]
            at = end
            yield json.loads(body) if kind == b"J" else _sound(body)
        self._kept = data[at:]


def _sound(body: bytes) -> Sound:
    stretch, at, timestamp = SOUND.unpack_from(body)
    return Sound(stretch, at, timestamp, body[SOUND.size :])
