"""
A city's peak on the whole product: click → offer, commit → screen and taking a number, every write synced.

``python -m cloudwindow run`` on its defaults (embedded line with ``appendfsync always``, SQLite with full
sync, media worker) holds 20,000 waiting tickets and 10,000 open pages. Agents at desks take 20 calls a
second, one citizen in each answers by leaving, and 20 new numbers a second are taken over HTTP by browsers
that stand before the last step. Nothing is left out at the beginning.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, DummyCookieJar, FormData, TCPConnector, WSMsgType

from benchmarks import measure, sockets, wire
from benchmarks.waiting_room import HUADU
from cloudwindow import catalogue_files
from cloudwindow.config import Config, for_child
from cloudwindow.demo import STAFF, staff_of
from cloudwindow.domain.catalogue import Catalogue
from cloudwindow.domain.fields import idno_check_character
from cloudwindow.domain.ids import StaffId
from cloudwindow.handlers.door import CITIZEN_COOKIE, STAFF_COOKIE
from cloudwindow.journey.intake import Intake
from cloudwindow.records import Connection
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.people import People
from cloudwindow.vault import Vault

REACH_MS = {"click_to_offer": 10.0, "commit_to_screen": 8.0, "number_taken": 20.0}
"""At p99, in milliseconds."""
CODE = "246810"
NO_SECRET = "A" * 32
"""Nobody signs in with it, but the demonstration lists its accounts with their codes."""
FIRST_SECONDS = 2.0
WAIT_SECONDS = 30.0
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large the city is and how long its peak lasts."""

    waiting: int
    pages: int
    agents: int
    per_second: float
    seconds: float

    @property
    def calls(self) -> int:
        """How many calls, and how many new numbers, the peak has."""
        return round(self.per_second * self.seconds)


FULL = Size(waiting=20_000, pages=10_000, agents=60, per_second=20.0, seconds=30.0)
QUICK = Size(waiting=400, pages=200, agents=20, per_second=5.0, seconds=6.0)


@dataclass(slots=True)
class Seen:
    """Milliseconds of each thing measured, with the second of the peak in which it began."""

    begun: float = field(default_factory=time.monotonic)
    taken: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: {name: [] for name in (*REACH_MS, "accept_to_screen")}
    )
    errors: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, milliseconds: float) -> None:
        """Keep one measurement that ends now."""
        self.taken[name].append((time.monotonic() - self.begun - milliseconds / 1000, milliseconds))

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Measure the block."""
        begun = time.perf_counter()
        yield
        self.note(name, (time.perf_counter() - begun) * 1000)

    def failed(self, error: Exception) -> None:
        """Count what went wrong."""
        told = f"{type(error).__name__} {error}"[:80]
        self.errors[told] = self.errors.get(told, 0) + 1

    def spread(self, name: str) -> dict[str, float]:
        """Percentiles of all, and the worst of the first two seconds."""
        every = [ms for _, ms in self.taken[name]]
        first = [ms for at, ms in self.taken[name] if at < FIRST_SECONDS]
        return {
            "count": len(every),
            "p50": measure.percentile(every, 0.5),
            "p99": measure.percentile(every, 0.99),
            "max": measure.percentile(every, 1.0),
            "max_of_first_2_s": measure.percentile(first, 1.0),
        }


# --- who is there before the start -------------------------------------------------------------------------


async def peopled(config: Config, size: Size) -> list[str]:
    """The waiting tickets, the agents and those about to take a number; the tokens of the waiting."""
    tokens = await sockets.citizens(config, size.waiting)
    catalogue = catalogue_files.load(config.catalogue_dir)
    people = People(Vault.open_at(config.data_dir))
    ledger = await Ledger.open(config.ledger_url)
    try:
        for number in range(size.agents):
            await ledger.write(partial(_hire, people, catalogue, number))
        for number in range(size.calls):
            await ledger.write(partial(_stand_ready, people, catalogue, number))
    finally:
        await ledger.close()
    return tokens


async def _hire(people: People, catalogue: Catalogue, number: int, conn: Connection) -> None:
    demo = STAFF[0]
    agent = replace(
        staff_of(demo, catalogue),
        id=StaffId(f"peak{number}"),
        account=f"peak-{number}",
        number=f"PK-{number:03d}",
        district=HUADU,
    )
    await people.add_staff(conn, agent, password_hash="-", totp_secret=NO_SECRET)  # noqa: S106 - nobody signs in
    await people.open_session(
        conn,
        f"staff{number}",
        kind="staff",
        csrf="x",
        staff=agent.id,
        now=time.time(),
        seconds=36_000,
    )


async def _stand_ready(people: People, catalogue: Catalogue, number: int, conn: Connection) -> None:
    now = time.time()
    session = await people.open_session(
        conn, f"new{number}", kind="citizen", csrf="x", now=now, seconds=36_000
    )
    start = f"440106{1950 + number // 1000 % 50}0315{number % 1000:03d}"
    item = catalogue.item(sockets.ITEM)
    intake = Intake(
        item=item.id,
        item_version=item.version,
        home_district=HUADU,
        home_street=catalogue.district(HUADU).streets[0].code,
        capacity="own",
        call_language="zh",
        mode="video",
        name="林晓岚",
        id_number=start + idno_check_character(start),
        mobile=f"139{number:08d}",
    )
    await people.keep_intake(conn, session, asdict(intake))
    await people.set_code(conn, purpose="identify", subject=session.token_hash, code=CODE, now=now)


# --- pages -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Page:
    """An open page of a citizen or an agent that is read all the time; each kind's newest message is kept."""

    socket: ClientWebSocketResponse
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def read(self) -> None:
        """Read until the socket ends, noting when each message came."""
        async for frame in self.socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            arrived = time.time()
            message = json.loads(frame.data)
            async with self.came:
                kind = message["type"]
                kept = f"{kind}:{message['stage']}" if kind == "stage.changed" else kind
                self.last[kept] = message | {"arrived": arrived}
                self.came.notify_all()

    async def say(self, kind: str, **values: object) -> None:
        """Send a message."""
        await self.socket.send_str(json.dumps({"type": kind, **values}))

    async def heard(self, kind: str) -> dict[str, Any]:
        """Take the newest message of a kind, waiting for it; an error of the product is raised."""
        async with asyncio.timeout(WAIT_SECONDS), self.came:
            await self.came.wait_for(lambda: kind in self.last or "error" in self.last)
            if "error" in self.last:
                raise Refused(str(self.last.pop("error").get("code")))
            return self.last.pop(kind)

    def forget(self) -> Self:
        """Nothing that came so far counts."""
        self.last.clear()
        return self


