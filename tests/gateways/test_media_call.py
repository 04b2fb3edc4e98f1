"""Two members and the forwarder, with real ICE, DTLS and SRTP on loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cloudwindow.media.plane import MediaEventKind
from tests.gateways.media_bench import Bench
from tests.gateways.media_member import MemberEnd


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
