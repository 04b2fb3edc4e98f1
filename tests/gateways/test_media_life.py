"""The life of a media worker as operators run it: registered, drained, killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from cloudwindow.bus import Worker, Workers
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.media.memory import MemoryWatch
from cloudwindow.media.plane import MediaEvent, MediaEventKind, Mode, WorkerAddress
from cloudwindow.media.remote import RemoteMediaPlane
from tests.gateways.media_member import MemberEnd, end_all
from tests.gateways.redis_server import RedisServer
from tests.pace import PATIENCE_SECONDS, promised

TOKEN = "a-token-for-tests"
"""Longer than a process needs to start on a machine that does much else."""


class Site:
    """Media workers started by the product's own command, and web processes that use them."""

    def __init__(self, server: RedisServer, redis: Redis, folder: Path) -> None:
        self.workers = Workers(redis)
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.planes: list[RemoteMediaPlane] = []
        self.ends: list[MemberEnd] = []
        self.gone: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._url, self._folder = server.url, folder

    async def start(self, name: str, *, drain_seconds: float = 600, memory_mb: int = 0) -> None:
        """Start a worker and wait until it is registered."""
        self.processes[name] = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloudwindow",
            "media",
            env={
                "PATH": os.environ["PATH"],
                "REDIS_URL": self._url,
                "CW_MEDIA_TOKEN": TOKEN,
                "CW_MEDIA_NAME": name,
                "CW_MEDIA_DRAIN_SECONDS": str(drain_seconds),
                "CW_MEDIA_MEMORY_MB": str(memory_mb),
            },
            cwd=Path(__file__).parents[2],
        )
        await self.until(name, lambda worker: worker is not None)

    async def until(
        self, name: str, true: Callable[[Worker | None], bool], *, within: float = PATIENCE_SECONDS
    ) -> None:
        """Return when what the registry says of a worker is so."""
        async with asyncio.timeout(within):
            while True:
                listed = {worker.name: worker for worker in await self.workers.all()}
                if true(listed.get(name)):
                    return
                await asyncio.sleep(0.05)

    def plane(self) -> RemoteMediaPlane:
        """One web process' view, wired as the product wires it."""

        async def alive() -> list[WorkerAddress]:
            return [
                WorkerAddress(
                    name=one.name,
                    control=one.address,
                    members=one.load["members"],
                    draining=one.load["draining"],
                )
                for one in await self.workers.all()
            ]

        async def on_event(event: MediaEvent) -> None:
            if event.kind is MediaEventKind.GONE:
                await self.gone.put((event.room, event.member))

        async def lost(worker: str) -> None:
            await self.workers.withdraw(worker)

        made = RemoteMediaPlane(alive, on_event, TOKEN, agree=self.workers.room_worker, lost=lost)
        self.planes.append(made)
        return made

    async def join(self, plane: RemoteMediaPlane, role: str, room: str = "r1") -> MemberEnd:
        end = MemberEnd()
        self.ends.append(end)

        async def ask(offer: str) -> str:
            return await plane.answer(room, role, role=role, offer=offer)

        await end.join(ask)
        return end

    async def ended(self, name: str, *, within: float = PATIENCE_SECONDS) -> int:
        """The exit code of a worker, once it has ended."""
        async with asyncio.timeout(within):
            return await self.processes[name].wait()

    async def finish(self) -> None:
        await end_all(self.ends, self.planes, self.processes.values())


