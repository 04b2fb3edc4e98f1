"""
The product as processes, and what can be done to them.

``Pair``: two web nodes on PostgreSQL, their line on a Valkey of ours behind a wire that can be cut.
``Alone``: ``python -m cloudwindow run`` with everything it brings along, on SQLite, as on one machine.
No process outlives this one: the kernel ends the children with their parent, and whoever is made to stand
still is woken by a helper that needs no parent.
"""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout
from redis.exceptions import RedisError

from cloudwindow.app import catalogue_of
from cloudwindow.config import Config, for_child
from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.queue import connect
from cloudwindow.records import Connection
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.migrations import migrate
from cloudwindow.records.people import People, Staff
from cloudwindow.staff_auth import StaffPasswords
from cloudwindow.vault import Vault
from tests.gateways.databases import PostgresServer
from tests.gateways.redis_server import RedisServer, wheel
from tests.nemesis.carrier import Carrier
from tests.nemesis.node import CARRIER
from tests.nemesis.wire import Wire

READY_SECONDS = 120.0
PR_SET_PDEATHSIG = 1
RESTART_SECONDS = 1.0
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
PASSWORD = "cloud-window-demo"
AGENTS = (("nemesis-1", "440114"), ("nemesis-2", "440114"), ("nemesis-3", "440106"), ("nemesis-4", "440113"))
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")

_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """In a child: end at once when the parent does, however that ends."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def freeze(pid: int, seconds: float) -> None:
    """Make a process stand still; it goes on after ``seconds`` even if we do not live to see it."""
    os.kill(pid, signal.SIGSTOP)
    subprocess.Popen(["sh", "-c", f"sleep {seconds:.1f}; kill -CONT {pid}"], stderr=subprocess.DEVNULL)


@dataclass(slots=True)
class Node:
    """A web process; ``clock`` is the file that moves its wall clock, if that can be done here."""

    command: str
    environment: dict[str, str]
    port: int
    log: Path
    clock: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    died: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where browsers find it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; it writes into ``log``."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.nemesis.node", self.command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def kill(self) -> None:
        """End it without a chance to tidy up; ``keep`` starts it again."""
        if self.process is not None:
            self.process.kill()

    def stand_still(self, seconds: float) -> None:
        """Stop the process as a whole for ``seconds``."""
        if self.process is not None and self.process.poll() is None:
            freeze(self.process.pid, seconds)

    def jump(self, seconds: float) -> None:
        """Set its wall clock ``seconds`` off the true time; its monotonic clock goes on as before."""
        if self.clock is not None:
            fresh = self.clock.with_suffix(".new")
            fresh.write_text(f"{seconds:+.1f}")
            fresh.replace(self.clock)

    async def keep(self) -> None:
        """Start it again a little after it ended, as a supervisor does."""
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            if self.process is not None and self.process.poll() is not None and self.wanted:
                self.died.append(self.process.returncode)
                self.start()

    async def ready(self) -> bool:
        """Whether it answers, and its ledger and line do."""
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=3)) as asking,
                asking.get(f"{self.url}/ready") as answer,
            ):
                return answer.status == 200
        except (ClientError, OSError, TimeoutError):
            return False

    def stop(self) -> None:
        """End it for good."""
        self.wanted = False
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Stage(Protocol):
    """A running product that can be hurt."""

    folder: Path
    nodes: list[Node]
    wire: Wire | None
    carrier: Carrier
    ledger_url: str

    @property
    def direct_url(self) -> str:
        """The line without anything in between."""

    def kill_redis(self) -> None:
        """End the server of the line; it comes back by itself."""

    def stop_redis(self, seconds: float) -> None:
        """Make the server of the line stand still."""


@dataclass(slots=True)
class Pair:
    """Two web nodes, PostgreSQL, and Valkey behind the wire."""

    folder: Path
    ledger_url: str
    server: RedisServer
    wire: Wire | None
    carrier: Carrier
    nodes: list[Node]

    @property
    def direct_url(self) -> str:
        """The line without the wire."""
        return self.server.url

    def kill_redis(self) -> None:
        """End Valkey; it starts again on its files."""
        self.server.kill()
        self.server.start()

    def stop_redis(self, seconds: float) -> None:
        """Make Valkey stand still."""
        assert self.server.process is not None
        freeze(self.server.process.pid, seconds)


@dataclass(slots=True)
class Alone:
    """Everything from one process."""

    folder: Path
    ledger_url: str
    carrier: Carrier
    nodes: list[Node]
    wire: Wire | None = None

    @property
    def direct_url(self) -> str:
        """The embedded line's socket."""
        folder = self.folder / "data" / "line" / "line"
        recorded = folder / "socket"
        where = recorded.read_text() if recorded.exists() else str(folder / "server.sock")
        return f"unix://{where}"

    def kill_redis(self) -> None:
        """End the embedded server, which its keeper starts again."""
        with suppress(OSError):
            os.kill(self._server(), signal.SIGKILL)

    def stop_redis(self, seconds: float) -> None:
        """Make the embedded server stand still."""
        with suppress(OSError):
            freeze(self._server(), seconds)

    def _server(self) -> int:
        """The process at the other end of the socket."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(self.direct_url.removeprefix("unix://"))
            told = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return int.from_bytes(told[:4], sys.byteorder)


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[Stage]:
    """Two web nodes; their clocks can be moved where libfaketime is installed."""
    (folder / "pg").mkdir()
    (folder / "redis").mkdir()
    postgres = PostgresServer(folder / "pg")
    postgres.create()
    server = RedisServer(folder / "redis", wheel(), DURABLE)
    wire = Wire(folder / "wire", server.socket)
    with postgres.running():
        await postgres.execute("CREATE DATABASE city")
        url = postgres.url("city")
        await _prepare(folder / "data", url)
        server.start()
        await wire.start()
        nodes = [_node(folder, name, "web", url, wire.url) for name in ("one", "two")]
        try:
            async with _carrier(folder) as carrier, _kept(nodes):
                yield Pair(folder, url, server, wire, carrier, nodes)
        finally:
            await wire.stop()
            server.kill()


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[Stage]:
    """One machine's product with the SQLite ledger and the line it brings along."""
    config = Config(data_dir=folder / "data")
    await _prepare(config.data_dir, config.ledger_url)
    nodes = [_node(folder, "run", "run", "", "")]
    async with _carrier(folder) as carrier, _kept(nodes):
        yield Alone(folder, config.ledger_url, carrier, nodes)


