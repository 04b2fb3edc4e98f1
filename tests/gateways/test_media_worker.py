"""Media workers as processes, reached over their control line."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudwindow.domain.errors import BadInput, Conflict, Unavailable
from cloudwindow.media.plane import MediaEvent, MediaEventKind, WorkerAddress, WorkerLoad
from cloudwindow.media.remote import RemoteMediaPlane
from cloudwindow.media.wire import MAX_LINE_OCTETS, dial
from cloudwindow.media.worker import MediaSettings, run_worker, start_worker
from tests.gateways.media_member import Ask, MemberEnd, end_all, written_offer
from tests.pace import PATIENCE_SECONDS

TOKEN = "a-token-for-tests"


class City:
    """Worker processes and one web process' view of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses: list[WorkerAddress] = []
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.events: list[MediaEvent] = []
        self.planes: list[RemoteMediaPlane] = []
        self.ends: list[MemberEnd] = []
        self._told = asyncio.Condition()
        self.plane = self.new_plane()

    def new_plane(self, token: str = TOKEN) -> RemoteMediaPlane:
        """Return another web process' view."""
        self.planes.append(RemoteMediaPlane(self._workers, self._on_event, token))
        return self.planes[-1]

    async def start(self, name: str) -> None:
        """Start a worker process and wait until it has registered."""
        control = f"unix:{self.folder}/{name}.sock" if name == "w1" else "127.0.0.1:0"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.gateways.media_process", name, control, TOKEN, stdout=-1
        )
        self.processes[name] = process
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = (await process.stdout.readline()).decode().split()
        self.addresses.append(WorkerAddress(name=said[0], control=said[1]))

    async def kill(self, name: str) -> None:
        """End a worker process as a crash would; the registry still lists it."""
        self.processes[name].kill()
        await self.processes[name].wait()

    def ask(self, member: str, *, role: str = "citizen", room: str = "r1") -> Ask:
        async def asked(offer: str) -> str:
            return await self.plane.answer(room, member, role=role, offer=offer)

        return asked

    async def join(self, member: str, *, role: str = "citizen", room: str = "r1") -> MemberEnd:
        end = MemberEnd()
        self.ends.append(end)
        await end.join(self.ask(member, role=role, room=room))
        return end

    async def told(self, kind: MediaEventKind, member: str, *, within: float = PATIENCE_SECONDS) -> None:
        """Return when ``kind`` has been told of ``member``."""
        async with asyncio.timeout(within), self._told:
            await self._told.wait_for(
                lambda: any((event.kind, event.member) == (kind, member) for event in self.events)
            )

    async def finish(self) -> None:
        """Stop everything that was started here."""
        await end_all(self.ends, self.planes, self.processes.values())

    async def _workers(self) -> list[WorkerAddress]:
        return self.addresses

    async def _on_event(self, event: MediaEvent) -> None:
        async with self._told:
            self.events.append(event)
            self._told.notify_all()


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    made = City(tmp_path)
    await made.start("w1")
    yield made
    await made.finish()


async def test_two_members_meet_through_a_worker_process(city: City) -> None:
    citizen, agent = await city.join("c"), await city.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    await city.told(MediaEventKind.CONNECTED, "a")
    stats = await city.plane.stats("r1")
    assert [(member.member, member.role, member.connected) for member in stats.members] == [
        ("c", "citizen", True),
        ("a", "agent", True),
    ]
    seen = stats.members[0]
    assert seen.video_frames >= 5
    assert seen.audio_in.packets >= 5
    assert seen.video_out.packets >= 5
    assert seen.lost_packets == 0
    assert seen.slots == ("a",)
    assert seen.last_packet_age_seconds is not None
    assert seen.last_packet_age_seconds < 2


async def test_a_removed_member_is_out_and_a_closed_room_is_empty(city: City) -> None:
    citizen, agent = await city.join("c"), await city.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    await city.plane.remove("r1", "c")
    assert [member.member for member in (await city.plane.stats("r1")).members] == ["a"]
    await city.plane.close("r1")
    assert (await city.plane.stats("r1")).members == ()


async def test_a_killed_workers_members_are_gone_and_meet_again_on_another(city: City) -> None:
    await city.start("w2")
    assert await city.plane.place("r1") == "w1"
    citizen, agent = await city.join("c"), await city.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    await city.kill("w1")
    await city.told(MediaEventKind.GONE, "c")
    await city.told(MediaEventKind.GONE, "a")
    again = await city.join("c"), await city.join("a", role="agent")
    assert city.plane.worker_of("r1") == "w2"
    await asyncio.gather(*(end.sees() for end in again))


