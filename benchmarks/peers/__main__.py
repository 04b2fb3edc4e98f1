"""
The line beside a PostgreSQL matcher and BullMQ: the same 20,000 waiting, every write synced, in the same run.

A pairing is one ticket going to one agent: wrap up, finish with the next offer, accept, and another joins.
PostgreSQL does the same matching (tuned, and as the textbook has it). BullMQ hands out the oldest job and
does no matching at all: it is a lower bound, not a rival.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import redis

from benchmarks.city import city
from benchmarks.measure import EVERY_WRITE, machine, main, report, valkey
from benchmarks.peers.bullmq import PACKAGES, bullmq
from benchmarks.peers.contest import Contestant, Tally, rounds
from benchmarks.peers.ours import ours
from benchmarks.peers.postgres import Unable, matchers, postgres, version

WAITING, AGENTS, SKILL_SETS = 20_000, 2_000, 12
CLIENTS = (1, 8)
ROUNDS, PAIRINGS, WARM_UP = 3, 600, 100


def bench(quick: bool) -> None:
    """Start the servers and let the contestants take turns."""
    asyncio.run(_measure(*((4_000, 60, 1, 40) if quick else (WAITING, AGENTS, ROUNDS, PAIRINGS))))


async def _measure(waiting: int, agents: int, times: int, pairings: int) -> None:
    town = city(Random(1), agents=agents, skill_sets=SKILL_SETS)
    missing: list[str] = []
    versions: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        (url, pid), (other_url, other_pid) = (stack.enter_context(valkey(*EVERY_WRITE)) for _ in range(2))
        versions["valkey"] = _version(url)
        contestants: list[Contestant] = [
            await stack.enter_async_context(ours(url, pid, town, waiting, max(CLIENTS)))
        ]
        try:
            folder, server = stack.enter_context(postgres())
            versions["postgresql"] = version()
            contestants += await stack.enter_async_context(
                matchers(folder, server, town, waiting, max(CLIENTS))
            )
        except Unable as why:
            missing.append(f"PostgreSQL: {why}")
        try:
            outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cw-bench-npm-")))
            socket = other_url.removeprefix("unix://")
            contestants.append(await stack.enter_async_context(bullmq(socket, other_pid, outside, waiting)))
        except Unable as why:
            missing.append(f"BullMQ: {why}")
        else:
            versions["bullmq"] = PACKAGES[0]
        tallies = await _contest(contestants, times, pairings)
    figures = {name: tally.figures() for name, tally in tallies.items()}
    ratios = _ratios(figures)
    report(
        "peers",
        measured=figures,
        ratios=ratios,
        reach={"ahead_on_p99": "ratio > 1", "ahead_on_cpu": "ratio > 1"},
        reached={name: ratio > 1 for name, ratio in ratios.items()},
        machine=machine(**versions),
        notes=[
            "ratio: theirs / ours, more than 1 is ahead; next: from asking until the offer is known",
            "BullMQ does no matching: no skills, no districts, no rings, no offer to accept",
            *missing,
        ],
    )


async def _contest(contestants: list[Contestant], times: int, pairings: int) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for one in contestants:
        await one.round(min(WARM_UP, pairings), max(CLIENTS))
    for clients in CLIENTS:
        for _ in range(times):
            for one in contestants:
                tally = tallies.setdefault(f"{one.name}_{clients}", Tally())
                await rounds(one, pairings, clients, tally)
    return tallies


def _ratios(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """How many times ours the others take, for p99 and CPU and each number of clients."""
    found = {}
    for name, theirs in figures.items():
        peer, clients = name.rsplit("_", 1)
        if peer != "ours":
            mine = figures[f"ours_{clients}"]
            for what in ("next_p99_ms", "server_cpu_us_per_pairing"):
                found[f"{what}_{peer}_{clients}"] = theirs[what] / mine[what]
    return found


def _version(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        return str(client.info("server").get("valkey_version"))


if __name__ == "__main__":
    main(bench, __doc__ or "")
