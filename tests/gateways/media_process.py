"""A media worker in a process of its own: ``python -m tests.gateways.media_process NAME CONTROL TOKEN``."""

import asyncio
import sys

from cloudwindow.media.plane import WorkerLoad
from cloudwindow.media.worker import MediaSettings, run_worker


async def _say(load: WorkerLoad) -> None:
    print(f"{load.name} {load.control}", flush=True)  # the test reads the real address from here


if __name__ == "__main__":
    name, control, token = sys.argv[1:]
    asyncio.run(run_worker(MediaSettings(name=name, control=control, token=token), register=_say))
