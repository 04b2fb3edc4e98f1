"""A media worker that records: ``python -m tests.gateways.recording_process NAME CONTROL TOKEN FOLDER``."""

import asyncio
import sys
from pathlib import Path

from cloudwindow.media.plane import WorkerLoad
from cloudwindow.media.recorder import RecorderSettings
from cloudwindow.media.worker import MediaSettings, run_worker


async def _say(load: WorkerLoad) -> None:
    print(f"{load.name} {load.control}", flush=True)  # the test reads the real address from here


if __name__ == "__main__":
    name, control, token, folder = sys.argv[1:]
    recorder = RecorderSettings(folder=Path(folder), min_free_octets=0)
    settings = MediaSettings(name=name, control=control, token=token, recorder=recorder)
    asyncio.run(run_worker(settings, register=_say))
