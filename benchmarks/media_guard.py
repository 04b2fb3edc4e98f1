"""What junk at the media port does to the calls that are on: 20,000 datagrams a second for six seconds."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from random import Random

from benchmarks.calls import servers
from benchmarks.calls.load import Load
from benchmarks.calls.stream import recorded
from benchmarks.measure import child, cpu_ns, machine, main, report

CALLS = 4
PER_SECOND, SECONDS = 20_000, 6.0
REACH_FRAMES, REACH_MIB = 0.95, 32.0


async def bench(quick: bool) -> None:
    """Run calls, flood the port, print the line."""
    rate, seconds = (2_000, 1.0) if quick else (PER_SECOND, SECONDS)
    stream = recorded(2 if quick else 10)
    async with servers.our_worker() as server:
        pairs = [await server.call(number, stream, measures=False) for number in range(CALLS)]
        ends = [end for pair in pairs for end in pair]
        load = Load(ends, chance=Random(1))
        load.run(2)
        before, used = resident_mib(server.pid), cpu_ns(server.pid)
        host, port = ends[0].leg.socket.getpeername()
        command = [sys.executable, "-m", "benchmarks.calls.junk", host, str(port), str(rate), str(seconds)]
        with child(command, stdout=subprocess.PIPE) as junk:
            load.reset()
            counts = load.run(seconds + 0.5)
            told, _ = junk.communicate()
        after, spent = resident_mib(server.pid), cpu_ns(server.pid) - used
        load.close()
        await asyncio.gather(*(end.leg.close() for end in ends))
    share, grown = counts.received / counts.sent, after - before
    report(
        "media_guard",
        measured={
            "calls": CALLS,
            "junk_sent": json.loads(told)["sent"],
            "packets_through": share,
            "grown_mib": grown,
            "worker_core_percent": spent / 1e7 / (seconds + 0.5),
        },
        ratios={},
        reach={"packets_through": REACH_FRAMES, "grown_mib": REACH_MIB},
        reached={"packets_through": share >= REACH_FRAMES, "grown_mib": grown <= REACH_MIB},
        machine=machine(),
    )


def resident_mib(pid: int) -> float:
    """Memory of a process that is really in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1024 / 1024


if __name__ == "__main__":
    main(bench, __doc__)
