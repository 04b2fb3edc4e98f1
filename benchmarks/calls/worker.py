"""One media worker for the benchmarks: ``python -m benchmarks.calls.worker NAME CONTROL TOKEN``."""

import asyncio
import sys

from cloudwindow.media.plane import WorkerLoad
from cloudwindow.media.worker import MediaSettings, run_worker


async def _say(load: WorkerLoad) -> None:
    print(f"{load.name} {load.control}", flush=True)


if __name__ == "__main__":
    name, control, token = sys.argv[1:]
    settings = MediaSettings(name=name, control=control, token=token)
    asyncio.run(run_worker(settings, register=_say))
