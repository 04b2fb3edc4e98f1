"""
A hall in which agents serve calls at a steady rate while the number waiting stays where it is.

It drives the line, or a floor under it, by the same methods in the same order and keeps a clock of its own,
so that a queue of an hour needs no hour. CPU is read around each kind of script, never around reading news.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from importlib.resources import files
from random import Random
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from benchmarks.city import SCARCE, City
from benchmarks.measure import Pipelined
from cloudwindow.domain.ids import OfferId, StaffId, TicketId
from cloudwindow.domain.match import ACCEPT_SECONDS, AgentProfile, Lane
from cloudwindow.queue import STREAM_LENGTH, Announcement, Line

RATE = 20.0
"""Pairings per second of the hall's clock: a hard peak of a city of 2,000 agents."""
HANDLING_SPREAD = 0.5
"""Calls last from half their mean to one and a half."""
BATCH = 20
TICK_SECONDS = 0.2
START = 1_800_000_000.0
IDLE_SECONDS = 10.0
"""How far the clock goes on when nobody is in a call."""
LEASE_SECONDS = 1e7
"""No agent of a benchmark beats: what a lease costs to renew is in every script that renews it."""
FILL = 1000
KINDS = ("join", "accept", "wrap_up", "finish", "tick")
"""The scripts of one call, in whose cost it is told."""


class Matcher(Protocol):
    """The part of ``Line`` that a hall uses."""

    async def sign_in(self, profile: AgentProfile, *, now: float) -> object: ...
    async def set_available(self, agent: StaffId, *, now: float) -> None: ...
    async def join(self, ticket: TicketId, lane: Lane, *, joined_at: float, now: float) -> None: ...
    async def accept(self, agent: StaffId, offer: OfferId, *, now: float) -> object: ...
    async def wrap_up(self, agent: StaffId, ticket: TicketId, *, now: float) -> None: ...
    async def finish(self, agent: StaffId, *, now: float) -> None: ...
    async def tick(self, *, now: float) -> int: ...
    async def history(self, after: str = "0-0", *, count: int = STREAM_LENGTH) -> list[Announcement]: ...


def line(redis: Redis, prefix: str) -> Line:
    """The product's line, driven many commands at a time."""
    piped: Any = Pipelined(redis)
    return Line(piped, prefix=prefix, lease_seconds=LEASE_SECONDS)


