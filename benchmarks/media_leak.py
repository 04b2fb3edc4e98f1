"""What 2,000 calls that came and went leave behind in a worker: memory, tasks, rooms."""

import asyncio
import json
import signal
import time

from benchmarks.calls import servers
from benchmarks.calls.leg import Leg
from benchmarks.measure import machine, main, report
from benchmarks.media_guard import resident_mib

CALLS, WARM_CALLS, AT_ONCE = 2_000, 500, 10
BLOCK = 500
"""Calls between two looks at the memory."""
REACH_MIB = 8.0
SETTLE_SECONDS = 5.0
"""Goodbyes are said and memory is given back within."""


async def bench(quick: bool) -> None:
    """Let calls come and go, print the line."""
    calls, warm, block = (40, 20, 20) if quick else (CALLS, WARM_CALLS, BLOCK)
    async with servers.our_worker() as server:
        await _come_and_go(server, warm)
        base, before = await _state(server), resident_mib(server.pid)
        passed, sizes = 0.0, []
        for _ in range(calls // block):
            began = time.monotonic()
            await _come_and_go(server, block)
            passed += time.monotonic() - began
            left = await _state(server)
            sizes.append(resident_mib(server.pid))
        after = sizes[-1]
    report(
        "media_leak",
        measured={
            "calls": calls,
            "calls_per_second": calls / passed,
            "base_mib": before,
            "grown_mib": after - before,
            "mib_after_each_block": sizes,
            "before": base,
            "after": left,
        },
        ratios={},
        reach={"grown_mib": REACH_MIB, "state": base},
        reached={"grown_mib": after - before <= REACH_MIB, "state": left == base},
        machine=machine(),
    )


async def _come_and_go(server: servers.OurWorker, calls: int) -> None:
    for first in range(0, calls, AT_ONCE):
        await asyncio.gather(*(_one_call(server, number) for number in range(first, first + AT_ONCE)))


async def _one_call(server: servers.OurWorker, number: int) -> None:
    room = f"room-{number}"
    legs = [Leg(), Leg()]
    for leg, role in zip(legs, ("citizen", "agent"), strict=True):
        leg.take(await server.plane.answer(room, role, role=role, offer=leg.offer("sendrecv")))
        await leg.connect()
    await server.plane.close(room)
    await asyncio.gather(*(leg.close() for leg in legs))


async def _state(server: servers.OurWorker) -> dict[str, int]:
    """What the worker counts of itself after a collection."""
    await asyncio.sleep(SETTLE_SECONDS)
    server.signal(signal.SIGUSR1)
    told: dict[str, int] = json.loads(await server.said())
    return told


if __name__ == "__main__":
    main(bench, __doc__)
