"""A recording worker as a real process: members call, it is killed, and what was said is still there."""

import asyncio
import os
import resource
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

    async def hears(self, kind: MediaEventKind, *, within: float = 10) -> MediaEvent:
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
    async with asyncio.timeout(10):
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


async def until(true: Callable[[], bool], *, within: float = 20) -> None:
    for _ in range(int(within / 0.05)):
        if true():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


async def seconds_lost(tmp_path: Path, *, both: bool) -> float:
    """Sound the worker had received and that is not on the disk after ``kill -9``."""
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 0)
        before = await heard(stage)
        await asyncio.sleep(3)
        received = await heard(stage) - before
        if both:
            os.kill(stage.child(), signal.SIGKILL)
        stage.process.kill()
        await stage.process.wait()
        folder = stage.folder / "one"
        assert await closed(folder) == []
        assert [line["reason"] for line in read(folder) if line["kind"] == "closed"] == ["worker_died"]
        if both:
            assert [reason for reason, _, _ in gaps(folder)] == ["worker_died"]
        return (received - len(decoded(folder, media="audio", recording="one"))) / 50


async def test_a_call_is_recorded_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 3)
        await stage.recorder.stop("r")
        stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED)
        assert (stopped.member, stopped.reason) == ("one", "")
        folder = stage.folder / "one"
        assert await closed(folder) == []
        for member in ("citizen", "agent"):
            for media in ("audio", "video"):
                assert decoded(folder, media=media, member=member, recording="one"), (member, media)


async def test_a_killed_recorder_is_told_within_three_seconds_and_the_call_goes_on(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 1)
        os.kill(stage.child(), signal.SIGKILL)
        stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED, within=3)
        assert (stopped.member, stopped.reason) == ("one", "recorder_died")
        await stage.recorder.start("r", recording="two", key=KEY, now=time.time())
        stage.heard.clear()
        assert (await stage.hears(MediaEventKind.RECORDING_RUNS)).member == "two"


async def test_a_killed_worker_is_told_within_three_seconds_as_the_end_of_its_recordings(
    tmp_path: Path,
) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 1)
        stage.process.kill()
        stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED, within=3)
        assert (stopped.member, stopped.reason) == ("one", "worker_died")


async def test_a_paused_recording_writes_nothing_and_goes_on_when_asked(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 0)
        await until(lambda: begun_pictures(stage.folder / "one") == 2)
        await stage.recorder.pause("r", "sensitive_field")
        await asyncio.sleep(1.5)
        await stage.recorder.resume("r")
        await until(lambda: begun_pictures(stage.folder / "one") == 4)
        await asyncio.sleep(0.5)
        await stage.recorder.stop("r")
        await stage.hears(MediaEventKind.RECORDING_STOPPED)
        folder = stage.folder / "one"
        assert await closed(folder) == []
        first, last = next(
            (first, last) for reason, first, last in gaps(folder) if reason == "sensitive_field"
        )
        assert last is not None
        for media in ("audio", "video"):
            times = decoded(folder, media=media, recording="one")
            assert [at for at in times if at < first], media
            assert not [at for at in times if first + 0.1 < at < last - 0.1], media
            assert [at for at in times if at > last], media


async def test_a_killed_worker_loses_less_than_a_second(tmp_path: Path) -> None:
    assert await seconds_lost(tmp_path, both=False) < 1.0


async def test_worker_and_recorder_killed_together_lose_less_than_a_second(tmp_path: Path) -> None:
    lost = []
    for attempt in range(3):  # a starved recorder has not yet taken what the worker gave it
        lost.append(await seconds_lost(tmp_path / str(attempt), both=True))
        if lost[-1] < 1.0:
            return
    raise AssertionError(lost)


async def test_a_full_disk_ends_the_recording_within_three_seconds_and_not_the_call(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 1)
        resource.prlimit(stage.child(), resource.RLIMIT_FSIZE, (2048, 2048))
        stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED, within=3)
        assert stopped.reason == "disk_full"
        before = (await stage.plane.stats("r")).members[0].audio_in.packets
        await asyncio.sleep(0.5)
        assert (await stage.plane.stats("r")).members[0].audio_in.packets > before


async def test_a_stuck_recorder_is_given_up_within_three_seconds(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 5.5)  # it is given five seconds to start
        os.kill(stage.child(), signal.SIGSTOP)
        stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED, within=3)
        assert stopped.reason == "recorder_died"
