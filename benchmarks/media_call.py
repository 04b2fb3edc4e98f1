"""
What forwarding a call costs our worker, beside Janus VideoRoom in the same run on the same load.

A call is two people with 640×480 VP8 at 800 kbit/s and Opus, both ways. The server has one core, the load
generator the other; the sides take turns in rounds.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from random import Random
from time import monotonic, process_time
from typing import Any

from benchmarks.calls import servers
from benchmarks.calls.load import Counts, End, Load
from benchmarks.calls.stream import Stream, recorded
from benchmarks.measure import cpu_ns, machine, main, median, percentile, report

CALLS = (10, 30, 50)
ROUNDS = 2
WARM_SECONDS, SECONDS = 3.0, 8.0
SATURATED_CALLS, SATURATED_SPEED, SATURATED_SECONDS = 50, 8.0, 5.0
MOST_CALLS = (70, 100)
REACH, SATURATED_REACH, LATENCY_REACH_MS, LOSS_REACH = 0.75, 1.0, 20.0, 0.001
LATE_SECONDS = 0.1
"""A generator that was later than this with a packet did not send the load: the run is told as disturbed."""
AT_ONCE = 10
"""Calls that are set up at the same time."""
MEASURED_CALLS = 4

Side = Callable[[], AbstractAsyncContextManager[servers.Server]]


@dataclass
class Seen:
    """One round of one side at one size."""

    core_percent_per_call: float
    us_per_packet: float
    lost: float
    counts: Counts
    generator_percent: float


@dataclass
class Figures:
    """The rounds of one side by number of calls, and saturated."""

    calls: dict[int, list[Seen]] = field(default_factory=dict)
    saturated: list[Seen] = field(default_factory=list)

    def cost(self, calls: int) -> float:
        """Median share of a core for one call, in percent."""
        return median([seen.core_percent_per_call for seen in self.calls[calls]])

    def paced_us(self, calls: int) -> float:
        """Median CPU for one forwarded packet at the pace of so many calls."""
        return median([seen.us_per_packet for seen in self.calls[calls]])

    def disturbed(self) -> bool:
        """Whether the generator was not given the time to send what the calls would have sent."""
        return any(seen.counts.late > LATE_SECONDS for rounds in self.calls.values() for seen in rounds)

    def us(self) -> float:
        """Median CPU for one forwarded packet when there are more than can be forwarded."""
        return median([seen.us_per_packet for seen in self.saturated])


async def bench(quick: bool) -> None:
    """Run everything and print the line."""
    core = _cores()
    stream = recorded(2 if quick else 10)
    sides: dict[str, Side] = {"ours": lambda: servers.our_worker(core)}
    if servers.has_janus():
        sides["janus"] = lambda: servers.janus(core)
        sides["janus_one_loop"] = lambda: servers.janus(core, event_loops=1)
    figures = {name: Figures() for name in sides}
    sizes = (2,) if quick else CALLS
    for _ in range(1 if quick else ROUNDS):
        for name, side in sides.items():
            for calls in sizes:
                seen = await _round(side, calls, stream, seconds=2 if quick else SECONDS)
                figures[name].calls.setdefault(calls, []).append(seen)
            saturated = await _round(
                side,
                4 if quick else SATURATED_CALLS,
                stream,
                seconds=1 if quick else SATURATED_SECONDS,
                speed=SATURATED_SPEED,
            )
            figures[name].saturated.append(saturated)
    most = {calls: await _round(sides["ours"], calls, stream) for calls in (() if quick else MOST_CALLS)}
    _report(figures, most, sizes)


def _cores() -> int | None:
    """Keep this process on the last core and return the first for the servers; ``None`` if there is one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    os.sched_setaffinity(0, {cores[-1]})
    return cores[0]


async def _round(
    side: Side, calls: int, stream: Stream, *, seconds: float = SECONDS, speed: float = 1.0
) -> Seen:
    async with side() as server:
        ends = await _connected(server, calls, stream)
        load = Load(ends, chance=Random(calls))
        gc.collect()
        gc.disable()  # the generator's own rounds would pass for delay
        try:
            load.run(WARM_SECONDS)
            if speed != 1:
                load.run(0.5, speed=speed)
            load.reset()
            return _measured(load, server.pid, calls, seconds, speed)
        finally:
            gc.enable()
            load.close()
            for end in ends:
                await end.leg.close()


