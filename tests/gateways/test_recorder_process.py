"""A recording worker as a real process: members call, it is killed, and what was said is still there."""

import asyncio
import os
import resource
import signal
import time
from pathlib import Path

from cloudwindow.media.plane import MediaEventKind
from tests.gateways.recorded import KEY, decoded, gaps
from tests.gateways.recording_stage import (
    begun_pictures,
    call,
    closed,
    heard,
    lost_by_kill,
    recorded_for,
    until,
)
from tests.pace import PATIENCE_SECONDS, promised, slowness


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
        async with promised(3):
            os.kill(stage.child(), signal.SIGKILL)
            stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED)
        assert (stopped.member, stopped.reason) == ("one", "recorder_died")
        await stage.recorder.start("r", recording="two", key=KEY, now=time.time())
        stage.heard.clear()
        assert (await stage.hears(MediaEventKind.RECORDING_RUNS)).member == "two"


async def test_a_killed_worker_is_told_within_three_seconds_as_the_end_of_its_recordings(
    tmp_path: Path,
) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 1)
        async with promised(3):
            stage.process.kill()
            stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED)
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
    lost, _ = await lost_by_kill(tmp_path, both=False)
    assert lost < slowness()


async def test_worker_and_recorder_killed_together_lose_less_than_a_second(tmp_path: Path) -> None:
    lost, _ = await lost_by_kill(tmp_path, both=True)
    assert lost < slowness()  # a starved recorder has not yet taken what the worker gave it


async def test_a_full_disk_ends_the_recording_within_three_seconds_and_not_the_call(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 1)
        async with promised(3):
            resource.prlimit(stage.child(), resource.RLIMIT_FSIZE, (2048, 2048))
            stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED)
        assert stopped.reason == "disk_full"
        before = await heard(stage)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await heard(stage) <= before:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.05)


async def test_a_stuck_recorder_is_given_up_within_three_seconds(tmp_path: Path) -> None:
    async with call(tmp_path) as stage:
        await recorded_for(stage, "one", 5.5)  # it is given five seconds to start
        async with promised(3):
            os.kill(stage.child(), signal.SIGSTOP)
            stopped = await stage.hears(MediaEventKind.RECORDING_STOPPED)
        assert stopped.reason == "recorder_died"
