"""
What a recorded call costs: our worker with its recorder, beside Janus VideoRoom that records as well.

The load is that of ``media_call``; the CPU is that of all processes of a side. Janus dumps packets into files
that are muxed later; ours writes files that play, sealed, with their chain.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Protocol

from benchmarks.calls import servers
from benchmarks.calls.leg import HOST
from benchmarks.calls.load import Load
from benchmarks.calls.stream import Stream, recorded
from benchmarks.measure import child, cpu_ns_of_tree, machine, main, median, report
from benchmarks.media_call import MEASURED_CALLS, _cores
from cloudwindow.media.plane import MediaEvent, WorkerAddress
from cloudwindow.media.recorder_remote import RemoteRecorder
from cloudwindow.media.remote import RemoteMediaPlane

CALLS = (10, 30)
ROUNDS = 2
WARM_SECONDS, SECONDS = 4.0, 8.0
REACH = 1.0
ALIKE = 0.9
"""Share of the most written kbit/s that every round must reach."""
COMMAND = (sys.executable, "-m", "benchmarks.calls.recording_worker")


class Recording(Protocol):
    """A server whose calls can be recorded."""

    server: servers.Server
    folder: Path

    async def record(self, number: int) -> None:
        """Record the call of this number from now on."""


Side = Callable[[], AbstractAsyncContextManager[Recording]]


class Ours:
    """Our worker with its recorder."""

    def __init__(self, pid: int, plane: RemoteMediaPlane, folder: Path) -> None:
        self.server: servers.Server = _Worker(pid, plane)
        self.folder = folder
        self._recorder = RemoteRecorder(plane)

    async def record(self, number: int) -> None:
        """See ``Recording``."""
        await self._recorder.start(
            f"room-{number}", recording=f"r{number}", key=os.urandom(32), now=time.time()
        )


class _Worker(servers.OurWorker):
    def __init__(self, pid: int, plane: RemoteMediaPlane) -> None:
        self.pid, self.plane = pid, plane


@asynccontextmanager
async def ours(core: int | None) -> AsyncIterator[Recording]:
    """Start a recording worker, its recorder on the same core."""
    with tempfile.TemporaryDirectory(prefix="cw-rec-") as folder:
        command = [*COMMAND, f"{HOST}:0", servers.TOKEN, folder]
        with child(command, stdout=subprocess.PIPE) as process:
            servers._pin(process.pid, core)
            assert process.stdout
            name, control = (await asyncio.to_thread(process.stdout.readline)).decode().split()
            address = WorkerAddress(name=name, control=control)

            async def workers() -> list[WorkerAddress]:
                return [address]

            plane = RemoteMediaPlane(workers, _nothing, servers.TOKEN)
            try:
                yield Ours(process.pid, plane, Path(folder))
            finally:
                await plane.stop()


async def _nothing(event: MediaEvent) -> None:
    """Events are not a matter of this benchmark."""


class Janus:
    """Janus that dumps the packets of its rooms."""

    def __init__(self, room: servers.JanusRoom, folder: Path) -> None:
        self.server: servers.Server = room
        self.folder = folder
        self._room = room

    async def record(self, number: int) -> None:
        """See ``Recording``."""
        handle, room = await self._room._handle(), 1000 + number
        await handle.ask({"request": "edit", "room": room, "new_rec_dir": str(self.folder)})
        await handle.ask({"request": "enable_recording", "room": room, "record": True})


@asynccontextmanager
async def janus(core: int | None) -> AsyncIterator[Recording]:
    """Start Janus with its defaults."""
    with tempfile.TemporaryDirectory(prefix="cw-rec-") as folder:
        async with servers.janus(core) as room:
            yield Janus(room, Path(folder))


async def bench(quick: bool) -> None:
    """Run both sides in turns and print the line."""
    core, stream = _cores(), recorded(2 if quick else 10)
    sides: dict[str, Side] = {"ours": lambda: ours(core)}
    if servers.has_janus():
        sides["janus"] = lambda: janus(core)
    sizes = (2,) if quick else CALLS
    costs: dict[str, dict[int, list[float]]] = {name: {calls: [] for calls in sizes} for name in sides}
    octets: dict[str, dict[int, list[float]]] = {name: {calls: [] for calls in sizes} for name in sides}
    for _ in range(1 if quick else ROUNDS):
        for name, side in sides.items():
            for calls in sizes:
                cost, written = await _round(side, calls, stream, 3.0 if quick else SECONDS)
                costs[name][calls].append(cost)
                octets[name][calls].append(written)
    ratios = {
        calls: median(costs["ours"][calls]) / median(costs["janus"][calls])
        for calls in sizes
        if "janus" in costs
    }
    every = [kbits for seen in octets.values() for rounds in seen.values() for kbits in rounds]
    disturbed = min(every) < ALIKE * max(every)
    report(
        "media_recording",
        measured={
            name: {
                "core_percent_per_call": {calls: median(rounds) for calls, rounds in seen.items()},
                "kbit_per_second_per_call": {calls: median(rounds) for calls, rounds in octets[name].items()},
            }
            for name, seen in costs.items()
        }
        | {"disturbed": disturbed},
        ratios={"janus": ratios},
        reach={"core_per_call_beside_janus": REACH},
        reached={"core_per_call_beside_janus": max(ratios.values()) <= REACH}
        if ratios and not disturbed
        else {},
        machine=machine(
            cores=os.cpu_count(), janus=servers.janus_version() if servers.has_janus() else "not installed"
        ),
        notes=["disturbed: not every round wrote the same, the generator was starved; nothing can be judged"],
    )


async def _round(side: Side, calls: int, stream: Stream, seconds: float) -> tuple[float, float]:
    """Share of a core for one call in percent, and kbit/s written for it."""
    async with side() as recording:
        server, ends = recording.server, []
        for number in range(calls):
            ends += await server.call(number, stream, measures=number < MEASURED_CALLS)
        load = Load(ends, chance=Random(calls))
        try:
            load.run(0.5)
            for number in range(calls):
                await recording.record(number)
            load.run(WARM_SECONDS)
            load.reset()
            written, used, began = _octets(recording.folder), cpu_ns_of_tree(server.pid), time.monotonic()
            load.run(seconds)
            passed = time.monotonic() - began
            cost = (cpu_ns_of_tree(server.pid) - used) / 1e7 / passed / calls
            return cost, (_octets(recording.folder) - written) * 8 / 1000 / passed / calls
        finally:
            load.close()
            for end in ends:
                await end.leg.close()


def _octets(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    if not servers.has_janus():
        print("janus is not installed: no ratios (scripts/setup bench-media installs it)", file=sys.stderr)
    main(bench, __doc__)
