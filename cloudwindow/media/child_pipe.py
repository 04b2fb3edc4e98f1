"""
The pipe from a media worker to a process of its own: frames of ``length (4) | kind (1) | body``.

Octets are gathered before they go, for each going wakes two processes; the worker never waits for the pipe.
"""

import asyncio
import json
import struct
from collections.abc import Iterator
from typing import Any, Final

HEAD: Final = struct.Struct(">Ic")
JSON: Final = b"J"
"""The kind of a frame whose body is a JSON object; other kinds are the caller's."""


def framed(kind: bytes, *body: bytes) -> bytes:
    """One frame as it goes through the pipe."""
    return b"".join((HEAD.pack(sum(map(len, body)), kind), *body))


def json_frame(message: dict[str, Any]) -> bytes:
    """One JSON object as it goes through the pipe."""
    return framed(JSON, json.dumps(message, separators=(",", ":")).encode())


class Cutter:
    """The other end: octets in any portions to frames of at most ``most`` octets."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = b""

    def feed(self, octets: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield kind and body of what became whole. Raises ValueError for what no worker of ours writes."""
        data, at = self._kept + octets, 0
        while at + HEAD.size <= len(data):
            length, kind = HEAD.unpack_from(data, at)
            if length > self._most:
                raise ValueError("a frame is too long")
            end = at + HEAD.size + length
            if end > len(data):
                break
            body = data[at + HEAD.size : end]
            at = end
            yield kind, body
        self._kept = data[at:]


class Outlet:
    """Octets on their way to one process, sent together every ``gather_seconds``; ``most`` of them wait."""

    def __init__(self, writer: asyncio.StreamWriter, *, most: int, gather_seconds: float) -> None:
        self._writer = writer
        self._most, self._gather_seconds = most, gather_seconds
        self._waiting: list[bytes] = []
        self._octets = 0
        self._timer: asyncio.TimerHandle | None = None

    def put(self, octets: bytes, *, must: bool = False) -> bool:
        """Take octets for sending; False when too many wait already, unless they ``must`` go."""
        queued = self._octets + self._writer.transport.get_write_buffer_size()
        if self._writer.is_closing() or (queued > self._most and not must):
            return False
        self._waiting.append(octets)
        self._octets += len(octets)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._gather_seconds, self.send)
        return True

    def send(self) -> None:
        """Send what is waiting now."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        waiting, self._waiting, self._octets = self._waiting, [], 0
        if waiting and not self._writer.is_closing():
            self._writer.write(b"".join(waiting))

    def close(self) -> None:
        """Send the rest and let the process see the end."""
        self.send()
        self._writer.close()
