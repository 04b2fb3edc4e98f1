"""Two members and the forwarder, with real ICE, DTLS and SRTP on loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent, MediaEventKind
from tests.gateways.media_member import Ask, MemberEnd


class Bench:
    """A forwarder, the events it told, and the members to be cleaned up."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self._told = asyncio.Condition()
        self.forwarder = Forwarder(ForwarderSettings(), self._on_event)
        self.ends: list[MemberEnd] = []

    async def _on_event(self, event: MediaEvent) -> None:
        async with self._told:
            self.events.append(event)
            self._told.notify_all()

    async def told(self, kind: MediaEventKind, member: str, *, within: float = 10) -> None:
        """Return when ``kind`` has been told of ``member``."""
        async with asyncio.timeout(within), self._told:
            await self._told.wait_for(
                lambda: any((event.kind, event.member) == (kind, member) for event in self.events)
            )

    def ask(self, member: str, *, role: str = "citizen", room: str = "r1", echo: bool = False) -> Ask:
        async def asked(offer: str) -> str:
            return self.forwarder.answer(room, member, role=role, offer=offer, echo=echo)

        return asked

    async def join(
        self, member: str, *, role: str = "citizen", room: str = "r1", echo: bool = False
    ) -> MemberEnd:
        end = MemberEnd()
        self.ends.append(end)
        await end.join(self.ask(member, role=role, room=room, echo=echo))
        return end

    async def finish(self) -> None:
        for end in self.ends:
            await end.leave()
        await self.forwarder.close_all()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.finish()


async def test_two_members_see_and_hear_each_other(bench: Bench) -> None:
    citizen = await bench.join("c")
    agent = await bench.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    await bench.told(MediaEventKind.CONNECTED, "c")
    await bench.told(MediaEventKind.CONNECTED, "a")


async def test_an_echo_room_returns_a_members_own_picture_and_sound(bench: Bench) -> None:
    alone = await bench.join("c", echo=True)
    await alone.sees()


async def test_a_reload_replaces_the_connection_and_the_other_sides_picture_goes_on(bench: Bench) -> None:
    old = await bench.join("c")
    agent = await bench.join("a", role="agent")
    await asyncio.gather(old.sees(), agent.sees())
    new = await bench.join("c")
    await asyncio.gather(new.sees(), agent.sees())
    assert [member.member for member in bench.forwarder.stats("r1").members] == ["c", "a"]


async def test_two_members_with_h264_only_see_each_other(bench: Bench) -> None:
    ends = [MemberEnd(codec="H264"), MemberEnd(codec="H264")]
    bench.ends += ends
    answers = [
        await ends[0].join(bench.ask("c")),
        await ends[1].join(bench.ask("a", role="agent")),
    ]
    assert all("H264" in answer and "VP8" not in answer for answer in answers)
    await asyncio.gather(*(end.sees() for end in ends))


async def test_a_member_who_comes_back_after_leaving_is_seen_again(bench: Bench) -> None:
    citizen, agent = await bench.join("c"), await bench.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    bench.forwarder.remove("r1", "c")
    again = await bench.join("c")
    await asyncio.gather(again.sees(), agent.sees())
