"""The product's line: join, wrap up, finish (which offers the next), accept; offers come by the stream."""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

from redis.asyncio import Redis

from benchmarks.city import City
from benchmarks.hall import LEASE_SECONDS, Hall, line
from benchmarks.measure import cpu_ns
from cloudwindow.domain.ids import OfferId, StaffId, TicketId
from cloudwindow.queue import Line, connect

OFFER_SECONDS = 60.0
PREFIX = "ours"


@dataclass(slots=True)
class Ours:
    """A filled hall, worked from many connections as web processes do."""

    pid: int
    hall: Hall
    lines: list[Line]
    awaited: dict[StaffId, asyncio.Future[tuple[OfferId, TicketId]]] = field(default_factory=dict)
    name: str = "ours"
    joined: int = 0
    shift: float = 0.0

    def cpu(self) -> int:
        """CPU of the Valkey process."""
        return cpu_ns(self.pid)

    async def round(self, pairings: int, clients: int) -> list[float]:
        """As ``Contestant``; the time ends when the offer has been read from the stream."""
        left = [pairings]
        taken = await asyncio.gather(*(self._work(self.lines[number], left) for number in range(clients)))
        return [ms for some in taken for ms in some]

    async def listen(self) -> None:
        """Read the line's news, as every node of the product does."""
        reader = self.lines[-1]
        async for news in reader.announcements(await reader.latest()):
            if news.kind == "offer.made" and news.agent and news.offer and news.ticket:
                waiting = self.awaited.pop(news.agent, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result((news.offer, news.ticket))

    async def _work(self, client: Line, left: list[int]) -> list[float]:
        found = []
        while left[0] > 0:
            left[0] -= 1
            _, agent, ticket = heapq.heappop(self.hall._calls)
            await client.wrap_up(agent, ticket, now=self._now())
            begun = time.perf_counter()
            offer = asyncio.get_running_loop().create_future()
            self.awaited[agent] = offer
            await client.finish(agent, now=self._now())
            async with asyncio.timeout(OFFER_SECONDS):
                name, taken = await offer
            found.append((time.perf_counter() - begun) * 1000)
            await client.accept(agent, name, now=self._now())
            heapq.heappush(self.hall._calls, (self._now(), agent, taken))
            await self._join(client)
        return found

    async def _join(self, client: Line) -> None:
        self.joined += 1
        lane = self.hall.city.lane(self.hall.chance)
        now = self._now()
        await client.join(TicketId(f"n{self.joined:07}"), lane, joined_at=now, now=now)

    def _now(self) -> float:
        return self.hall.now + time.monotonic() - self.shift


@asynccontextmanager
async def ours(url: str, pid: int, city: City, waiting: int, clients: int) -> AsyncIterator[Ours]:
    """The line on the server at ``url``, filled."""
    async with AsyncExitStack() as stack:

        def connected() -> Redis:
            client = connect(url)
            stack.push_async_callback(client.aclose)
            return client

        async def no_meter() -> int:
            return 0

        hall = Hall(line(connected(), PREFIX), city, waiting, Random(4), no_meter)
        await hall.fill()
        lines = [Line(connected(), prefix=PREFIX, lease_seconds=LEASE_SECONDS) for _ in range(clients + 1)]
        made = Ours(pid=pid, hall=hall, lines=lines, shift=time.monotonic())
        listening = asyncio.create_task(made.listen())
        yield made
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
