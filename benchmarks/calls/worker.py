"""
One media worker for the benchmarks: ``python -m benchmarks.calls.worker NAME CONTROL TOKEN``.

It prints its name and address once, and on SIGUSR1 what it holds.
"""

import asyncio
import gc
import json
import signal
import sys

from cloudwindow.media.worker import REGISTER_SECONDS, MediaSettings, Worker, start_worker


async def main(name: str, control: str, token: str) -> None:
    """Run until killed."""
    worker = await start_worker(MediaSettings(name=name, control=control, token=token))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell, worker)
    print(f"{name} {worker.control}", flush=True)
    gc.freeze()
    while True:  # both as run_worker does
        worker.tidy()
        await asyncio.sleep(REGISTER_SECONDS)


def _tell(worker: Worker) -> None:
    gc.collect()
    forwarder = worker.forwarder
    held = {
        "tasks": len(asyncio.all_tasks()),
        "rooms": len(forwarder.rooms),
        "members": forwarder.member_count,
        "addresses": len(forwarder._by_address),
        "credentials": len(forwarder._checks._expected),
    }
    print(json.dumps(held), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
