"""A recording worker as a real process with a call on it: for the tests of recording, and what kills it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cloudwindow.media.plane import MediaEvent, MediaEventKind, WorkerAddress
from cloudwindow.media.recorder_chain import Chain, ChainBusy, read, recover, verify
from cloudwindow.media.recorder_remote import RemoteRecorder
from cloudwindow.media.remote import RemoteMediaPlane
from tests.gateways.media_member import MemberEnd
from tests.gateways.recorded import KEY, decoded, gaps
from tests.pace import PATIENCE_SECONDS

TOKEN = "recording-test"


@dataclass(slots=True)
class Stage:
    """A worker, its plane, and a call between citizen and agent in room ``r``."""

    process: asyncio.subprocess.Process
    plane: RemoteMediaPlane
    recorder: RemoteRecorder
    folder: Path
    heard: list[MediaEvent] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def hears(self, kind: MediaEventKind, *, within: float = PATIENCE_SECONDS) -> MediaEvent:
        async with asyncio.timeout(within):
            while True:
                for event in self.heard:
                    if event.kind is kind:
                        return event
                self.moved.clear()
                await self.moved.wait()

    def child(self) -> int:
        """The recorder's process."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii").split()
        return int(found[0])


def answerer(plane: RemoteMediaPlane, member: str) -> Callable[[str], Awaitable[str]]:
    async def ask(offer: str) -> str:
        return await plane.answer("r", member, role=member, offer=offer)

    return ask


@asynccontextmanager
async def call(tmp_path: Path) -> AsyncIterator[Stage]:
    folder = tmp_path / "recordings"
    command = (sys.executable, "-m", "tests.gateways.recording_process", "w", "127.0.0.1:0", TOKEN)
    process = await asyncio.create_subprocess_exec(*command, str(folder), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    name, control = (await process.stdout.readline()).decode().split()
    address = WorkerAddress(name=name, control=control)

    async def workers() -> list[WorkerAddress]:
        return [address]

    async def on_event(event: MediaEvent) -> None:
        stage.heard.append(event)
        stage.moved.set()

    plane = RemoteMediaPlane(workers, on_event, TOKEN)
    stage = Stage(process, plane, RemoteRecorder(plane), folder)
    members = [MemberEnd(), MemberEnd()]
    try:
        for member, end in zip(("citizen", "agent"), members, strict=True):
            await end.join(answerer(plane, member))
        for end in members:
            await end.sees(3)
        yield stage
    finally:
        await asyncio.gather(*(end.leave() for end in members), return_exceptions=True)
        await plane.stop()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def closed(folder: Path) -> list[str]:
    """Wait until nobody writes the recording, finish it if need be, and return what is wrong with it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                chain = Chain(folder)
                break
            except ChainBusy:
                await asyncio.sleep(0.05)
    recover(chain, reason="worker_died")
    chain.close()
    return [finding.problem for finding in verify(folder)]


async def recorded_for(stage: Stage, name: str, seconds: float) -> None:
    """Record so long."""
    await stage.recorder.start("r", recording=name, key=KEY, now=time.time())
    await stage.hears(MediaEventKind.RECORDING_RUNS)
    await asyncio.sleep(seconds)  # real media takes real time


async def heard(stage: Stage) -> int:
    """How many packets of the citizen's sound the worker has received."""
    members = (await stage.plane.stats("r")).members
    return next(member.audio_in.packets for member in members if member.member == "citizen")


def begun_pictures(folder: Path) -> int:
    """How many segments of pictures were begun."""
    return sum(line["kind"] == "begun" and line["codec"] == "VP8" for line in read(folder))


async def until(true: Callable[[], bool], *, within: float = PATIENCE_SECONDS) -> None:
    for _ in range(int(within / 0.05)):
        if true():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


async def lost_by_kill(tmp_path: Path, *, both: bool, seconds: float = 3) -> tuple[float, float]:
    """
    Record for ``seconds`` and ``kill -9`` the worker, or ``both`` it and the recorder.

    Returns the seconds of sound that the worker had received and that are not on the disk, and those
    between the kill and the last sound on the disk, which also count what the sender was late.
    """
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 0)
        before = await heard(stage)
        await asyncio.sleep(seconds)
        received = await heard(stage) - before
        killed_at = time.time()
        if both:
            os.kill(stage.child(), signal.SIGKILL)
        stage.process.kill()
        await stage.process.wait()
        folder = stage.folder / "one"
        assert await closed(folder) == []
        lines = read(folder)
        assert [line["reason"] for line in lines if line["kind"] == "closed"] == ["worker_died"]
        assert both == ("worker_died" in [reason for reason, _, _ in gaps(folder)])
        kept = decoded(folder, media="audio", recording="one")
        return (received - len(kept)) / 50, killed_at - lines[0]["began_at"] - kept[-1]
