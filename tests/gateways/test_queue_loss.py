"""What happens to the line when Redis, its answers or its contents are lost."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected

import cloudwindow.queue
from cloudwindow.domain.errors import Unavailable
from cloudwindow.domain.ids import StaffId, TicketId
from cloudwindow.domain.match import Lane
from cloudwindow.queue import Announcement, Line, connect
from tests.gateways.hall import BAIYUN, Hall, lane, offer_id, profile
from tests.gateways.redis_server import RedisServer, running_server
from tests.pace import PATIENCE_SECONDS

MEI, LAN = StaffId("mei"), StaffId("lan")
T1, T2, T3 = TicketId("t1"), TicketId("t2"), TicketId("t3")


CITIZENS = ["join", "leave", "detach", "attach"]
AGENTS = ["sign_in", "set_available", "set_away", "sign_out", "beat", "finish"]
CALLS = ["accept", "decline", "release", "wrap_up"]
CHANGING = [*CITIZENS, *AGENTS, *CALLS, "tick", "rebuild", "rebuilt"]


class CutOff(Redis):
    """A client whose every script runs, but whose first answer never arrives."""

    cut: set[str] = set()  # noqa: RUF012 — one test, one story
    _answer_next = False

    async def evalsha(self, *args: Any) -> Any:
        answer = await super().evalsha(*args)
        self._answer_next = not self._answer_next
        if self._answer_next:
            self.cut.add(args[0])
            raise Disconnected("the answer was lost")
        return answer


async def story(hall: Hall) -> list[Announcement]:
    """Every script of the line at least once."""
    line = hall.line
    await hall.arrive(profile("mei"))
    for ticket in ("t1", "t2", "t3"):
        await hall.join(ticket)
    await line.detach(T3, now=hall.now)
    await line.attach(T3, now=hall.now)
    await line.decline(MEI, offer_id("t1", 1), reason="other", now=hall.now)
    await hall.arrive(profile("lan", BAIYUN))
    await hall.pass_time(21)
    await line.accept(MEI, offer_id("t2", 2), now=hall.now)
    await line.release(MEI, T2, now=hall.now)
    await line.finish(MEI, now=hall.now)
    assert (await hall.accept()).agent == MEI
    await line.leave(T3, now=hall.now)
    await line.wrap_up(MEI, T2, now=hall.now)
    await line.finish(MEI, now=hall.now, then="away")
    await line.set_away(LAN, reason="break", now=hall.now)
    await line.rebuild([(TicketId("t9"), lane(), 5.0, 0.0)], now=hall.now)
    await line.sign_out(MEI, now=hall.now)
    await hall.go_by_silently(700)
    return await hall.told()


async def reading(redis: Redis) -> None:
    """Somebody waits on the server for news."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await redis.info("clients"))["blocked_clients"]:
            pass


def essence(told: list[Announcement]) -> list[tuple[Any, ...]]:
    return [(one.kind, one.at, one.ticket, one.agent, one.offer, one.epoch) for one in told]