@asynccontextmanager
async def _carrier(folder: Path) -> AsyncIterator[Carrier]:
    """The phone network the nodes of ``folder`` know."""
    carrier = Carrier(_carrier_socket(folder))
    await carrier.start()
    try:
        yield carrier
    finally:
        await carrier.stop()


def _carrier_socket(folder: Path) -> Path:
    return folder / "carrier"


@asynccontextmanager
async def _kept(nodes: list[Node]) -> AsyncIterator[None]:
    keepers = []
    try:
        for node in nodes:
            node.start()
            keepers.append(asyncio.create_task(node.keep(), name=f"keeper {node.port}"))
        await all_ready(nodes)
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for node in nodes:
            node.stop()


async def all_ready(nodes: list[Node]) -> None:
    """Wait until every node serves. Raises TimeoutError with the end of a log that says why not."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            for node in nodes:
                while not await node.ready():  # noqa: ASYNC110 - a process tells nobody when it is ready
                    await asyncio.sleep(0.2)
    except TimeoutError as late:
        ends = "\n".join(node.log.read_text(errors="replace")[-2000:] for node in nodes)
        raise TimeoutError(f"the product did not get ready:\n{ends}") from late


def _node(folder: Path, name: str, command: str, ledger: str, line: str) -> Node:
    port = _free_port()
    environment = for_child(
        port=port,
        data_dir=folder / "data",
        database_url=ledger,
        redis_url=line,
        node_name=name,
        offer_seconds=6,
        trusted_proxy_hops=1,
        log_level="WARNING",
    ) | {CARRIER: str(_carrier_socket(folder))}
    clock = None
    if command == "web" and FAKETIME is not None:
        clock = folder / f"clock-{name}"
        clock.write_text("+0.0")
        environment |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    return Node(command, environment, port, folder / f"{name}.log", clock)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def _prepare(data: Path, url: str) -> None:
    """A ledger that knows our agents; their codes stand on the demo page like those of the others."""
    data.mkdir(parents=True, mode=0o700)  # noqa: ASYNC240 - nothing else runs yet
    await migrate(url)
    config = Config(data_dir=data)
    items = catalogue_of(config).items
    people, passwords = People(Vault.open_at(data, None)), StaffPasswords()
    hashed = await passwords.hash(PASSWORD)
    passwords.close()
    ledger = await Ledger.open(url)
    try:
        for account, district in AGENTS:
            person = Staff(
                id=StaffId(account),
                account=account,
                name="陈晓敏",
                number=account[-9:],
                district=DistrictCode(district),
                roles=("agent",),
                skills=tuple(sorted({item.skill_group for item in items})),
                languages=tuple(sorted({language for item in items for language in item.languages})),
                modes=("video", "audio", "text"),
                demo=True,
                active=True,
            )

            async def work(conn: Connection, person: Staff = person) -> None:
                secret = "JBSWY3DPEHPK3PXP" * 2
                await people.add_staff(conn, person, password_hash=hashed, totp_secret=secret)

            await ledger.write(work)
    finally:
        await ledger.close()


async def flush(url: str) -> bool:
    """Empty the line's server; whether it answered."""
    client = connect(url)
    try:
        await client.flushall()
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
    return True


__all__ = ["AGENTS", "PASSWORD", "Alone", "Node", "Pair", "Stage", "all_ready", "alone", "flush", "pair"]