class Refused(Exception):
    """The product refused what a page asked."""


@dataclass(slots=True)
class Peak:
    """The product at work, and everybody before it."""

    url: str
    size: Size
    session: ClientSession
    seen: Seen
    citizens: dict[str, Page] = field(default_factory=dict)
    desks: list[Page] = field(default_factory=list)

    @asynccontextmanager
    async def opened(self, path: str, cookie: str, token: str) -> AsyncIterator[Page]:
        """A page's socket for the length of the block."""
        headers = {"Origin": self.url, "Cookie": f"{cookie}={token}", "Accept-Language": "zh-CN"}
        async with self.session.ws_connect(path, headers=headers, compress=0) as socket:
            page = Page(socket)
            reading = asyncio.create_task(page.read())
            try:
                yield page
            finally:
                reading.cancel()

    async def serve(self) -> None:
        """Calls at an even pace, each by the desk that has rested longest."""
        free: asyncio.Queue[Page] = asyncio.Queue()
        for desk in self.desks:
            free.put_nowait(desk)
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(self.size.calls):
                await asyncio.sleep(max(0.0, begun + number / self.size.per_second - time.monotonic()))
                group.create_task(self._call(await free.get(), free))

    async def _call(self, desk: Page, free: asyncio.Queue[Page]) -> None:
        """Click, offer, accept, the citizen's screen; the citizen leaves, and the agent has a break."""
        desk.forget()
        try:
            with self.seen.timing("click_to_offer"):
                await desk.say("agent.available")
                offer = await desk.heard("offer.made")
            citizen = self.citizens[offer["offer"].rsplit("/", 1)[0]].forget()
            with self.seen.timing("accept_to_screen"):
                await desk.say("offer.accept", offer=offer["offer"])
                called = await citizen.heard("stage.changed:called")
            self.seen.note("commit_to_screen", max(0.0, called["arrived"] * 1000 - called["version"]))
            await desk.say("agent.away", reason="break")
            await citizen.say("call.hang_up")
            await desk.heard("stage.changed:away")
        except (TimeoutError, Refused, KeyError, ConnectionError) as error:
            self.seen.failed(error)
        free.put_nowait(desk)

    async def take_numbers(self) -> None:
        """New numbers at the same pace."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(self.size.calls):
                await asyncio.sleep(max(0.0, begun + number / self.size.per_second - time.monotonic()))
                group.create_task(self._take_number(number))

    async def _take_number(self, number: int) -> None:
        headers = {
            "Origin": self.url,
            "Cookie": f"{CITIZEN_COOKIE}=new{number}",
            "Accept": "text/html",
            "Accept-Language": "zh-CN",
            "Sec-Fetch-Site": "same-origin",
        }
        typed = FormData({"csrf": "x", "code": CODE, "consent_handling": "yes"})
        begun = time.perf_counter()
        async with self.session.post(
            f"/items/{sockets.ITEM}/confirm", data=typed, headers=headers, allow_redirects=False
        ) as answer:
            await answer.read()
        self.seen.note("number_taken", (time.perf_counter() - begun) * 1000)
        if answer.status != 303:
            self.seen.failed(Refused(f"taking a number answered {answer.status}"))


# --- the run -----------------------------------------------------------------------------------------------


async def bench(quick: bool, folder: Path) -> None:
    """Start the product, open the pages, let the peak come, report."""
    files = wire.open_files()
    size = QUICK if quick else FULL
    tools = wire.built(folder)
    assert tools, "the reader needs a C compiler (cc)"
    config = Config(data_dir=folder / "data")
    config.data_dir.mkdir()
    tokens = await peopled(config, size)
    async with AsyncExitStack() as stack:
        port = sockets.free_port()
        environment = for_child(port=port, data_dir=config.data_dir.resolve(), log_level="WARNING")
        command = (wire.PYTHON, "-m", "cloudwindow", "run")
        product = await stack.enter_async_context(
            wire.running(*command, cwd=wire.ROOT, env=environment, stderr=(folder / "log").open("wb"))
        )
        url = f"http://127.0.0.1:{port}"
        session = await stack.enter_async_context(
            ClientSession(url, connector=TCPConnector(limit=0), cookie_jar=DummyCookieJar())
        )
        await until_rebuilt(session, size)
        seen, shares = await peak(Peak(url, size, session, Seen()), product.pid, tools, tokens, port)
    spreads = {name: seen.spread(name) for name in seen.taken}
    measure.report(
        "city_peak",
        measured={
            "ms": spreads,
            "errors": sum(seen.errors.values()),
            "error_kinds": seen.errors,
            "waiting": size.waiting,
            "pages": size.pages,
            "per_second": size.per_second,
            "seconds": size.seconds,
            "share_of_a_core": shares,
        },
        ratios={name: spreads[name]["p99"] / limit for name, limit in REACH_MS.items()},
        reach={f"{name}_p99_ms": limit for name, limit in REACH_MS.items()},
        reached={name: spreads[name]["p99"] <= limit for name, limit in REACH_MS.items()}
        | {"no_error": not seen.errors},
        machine=measure.machine(open_files=files),
        notes=[
            "all clients share the machine and are in the latencies",
            "commit_to_screen: from the instant, in whole ms, at which the product looked at its clock after "
            "the commit; accept_to_screen: from the agent's click, the commit included",
        ],
    )


async def until_rebuilt(session: ClientSession, size: Size) -> None:
    """Wait until the product answers and has put the whole line back; its duties then settle a moment."""
    async with asyncio.timeout(START_SECONDS):
        while not await _ready(session):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    await asyncio.sleep(5.0 if size is FULL else 1.0)


async def _ready(session: ClientSession) -> bool:
    try:
        async with session.get("/ready") as answer:
            return answer.status == 200
    except OSError:
        return False


async def peak(
    city: Peak, product: int, tools: Path, tokens: Sequence[str], port: int
) -> tuple[Seen, Mapping[str, float]]:
    """Open every page, then measure; what each process took of a core in the meantime."""
    called = tokens[: city.size.calls + city.size.agents]
    resting = tokens[len(called) : len(called) + max(0, city.size.pages - len(called))]
    async with AsyncExitStack() as stack:
        lines = sockets.lines_for(tools / "lines", resting, [port])
        reader = await stack.enter_async_context(wire.sink(tools, [port], len(resting), lines=lines))
        await wire.opened(reader, len(resting))
        for number, token in enumerate(called):
            page = await stack.enter_async_context(city.opened("/ws/visit", CITIZEN_COOKIE, token))
            city.citizens[f"t{number}"] = page
        for number in range(city.size.agents):
            page = await stack.enter_async_context(city.opened("/ws/desk", STAFF_COOKIE, f"staff{number}"))
            city.desks.append(page)
            await page.heard("stage.changed:away")
        pids = {"product": product, "clients": os.getpid(), "reader": reader.pid}
        pids |= measure.named_children(product)
        before = {name: measure.cpu_ns(pid) for name, pid in pids.items()}
        city.seen.begun = begun = time.monotonic()
        await asyncio.gather(city.serve(), city.take_numbers())
        lasted = time.monotonic() - begun
        shares = {name: (measure.cpu_ns(pid) - before[name]) / 1e9 / lasted for name, pid in pids.items()}
    return city.seen, shares


if __name__ == "__main__":
    wire.main(bench, __doc__ or "")
