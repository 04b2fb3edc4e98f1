"""The lease of a node: whose page was on a node that is gone is set aside, nobody else."""

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.ids import TicketId
from cloudwindow.queue import NODE_LEASE_SECONDS
from tests.gateways.hall import Hall

ONE, TWO, THREE = (TicketId(name) for name in ("t1", "t2", "t3"))


@pytest.fixture
async def hall(redis: Redis) -> Hall:
    """Three wait; the pages of the first two are open on node A."""
    made = Hall(redis)
    for ticket in (ONE, TWO, THREE):
        await made.join(ticket)
    await made.line.beat_node("A", opened=[ONE, TWO], closed=[], now=made.now)
    return made


async def states(hall: Hall) -> list[str | None]:
    await hall.line.set_orphans_aside(now=hall.now)
    return [await hall.line.knows(ticket) for ticket in (ONE, TWO, THREE)]


async def test_while_the_node_is_heard_of_nobody_is_set_aside(hall: Hall) -> None:
    for _ in range(5):
        hall.now += NODE_LEASE_SECONDS - 1
        await hall.line.beat_node("A", opened=[], closed=[], now=hall.now)
        assert await states(hall) == ["waiting"] * 3


async def test_whose_node_is_gone_is_set_aside_and_keeps_the_place_for_the_grace(hall: Hall) -> None:
    hall.now += NODE_LEASE_SECONDS + 1
    assert await states(hall) == ["detached", "detached", "waiting"]
    assert await hall.line.attach(ONE, now=hall.now)
    assert await states(hall) == ["waiting", "detached", "waiting"]
    assert not await hall.redis.exists("{hall}:nodes", "{hall}:pages:A")


async def test_whoever_has_a_page_on_another_node_stays(hall: Hall) -> None:
    hall.now += NODE_LEASE_SECONDS - 1
    await hall.line.beat_node("B", opened=[ONE], closed=[], now=hall.now)
    hall.now += 2
    assert await states(hall) == ["waiting", "detached", "waiting"]


async def test_a_page_that_was_closed_is_no_longer_the_nodes(hall: Hall) -> None:
    await hall.line.beat_node("A", opened=[], closed=[TWO], now=hall.now)
    hall.now += NODE_LEASE_SECONDS + 1
    assert await states(hall) == ["detached", "waiting", "waiting"]


async def test_a_great_many_are_looked_after_and_counted(redis: Redis) -> None:
    hall = Hall(redis)
    many = [TicketId(f"m{number}") for number in range(620)]
    for ticket in many[:250]:
        await hall.join(ticket)
    await hall.line.beat_node("A", opened=many, closed=[], now=hall.now)
    hall.now += NODE_LEASE_SECONDS + 1
    assert await hall.line.set_orphans_aside(now=hall.now) == 620
    assert {await hall.line.knows(ticket) for ticket in many} == {"detached", None}
