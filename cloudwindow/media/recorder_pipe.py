"""
What the worker writes to its recorder's process, in the frames of ``child_pipe``.

``J`` is a JSON object: an order, or what the tap said beside packets. ``P`` is one packet, packed. A source
is described once by a JSON object and then known by its number.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from cloudwindow.media.child_pipe import Cutter, framed, json_frame
from cloudwindow.media.tap import MarkKind, TapClock, TapGap, TapMark, TapPacket, TapRecord, TapSource

PACKET: Final = struct.Struct(">HHdQIBB")
NAMES: Final = ("", "OPUS", "VP8", "H264")
CODECS: Final = {name: number for number, name in enumerate(NAMES)}
MAX_FRAME_OCTETS: Final = 1024 * 1024


class Packer:
    """Packs what one tap is told; ``take`` is the recording's number in this pipe."""

    def __init__(self, take: int) -> None:
        self.take = take
        self._numbers: dict[int, int] = {}
        self._known: list[TapSource] = []

    def pack(self, record: TapRecord) -> bytes:
        """The octets of one record, with its source's description if that is new."""
        if isinstance(record, TapPacket):
            number, before = self._number(record.source)
            flags = (record.turns << 1) | record.marker
            codec = CODECS.get(record.codec.upper(), 0)
            body = PACKET.pack(self.take, number, record.at, record.index, record.timestamp, flags, codec)
            return before + framed(b"P", body, record.payload)
        source = record.source
        told: dict[str, Any] = {"take": self.take, "source": None, "at": record.at}
        before = b""
        if source is not None:
            told["source"], before = self._number(source)
        if isinstance(record, TapGap):
            told |= {"said": "gap", "first": record.first, "count": record.count}
        elif isinstance(record, TapMark):
            told |= {"said": "mark", "kind": record.kind.value, "count": record.count}
        else:
            told |= {"said": "clock", "clock": record.clock_seconds, "timestamp": record.timestamp}
        return before + json_frame(told)

    def _number(self, source: TapSource) -> tuple[int, bytes]:
        number = self._numbers.get(id(source))
        if number is not None:
            return number, b""
        self._known.append(source)  # kept, so that its id stays its own
        number = self._numbers[id(source)] = len(self._known) - 1
        described = {"take": self.take, "said": "source", "number": number, "is": asdict(source)}
        return number, json_frame(described)


class Unpacker:
    """The other end: bytes in any portions to orders and records, each with the number of its recording."""

    def __init__(self) -> None:
        self._cutter = Cutter(MAX_FRAME_OCTETS)
        self._sources: dict[tuple[int, int], TapSource] = {}

    def feed(self, octets: bytes) -> Iterator[tuple[int, TapRecord | dict[str, Any]]]:
        """
        Yield what became whole; an order is a dictionary with the key ``order``.

        Raises ValueError for what no worker of ours writes.
        """
        for kind, body in self._cutter.feed(octets):
            if kind == b"P":
                yield self._packet(body)
            else:
                yield from self._told(json.loads(body))

    def _packet(self, body: bytes) -> tuple[int, TapRecord]:
        take, number, at, index, timestamp, flags, codec = PACKET.unpack_from(body)
        source, payload = self._sources[take, number], body[PACKET.size :]
        turns, marker = (flags >> 1) & 3, bool(flags & 1)
        return take, TapPacket(source, at, NAMES[codec], index, timestamp, marker, payload, turns)

    def _told(self, message: dict[str, Any]) -> Iterator[tuple[int, TapRecord | dict[str, Any]]]:
        take = int(message["take"])
        if "order" in message:
            yield take, message
            return
        said = message["said"]
        if said == "source":
            self._sources[take, message["number"]] = TapSource(**message["is"])
            return
        number, at = message["source"], message["at"]
        source = self._sources[take, number] if number is not None else None
        if said == "gap" and source is not None:
            yield take, TapGap(source, at, message["first"], message["count"])
        elif said == "clock" and source is not None:
            yield take, TapClock(source, at, message["clock"], message["timestamp"])
        elif said == "mark":
            kind = MarkKind(message["kind"])
            yield take, TapMark(kind=kind, at=at, source=source, count=message["count"])