async def test_a_worker_that_hangs_is_given_up_for_another(city: City) -> None:
    await city.start("w2")
    await city.plane.answer("r1", "c", role="citizen", offer=written_offer())
    assert city.plane.worker_of("r1") == "w1"
    city.processes["w1"].send_signal(signal.SIGSTOP)
    await city.told(MediaEventKind.GONE, "c")
    await city.plane.answer("r1", "c", role="citizen", offer=written_offer())
    assert city.plane.worker_of("r1") == "w2"


async def test_without_a_living_worker_the_plane_says_it_is_unavailable(city: City) -> None:
    await city.plane.answer("r1", "c", role="citizen", offer=written_offer())
    await city.kill("w1")
    with pytest.raises(Unavailable) as refused:
        await city.plane.answer("r1", "c", role="citizen", offer=written_offer())
    assert refused.value.code == "media_unavailable"


async def test_a_web_process_that_leaves_ends_no_call(city: City) -> None:
    citizen, agent = await city.join("c"), await city.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    await city.plane.stop()
    await asyncio.gather(citizen.sees(), agent.sees())
    other = city.new_plane()
    other.adopt("r1", "w1")
    assert len((await other.stats("r1")).members) == 2


async def test_rooms_are_placed_on_the_least_loaded_worker_and_stay_there(city: City) -> None:
    await city.start("w2")
    placed = [await city.plane.place(f"r{number}") for number in range(4)]
    assert sorted(placed) == ["w1", "w1", "w2", "w2"]
    assert [await city.plane.place(f"r{number}") for number in range(4)] == placed


async def test_a_caller_with_the_wrong_token_is_refused(city: City) -> None:
    with pytest.raises(Unavailable):
        await city.new_plane("wrong").answer("r1", "c", role="citizen", offer=written_offer())


async def test_the_workers_refusals_arrive_with_their_codes(city: City) -> None:
    with pytest.raises(BadInput) as bad:
        await city.plane.answer("r1", "c", role="citizen", offer="v=0\r\nnonsense")
    assert bad.value.code == "bad_sdp"
    with pytest.raises(BadInput) as role:
        await city.plane.answer("r1", "c", role="mayor", offer=written_offer())
    assert role.value.code == "unknown_role"
    for number in range(6):
        await city.plane.answer("r1", f"a{number}", role="agent", offer=written_offer())
    with pytest.raises(Conflict) as full:
        await city.plane.answer("r1", "a6", role="agent", offer=written_offer())
    assert full.value.code == "room_full"


@pytest.mark.parametrize(
    "line",
    [b"[]\n", b"not json\n", b"[" * 100_000 + b"\n", b"x" * (MAX_LINE_OCTETS + 1) + b"\n", b'{"token": 5}\n'],
    ids=["list", "words", "deep", "long", "number"],
)
async def test_nonsense_on_the_control_line_ends_that_line_only(city: City, line: bytes) -> None:
    path = f"{city.folder}/w1.sock"
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert await city.plane.answer("r1", "c", role="citizen", offer=written_offer())


async def test_an_unknown_call_is_answered_with_an_error_and_the_line_goes_on(city: City) -> None:
    line = await dial(city.addresses[0].control)
    line.send({"token": TOKEN})
    assert await line.receive() == {"ok": True, "name": "w1"}
    for message in (
        {"id": 1, "call": "shutdown", "values": {}},
        {"id": 1, "call": "stats", "values": {"room": [1]}},
    ):
        line.send(message)
        assert json.dumps(await line.receive()).count("bad_media_call") == 1
    line.send({"id": 2, "call": "ping", "values": {}})
    assert await line.receive() == {"id": 2, "value": True}
    await line.close()


async def test_a_worker_tells_its_load_at_once_and_frees_its_address(tmp_path: Path) -> None:
    loads: asyncio.Queue[WorkerLoad] = asyncio.Queue()
    settings = MediaSettings(name="w", control=f"unix:{tmp_path}/w.sock", token=TOKEN)
    running = asyncio.create_task(run_worker(settings, register=loads.put))
    async with asyncio.timeout(PATIENCE_SECONDS):
        load = await loads.get()
    assert (load.name, load.control, load.rooms, load.members) == ("w", settings.control, 0, 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    again = await start_worker(settings)
    await again.close()
