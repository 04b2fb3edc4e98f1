"""
Server CPU of one call on the line (join, offer, accept, wrap up, finish, ticks) against its writes alone.

The floor (``floor/``) writes the same hashes, deadlines, counters, epochs and news for a call but pops the
oldest ticket of one list. Both serve the same city in turns on one server; figures are medians of rounds.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from redis.asyncio import Redis

from benchmarks.city import City, city
from benchmarks.hall import KINDS, Floor, Hall, line
from benchmarks.measure import MEMORY, machine, main, median, report, server_version, settled_cpu, valkey
from cloudwindow.queue import connect

LEVELS = (100, 1_000, 10_000, 20_000)
FULL = 20_000
SKILL_SETS = 12
MANY_SETS = 460
SCARCE_SHARE = 0.75
ROUNDS, CALLS = 7, 400
GOAL, STRETCH, GROWTH = 2.0, 1.5, 1.2


@dataclass(slots=True)
class Case:
    """One situation in two halls, and the µs of CPU per call of each round."""

    name: str
    engine: Hall
    floor: Hall
    engine_us: list[float] = field(default_factory=list)
    floor_us: list[float] = field(default_factory=list)
    scripts_us: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    floor_scripts_us: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


def bench(quick: bool) -> None:
    """Measure every case on one server."""
    with valkey(*MEMORY) as (url, pid):
        asyncio.run(_measure(url, pid, quick))


async def _measure(url: str, pid: int, quick: bool) -> None:
    redis = connect(url)
    cases = [_case(redis, pid, name, waiting, town, quick) for name, waiting, town in _situations(quick)]
    for case in cases:
        await case.engine.fill()
        await case.floor.fill()
    for number in range(2 if quick else ROUNDS + 1):
        for case in cases:
            await _round(case, 40 if quick else CALLS, keep=number > 0)
    report(
        "pairing",
        measured={case.name: _figures(case) for case in cases},
        ratios=_ratios(cases),
        reach={
            "to_floor": GOAL,
            "to_floor_stretch": STRETCH,
            "growth": GROWTH,
        },
        reached=_reached(_ratios(cases)),
        machine=machine(server=await server_version(redis)),
        notes=[
            "us of server CPU per call, server without disk; rounds of engine and floor in turns; medians"
        ],
    )
    await redis.aclose()


def _situations(quick: bool) -> list[tuple[str, int, City]]:
    agents = 60 if quick else 2_000
    levels = [level // 50 or 2 for level in LEVELS] if quick else LEVELS
    full = FULL // 50 if quick else FULL
    plain = city(Random(1), agents=agents, skill_sets=SKILL_SETS)
    starved = city(Random(2), agents=agents, skill_sets=SKILL_SETS, scarce_share=SCARCE_SHARE)
    many = city(Random(3), agents=agents, skill_sets=agents if quick else MANY_SETS)
    return [
        *((str(level), level, plain) for level in levels),
        ("starved", full, starved),
        ("460_sets", full, many),
    ]


def _case(redis: Redis, pid: int, name: str, waiting: int, town: City, quick: bool) -> Case:
    async def meter() -> int:
        return await settled_cpu(pid)

    return Case(
        name=name,
        engine=Hall(line(redis, f"engine-{name}"), town, waiting, Random(4), meter),
        floor=Hall(Floor(redis, f"floor-{name}"), town, waiting, Random(4), meter),
    )


async def _round(case: Case, calls: int, *, keep: bool) -> None:
    sides = (
        (case.engine, case.engine_us, case.scripts_us),
        (case.floor, case.floor_us, case.floor_scripts_us),
    )
    for hall, total, scripts in sides:
        hall.spent.clear()
        before = hall.served
        await hall.serve(calls)
        served = hall.served - before
        if keep:
            total.append(sum(hall.spent.values()) / served / 1000)
            for kind in KINDS:
                scripts[kind].append(hall.spent[kind] / served / 1000)


def _figures(case: Case) -> Mapping[str, Any]:
    return {
        "engine_us": median(case.engine_us),
        "floor_us": median(case.floor_us),
        "engine_us_by_script": {kind: median(each) for kind, each in case.scripts_us.items()},
        "floor_us_by_script": {kind: median(each) for kind, each in case.floor_scripts_us.items()},
        "idle_agents": case.engine.idle,
    }


def _ratios(cases: Sequence[Case]) -> dict[str, float]:
    each = {
        f"to_floor_{case.name}": median(
            [engine / floor for engine, floor in zip(case.engine_us, case.floor_us, strict=True)]
        )
        for case in cases
    }
    levels = [median(case.engine_us) for case in cases]
    floors = [median(case.floor_us) for case in cases]
    return each | {
        "growth": max(levels) / min(levels),
        "growth_levels_only": max(levels[:4]) / min(levels[:4]),
        "growth_floor": max(floors) / min(floors),
    }


def _reached(ratios: Mapping[str, float]) -> dict[str, bool]:
    worst = max(ratio for name, ratio in ratios.items() if name.startswith("to_floor"))
    return {
        "to_floor": worst <= GOAL,
        "to_floor_stretch": worst <= STRETCH,
        "growth": ratios["growth"] <= GROWTH,
    }


if __name__ == "__main__":
    main(bench, __doc__ or "")
