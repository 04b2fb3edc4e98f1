"""How long a call is without media when its worker is killed: until both sides receive again on another."""

import asyncio
import subprocess
import sys
import time
from contextlib import ExitStack
from random import Random

from benchmarks.calls.leg import HOST, Leg
from benchmarks.calls.load import End, Load
from benchmarks.calls.servers import TOKEN
from benchmarks.calls.stream import Stream, recorded
from benchmarks.measure import child, machine, main, percentile, report
from cloudwindow.media.plane import MediaEvent, MediaEventKind, WorkerAddress
from cloudwindow.media.remote import RemoteMediaPlane

ROUNDS = 20
REACH_SECONDS = 5.0
ROLES = ("citizen", "agent")


async def bench(quick: bool) -> None:
    """Kill workers under calls and print the line."""
    stream = recorded(2)
    waits = [await _one_loss(stream) for _ in range(3 if quick else ROUNDS)]
    p95 = percentile(waits, 0.95)
    report(
        "media_loss",
        measured={"kills": len(waits), "p50_s": percentile(waits, 0.5), "p95_s": p95, "max_s": max(waits)},
        ratios={},
        reach={"p95_s": REACH_SECONDS},
        reached={"p95_s": p95 <= REACH_SECONDS},
        machine=machine(),
        notes=["from kill -9 until both sides have had new packets; a browser adds its own re-offer"],
    )


async def _one_loss(stream: Stream) -> float:
    gone: asyncio.Queue[str] = asyncio.Queue()

    async def on_event(event: MediaEvent) -> None:
        if event.kind is MediaEventKind.GONE:
            await gone.put(event.member)

    with ExitStack() as stack:
        processes, addresses = {}, []
        for name in ("w1", "w2"):
            command = [sys.executable, "-m", "benchmarks.calls.worker", name, f"{HOST}:0", TOKEN]
            process = stack.enter_context(child(command, stdout=subprocess.PIPE))
            assert process.stdout
            _, control = (await asyncio.to_thread(process.stdout.readline)).decode().split()
            processes[name] = process
            addresses.append(WorkerAddress(name=name, control=control))

        async def workers() -> list[WorkerAddress]:
            return addresses

        plane = RemoteMediaPlane(workers, on_event, TOKEN)
        try:
            legs = await _received(plane, stream)
            lost = plane.worker_of("room")
            assert lost
            processes[lost].kill()
            began = time.monotonic()
            told = {await gone.get() for _ in ROLES}
            assert told == set(ROLES)
            legs += await _received(plane, stream)
            passed = time.monotonic() - began
            assert plane.worker_of("room") != lost
            await asyncio.gather(*(leg.close() for leg in legs))
            return passed
        finally:
            await plane.stop()


async def _received(plane: RemoteMediaPlane, stream: Stream) -> list[Leg]:
    """Let both join, and return when each has received."""
    legs = [Leg() for _ in ROLES]
    for leg, role in zip(legs, ROLES, strict=True):
        leg.take(await plane.answer("room", role, role=role, offer=leg.offer("sendrecv")))
        await leg.connect()
    ends = [End(leg, stream, sends=True, receives=True, measures=False) for leg in legs]
    load = Load(ends, chance=Random(1))
    limit = time.monotonic() + REACH_SECONDS * 2
    while any(len(end.arrived) < 2 for end in ends):
        load.run(0.01)
        assert time.monotonic() < limit, "no media"
    load.close()
    return legs


if __name__ == "__main__":
    main(bench, __doc__)
