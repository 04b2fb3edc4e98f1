"""The replica of a node against the line on Redis: whatever happens, both tell the same."""

from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from cloudwindow.domain import replica as replicas
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId
from cloudwindow.domain.match import CLOSED, PLAIN, AgentProfile, Lane, Place, Terms, ring_word
from cloudwindow.domain.messages import PlaceChanged
from cloudwindow.domain.presence import State
from cloudwindow.domain.replica import HELD, WAITING, Replica
from cloudwindow.queue import Line, offer_of
from tests.gateways.hall import BAIYUN, HUADU, NANSHA, Hall, lane, profile

LANES = [
    Lane(home_district=district, skill=skill, language=language, mode=mode, rings=ring_word(stays))
    for district in (HUADU, BAIYUN, NANSHA)
    for skill, language, mode, stays in (
        ("HR", "zh", "video", (12.0, 6.0, 18.0)),
        ("CA", "zh", "video", (12.0, 6.0, 18.0)),
        ("CA+HR", "zh", "video", (12.0, 6.0, 18.0)),
        ("CA", "zh", "video", (5.0, CLOSED, 0.0)),
        ("HR", "yue", "video", (12.0, 6.0, 18.0)),
        ("HR", "zh", "text", (12.0, 6.0, 18.0)),
        ("CA", "zh", "text", (12.0, 6.0, 18.0)),
    )
]
SERVES = (None, None, frozenset({HUADU, BAIYUN}))


@pytest.fixture
def _waits_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait is a moment old."""
    monkeypatch.setattr(replicas, "OUTLOOK_SECONDS", 0.0)
    monkeypatch.setattr(replicas, "CHECK_SECONDS", 0.0)


def random_profile(random: Random, number: int) -> AgentProfile:
    return AgentProfile(
        agent=StaffId(f"a{number}"),
        district=random.choice([HUADU, BAIYUN, NANSHA]),
        skills=frozenset(random.choice(["HR", "CA", "HR CA"]).split()),
        languages=frozenset(random.choice(["zh", "zh yue"]).split()),
        modes=frozenset(random.choice(["video", "video text", "text"]).split()),
        capacity=random.choice([1, 2, 3, 3]),
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
        self.replica.shifts(await self.line.shifts())

    async def catch_up(self, now: float = 1_000_000.0) -> None:
        news = await self.line.since(self.replica.id)
        if news is None or not all(self.replica.apply(one.id, one) for one in news):
            await self.begin()
        if self.replica.case_ended:
            self.replica.measured(await self.line.cases())
        self.replica.shifts(await self.line.shifts())
        self.pages.update(self.replica.moved(now))


class Town:
    """Random traffic in a hall."""

    def __init__(self, redis: Redis, seed: int) -> None:
        self.random = Random(seed)
        self.hall = Hall(redis, Line(redis, prefix="hall"))
        self.line = self.hall.line
        self.tickets: list[TicketId] = []
        self.agents: dict[StaffId, int] = {}

    async def step(self) -> None:
        doing = self.random.choice(
            [self.join] * 6
            + [self.agent] * 8
            + [self.citizen] * 4
            + [self.sign_in, self.time, self.ask, self.ask] * 2
            + [self.lend]
        )
        with suppress(CloudWindowError):  # people press what is not allowed just now
            await doing()

    async def join(self) -> None:
        ticket = TicketId(f"t{len(self.tickets)}")
        self.tickets.append(ticket)
        now = self.hall.now
        terms = self.random.choice(
            [
                PLAIN,
                PLAIN,
                PLAIN,
                Terms(preferred=self._somebody(), preferred_until=now + 15),
                Terms(not_before=now + 9, callback=True),
                Terms(preferred=self._somebody(), preferred_until=now + 40, not_before=now + 12),
            ]
        )
        await self.hall.join(
            ticket,
            self.random.choice(LANES),
            credit=self.random.choice([0.0, 0.0, 7.0, 15.0]),
            terms=terms,
        )

    def _somebody(self) -> StaffId:
        return StaffId(f"a{self.random.randrange(7)}")

    async def ask(self) -> None:
        """An agent asks for work, or for a certain ticket, or wants to be pushed none."""
        agent, now = self._somebody(), self.hall.now
        kind = self.random.randrange(4)
        if kind == 0:
            await self.line.next_for(agent, now=now)
        elif kind == 1 and self.tickets:
            await self.line.pick(agent, self.random.choice(self.tickets[-20:]), reason="asked", now=now)
        elif kind == 2:
            await self.line.set_available(agent, pull=self.random.random() < 0.3, now=now)
        else:
            await self.line.end_shift_at(agent, now + 10, now=now)

    async def lend(self) -> None:
        lenders = self.random.choice([{}, {HUADU: frozenset({NANSHA})}, {NANSHA: frozenset({HUADU, BAIYUN})}])
        await self.line.lend(lenders, now=self.hall.now)

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
        if one.offer:
            if self.random.random() < 0.8:
                await self.line.accept(one.agent, one.offer, now=now)
            else:
                await self.line.decline(one.agent, one.offer, reason="other", now=now)
        elif one.calls:
            held = self.random.choice(one.calls)
            ends = self.line.release if self.random.random() < 0.2 else self.line.wrap_up
            if not held.ended:
                return await ends(one.agent, held.ticket, now=now)
            then: Any = self.random.choice(["available", "available", "away"])
            await self.line.finish(one.agent, now=now, then=then, ticket=held.ticket)
        elif one.state is State.AWAY:
            await self.line.set_available(one.agent, now=now)
        elif self.random.random() < 0.2:
            leaves: Any = self.random.choice([self.line.set_away, self.line.sign_out])
            await leaves(one.agent, now=now)
        return None

    async def citizen(self) -> None:
        if not self.tickets:
            return
        ticket, now = self.random.choice(self.tickets[-30:]), self.hall.now
        kind = self.random.randrange(5)
        if kind == 3:
            until = now + self.random.choice([-1.0, 5.0, 20.0])
            await self.line.hold(ticket, not_before=until, now=now)
        elif kind == 4:
            await self.line.call_back(ticket, self.random.random() < 0.5, now=now)
        else:
            does: Any = [self.line.leave, self.line.detach, self.line.attach][kind]
            await does(ticket, now=now)

    async def time(self) -> None:
        seconds = self.random.choice([0.5, 3.0, 8.0, 21.0])
        if self.random.random() < 0.2:
            await self.hall.go_by_silently(seconds)
        else:
            await self.hall.pass_time(seconds)


def nearly(place: Place | None) -> Any:
    """A place whose seconds may differ by the last digit: sums are added up in another order."""
    if place is None or place.expected_seconds is None or place.point_seconds is None:
        return place
    return replace(
        place, expected_seconds=round(place.expected_seconds, 6), point_seconds=round(place.point_seconds, 6)
    )


async def compare(town: Town, node: Follower) -> None:
    """Every answer of the replica is Redis's own, and no page shows what is no longer right."""
    now = town.hall.now
    for ticket in town.tickets:
        ours, theirs = node.replica.place(ticket, now), await town.line.place(ticket, now=now)
        assert nearly(ours) == nearly(theirs), ticket
    by_lane: Any = {one.lane: one for one in node.replica.loads()}
    assert by_lane == {one.lane: one for one in await town.line.load()}
    by_agent = {one.agent: one for one in node.replica.agents()}
    unheard: dict[str, Any] = {"pull": False, "rings_until": None}
    known = [replace(one, **unheard) for one in await town.line.agents()]
    assert by_agent == {one.agent: one for one in known}
    for ticket, shows in node.pages.items():
        here = node.replica._tickets.get(ticket)
        if here is not None and here.state in (WAITING, HELD):  # one set aside has no page
            assert shows == node.replica.shown(ticket, now), ticket


