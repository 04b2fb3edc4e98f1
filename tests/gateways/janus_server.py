"""Debian's Janus with the files of ``deploy/janus``, their folder and port moved."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import pytest

from cloudwindow.media.janus import JanusSettings

SAMPLES = Path(__file__).parents[2] / "deploy" / "janus"
HOST = "127.0.0.1"
LIMIT_SECONDS = 20.0
NEEDS_JANUS = pytest.mark.skipif(
    shutil.which("janus") is None, reason="Debian's janus is not installed: scripts/setup test"
)


@dataclass(slots=True)
class RunningJanus:
    """A Janus process and how it is spoken to; ``folder`` holds its files and its ``log``."""

    process: asyncio.subprocess.Process
    settings: JanusSettings
    folder: Path
    port: int

    async def stop(self) -> None:
        """End it."""
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()

    async def start_again(self) -> None:
        """Another process at the same place, which knows nothing of what was."""
        await self.stop()
        self.process = await _started(self.folder)
        await _until_up(self.port)


@asynccontextmanager
async def running_janus(folder: Path) -> AsyncIterator[RunningJanus]:
    """Start Janus with the samples in ``folder``."""
    port = put_samples(folder)
    settings = JanusSettings(url=f"ws://{HOST}:{port}/", api_secret="replace-me", admin_key="replace-me-too")
    running = RunningJanus(await _started(folder), settings, folder, port)
    try:
        await _until_up(port)
        yield running
    finally:
        await running.stop()


async def _started(folder: Path) -> asyncio.subprocess.Process:
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            "janus", "--configs-folder", str(folder), stdout=log, stderr=log
        )


def put_samples(folder: Path) -> int:
    """Copy the samples with a folder, a library and a port that are right here; the port."""
    folder.mkdir(exist_ok=True)
    with socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    library = str(next(Path("/usr/lib").glob("*/janus")))
    for sample in SAMPLES.glob("*.jcfg"):
        text = sample.read_text().replace("/usr/lib/x86_64-linux-gnu/janus", library)
        (folder / sample.name).write_text(text.replace("/etc/janus", str(folder)).replace("8188", str(port)))
    return port


async def _until_up(port: int) -> None:
    """Dial until it answers."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return
