"""Messages between web nodes, the places of rooms, and rate limits."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from cloudwindow.bus import Buckets, Bus, Workers
from cloudwindow.domain.errors import Unavailable
from cloudwindow.queue import connect
from tests.gateways.redis_server import running_server
from tests.pace import PATIENCE_SECONDS


class Listener:
    """A node that remembers what it heard."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def __aenter__(self) -> "Listener":
        self.task = asyncio.create_task(self.bus.run(self.hear))
        await asyncio.wait_for(self.bus.listening.wait(), PATIENCE_SECONDS)
        return self

    async def __aexit__(self, *why: object) -> None:
        self.task.cancel()
        _ended, running = await asyncio.wait([self.task], timeout=PATIENCE_SECONDS)
        assert not running, "a node that is cancelled ends"

    async def hear(self, topic: str, payload: str) -> None:
        await self.heard.put((topic, payload))
        if topic == "bad":
            raise ValueError("cannot be handled")

    async def next(self) -> tuple[str, str]:
        return await asyncio.wait_for(self.heard.get(), PATIENCE_SECONDS)


async def test_every_other_node_hears_a_message_in_order_and_the_sender_does_not(redis: Redis) -> None:
    async with Listener(Bus(redis, "one")) as one, Listener(Bus(redis, "two")) as two:
        for number in range(20):
            await one.bus.publish("room", str(number))
        assert [await two.next() for _ in range(20)] == [("room", str(number)) for number in range(20)]
        await two.bus.publish("room", "back")
        assert await one.next() == ("room", "back")
        assert one.heard.empty()


async def test_a_message_that_cannot_be_handled_does_not_silence_the_node(redis: Redis) -> None:
    async with Listener(Bus(redis, "two")) as two:
        sender = Bus(redis, "one")
        await sender.publish("bad", "1")
        await sender.publish("good", "2")
        assert [await two.next(), await two.next()] == [("bad", "1"), ("good", "2")]


async def test_the_past_is_not_heard(redis: Redis) -> None:
    await Bus(redis, "one").publish("room", "past")
    async with Listener(Bus(redis, "two")) as two:
        await Bus(redis, "one").publish("room", "present")
        assert await two.next() == ("room", "present")


async def test_messages_sent_while_a_node_cannot_read_arrive_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudwindow.bus.RETRY_SECONDS", 0.01)
    with running_server(None, "--appendonly", "yes", "--appendfsync", "always") as server:
        client = connect(server.url)
        async with Listener(Bus(client, "two")) as two:
            await Bus(client, "one").publish("room", "before")
            assert await two.next() == ("room", "before")
            server.kill()
            with pytest.raises(Unavailable, match="bus_unavailable"):
                await Bus(client, "one").publish("room", "lost")
            server.start()
            await Bus(client, "one").publish("room", "after")
            assert await two.next() == ("room", "after")
        await client.aclose()


async def test_a_worker_is_known_until_its_lease_ends(redis: Redis) -> None:
    workers = Workers(redis)
    await workers.register("w1", "127.0.0.1:9001", {"rooms": 3})
    await workers.register("w2", "127.0.0.1:9002", {"rooms": 1}, ttl=60)
    found = {worker.name: worker for worker in await workers.all()}
    assert found["w1"].address == "127.0.0.1:9001"
    assert found["w1"].load == {"rooms": 3}
    assert 0 < await redis.pttl("{cw}:worker:w1") <= 6000
    await redis.delete("{cw}:worker:w1")
    assert [worker.name for worker in await workers.all()] == ["w2"]
    await workers.withdraw("w2")
    assert await workers.all() == []


async def test_a_room_lives_on_one_worker_whoever_asks_first(redis: Redis) -> None:
    workers = Workers(redis)
    for name in ("w1", "w2", "w3"):
        await workers.register(name, "there", {})
    placed = await asyncio.gather(*(workers.room_worker("r", f"w{1 + turn % 3}") for turn in range(12)))
    assert len(set(placed)) == 1
    await workers.forget("r")
    assert await workers.room_worker("r", "w2") == "w2"


async def test_a_room_of_a_dead_worker_moves_to_the_next(redis: Redis) -> None:
    workers = Workers(redis)
    await workers.register("w1", "there", {})
    await workers.register("w2", "there", {})
    assert await workers.room_worker("r", "w1") == "w1"
    await workers.withdraw("w1")
    assert await workers.room_worker("r", "w2") == "w2"
    assert await workers.room_worker("r", "w1") == "w2"


async def burst_and_pace(take: Callable[[float], Awaitable[float]]) -> tuple[int, float]:
    """How many may go at once, and how long the next must wait."""
    for allowed in range(100):
        if wait := await take(1000.0):
            return allowed, wait
    raise AssertionError("no limit")


async def test_a_bucket_allows_a_burst_and_then_an_even_pace(redis: Redis) -> None:
    buckets = Buckets(redis)

    async def take(now: float) -> float:
        return await buckets.take("sms|1", per_minute=6, burst=4, now=now)

    assert await burst_and_pace(take) == (4, 10.0)
    assert await take(1004.0) == 6.0
    assert await take(1010.0) == 0
    assert await take(1010.0) == 10.0
    assert await buckets.take("sms|2", per_minute=6, burst=4, now=1010.0) == 0


async def test_without_redis_a_process_allows_a_quarter_by_itself() -> None:
    client = connect("unix:///nowhere/at-all.sock")
    buckets = Buckets(client)

    async def take(now: float) -> float:
        return await buckets.take("sms|1", per_minute=6, burst=8, now=now)

    assert await burst_and_pace(take) == (2, 40.0)
    assert await take(1040.0) == 0
    await client.aclose()