@pytest.mark.usefixtures("_waits_as_they_are")
@pytest.mark.parametrize("seed", range(8))
async def test_the_replica_and_redis_agree_after_every_step(redis: Redis, seed: int) -> None:
    town = Town(redis, seed)
    node = Follower(town.line)
    await node.begin()
    for number in range(160):
        await town.step()
        await node.catch_up(town.hall.now)
        if town.tickets and number % 3 == 0:
            page = town.random.choice(town.tickets)
            if page in node.pages and town.random.random() < 0.3:
                node.replica.unfollow(page)
                del node.pages[page]
            else:
                node.pages[page] = node.replica.follow(page, town.hall.now)
        if number % 4 == 0:
            await compare(town, node)
    assert node.snapshots == 1, "everything was told by the stream"


@pytest.mark.usefixtures("_waits_as_they_are")
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
        await node.catch_up(town.hall.now)
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
    assert node.replica.place(TicketId("t2"), hall.now) is not None
    await redis.flushall()
    await node.catch_up()
    assert node.replica.place(TicketId("t2"), hall.now) is None
    await hall.line.rebuild([(TicketId("t2"), lane(), hall.now, 0.0)], now=hall.now)
    await node.catch_up()
    assert node.replica.place(TicketId("t2"), hall.now) is not None
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
    assert node.replica.place(TicketId("t1"), hall.now) is None


async def test_a_page_that_comes_back_into_a_line_nobody_watched_is_told_who_passes_it(redis: Redis) -> None:
    """The marks of that line are old by then: its pages must not be compared with those (seed 1, redis 7)."""
    hall = Hall(redis, Line(redis, prefix="hall"))
    node = Follower(hall.line)
    for agent, ticket in (("mei", "before"), ("lan", "back")):
        await hall.arrive(profile(agent))
        await hall.join(ticket)
    (busy, free) = await hall.offers()
    await hall.line.accept(StaffId(busy[1]), OfferId(f"{busy[0]}/1"), now=hall.now)
    other = replace(lane(), rings=ring_word((5.0, CLOSED, 0.0)))
    await hall.join("first", other, credit=60.0)
    await hall.join("second", other, credit=60.0)
    await node.begin()
    node.replica.place(TicketId("first"), hall.now)
    node.pages[TicketId("back")] = node.replica.follow(TicketId("back"), hall.now)
    for ticket in ("first", "second"):
        await hall.line.leave(TicketId(ticket), now=hall.now)
    await node.catch_up(hall.now)
    offer = await hall.last_offer()
    await hall.line.decline(StaffId(free[1]), offer.offer, reason="other", now=hall.now)
    await hall.line.set_away(StaffId(free[1]), now=hall.now)
    await node.catch_up(hall.now)
    shown = node.pages[TicketId("back")]
    assert shown is not None
    assert shown.ahead == 0
    await hall.join("passes", other, credit=30.0)
    await node.catch_up(hall.now)
    assert node.pages[TicketId("back")] == node.replica.shown(TicketId("back"), hall.now)
    shown = node.pages[TicketId("back")]
    assert shown is not None
    assert shown.ahead == 1


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
        node.pages[ticket] = node.replica.follow(ticket, hall.now)
    dict(node.replica.moved(hall.now))
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
        moved = dict(node.replica.moved(hall.now))
        node.pages.update(moved)
        told += len(moved)
    waits = [ticket for ticket in node.pages if node.replica.waits(ticket)]
    assert len(waits) == 10_200 - 300
    assert all(node.pages[ticket] == node.replica.shown(ticket, hall.now) for ticket in waits)
    assert 20 <= told / 100 <= 60
