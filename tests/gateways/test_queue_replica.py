"""The replica of a node against the line on Redis: whatever happens, both tell the same."""

from contextlib import suppress
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.ids import DistrictCode, StaffId, TicketId
from cloudwindow.domain.match import AgentProfile, Lane
from cloudwindow.domain.messages import PlaceChanged
from cloudwindow.domain.presence import State
from cloudwindow.domain.replica import WAITING, Replica
from cloudwindow.queue import Line, offer_of
from tests.gateways.hall import BAIYUN, HUADU, NANSHA, Hall, lane, profile

LANES = [
    lane(district, skill, language)
    for district in (HUADU, BAIYUN, NANSHA)
    for skill, language in (("HR", "zh"), ("CA", "zh"), ("HR", "yue"))
]
SERVES = (None, None, frozenset({HUADU, BAIYUN}))


def random_profile(random: Random, number: int) -> AgentProfile:
    return AgentProfile(
        agent=StaffId(f"a{number}"),
        district=random.choice([HUADU, BAIYUN, NANSHA]),
        skills=frozenset(random.choice(["HR", "CA", "HR CA"]).split()),
        languages=frozenset(random.choice(["zh", "zh yue"]).split()),
        serves_districts=random.choice(SERVES),
    )


class Follower:
    """A node: its replica, and what its pages show."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.replica: Replica
        self.pages: dict[TicketId, PlaceChanged | None] = {}
        self.snapshots = 0

    async def begin(self) -> None:
        self.snapshots += 1
        self.replica = self.line.replica(await self.line.snapshot(), self.pages)

    async def catch_up(self) -> None:
        news = await self.line.since(self.replica.id)
        if news is None or not all(self.replica.apply(one.id, one) for one in news):
            await self.begin()
        if self.replica.case_ended:
            self.replica.measured(await self.line.cases())
        self.pages.update(self.replica.moved())


class Town:
    """Random traffic in a hall."""

    def __init__(self, redis: Redis, seed: int) -> None:
        self.random = Random(seed)
        self.hall = Hall(redis, Line(redis, prefix="hall", ring_delays=(0.0, 12.0, 30.0)))
        self.line = self.hall.line
        self.tickets: list[TicketId] = []
        self.agents: dict[StaffId, int] = {}

    async def step(self) -> None:
        doing = self.random.choice(
            [self.join] * 6 + [self.agent] * 8 + [self.citizen] * 3 + [self.sign_in, self.time] * 2
        )
        with suppress(CloudWindowError):  # people press what is not allowed just now
            await doing()

    async def join(self) -> None:
        ticket = TicketId(f"t{len(self.tickets)}")
        self.tickets.append(ticket)
        await self.hall.join(
            ticket, self.random.choice(LANES), credit=self.random.choice([0.0, 0.0, 7.0, 15.0])
        )

    async def sign_in(self) -> None:
        number = self.random.randrange(7)
        one = random_profile(self.random, number)
        self.agents[one.agent] = number
        await self.line.sign_in(one, now=self.hall.now)
        await self.line.set_available(one.agent, now=self.hall.now)

    async def agent(self) -> None:
        present = list(await self.line.agents())
        if not present:
            return await self.sign_in()
        one = self.random.choice(present)
        now = self.hall.now
        if one.state is State.OFFERED and one.offer:
            if self.random.random() < 0.8:
                await self.line.accept(one.agent, one.offer, now=now)
            else:
                await self.line.decline(one.agent, one.offer, reason="other", now=now)
        elif one.state is State.IN_CALL and one.ticket:
            ends = self.line.release if self.random.random() < 0.2 else self.line.wrap_up
            await ends(one.agent, one.ticket, now=now)
        elif one.state is State.WRAP_UP:
            then: Any = self.random.choice(["available", "available", "away"])
            await self.line.finish(one.agent, now=now, then=then)
        elif one.state is State.AWAY:
            await self.line.set_available(one.agent, now=now)
        elif self.random.random() < 0.2:
            leaves: Any = self.random.choice([self.line.set_away, self.line.sign_out])
            await leaves(one.agent, now=now)
        return None

    async def citizen(self) -> None:
        if self.tickets:
            does: Any = self.random.choice([self.line.leave, self.line.detach, self.line.attach])
            await does(self.random.choice(self.tickets[-30:]), now=self.hall.now)

    async def time(self) -> None:
        seconds = self.random.choice([0.5, 3.0, 8.0, 21.0])
        if self.random.random() < 0.2:
            await self.hall.go_by_silently(seconds)
        else:
            await self.hall.pass_time(seconds)


async def compare(town: Town, node: Follower) -> None:
    """Every answer of the replica is Redis's own, and no page shows what is no longer right."""
    now = town.hall.now
    for ticket in town.tickets:
        assert node.replica.place(ticket) == await town.line.place(ticket, now=now), ticket
    by_lane: Any = {one.lane: one for one in node.replica.loads()}
    assert by_lane == {one.lane: one for one in await town.line.load()}
    by_agent = {one.agent: one for one in node.replica.agents()}
    assert by_agent == {one.agent: one for one in await town.line.agents()}
    for ticket, shows in node.pages.items():
        here = node.replica._tickets.get(ticket)
        if here is not None and here.state == WAITING:  # one set aside has no page
            assert shows == node.replica.shown(ticket), ticket