@pytest.fixture
async def site(redis_server: RedisServer, redis: Redis, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(redis_server, redis, tmp_path)
    yield made
    await made.finish()


async def test_a_drained_worker_keeps_its_call_takes_no_new_room_and_ends_when_empty(site: Site) -> None:
    await site.start("m1")
    plane = site.plane()
    citizen, agent = await site.join(plane, "citizen"), await site.join(plane, "agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    site.processes["m1"].send_signal(signal.SIGTERM)
    await site.until("m1", lambda worker: worker is not None and worker.load["draining"])
    await site.start("m2")
    assert await plane.place("r2") == "m2"
    assert await plane.place("r1") == "m1"
    await asyncio.gather(citizen.sees(), agent.sees())
    await plane.close("r1")
    assert await site.ended("m1") == 0
    await site.until("m1", lambda worker: worker is None)


async def test_a_worker_is_drained_by_a_call_too_and_an_empty_one_ends_at_once(site: Site) -> None:
    await site.start("m1")
    await site.plane().drain("m1")
    assert await site.ended("m1") == 0


async def test_at_its_limit_a_drained_worker_hands_its_members_to_another(site: Site) -> None:
    await site.start("m1", drain_seconds=0)
    plane = site.plane()
    await site.join(plane, "citizen")
    await site.start("m2")
    site.processes["m1"].send_signal(signal.SIGTERM)
    assert await site.ended("m1") == 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await site.gone.get() == ("r1", "citizen")
    assert await plane.place("r1") == "m2"


async def test_a_worker_above_its_memory_limit_takes_no_new_room_and_ends_when_empty(site: Site) -> None:
    await site.start("m1", memory_mb=1)
    await site.until("m1", lambda worker: worker is None or worker.load["draining"])
    assert await site.ended("m1") == 0


def test_memory_that_is_given_back_in_time_does_not_count() -> None:
    occupied, given = [50], [0]

    def give_back() -> None:
        given[0] += 1

    watch = MemoryWatch(100, resident=lambda: occupied[0], give_back=give_back)
    seen = []
    for octets in (50, 101, 99, 101, 102, 103):
        occupied[0] = octets
        seen.append(watch.is_over())
    assert (seen, given) == ([False, False, False, False, True, True], [2])


async def test_a_second_sigterm_ends_a_worker_at_once(site: Site) -> None:
    await site.start("m1")
    await site.join(site.plane(), "citizen")
    site.processes["m1"].send_signal(signal.SIGTERM)
    await site.until("m1", lambda worker: worker is not None and worker.load["draining"])
    site.processes["m1"].send_signal(signal.SIGTERM)
    assert await site.ended("m1") == 0


async def test_after_a_kill_both_web_processes_put_the_room_on_the_same_other_worker(site: Site) -> None:
    """Media is back well within five seconds: the registry does not wait until the dead one expires."""
    await site.start("m1")
    one, other = site.plane(), site.plane()
    citizen, agent = await site.join(one, "citizen"), await site.join(other, "agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    for name in ("m2", "m3"):
        await site.start(name)
    site.processes["m1"].kill()
    async with promised(5):
        assert {await site.gone.get(), await site.gone.get()} == {("r1", "citizen"), ("r1", "agent")}
        again = await site.join(other, "agent"), await site.join(one, "citizen")
        await asyncio.gather(*(end.sees() for end in again))
    assert one.worker_of("r1") == other.worker_of("r1") != "m1"


async def test_an_arrangement_comes_back_with_the_room(site: Site) -> None:
    await site.start("m1")
    plane = site.plane()
    await site.join(plane, "citizen")
    await plane.hold("r1", "looking.up", member="citizen")
    await plane.side_room("r1", ["citizen", "agent"])
    await site.start("m2")
    site.processes["m1"].kill()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await site.gone.get()
    await site.join(plane, "citizen")
    seen = (await plane.stats("r1")).members[0]
    assert (seen.held, seen.in_side_room) == ("looking.up", True)


async def test_what_the_worker_refuses_stays_as_it_was(site: Site) -> None:
    await site.start("m1")
    plane = site.plane()
    await site.join(plane, "citizen")
    refusals: list[tuple[Awaitable[None], str]] = [
        (plane.mode("r1", "citizen", mode), "mode_refused") for mode in Mode
    ]
    refusals.append((plane.side_room("r1", ["citizen"]), "side_room_refused"))
    refusals.append((plane.hold("r1", "x" * 81), "bad_media_call"))
    for asked, code in refusals:
        with pytest.raises(CloudWindowError) as refused:
            await asked
        assert refused.value.code == code
    seen = (await plane.stats("r1")).members[0]
    assert (seen.held, seen.in_side_room) == (None, False)