async def _connected(server: servers.Server, calls: int, stream: Stream) -> list[End]:
    ends: list[End] = []
    for first in range(0, calls, AT_ONCE):
        joining = [
            server.call(number, stream, measures=number < MEASURED_CALLS)
            for number in range(first, min(first + AT_ONCE, calls))
        ]
        for pair in await asyncio.gather(*joining):
            ends += pair
    return ends


def _measured(load: Load, pid: int, calls: int, seconds: float, speed: float) -> Seen:
    began, used, ours = monotonic(), cpu_ns(pid), process_time()
    counts = load.run(seconds, speed=speed)
    passed, spent = monotonic() - began, cpu_ns(pid) - used
    expected = sum(seen.packets for end in load.ends for seen in end.arrived.values()) + load.lost()
    return Seen(
        core_percent_per_call=spent / 1e7 / passed / calls,
        us_per_packet=spent / 1e3 / max(1, counts.received),
        lost=load.lost() / max(1, expected),
        counts=counts,
        generator_percent=(process_time() - ours) / passed * 100,
    )


def _report(figures: dict[str, Figures], most: dict[int, Seen], sizes: tuple[int, ...]) -> None:
    ours = figures["ours"]
    ratios: dict[str, Any] = {
        name: {calls: ours.cost(calls) / rival.cost(calls) for calls in sizes}
        | {f"{calls}_per_packet": ours.paced_us(calls) / rival.paced_us(calls) for calls in sizes}
        | {"saturated": ours.us() / rival.us()}
        for name, rival in figures.items()
        if name != "ours"
    }
    worst = max((ratios["janus"][calls] for calls in sizes), default=1.0) if "janus" in ratios else None
    disturbed = any(side.disturbed() for side in figures.values())
    carried = [calls for calls, seen in most.items() if _carries(seen)]
    report(
        "media_call",
        measured={name: _told(side, sizes) for name, side in figures.items()}
        | {
            "most_calls": {calls: _latency(seen) for calls, seen in most.items()},
            "carried": max(carried, default=0),
            "disturbed": disturbed,
        },
        ratios=ratios,
        reach={
            "core_per_call_beside_janus": REACH,
            "saturated_beside_janus": SATURATED_REACH,
            "calls": MOST_CALLS[-1],
            "p99_ms": LATENCY_REACH_MS,
            "lost": LOSS_REACH,
        },
        reached={}
        if worst is None or disturbed
        else {
            "core_per_call_beside_janus": worst <= REACH,
            "saturated_beside_janus": ratios["janus"]["saturated"] <= SATURATED_REACH,
            "calls": MOST_CALLS[-1] in carried,
        },
        machine=machine(
            cores=os.cpu_count(), janus=servers.janus_version() if servers.has_janus() else "not installed"
        ),
        notes=[
            "janus: its defaults, a thread per handle; janus_one_loop: event_loops = 1",
            "disturbed: others took the generator's time; no reach or ratio for each call can be judged",
            "delays end at the kernel's time of arrival; how late the generator sent is told beside them",
        ],
    )


def _told(side: Figures, sizes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "core_percent_per_call": {calls: side.cost(calls) for calls in sizes},
        "us_per_packet": {calls: side.paced_us(calls) for calls in sizes},
        "saturated_us_per_packet": side.us(),
        "saturated_packets_per_second": median(
            [seen.counts.received / SATURATED_SECONDS for seen in side.saturated]
        ),
        "latency": {calls: _latency(side.calls[calls][-1]) for calls in sizes},
    }


def _latency(seen: Seen) -> dict[str, float]:
    return {
        "p50_ms": percentile(seen.counts.delays, 0.5) * 1000,
        "p99_ms": percentile(seen.counts.delays, 0.99) * 1000,
        "lost": seen.lost,
        "core_percent_per_call": seen.core_percent_per_call,
        "generator_percent": seen.generator_percent,
        "generator_late_ms": seen.counts.late * 1000,
    }


def _carries(seen: Seen) -> bool:
    return seen.lost < LOSS_REACH and percentile(seen.counts.delays, 0.99) * 1000 <= LATENCY_REACH_MS


if __name__ == "__main__":
    if not servers.has_janus():
        print("janus is not installed: no ratios (scripts/setup bench-media installs it)", file=sys.stderr)
    main(bench, __doc__)
