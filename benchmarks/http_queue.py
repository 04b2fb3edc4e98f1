"""
The queue over HTTP as browsers use it: take a number, look, leave, by 200 and 400 visitors at once.

The product runs as a process of its own on its defaults (embedded line, SQLite). A visitor opens the pages in
order, with cookies and form tokens, types the code of the demonstration phone, takes the number, looks at
the place every five seconds, leaves, and begins again as somebody else. The first seconds are not left out.
"""

import asyncio
import math
import re
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import BaseConnector, ClientError, ClientSession, CookieJar, FormData, TCPConnector

from benchmarks.city import DISTRICTS
from benchmarks.measure import child, cpu_ns, machine, main, percentile, report
from cloudwindow import catalogue_files
from cloudwindow.config import Config, for_child
from cloudwindow.domain.catalogue import Catalogue
from cloudwindow.domain.fields import idno_check_character

VISITORS = (200, 400)
SECONDS = 60.0
PAUSE_SECONDS = 5.0
"""Between two requests of one visitor that are not part of one step, half as much more or less."""
LOOKS = 5
ITEM = "HR01"
GOAL_MS = 100.0
STEPS = ("join", "poll", "leave")
"""The queue API proper; the pages on the way there are told beside it."""
START_SECONDS = 240.0
CODE_SECONDS = 120.0
READ_SECONDS = 0.2
"""The demonstration's page shows the newest 30 messages: at 80 begun visits a second each is seen."""
REQUEST_SECONDS = 60.0

CSRF = re.compile(r'<meta name="csrf" content="([^"]*)"')
MESSAGE = re.compile(r'<span class="figures">([^<]+)</span></p><p class="demo-message__text">[^<]*?(\d{6})')


@dataclass(slots=True)
class Seen:
    """Milliseconds of each kind of request, and what went wrong."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class Phones:
    """The demonstration's messages: masked number to its newest code, read for everybody."""

    url: str
    codes: dict[str, str] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Read until cancelled."""
        async with ClientSession(self.url) as session:
            while True:
                async with session.get("/demo") as page:
                    found = MESSAGE.findall(await page.text())
                async with self.news:
                    self.codes |= dict(reversed(found))
                    self.news.notify_all()
                await asyncio.sleep(READ_SECONDS)

    async def code_to(self, mobile: str) -> str:
        """Wait for the code sent to ``mobile``."""
        masked = f"{mobile[:3]}****{mobile[-4:]}"
        async with asyncio.timeout(CODE_SECONDS), self.news:
            await self.news.wait_for(lambda: masked in self.codes)
            return self.codes[masked]


@dataclass(slots=True)
class Visitor:
    """One browser, and whoever sits before it."""

    url: str
    connector: BaseConnector
    phones: Phones
    seen: Seen
    chance: Random
    streets: Mapping[str, str]

    async def go_on(self, serials: Any, until: float) -> None:
        """Visit after visit, each time as somebody new, until the clock says so."""
        await asyncio.sleep(self.chance.uniform(0, PAUSE_SECONDS))
        while time.monotonic() < until:
            jar = CookieJar(unsafe=True, treat_as_secure_origin=self.url)
            async with ClientSession(
                self.url, cookie_jar=jar, connector=self.connector, connector_owner=False
            ) as session:
                try:
                    await self._visit(session, next(serials), until)
                except (ClientError, TimeoutError, Unexpected) as error:
                    self.seen.errors[f"{type(error).__name__} {error}"[:80]] += 1
                    await self._pause()

    async def _visit(self, session: ClientSession, serial: int, until: float) -> None:
        mobile = f"138{serial:08d}"
        token = _token(await self._get(session, "start_page", f"/items/{ITEM}/start"))
        await self._post(session, "begin", f"/items/{ITEM}/start", token, self._about(serial, mobile))
        token = _token(await self._get(session, "confirm_page", f"/items/{ITEM}/confirm"))
        typed = {"code": await self.phones.code_to(mobile), "consent_handling": "yes"}
        await self._post(session, "join", f"/items/{ITEM}/confirm", token, typed)
        token = _token(await self._get(session, "visit_page", "/visit"))
        for _ in range(LOOKS):
            await self._pause()
            if time.monotonic() > until:
                break
            await self._get(session, "poll", "/visit/panels?names=ticket")
        await self._pause()
        await self._post(session, "leave", "/visit/leave", token, {})

    async def _pause(self) -> None:
        await asyncio.sleep(PAUSE_SECONDS * self.chance.uniform(0.5, 1.5))

    def _about(self, serial: int, mobile: str) -> dict[str, str]:
        district = self.chance.choice([*DISTRICTS])
        start = f"440106{1950 + serial // 1000 % 50}0315{serial % 1000:03d}"
        return {
            "home_district": district,
            "home_street": self.streets[district],
            "capacity": "own",
            "call_language": "zh",
            "mode": "video",
            "name": "林晓岚",
            "id_number": start + idno_check_character(start),
            "mobile": mobile,
        }

    async def _get(self, session: ClientSession, kind: str, path: str) -> str:
        return await self._ask(session, kind, "GET", path, 200)

    async def _post(
        self, session: ClientSession, kind: str, path: str, token: str, typed: Mapping[str, str]
    ) -> str:
        return await self._ask(session, kind, "POST", path, 303, FormData({"csrf": token, **typed}))

    async def _ask(
        self, session: ClientSession, kind: str, method: str, path: str, wanted: int, body: Any = None
    ) -> str:
        headers = {"Accept-Language": "zh-CN", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        if method == "POST":
            headers["Origin"] = self.url
        begun = time.perf_counter()
        async with asyncio.timeout(REQUEST_SECONDS):
            async with session.request(
                method, path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text()
        self.seen.ms[kind].append((time.perf_counter() - begun) * 1000)
        if answer.status != wanted:
            raise Unexpected(f"{kind} answered {answer.status}")
        return text


class Unexpected(Exception):
    """The product answered something else than a visitor needs to go on."""


def bench(quick: bool) -> None:
    """Start the product and let visitors come."""
    with tempfile.TemporaryDirectory(prefix="cw-bench-") as folder:
        port = _free_port()
        environment = for_child(port=port, data_dir=folder)
        with (
            (Path(folder) / "out").open("wb") as out,
            child(
                [sys.executable, "-m", "cloudwindow", "run"], env=environment, stdout=out, stderr=out
            ) as process,
        ):
            asyncio.run(_measure(f"http://127.0.0.1:{port}", process.pid, quick))


async def _measure(url: str, pid: int, quick: bool) -> None:
    await _until_ready(url)
    levels = (5, 10) if quick else VISITORS
    serials = count(1)
    figures = {
        str(visitors): await _level(url, pid, visitors, 8.0 if quick else SECONDS, serials)
        for visitors in levels
    }
    report(
        "http_queue",
        measured=figures,
        ratios={},
        reach={"p95_ms": GOAL_MS, "errors": 0},
        reached={
            **{f"p95_ms_{level}": _worst(each) <= GOAL_MS for level, each in figures.items()},
            **{f"errors_{level}": not each["errors"] for level, each in figures.items()},
        },
        machine=machine(),
        notes=[f"a visitor pauses {PAUSE_SECONDS} s between steps; client and product share the machine"],
    )


def _worst(figures: Mapping[str, Any]) -> float:
    """The slowest step's p95; infinite when one was never reached."""
    reached = [figures["ms"].get(step, {}).get("p95", math.inf) for step in STEPS]
    return max(map(float, reached))


