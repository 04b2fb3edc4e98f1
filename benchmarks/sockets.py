"""
Open sockets of the whole product: memory of one that waits, share of a core at a city's pace, coming back.

Real web nodes (``python -m cloudwindow web``), the product's own Valkey and an SQLite ledger hold a line of
citizens; a C reader (``peers/sink.c``) opens a page for each. Pairings take place among citizens without a
page who stand before them, so that every pairing moves everybody's place.
"""

import asyncio
import socket
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from benchmarks import measure, wire
from benchmarks.waiting_room import HUADU
from cloudwindow import catalogue_files
from cloudwindow.config import Config, for_child
from cloudwindow.domain.application import Application
from cloudwindow.domain.ids import ApplicationId, CitizenId, ItemId, StaffId, TicketId
from cloudwindow.domain.match import AgentProfile
from cloudwindow.domain.ticket import State, Ticket
from cloudwindow.embedded import start_embedded
from cloudwindow.handlers.door import CITIZEN_COOKIE
from cloudwindow.journey.openings import lane_at
from cloudwindow.queue import Line, connect
from cloudwindow.records import Connection
from cloudwindow.records.cases import Cases
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.migrations import migrate
from cloudwindow.records.people import People
from cloudwindow.records.visits import Visits
from cloudwindow.vault import Vault, place

PER_SECOND = 20
ITEM = "HR01"
LANE = lane_at(catalogue_files.load(Config().catalogue_dir).item(ItemId(ITEM)), HUADU, "zh", "video")
"""Where the tickets of the ledger wait."""
AGENTS = 100
"""On duty all the time, in calls of five seconds."""
NO_BEAT_SECONDS = 1e6
"""The lease of these agents, who have no page that would renew it."""
WARM_SECONDS = 12
"""Of pairings before the measured ones, until all know of the agents and how long their calls take."""
REACH = {
    "bytes_per_idle_socket": 20_000,
    "share_of_a_core": 0.03,
    "reconnect_seconds": 5.0,
}


async def bench(quick: bool, folder: Path) -> None:
    """Open, weigh, pair, restart, report."""
    files = wire.open_files()
    pages = 300 if quick else 19_000
    returning = 400 if quick else 20_000
    seconds = 5 if quick else 30
    tools = wire.built(folder)
    assert tools, "the reader needs a C compiler (cc)"
    config = Config(data_dir=folder / "data", demo=True, always_open=True)
    config.data_dir.mkdir()
    server = await start_embedded(folder)
    config = replace(config, redis_url=server.url)
    try:
        early = PER_SECOND * (WARM_SECONDS + seconds) + 2 * AGENTS
        tokens = await citizens(config, max(pages, returning), early=early)
        measured = await one_node(config, tools, tokens[:pages], seconds, len(tokens) + early)
        assert server.pid
        measured |= await two_nodes(config, tools, tokens[:returning], server.pid)
    finally:
        await server.stop()
    figures = {
        "bytes_per_idle_socket": measured["bytes_per_socket"],
        "share_of_a_core": measured["share_pairing"],
        "reconnect_seconds": measured["reconnect_seconds"],
    }
    measure.report(
        "sockets",
        measured=measured,
        ratios={name: figures[name] / limit for name, limit in REACH.items()},
        reach=REACH,
        reached={name: figures[name] <= limit for name, limit in REACH.items()},
        machine=measure.machine(open_files=files),
    )


# --- people ----------------------------------------------------------------------------------------------


async def citizens(config: Config, count: int, *, early: int = 0) -> list[str]:
    """
    Waiting tickets in the ledger, each with a browser of its own; the browsers' tokens in order.

    ``early`` others came before them, and have no page.
    """
    await migrate(config.ledger_url)
    vault = Vault.open_at(config.data_dir)
    people, visits, cases = People(vault), Visits(vault), Cases(vault)
    now = time.time()
    citizen, case = CitizenId("c0"), ApplicationId("a0")
    ticket = Ticket(
        id=TicketId("t0"),
        number="H000",
        citizen=citizen,
        application=case,
        item=ItemId("HR01"),
        item_version=1,
        home_district=HUADU,
        language="zh",
        mode="video",
        joined_at=now - count / PER_SECOND,
        deadline=now + 8 * 3600,
    )

    async def first(conn: Connection) -> None:
        await people.identify(
            conn, citizen, name="王小明", id_number="440114199003070012", mobile="13800000000", now=now
        )
        application = Application(
            id=case,
            citizen=citizen,
            item=ticket.item,
            item_version=1,
            home_district=HUADU,
            home_street="440114001",
            capacity="own",
            values={},
            declared={},
            opened_at=now,
        )
        await cases.add(conn, application, principal=None)
        await visits.add_ticket(conn, ticket, resume_secret="r0")  # noqa: S106 - nobody's
        session = await people.open_session(conn, "token0", kind="citizen", csrf="x", now=now, seconds=40_000)
        await people.bind_ticket(conn, session, ticket.id)

    ledger = await Ledger.open(config.ledger_url)
    await ledger.write(first)
    await ledger.close()
    tokens = [f"token{number}" for number in range(count)]
    with Book(config) as book:
        for number in range(early):
            book.come(f"early{number}", ticket.joined_at - (early - number) / PER_SECOND)
        for number, token in enumerate(tokens[1:], start=1):
            book.come(f"t{number}", now - (count - number) / PER_SECOND)
            book.bind(token, f"t{number}")
    return tokens