async def test_every_script_may_run_twice(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every first answer lost and every call repeated the same things happen, once."""
    monkeypatch.setattr(cloudwindow.queue, "PAUSE_SECONDS", 0)
    expected = essence(await story(Hall(redis)))
    await redis.flushall()
    cut = CutOff(connection_pool=redis.connection_pool)
    told = essence(await story(Hall(cut, Line(cut, prefix="hall"))))
    assert len(cut.cut) >= len(CHANGING), "every script that changes something has lost an answer"
    assert told == expected


async def test_the_client_repeats_nothing_by_itself(redis_server: RedisServer) -> None:
    client = connect(redis_server.url)
    retry = client.connection_pool.connection_kwargs["retry"]
    assert retry.get_retries() == 0
    await client.aclose()


async def test_without_redis_the_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwindow.queue, "PAUSE_SECONDS", 0)
    with running_server() as server:
        client = connect(server.url)
        line = Line(client)
        await line.join(T1, lane(), joined_at=1.0, now=1.0)
        server.kill()
        with pytest.raises(Unavailable, match="line_unavailable"):
            await line.join(T2, lane(), joined_at=1.0, now=1.0)
        with pytest.raises(Unavailable, match="line_unavailable"):
            await line.knows(T1)
        with pytest.raises(Unavailable, match="line_unavailable"):
            await anext(line.announcements("0"))
        await client.aclose()


async def test_a_restarted_server_knows_the_line_and_needs_no_warming(redis_server: RedisServer) -> None:
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    with running_server(redis_server.binary, *durable) as server:
        client = connect(server.url)
        hall = Hall(client)
        await hall.join("t1")
        await hall.line.rebuild([], now=hall.now)
        server.kill()
        server.start()
        assert not await hall.line.generation_missing()
        await hall.arrive(profile("mei"))
        assert await hall.offers() == [("t1", "mei")]
        await client.aclose()


async def test_an_emptied_redis_is_noticed(redis: Redis) -> None:
    hall = Hall(redis)
    assert await hall.line.generation_missing()
    await hall.line.rebuild([], now=hall.now)
    assert not await hall.line.generation_missing()
    await redis.flushall()
    assert await hall.line.generation_missing()


async def test_the_line_is_rebuilt_in_its_old_order(redis: Redis) -> None:
    hall = Hall(redis)
    ledger: list[tuple[TicketId, Lane, float, float]] = [
        (TicketId(f"t{number:04}"), lane(skill=("HR", "CA")[number % 2]), hall.now - number, 0.0)
        for number in range(1200)
    ]
    assert await hall.line.rebuild(ledger, now=hall.now, epochs={TicketId("t1199"): 4}) == 1200
    assert await hall.line.rebuild(ledger, now=hall.now) == 0
    await hall.arrive(profile("mei", skills="HR CA"))
    assert (await hall.last_offer()).offer == "t1199/5"
    for _ in range(20):
        await hall.serve()
    assert [ticket for ticket, _ in await hall.offers()] == [f"t{1199 - turn:04}" for turn in range(21)]


async def test_a_rebuild_leaves_running_offers_and_calls_alone(redis: Redis) -> None:
    hall = Hall(redis)
    await hall.arrive(profile("mei"))
    await hall.arrive(profile("lan"))
    await hall.join("t1")
    await hall.accept()
    await hall.join("t2")
    entries = [(ticket, lane(), hall.now - 50, 0.0) for ticket in (T1, T2, T3)]
    assert await hall.line.rebuild(entries, now=hall.now) == 1
    assert len(await hall.offers()) == 2


async def test_a_late_rebuild_does_not_bring_back_who_has_just_left(redis: Redis) -> None:
    hall = Hall(redis)
    await hall.join("t1")
    await hall.line.leave(T1, now=hall.now)
    assert await hall.line.rebuild([(T1, lane(), hall.now, 0.0)], now=hall.now) == 0
    assert await hall.line.knows(T1) is None


async def test_the_missing_ticket_that_waited_longest_gets_the_free_agent(redis: Redis) -> None:
    hall = Hall(redis)
    await hall.arrive(profile("mei", skills="HR CA"))
    entries = [(T1, lane(skill="CA"), hall.now - 10, 0.0), (T2, lane(skill="HR"), hall.now - 20, 0.0)]
    await hall.line.rebuild(entries, now=hall.now)
    assert await hall.offers() == [("t2", "mei")]


async def test_announcements_arrive_in_order_and_can_be_taken_up_again(redis: Redis) -> None:
    hall = Hall(redis)
    await hall.join("t1")
    begun = await hall.line.latest()
    await hall.join("t2")
    await hall.arrive(profile("mei"))
    seen = []
    async for one in hall.line.announcements(begun):
        seen.append(one)
        if one.kind == "offer.made":
            break
    assert [one.kind for one in seen] == [
        "ticket.joined",
        "agent.signed_in",
        "agent.away",
        "agent.available",
        "offer.made",
    ]
    again = await anext(hall.line.announcements(seen[1].id))
    assert again == seen[2]
    assert seen[4].extra["why"]["waited_ms"] == 1000


async def test_announcements_from_now_on_leave_out_the_past(redis: Redis) -> None:
    hall = Hall(redis)
    await hall.join("t1")
    begun = asyncio.ensure_future(anext(hall.line.announcements()))
    await reading(redis)
    await hall.join("t2")
    assert (await asyncio.wait_for(begun, PATIENCE_SECONDS)).ticket == "t2"


async def test_a_crowd_of_commands_waits_for_its_turn_and_none_fails(redis_server: RedisServer) -> None:
    client = connect(redis_server.url)
    crowd = 5 * cloudwindow.queue.CONNECTIONS
    try:
        assert await asyncio.gather(*(client.echo(str(one)) for one in range(crowd))) == [
            str(one) for one in range(crowd)
        ]
        clients = [one for one in await client.client_list() if one["cmd"] == "echo"]
    finally:
        await client.aclose()
    assert len(clients) <= cloudwindow.queue.CONNECTIONS