async def _level(url: str, pid: int, visitors: int, seconds: float, serials: Any) -> dict[str, Any]:
    catalogue: Catalogue = catalogue_files.load(Config().catalogue_dir)
    streets = {str(one.code): one.streets[0].code for one in catalogue.districts}
    seen, phones, before = Seen(), Phones(url), cpu_ns(pid)
    begun = time.monotonic()
    async with _reading(phones), TCPConnector(limit=0) as connector:
        people = [
            Visitor(url, connector, phones, seen, Random(number), streets) for number in range(visitors)
        ]
        await asyncio.gather(*(one.go_on(serials, begun + seconds) for one in people))
    lasted = time.monotonic() - begun
    requests = sum(map(len, seen.ms.values()))
    queue = [ms for step in STEPS for ms in seen.ms[step]]
    return {
        "ms": {kind: _spread(ms) for kind, ms in seen.ms.items()} | {"queue_api": _spread(queue)},
        "errors": sum(seen.errors.values()),
        "error_kinds": dict(seen.errors),
        "requests_per_second": requests / lasted,
        "server_cpu_share": (cpu_ns(pid) - before) / 1e9 / lasted,
        "server_cpu_ms_per_request": (cpu_ns(pid) - before) / 1e6 / max(1, requests),
    }


def _spread(ms: list[float]) -> dict[str, float]:
    return {
        "count": len(ms),
        "p50": percentile(ms, 0.5),
        "p95": percentile(ms, 0.95),
        "max": percentile(ms, 1.0),
    }


@asynccontextmanager
async def _reading(phones: Phones) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(phones.run())
        yield
        reading.cancel()


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(START_SECONDS), ClientSession(url) as session:
        while True:
            try:
                async with session.get("/ready") as answer:
                    if answer.status == 200:
                        return
            except ClientError:
                pass
            await asyncio.sleep(0.1)


def _token(page: str) -> str:
    found = CSRF.search(page)
    assert found, "the page has no token"
    return found[1]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


if __name__ == "__main__":
    main(bench, __doc__ or "")
