"""PostgreSQL as the distributor: ``postgres.sql`` on a server of its own that syncs every commit."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import asyncpg

from benchmarks.city import DISTRICTS, LANGUAGES, SCARCE, SKILLS, City
from benchmarks.hall import RATE, START
from benchmarks.measure import child, cpu_ns_of_tree
from benchmarks.peers.contest import timed
from cloudwindow.domain.ids import DistrictCode
from cloudwindow.domain.match import Lane, openings, ring_of

START_SECONDS = 60.0
SETTINGS = (
    "listen_addresses=",
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=256MB",
    "jit=off",
    "autovacuum_naptime=5s",
)


class Unable(Exception):
    """The peer cannot be measured on this machine; the text says why."""


@contextmanager
def postgres() -> Iterator[tuple[Path, int]]:
    """A PostgreSQL of its own: the folder of its socket and its process id. Raises Unable."""
    owner = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="cw-bench-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if owner:
            shutil.chown(folder, owner)
        layout = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            [_program("initdb"), "-D", folder / "data", *layout],
            user=owner,
            group=owner,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise Unable(f"initdb failed: {made.stderr[-200:]}")
        settings = [f"--{each}" for each in (*SETTINGS, f"unix_socket_directories={folder}")]
        with (folder / "log").open("ab") as log:
            command = [_program("postgres"), "-D", str(folder / "data"), *settings]
            with child(command, owner=owner, cwd=folder, stdout=log, stderr=log) as server:
                yield folder, server.pid


def _program(name: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))
    if found is None:
        raise Unable(f"PostgreSQL's {name} was not found")
    return found


def version() -> str:
    """``15.18``."""
    told = subprocess.run([_program("postgres"), "--version"], capture_output=True, text=True, check=True)
    return told.stdout.split()[2]


@dataclass(slots=True)
class Postgres:
    """One way of finding the next ticket: ``next_tuned`` or ``next_textbook``."""

    name: str
    pid: int
    connections: list[Any]
    calls: deque[tuple[str, str]]
    lanes: dict[str, int]
    city: City
    chance: Random
    shift: float
    serials: Any

    def cpu(self) -> int:
        """CPU of the server and its backends."""
        return cpu_ns_of_tree(self.pid)

    async def round(self, pairings: int, clients: int) -> list[float]:
        """As ``Contestant``; the time ends with the answer, which names the offer."""
        left = [pairings]
        taken = await asyncio.gather(*(self._work(self.connections[one], left) for one in range(clients)))
        return [ms for some in taken for ms in some]

    async def _work(self, client: Any, left: list[int]) -> list[float]:
        found = []
        while left[0] > 0:
            left[0] -= 1
            agent, ticket = self.calls.popleft()
            await client.fetchval("SELECT wrap_up($1, $2, $3)", agent, ticket, self._now())
            asking = f"SELECT {self.name}($1, $2)"
            ms, offer = await timed(lambda who=agent, ask=asking: client.fetchval(ask, who, self._now()))  # type: ignore[misc]
            assert offer, "nobody waits for this agent"
            found.append(ms)
            taken, epoch = offer.rsplit("/", 1)
            asked = "SELECT accept($1, $2, $3, $4)"
            assert await client.fetchval(asked, agent, taken, int(epoch), self._now())
            self.calls.append((agent, taken))
            lane = self.lanes[_word(self.city.lane(self.chance))]
            await client.fetchval(
                "SELECT join_line($1, $2, $3)", f"n{next(self.serials):07}", lane, self._now()
            )
        return found

    def _now(self) -> float:
        return START + time.monotonic() - self.shift


@asynccontextmanager
async def matchers(
    folder: Path, pid: int, city: City, waiting: int, clients: int
) -> AsyncIterator[tuple[Postgres, Postgres]]:
    """The tuned and the textbook matcher, each on a database of its own, filled alike."""
    first = await _connected(folder, "postgres")
    made, opened = [], [first]
    for name in ("next_tuned", "next_textbook"):
        await first.execute(f"CREATE DATABASE {name}")
        connections = [await _connected(folder, name) for _ in range(clients)]
        opened += connections
        lanes = await _lay_out(connections[0])
        calls = await _fill(connections[0], city, waiting, lanes)
        made.append(
            Postgres(
                name=name,
                pid=pid,
                connections=connections,
                calls=calls,
                lanes=lanes,
                city=city,
                chance=Random(5),
                shift=time.monotonic(),
                serials=count(),
            )
        )
    yield made[0], made[1]
    for connection in opened:
        await connection.close()


async def _connected(folder: Path, database: str) -> Any:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            connecting: Any = asyncpg.connect
            return await connecting(host=str(folder), user="postgres", database=database)
        except (OSError, asyncpg.CannotConnectNowError) as away:
            if time.monotonic() > limit:
                raise Unable("PostgreSQL does not answer") from away
            await asyncio.sleep(0.05)


async def _lay_out(connection: Any) -> dict[str, int]:
    """Tables, functions, lanes and rings; the number of each lane."""
    await connection.execute(Path(__file__).with_name("postgres.sql").read_text(encoding="utf-8"))
    words = [
        f"{home}|{skill}|{language}"
        for home in DISTRICTS
        for skill in [*SKILLS, SCARCE]
        for language in LANGUAGES
    ]
    lanes = {word: number for number, word in enumerate(words)}
    rows = [(number, *word.split("|")) for word, number in lanes.items()]
    await connection.copy_records_to_table("lane", records=rows)
    opens = openings((1, 1, 1))
    rings = [
        (helping, home, opens[ring_of(DistrictCode(helping), DistrictCode(home))])
        for helping in DISTRICTS
        for home in DISTRICTS
    ]
    await connection.copy_records_to_table("ring", records=rings)
    return lanes


async def _fill(connection: Any, city: City, waiting: int, lanes: dict[str, int]) -> deque[tuple[str, str]]:
    """The agents in calls and the tickets waiting, as the hall fills the line."""
    chance, begin = Random(4), START - waiting / RATE
    tickets = [
        (
            f"t{number:07}",
            lanes[_word(city.lane(chance))],
            begin + number / RATE,
            begin,
            "waiting",
            0,
            None,
            None,
        )
        for number in range(waiting)
    ]
    calls = deque((agent.agent, f"c{number:07}") for number, agent in enumerate(city.agents))
    serving = [(ticket, 0, begin, begin, "serving", 1, agent, None) for agent, ticket in calls]
    agents = [
        (
            one.agent,
            one.district,
            sorted(one.skills),
            sorted(one.languages),
            "in_call",
            START,
            ticket,
            START + 6,
            START,
        )
        for one, (_, ticket) in zip(city.agents, calls, strict=True)
    ]
    await connection.copy_records_to_table("ticket", records=tickets + serving)
    await connection.copy_records_to_table("agent", records=agents)
    await connection.execute("VACUUM ANALYZE")
    return deque((str(agent), ticket) for agent, ticket in calls)


def _word(lane: Lane) -> str:
    return f"{lane.home_district}|{lane.skill}|{lane.language}"