@pytest.mark.parametrize("seed", range(8))
async def test_the_replica_and_redis_agree_after_every_step(redis: Redis, seed: int) -> None:
    town = Town(redis, seed)
    node = Follower(town.line)
    await node.begin()
    for number in range(160):
        await town.step()
        await node.catch_up()
        if town.tickets and number % 3 == 0:
            page = town.random.choice(town.tickets)
            if page in node.pages and town.random.random() < 0.3:
                node.replica.unfollow(page)
                del node.pages[page]
            else:
                node.pages[page] = node.replica.follow(page)
        if number % 4 == 0:
            await compare(town, node)
    assert node.snapshots == 1, "everything was told by the stream"


@pytest.mark.parametrize("seed", range(2))
async def test_a_replica_begun_in_the_middle_agrees(redis: Redis, seed: int) -> None:
    town = Town(redis, 100 + seed)
    for _ in range(25):
        for _ in range(4):
            await town.step()
        node = Follower(town.line)
        await node.begin()
        await compare(town, node)
        await town.step()
        await node.catch_up()
        await compare(town, node)


async def test_a_trimmed_stream_a_flushed_and_a_rebuilt_line_ask_for_a_new_snapshot(redis: Redis) -> None:
    hall = Hall(redis, Line(redis, prefix="hall"))
    await hall.join("t1")
    node = Follower(hall.line)
    await node.begin()
    await hall.join("t2")
    assert [one.kind for one in await hall.line.since(node.replica.id) or []] == ["ticket.joined"]
    await redis.xtrim("{hall}:announcements", maxlen=1, approximate=False)
    assert await hall.line.since(node.replica.id) is None
    await node.catch_up()
    assert node.replica.place(TicketId("t2")) is not None
    await redis.flushall()
    await node.catch_up()
    assert node.replica.place(TicketId("t2")) is None
    await hall.line.rebuild([(TicketId("t2"), lane(), hall.now, 0.0)], now=hall.now)
    await node.catch_up()
    assert node.replica.place(TicketId("t2")) is not None
    assert node.snapshots == 4


async def test_news_of_somebody_unknown_asks_for_a_new_snapshot(redis: Redis) -> None:
    hall = Hall(redis, Line(redis, prefix="hall"))
    await hall.arrive(profile("mei"))
    node = Follower(hall.line)
    await node.begin()
    node.replica._agents.clear()
    await hall.join("t1")
    news = await hall.line.since(node.replica.id)
    assert news
    assert not all(node.replica.apply(one.id, one) for one in news)


async def test_an_offer_told_by_the_stream_is_the_agents_in_the_replica(redis: Redis) -> None:
    hall = Hall(redis, Line(redis, prefix="hall"))
    node = Follower(hall.line)
    await node.begin()
    await hall.arrive(profile("mei"))
    await hall.join("t1")
    await node.catch_up()
    (mei,) = node.replica.agents()
    made = [one for one in await hall.told() if one.kind == "offer.made"]
    assert (mei.state, mei.offer, mei.ticket) == (State.OFFERED, offer_of(made[0]).offer, "t1")
    assert node.replica.place(TicketId("t1")) is None


async def ten_thousand(redis: Redis) -> tuple[Hall, Follower]:
    """Ten thousand wait in one lane with their pages open; two hundred agents are in calls."""
    hall = Hall(redis, Line(redis, prefix="hall"))
    here: Lane = lane()
    waiting = [(TicketId(f"t{number}"), here, 1_000.0 + number, 0.0) for number in range(10_200)]
    hall.now = 20_000.0
    await hall.line.rebuild(waiting, now=hall.now)
    for number in range(200):
        await hall.arrive(profile(f"a{number}", DistrictCode(HUADU)))
    node = Follower(hall.line)
    await node.begin()
    for ticket, *_ in waiting:
        node.pages[ticket] = node.replica.follow(ticket)
    dict(node.replica.moved())
    return hall, node


async def test_a_pairing_among_ten_thousand_changes_few_pages(redis: Redis) -> None:
    """At 20 pairings a second and one look a second: at most 60 pages are told per pairing."""
    hall, node = await ten_thousand(redis)
    offers = [(one.agent, one.offer, one.ticket) for one in await hall.line.agents()]
    told = 0
    for second in range(5):
        for agent, offer, ticket in offers[second * 20 : second * 20 + 20]:
            assert offer is not None
            assert ticket is not None
            await hall.line.accept(agent, offer, now=hall.now)
            await hall.line.wrap_up(agent, ticket, now=hall.now)
            await hall.line.finish(agent, now=hall.now)
        hall.now += 1
        for one in await hall.line.since(node.replica.id) or []:
            assert node.replica.apply(one.id, one)
        moved = dict(node.replica.moved())
        node.pages.update(moved)
        told += len(moved)
    waits = [ticket for ticket in node.pages if node.replica.waits(ticket)]
    assert len(waits) == 10_200 - 300
    assert all(node.pages[ticket] == node.replica.shown(ticket) for ticket in waits)
    assert 20 <= told / 100 <= 60