class Floor:
    """The scripts of ``floor/``: the writes of a call without a decision about who may serve whom."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = Pipelined(redis)
        self._key = "{" + prefix + "}"
        self._reader = Line(redis, prefix=prefix)
        rules = (
            f"local RULES = {{accept={round(ACCEPT_SECONDS * 1000)}, lease={round(LEASE_SECONDS * 1000)}, "
            f"stream={STREAM_LENGTH}}}"
        )
        shared = _lua("floor")
        self._texts = {name: "\n".join((rules, shared, _lua(name))) for name in SCRIPTS}
        self._digests = {name: sha1(text.encode()).hexdigest() for name, text in self._texts.items()}  # noqa: S324

    async def sign_in(self, profile: AgentProfile, *, now: float) -> object:
        words = (",".join(sorted(some)) for some in (profile.skills, profile.languages, profile.modes))
        return await self._run("sign_in", now, profile.agent, profile.district, *words, "*")

    async def set_available(self, agent: StaffId, *, now: float) -> None:
        await self._run("set_available", now, agent)

    async def join(self, ticket: TicketId, lane: Lane, *, joined_at: float, now: float) -> None:
        joined = joined_at * 1000
        await self._run("join", now, ticket, lane.key, f"{joined:.3f}", str(round(joined)), "0")

    async def accept(self, agent: StaffId, offer: OfferId, *, now: float) -> object:
        return await self._run("accept", now, agent, offer)

    async def wrap_up(self, agent: StaffId, ticket: TicketId, *, now: float) -> None:
        await self._run("wrap_up", now, agent, ticket)

    async def finish(self, agent: StaffId, *, now: float) -> None:
        await self._run("finish", now, agent)

    async def tick(self, *, now: float) -> int:
        return int(await self._run("tick", now))

    async def history(self, after: str = "0-0", *, count: int = STREAM_LENGTH) -> list[Announcement]:
        return await self._reader.history(after, count=count)

    async def _run(self, name: str, now: float, *args: str) -> Any:
        keys_and_args = (self._key, str(round(now * 1000)), *args)
        try:
            return await self._redis.evalsha(self._digests[name], 1, *keys_and_args)
        except NoScriptError:
            return await self._redis.eval(self._texts[name], 1, *keys_and_args)


SCRIPTS = ("join", "sign_in", "set_available", "accept", "wrap_up", "finish", "tick")


def _lua(name: str) -> str:
    return files("benchmarks").joinpath("floor", f"{name}.lua").read_text(encoding="utf-8")


@dataclass(slots=True)
class Hall:
    """``waiting`` tickets of ``city`` before ``matcher``; ``meter`` reads the server's CPU in ns."""

    matcher: Matcher
    city: City
    waiting: int
    chance: Random
    meter: Callable[[], Awaitable[int]]
    now: float = START
    spent: Counter[str] = field(default_factory=Counter)
    """CPU by kind of script, in ns."""
    served: int = 0
    idle: int = 0
    _waits: int = 0
    _news: str = "0-0"
    _calls: list[tuple[float, StaffId, TicketId]] = field(default_factory=list)
    _kinds: dict[TicketId, bool] = field(default_factory=dict)
    """Ticket in the hall -> whether it asks for the scarce skill."""
    _tickets: int = 0

    async def fill(self) -> None:
        """Let the tickets join as if the hall had run for long, then the agents come and take some."""
        total = self.waiting + len(self.city.agents)
        begin = self.now - total / RATE
        lanes = [self.city.lane(self.chance) for _ in range(total)]
        for start in range(0, total, FILL):
            batch = lanes[start : start + FILL]
            await _all(
                self._join(lane, begin + (start + at) / RATE, self.now) for at, lane in enumerate(batch)
            )
        for start in range(0, len(self.city.agents), FILL):
            some = self.city.agents[start : start + FILL]
            await _all(self.matcher.sign_in(agent, now=self.now) for agent in some)
            await _all(self.matcher.set_available(agent.agent, now=self.now) for agent in some)
            self.idle += len(some)
        await self._take_offers()
        while self._waits > self.waiting:
            await self.serve(BATCH)
        self.spent.clear()
        self.served = 0

    async def serve(self, calls: int) -> None:
        """Go on until about ``calls`` more are accepted; each is followed by one that joins."""
        goal = self.served + calls
        while self.served < goal:
            ended = [heapq.heappop(self._calls) for _ in range(min(BATCH, len(self._calls)))]
            before, self.now = self.now, max(self.now, ended[-1][0]) if ended else self.now + IDLE_SECONDS
            await self._timed(
                "wrap_up", [self.matcher.wrap_up(agent, ticket, now=self.now) for _, agent, ticket in ended]
            )
            await self._timed("finish", [self.matcher.finish(agent, now=self.now) for _, agent, _ in ended])
            self.idle += len(ended)
            gone = [self._kinds.pop(ticket) for _, _, ticket in ended]
            await self._take_offers()
            await self._fill_up(gone)
            await self._ticks(before)

    @property
    def handling(self) -> float:
        """Mean seconds of a call, so that all agents together end ``RATE`` a second."""
        return len(self.city.agents) / RATE

    async def _fill_up(self, gone: Sequence[bool]) -> None:
        lanes = [self.city.lane_of(self.chance, scarce=scarce) for scarce in gone]
        lanes = lanes[: max(0, self.waiting - self._waits)]
        await self._timed("join", [self._join(lane, self.now, self.now) for lane in lanes])
        await self._take_offers()

    async def _ticks(self, before: float) -> None:
        steps = round((self.now - before) / TICK_SECONDS)
        times = [self.now - TICK_SECONDS * back for back in reversed(range(min(steps, 10)))]
        await self._timed("tick", [self.matcher.tick(now=at) for at in times])
        await self._take_offers()

    async def _join(self, lane: Lane, joined_at: float, now: float) -> None:
        self._tickets += 1
        ticket = TicketId(f"t{self._tickets:07}")
        self._kinds[ticket] = lane.skill == SCARCE
        self._waits += 1
        await self.matcher.join(ticket, lane, joined_at=joined_at, now=now)

    async def _take_offers(self) -> int:
        news = await self.matcher.history(self._news)
        if news:
            self._news = news[-1].id
        made = [(one.agent, one.offer, one.ticket) for one in news if one.kind == "offer.made"]
        offers = [(agent, offer, ticket) for agent, offer, ticket in made if agent and offer and ticket]
        await self._timed(
            "accept", [self.matcher.accept(agent, offer, now=self.now) for agent, offer, _ in offers]
        )
        for agent, _, ticket in offers:
            lasts = self.handling * self.chance.uniform(1 - HANDLING_SPREAD, 1 + HANDLING_SPREAD)
            heapq.heappush(self._calls, (self.now + lasts, agent, ticket))
        self._waits -= len(offers)
        self.idle -= len(offers)
        self.served += len(offers)
        return len(offers)

    async def _timed(self, kind: str, work: Sequence[Awaitable[object]]) -> None:
        if work:
            before = await self.meter()
            await _all(work)
            self.spent[kind] += await self.meter() - before


async def _all(work: Iterable[Awaitable[object]]) -> None:
    await asyncio.gather(*work)