class Book:
    """What other nodes write into the ledger, so that this one finds there what the line tells of."""

    def __init__(self, config: Config) -> None:
        self._vault = Vault.open_at(config.data_dir)
        self._database = sqlite3.connect(config.ledger_url.split("///")[1], timeout=60)
        self._names = {
            table: [row[1] for row in self._database.execute(f"pragma table_info({table})")]
            for table in ("ticket", "web_session")
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.commit()
        self._database.close()

    def come(self, ticket: str, joined_at: float) -> None:
        """Somebody takes a number."""
        secret = f"secret of {ticket}"
        changed = {
            "id": ticket,
            "joined_at": joined_at,
            "resume_hash": self._vault.hash_token(secret),
            "resume_sealed": self._vault.seal(secret, place=place("ticket", "resume", ticket)),
        }
        self._copy("ticket", "id", "t0", changed)

    def bind(self, token: str, ticket: str) -> None:
        """The browser with ``token`` holds ``ticket``."""
        changed = {"token_hash": self._vault.hash_token(token), "ticket": ticket}
        self._copy("web_session", "token_hash", self._vault.hash_token("token0"), changed)

    def move(self, ticket: str, state: State) -> None:
        """The ticket is in ``state`` from now on."""
        query = "update ticket set state = ?, version = version + 1 where id = ?"
        self._database.execute(query, [state.value, ticket])

    def commit(self) -> None:
        """What was written counts."""
        self._database.commit()

    def _copy(self, table: str, key: str, original: str, changed: Mapping[str, object]) -> None:
        names = self._names[table]
        chosen = ", ".join("?" if name in changed else name for name in names)
        given = [changed[name] for name in names if name in changed]
        query = f"insert into {table} ({', '.join(names)}) select {chosen} from {table} where {key} = ?"  # noqa: S608
        self._database.execute(query, [*given, original])


def lines_for(file: Path, tokens: Sequence[str], ports: Sequence[int]) -> Path:
    """What each page says on opening its socket."""
    with file.open("w") as text:
        for number, token in enumerate(tokens):
            here = f"127.0.0.1:{ports[number % len(ports)]}"
            cookie = f"Cookie: {CITIZEN_COOKIE}={token}"
            text.write(f"/ws/visit|Host: {here}|Origin: http://{here}|{cookie}\n")
    return file


# --- nodes -----------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


async def node(stack: AsyncExitStack, config: Config, port: int) -> wire.Process:
    """A web node that answers at ``port``."""
    environment = for_child(
        port=port,
        data_dir=config.data_dir.resolve(),
        redis_url=config.redis_url,
        demo=1,
        media_token="0" * 48,
        log_level="WARNING",
    )
    command = (wire.PYTHON, "-m", "cloudwindow", "web")
    process = await stack.enter_async_context(wire.running(*command, cwd=wire.ROOT, env=environment))
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return process


async def one_node(
    config: Config, tools: Path, tokens: Sequence[str], seconds: int, waiting: int
) -> dict[str, float]:
    """Memory of a socket at rest; CPU of the node at rest and at a city's pace, with all who wait."""
    async with AsyncExitStack() as stack:
        port = free_port()
        web = await node(stack, config, port)
        redis = connect(config.redis_url)
        stack.push_async_callback(redis.aclose)
        line = Line(redis, lease_seconds=NO_BEAT_SECONDS)
        book = stack.enter_context(Book(config))
        await until_waiting(line, waiting)
        await asyncio.sleep(3)
        empty = web.rss_bytes()
        lines = lines_for(tools / "lines", tokens, [port])
        reader = await stack.enter_async_context(wire.sink(tools, [port], len(tokens), lines=lines))
        took = await wire.opened(reader, len(tokens), within_ms=0)
        assert int((await reader.ask("until", 3 * len(tokens), 60_000))[1]) >= 3 * len(tokens)
        await asyncio.sleep(3)
        full = web.rss_bytes()
        begun, spent = time.monotonic(), web.cpu_seconds()
        await asyncio.sleep(seconds)
        resting = (web.cpu_seconds() - spent) / (time.monotonic() - begun)
        counter = Counter(line, book)
        await counter.open()
        await counter.pair(WARM_SECONDS)
        frames = int((await reader.ask("count"))[1])
        begun, spent = time.monotonic(), web.cpu_seconds()
        pairings = await counter.pair(seconds)
        pairing = (web.cpu_seconds() - spent) / (time.monotonic() - begun)
        lasted = time.monotonic() - begun
        told = int((await reader.ask("count"))[1]) - frames
        await counter.close()
        return {
            "sockets": len(tokens),
            "bytes_per_socket": (full - empty) / len(tokens),
            "opening_seconds": took,
            "share_at_rest": resting,
            "share_pairing": pairing,
            "pairings_per_second": pairings / lasted,
            "frames_per_pairing": told / max(1, pairings),
        }


async def until_waiting(line: Line, count: int) -> None:
    """Wait until the node has rebuilt the line from the ledger."""
    async with asyncio.timeout(120):
        while sum(load.waiting for load in await line.load()) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


class Counter:
    """``AGENTS`` of other nodes, on duty all the time; the first of the line are theirs."""

    def __init__(self, line: Line, book: Book) -> None:
        self._line = line
        self._book = book
        self._calls: dict[StaffId, TicketId] = {}
        self._read = ""
        self._served = 0

    async def open(self) -> None:
        """All come to work and take a call."""
        self._read = await self._line.latest()
        for number in range(AGENTS):
            agent = AgentProfile(agent=StaffId(f"g{number}"), district=HUADU, skills=frozenset({LANE.skill}))
            await self._line.sign_in(agent, now=time.time())
            await self._line.set_available(agent.agent, now=time.time())
        await self._accept()
        assert len(self._calls) == AGENTS, f"{len(self._calls)} of {AGENTS} have a call"

    async def pair(self, seconds: int) -> int:
        """20 times a second an agent ends a call and takes the next, and somebody joins."""
        begun, done = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            if done >= passed * PER_SECOND:
                await asyncio.sleep(0.005)
                continue
            agent = StaffId(f"g{self._served % AGENTS}")
            ended = self._calls[agent]
            await self._line.wrap_up(agent, ended, now=time.time())
            await self._line.finish(agent, now=time.time())
            await self._accept()
            now, late = time.time(), TicketId(f"late{self._served}")
            self._book.move(ended, State.DONE)
            self._book.come(late, now)
            self._book.commit()
            await self._line.join(late, LANE, joined_at=now, now=now)
            self._served += 1
            done += 1
        return done

    async def close(self) -> None:
        """All go home."""
        for agent, ticket in self._calls.items():
            self._book.move(ticket, State.DONE)
            self._book.commit()
            await self._line.wrap_up(agent, ticket, now=time.time())
            await self._line.finish(agent, then="away", now=time.time())
            await self._line.sign_out(agent, now=time.time())

    async def _accept(self) -> None:
        for one in await self._line.since(self._read) or []:
            self._read = one.id
            if one.kind == "offer.made" and one.agent and one.offer and one.ticket:
                await self._line.accept(one.agent, one.offer, now=time.time())
                self._book.move(one.ticket, State.SERVING)
                self._book.commit()
                self._calls[one.agent] = one.ticket


async def two_nodes(config: Config, tools: Path, tokens: Sequence[str], line_pid: int) -> dict[str, float]:
    """
    Both nodes are killed and started again; everybody comes back within a second, as socket.js does.

    Readers and line share the cores with the nodes: their CPU is told beside the nodes' own.
    """
    ports = [free_port(), free_port()]
    half = len(tokens) // 2
    async with AsyncExitStack() as readers:
        pages = []
        for number, share in enumerate((tokens[:half], tokens[half:])):
            lines = lines_for(tools / f"lines{number}", share, ports)
            reader = await readers.enter_async_context(wire.sink(tools, ports, len(share), lines=lines))
            pages.append((reader, len(share)))
        async with AsyncExitStack() as stack:
            for port in ports:
                await node(stack, config, port)
            await asyncio.gather(*(wire.opened(reader, count) for reader, count in pages))
            for reader, _ in pages:
                await reader.ask("close")
        async with AsyncExitStack() as stack:
            nodes = [await node(stack, config, port) for port in ports]
            await asyncio.sleep(2)
            others = {"readers": [one.pid for one, _ in pages], "line": [line_pid]}
            before = [one.cpu_seconds() for one in nodes]
            aside = {name: sum(map(measure.cpu_ns, pids)) for name, pids in others.items()}
            took = await asyncio.gather(
                *(wire.opened(reader, count, within_ms=1000) for reader, count in pages)
            )
            spent = [one.cpu_seconds() - begun for one, begun in zip(nodes, before, strict=True)]
            aside = {name: sum(map(measure.cpu_ns, pids)) - aside[name] for name, pids in others.items()}
    return {
        "returning": len(tokens),
        "reconnect_seconds": max(took),
        "reconnect_cpu_ms_per_socket": sum(spent) * 1000 / len(tokens),
        "reconnect_busiest_node_cpu_seconds": max(spent),
        **{f"reconnect_{name}_cpu_ms_per_socket": ns / 1e6 / len(tokens) for name, ns in aside.items()},
    }


if __name__ == "__main__":
    wire.main(bench, __doc__ or "")
