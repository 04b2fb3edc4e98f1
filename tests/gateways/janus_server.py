"""Debian's Janus with the files of ``deploy/janus``, their folder and port moved."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from socket import create_connection, socket
from time import monotonic, sleep

import pytest

from cloudwindow.media.janus import JanusSettings
from cloudwindow.media.janus_plane import JanusMediaPlane
from cloudwindow.media.plane import EventHandler
from tests.pace import PATIENCE_SECONDS

SAMPLES = Path(__file__).parents[2] / "deploy" / "janus"
HOST = "127.0.0.1"
NEEDS_JANUS = pytest.mark.skipif(
    shutil.which("janus") is None, reason="Debian's janus is not installed: scripts/setup test"
)


class RunningJanus:
    """A Janus process and how it is spoken to; ``folder`` holds its files and its ``log``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = put_samples(folder)
        self.settings = JanusSettings(
            url=f"ws://{HOST}:{self._port}/", api_secret="replace-me", admin_key="replace-me-too"
        )
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(["janus", "--configs-folder", str(self.folder)], stdout=log, stderr=log)

    def until_up(self) -> None:
        """Dial until it answers."""
        limit = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                create_connection((HOST, self._port), timeout=1).close()
            except OSError:
                assert monotonic() < limit, (self.folder / "log").read_text()
                sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End it at once, as a machine that fails."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """Another process at the same place, which knows nothing of what was."""
        self.stop()
        self.process = self._started()
        self.until_up()


@contextmanager
def running_janus(folder: Path) -> Iterator[RunningJanus]:
    """Start Janus with the samples in ``folder``."""
    running = RunningJanus(folder)
    try:
        running.until_up()
        yield running
    finally:
        running.stop()


@asynccontextmanager
async def planed(
    settings: JanusSettings, on_event: EventHandler, *, name: str = "test"
) -> AsyncIterator[JanusMediaPlane]:
    """A plane on that Janus."""
    plane = JanusMediaPlane(settings, on_event, name=name)
    running = asyncio.create_task(plane.run())
    await plane.until_ready(within=PATIENCE_SECONDS)
    try:
        yield plane
    finally:
        await plane.close_all()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


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
