"""BullMQ as the distributor: a job queue that hands out the oldest and matches nobody with anybody."""

import asyncio
import json
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import cpu_ns
from benchmarks.peers.postgres import Unable

PACKAGES = ("bullmq@6.7.0", "ioredis@5")
INSTALL_SECONDS = 180.0
LONGEST_LINE = 1 << 24


@dataclass(slots=True)
class BullMq:
    """The node driver, spoken to by lines."""

    pid: int
    driver: Process
    name: str = "bullmq"

    def cpu(self) -> int:
        """CPU of the Valkey process."""
        return cpu_ns(self.pid)

    async def round(self, pairings: int, clients: int) -> list[float]:
        """As ``Contestant``; the time ends with the job, which is taken at once: there is no offer."""
        assert self.driver.stdin
        self.driver.stdin.write(f"{pairings} {clients}\n".encode())
        await self.driver.stdin.drain()
        return [float(ms) for ms in json.loads(await _line(self.driver))["next_ms"]]


@asynccontextmanager
async def bullmq(socket: str, pid: int, folder: Path, waiting: int) -> AsyncIterator[BullMq]:
    """BullMQ on the server behind ``socket``, with ``waiting`` jobs. Raises Unable without npm or network."""
    await asyncio.to_thread(_install, folder)
    node = shutil.which("node")
    if node is None:
        raise Unable("node was not found")
    script = Path(__file__).with_name("bullmq.cjs")
    driver = await asyncio.create_subprocess_exec(
        node, script, folder, socket, str(waiting), stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE
    )
    try:
        await _line(driver)
        yield BullMq(pid=pid, driver=driver)
    finally:
        assert driver.stdin
        driver.stdin.close()
        await driver.wait()


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unable("npm was not found")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        raise Unable(f"npm install failed: {done.stderr[-200:]}")


async def _line(driver: Process) -> str:
    assert driver.stdout
    line = await driver.stdout.readline()
    if not line:
        raise Unable("the BullMQ driver ended")
    return line.decode()
