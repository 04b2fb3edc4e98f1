"""
The phone network of a run: takes text messages from the nodes over a socket, and can fail them.

It lives in the nemesis' own process: no fault loses what it has. What comes again under a key is dropped, as
``cloudwindow.sms`` asks of a gateway, and counted.
"""

import asyncio
import json
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cloudwindow.domain.errors import Unavailable

TAKEN = b"taken\n"
LONGEST_OCTETS = 65_536


@dataclass(slots=True)
class Carried:
    """One message by its key: for whom, and how often it was handed over."""

    key: str
    mobiles: set[str] = field(default_factory=set)
    times: int = 0


class Carrier:
    """Listens on ``socket``; ``carried`` is every message by its key, ``phones`` what each phone got."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.carried: dict[str, Carried] = {}
        self.phones: dict[str, list[str]] = defaultdict(list)
        self._away_until = self._mute_until = 0.0
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._connected, self.socket, limit=LONGEST_OCTETS)

    async def stop(self) -> None:
        """End every line."""
        if self._server is not None:
            self._server.close()
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def away(self, seconds: float) -> None:
        """Take nothing for a while."""
        self._away_until = time.monotonic() + seconds

    def mute(self, seconds: float) -> None:
        """For a while take what comes, and never say so."""
        self._mute_until = time.monotonic() + seconds

    def mend(self) -> None:
        """All is well."""
        self._away_until = self._mute_until = 0.0

    def had(self, mobile: str) -> int:
        """How many messages a phone has had."""
        return len(self.phones[mobile])

    async def text_to(self, mobile: str, after: int, seconds: float) -> str:
        """The next message to a phone that has had ``after``; empty when none comes in ``seconds``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self.had(mobile) > after)
        return self.phones[mobile][after] if self.had(mobile) > after else ""

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._one(reader, writer)
        finally:
            writer.close()
            self._lines.discard(line)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.readline()
        if not said.endswith(b"\n") or time.monotonic() < self._away_until:
            return
        await self._take(**json.loads(said))
        if time.monotonic() < self._mute_until:
            await reader.read()  # until the sender gives up
            return
        writer.write(TAKEN)
        await writer.drain()

    async def _take(self, key: str, mobile: str, text: str) -> None:
        here = self.carried.setdefault(key, Carried(key))
        here.times += 1
        here.mobiles.add(mobile)
        if here.times == 1:
            async with self._news:
                self.phones[mobile].append(text)
                self._news.notify_all()


@dataclass(frozen=True, slots=True)
class CarrierGateway:
    """A node's way to the carrier."""

    socket: str

    async def send(self, mobile: str, text: str, *, key: str, now: float) -> None:
        """Hand a message over. Raises Unavailable("sms_unavailable")."""
        said = json.dumps({"key": key, "mobile": mobile, "text": text}).encode() + b"\n"
        try:
            answer = await self._asked(said)
        except OSError as error:
            raise Unavailable("sms_unavailable") from error
        if answer != TAKEN:
            raise Unavailable("sms_unavailable")

    async def _asked(self, said: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self.socket)
        try:
            writer.write(said)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()
