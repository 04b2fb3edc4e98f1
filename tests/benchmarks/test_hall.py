"""The hall keeps its word, and the floor under the line is honest: it tells the same and never does more."""

from collections import Counter
from random import Random

import pytest
from redis.asyncio import Redis

from benchmarks.city import DISTRICTS, SCARCE, city
from benchmarks.hall import START, Floor, Hall, Matcher, line
from cloudwindow.domain.ids import DistrictCode, StaffId, TicketId
from cloudwindow.domain.match import AgentProfile, Lane

MEI = StaffId("mei")
LANE = Lane(home_district=DistrictCode("440106"), skill="S01", language="zh", mode="video")
PROFILE = AgentProfile(agent=MEI, district=DistrictCode("440106"), skills=frozenset({"S01", "S02"}))


async def no_meter() -> int:
    return 0


async def one_call(matcher: Matcher) -> None:
    """Two citizens come, an agent signs in, serves the first and is offered the second."""
    for number in (1, 2):
        await matcher.join(TicketId(f"t{number}"), LANE, joined_at=START + number, now=START + number)
    await matcher.sign_in(PROFILE, now=START + 3)
    await matcher.set_available(MEI, now=START + 4)
    offered = [one.offer for one in await matcher.history() if one.kind == "offer.made"]
    assert offered[0]
    await matcher.accept(MEI, offered[0], now=START + 5)
    await matcher.wrap_up(MEI, TicketId("t1"), now=START + 60)
    await matcher.finish(MEI, now=START + 61)
    await matcher.tick(now=START + 62)


async def commands(redis: Redis) -> Counter[str]:
    """How often each command has run inside the server."""
    stats = await redis.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): told["calls"] for name, told in stats.items()})


async def test_the_floor_tells_what_the_line_tells(redis: Redis) -> None:
    engine, floor = line(redis, "engine"), Floor(redis, "floor")
    await one_call(engine)
    await one_call(floor)
    told = [
        [(one.kind, one.ticket, one.agent, one.offer, one.epoch) for one in await side.history()]
        for side in (engine, floor)
    ]
    assert told[0] == told[1]


async def test_the_floor_keeps_the_same_of_a_ticket_and_the_same_deadlines(redis: Redis) -> None:
    await one_call(line(redis, "engine"))
    await one_call(Floor(redis, "floor"))
    for name in ("offers", "presence"):
        engine, floor = [
            await redis.zrange(f"{{{side}}}:{name}", 0, -1, withscores=True) for side in ("engine", "floor")
        ]
        assert engine == floor, name
    handled = [await redis.hgetall(f"{{{side}}}:handling") for side in ("engine", "floor")]
    assert handled[0] == handled[1]
    fields = [set(await redis.hkeys(f"{{{side}}}:ticket:t2")) for side in ("engine", "floor")]
    assert fields[0] == fields[1]


async def test_the_floor_never_does_more_than_the_line(redis: Redis) -> None:
    await redis.config_resetstat()
    await one_call(line(redis, "engine"))
    engine = await commands(redis)
    await redis.config_resetstat()
    await one_call(Floor(redis, "floor"))
    floor = await commands(redis)
    assert floor["xadd"] == engine["xadd"]
    for command in ("hset", "zadd", "zrem", "hincrby", "hincrbyfloat", "hdel", "set", "del", "exists"):
        assert floor[command] <= engine[command], command


@pytest.mark.parametrize("side", ["engine", "floor"])
async def test_a_hall_keeps_its_number_waiting(redis: Redis, side: str) -> None:
    matcher: Matcher = line(redis, "h") if side == "engine" else Floor(redis, "h")
    hall = Hall(matcher, city(Random(1), agents=40), 600, Random(2), no_meter)
    await hall.fill()
    await hall.serve(60)
    states = Counter([await redis.hget(key, "state") async for key in redis.scan_iter("{h}:ticket:*")])
    assert states["waiting"] == 600
    assert hall.served >= 60
    assert states["serving"] == 40 - hall.idle


def test_a_city_has_as_many_skill_sets_as_wanted_and_few_with_the_scarce_skill() -> None:
    made = city(Random(1), agents=1000, skill_sets=460, scarce_share=0.75)
    sets = {one.skills - {SCARCE} for one in made.agents}
    lanes = [made.lane(Random(number)) for number in range(400)]
    assert len(sets) == 460
    assert sum(SCARCE in one.skills for one in made.agents) == 22
    assert {one.district for one in made.agents} == set(DISTRICTS)
    assert 0.7 < sum(one.skill == SCARCE for one in lanes) / 400 < 0.8
