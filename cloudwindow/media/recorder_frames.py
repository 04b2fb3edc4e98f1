"""Packets to whole pictures and pieces of sound, without decoding: VP8 (RFC 7741), H.264 (RFC 6184), Opus."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cloudwindow.media.tap import TapPacket

MAX_PICTURE_OCTETS: Final = 4 * 1024 * 1024
START: Final = b"\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture or piece of sound: ``timestamp`` in RTP units, ``at`` when its last packet came."""

    at: float
    timestamp: int
    content: bytes
    key: bool


class Assembler:
    """
    Builds the pictures of one source; a picture with a missing packet is left out and counted in ``broken``.

    ``parameters`` are the last SPS and PPS seen, which H.264 needs in front of a file.
    """

    def __init__(self, codec: str) -> None:
        self.broken = 0
        self.parameters = b""
        self._codec = codec.upper()
        self._parts: list[bytes] = []
        self._octets = 0
        self._timestamp = -1
        self._begun = False
        self._nals: dict[int, bytes] = {}

    def push(self, packet: TapPacket) -> Iterator[Frame]:
        """Take the next packet in order; yields what became whole."""
        if self._codec == "OPUS":
            if packet.payload:
                yield Frame(packet.at, packet.timestamp, packet.payload, True)
            return
        if packet.timestamp != self._timestamp:
            self._drop()
            self._timestamp, self._begun = packet.timestamp, True
        if not self._begun or not packet.payload:
            return
        if self._codec == "VP8":
            self._take_vp8(packet.payload)
        else:
            self._take_h264(packet.payload)
        if self._octets > MAX_PICTURE_OCTETS:
            self.lose()
        if packet.marker and self._parts:
            content = b"".join(self._parts)
            self._parts, self._octets, self._begun = [], 0, False
            yield Frame(packet.at, packet.timestamp, content, self._is_key(content))

    def lose(self) -> None:
        """A packet is missing here: the picture being built cannot become whole."""
        self._drop()
        self._begun = False

    def _drop(self) -> None:
        if self._parts:
            self.broken += 1
        self._parts, self._octets = [], 0

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._octets += len(part)

    def _take_vp8(self, payload: bytes) -> None:
        length = vp8_descriptor(payload)
        starts = bool(payload[0] & 0x10) and not payload[0] & 0x07
        if not self._parts and not starts:
            self._begun = False  # the first packets of this picture are missing
            return
        self._keep(payload[length:])

    def _take_h264(self, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind == 24:  # STAP-A, RFC 6184 §5.7.1
            for nal in _aggregated(payload[1:]):
                self._keep_nal(nal)
        elif kind == 28 and len(payload) > 2:  # FU-A, §5.8
            if payload[1] & 0x80:
                self._keep(START + bytes([(payload[0] & 0xE0) | (payload[1] & 0x1F)]))
            elif not self._parts:
                self._begun = False
                return
            self._keep(payload[2:])
        elif 0 < kind < 24:
            self._keep_nal(payload)

    def _keep_nal(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F
        if kind in {7, 8}:
            self._nals[kind] = nal
            self.parameters = b"".join(START + self._nals[known] for known in sorted(self._nals))
        self._keep(START + nal)

    def _is_key(self, content: bytes) -> bool:
        if self._codec == "VP8":
            return not content[0] & 1
        return any(content[at + 4] & 0x1F == 5 for at in _starts(content))


def vp8_descriptor(payload: bytes) -> int:
    """The length of a VP8 payload descriptor (RFC 7741 §4.2), at most that of ``payload``."""
    length = 1
    if payload[0] & 0x80 and len(payload) > 1:
        more = payload[1]
        length = 2
        if more & 0x80 and len(payload) > 2:
            length += 2 if payload[2] & 0x80 else 1
        length += bool(more & 0x40) + bool(more & 0x30)
    return min(length, len(payload))


def size_of(codec: str, content: bytes, parameters: bytes) -> tuple[int, int]:
    """Width and height as a keyframe of VP8 says them (RFC 6386 §9.1); for H.264 its parameters do."""
    if codec.upper() == "VP8" and len(content) >= 10 and content[3:6] == b"\x9d\x01\x2a":
        width = int.from_bytes(content[6:8], "little") & 0x3FFF
        return width, int.from_bytes(content[8:10], "little") & 0x3FFF
    return (640, 480) if parameters else (0, 0)


def _aggregated(payload: bytes) -> Iterator[bytes]:
    at = 0
    while at + 2 < len(payload):
        length = int.from_bytes(payload[at : at + 2], "big")
        if length:
            yield payload[at + 2 : at + 2 + length]
        at += 2 + length


def _starts(content: bytes) -> Iterator[int]:
    at = content.find(START)
    while 0 <= at < len(content) - 4:
        yield at
        at = content.find(START, at + 4)
