"""
How much sound a ``kill -9`` loses: ``python -m tests.gateways.recording_kills [KILLS]``, one JSON line.

In turns the worker alone and the worker with its recorder are killed under a recorded call, after 2 to 4 s.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.gateways.recording_stage import lost_by_kill

REACH_SECONDS = 1.0


async def kills(count: int, random: Random) -> dict[str, object]:
    """Kill so often; what was lost."""
    lost: dict[bool, list[float]] = {False: [], True: []}
    late: dict[bool, list[float]] = {False: [], True: []}
    for number in range(count):
        both = bool(number % 2)
        with tempfile.TemporaryDirectory() as folder:
            seconds, behind = await lost_by_kill(Path(folder), both=both, seconds=random.uniform(2, 4))
        lost[both].append(round(seconds, 3))
        late[both].append(round(behind, 3))
    worst = max(max(lost[False]), max(lost[True] or [0.0]))
    return {
        "kills": count,
        "lost_s_worker": max(lost[False]),
        "lost_s_worker_and_recorder": max(lost[True] or [0.0]),
        "behind_the_kill_s_worker": max(late[False]),
        "behind_the_kill_s_worker_and_recorder": max(late[True] or [0.0]),
        "reached": worst < REACH_SECONDS,
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(kills(int((sys.argv[1:] or ["50"])[0]), Random(1)))))
