"""A line in which everybody waits in one lane: what a pairing makes a node tell."""

import tempfile
import time
from pathlib import Path

from cloudwindow.domain.ids import DistrictCode, StaffId, TicketId
from cloudwindow.domain.match import AgentProfile, Lane
from cloudwindow.embedded import start_embedded
from cloudwindow.queue import Line, connect

HUADU = DistrictCode("440114")
AGENTS = 200
PER_SECOND = 20


async def pushes_per_pairing(waiting: int, *, seconds: int = 10) -> dict[str, float]:
    """
    Pages told per pairing at 20 pairings a second and one look a second, all in one lane, every page here.

    ``pushes``; ``us``: this process's CPU per pairing for following the stream and finding whom to tell.
    """
    with tempfile.TemporaryDirectory(prefix="cw-bench-") as folder:
        server = await start_embedded(Path(folder))
        redis = connect(server.url)
        try:
            return await _count(Line(redis), waiting, seconds)
        finally:
            await redis.aclose()
            await server.stop()


async def _count(line: Line, waiting: int, seconds: int) -> dict[str, float]:
    now = 1_000_000.0
    lane = Lane(home_district=HUADU, skill="HR", language="zh", mode="video")
    everybody = [
        (TicketId(f"t{number}"), lane, now - waiting + number / 2, 0.0) for number in range(waiting + AGENTS)
    ]
    await line.rebuild(everybody, now=now)
    for number in range(AGENTS):
        agent = AgentProfile(agent=StaffId(f"a{number}"), district=HUADU, skills=frozenset({"HR"}))
        await line.sign_in(agent, now=now)
        await line.set_available(agent.agent, now=now)
    replica = line.replica(await line.snapshot(), {})
    for ticket, *_ in everybody:
        replica.follow(ticket, now)
    told = dict(replica.moved(now))
    pushes, spent = 0, 0
    for _ in range(seconds):
        busy = [one for one in replica.agents() if one.offer and one.ticket][:PER_SECOND]
        for one in busy:
            assert one.offer
            assert one.ticket
            await line.accept(one.agent, one.offer, now=now)
            await line.wrap_up(one.agent, one.ticket, now=now)
            await line.finish(one.agent, now=now)
        now += 1
        begun = time.process_time_ns()
        for news in await line.since(replica.id) or []:
            assert replica.apply(news.id, news)
        told = dict(replica.moved(now))
        spent += time.process_time_ns() - begun
        pushes += len(told)
    pairings = seconds * PER_SECOND
    return {"pushes": pushes / pairings, "us": spent / 1000 / pairings}
