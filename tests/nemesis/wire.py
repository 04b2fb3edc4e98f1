"""
A wire to Redis that can be cut: a Unix socket in front of the server's, with two ways to lose a script.

Cut *before*, the script never reaches the server; cut *after*, it has run and only its answer is lost. To the
program both look the same, and it must come to the same end.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

PIECE_BYTES = 65_536
SCRIPT = b"EVAL"
"""Only scripts are cut: what merely reads may be lost without anybody noticing."""


class Wire:
    """Listens on ``socket`` and passes everything on to ``behind``, until it is told to cut."""

    def __init__(self, socket: Path, behind: Path) -> None:
        self.socket = socket
        self._behind = behind
        self._before = 0
        self._after = 0
        self.cuts = 0
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address for whoever speaks through the wire."""
        return f"unix://{self.socket}"

    def cut_before(self, scripts: int) -> None:
        """The next ``scripts`` scripts never arrive."""
        self._before += scripts

    def cut_after(self, scripts: int) -> None:
        """The answers of the next ``scripts`` scripts are lost."""
        self._after += scripts

    def mend(self) -> None:
        """Cut no more."""
        self._before = self._after = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._connected, self.socket)

    async def stop(self) -> None:
        """End every line."""
        if self._server is not None:
            self._server.close()
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            behind = await asyncio.open_unix_connection(self._behind)
        except OSError:
            writer.transport.abort()
            self._lines.discard(line)
            return
        doomed = asyncio.Event()
        ways = [
            asyncio.ensure_future(self._there(reader, behind[1], doomed)),
            asyncio.ensure_future(self._back(behind[0], writer, doomed)),
        ]
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            behind[1].transport.abort()
            self._lines.discard(line)

    async def _there(
        self, reader: asyncio.StreamReader, behind: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if SCRIPT in piece and self._before:
                    self._before -= 1
                    self.cuts += 1
                    return
                if SCRIPT in piece and self._after:
                    self._after -= 1
                    self.cuts += 1
                    doomed.set()
                behind.write(piece)
                await behind.drain()

    async def _back(
        self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while piece := await behind.read(PIECE_BYTES):
                if doomed.is_set():
                    return
                writer.write(piece)
                await writer.drain()
