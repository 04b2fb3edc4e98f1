"""Roles, holds, side rooms and modes with real members: what flows, and what does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.media.forwarder import EMPTY_ROOM_SECONDS
from cloudwindow.media.meeting import with_hold, with_mode, with_side_room
from cloudwindow.media.plane import Arrangement, MediaEventKind, Mode
from cloudwindow.media.tap import MarkKind, TapMark, TapPacket, TapQueue
from tests.gateways.media_bench import Bench
from tests.gateways.media_member import MemberEnd, written_offer
from tests.gateways.test_media_guard import Guarded


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.finish()


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    made = Guarded()
    yield made
    await made.finish()


async def three(bench: Bench, role: str) -> tuple[MemberEnd, MemberEnd, MemberEnd]:
    """A citizen, an agent and a third, each with a place for two others."""
    citizen = await bench.join("c", slots=2)
    agent = await bench.join("a", role="agent", slots=2)
    third = await bench.join("t", role=role, slots=2)
    return citizen, agent, third


async def test_three_members_see_each_other_each_in_a_place_of_their_own(bench: Bench) -> None:
    ends = await three(bench, "family")
    await asyncio.gather(*(end.sees_slot(slot) for end in ends for slot in (0, 1)))
    assert {name: bench.stats(name).slots for name in "cat"} == {
        "c": ("a", "t"),
        "a": ("c", "t"),
        "t": ("c", "a"),
    }


async def test_the_receiver_who_loses_most_decides_what_a_sender_hears(bench: Bench) -> None:
    ends = await three(bench, "family")
    await asyncio.gather(*(end.sees_slot(slot) for end in ends for slot in (0, 1)))
    room = bench.forwarder.rooms["r1"]
    for worst, other in (("a", "t"), ("t", "a")):
        room.members[worst].downstream.loss, room.members[other].downstream.loss = 0.2, 0.01
        room.choose_leaders()
        assert room.members["c"].upstream.leader is room.members[worst]


async def test_a_listening_supervisor_is_in_the_list_and_is_received_by_nobody(bench: Bench) -> None:
    citizen, agent, boss = await three(bench, "supervisor")
    await asyncio.gather(citizen.sees(), agent.sees(), boss.sees_slot(0), boss.sees_slot(1))
    seen = bench.stats("t")
    assert (seen.role, seen.mode, seen.connected) == ("supervisor", Mode.LISTEN, True)
    await bench.sends_on("t")
    assert bench.stats("c").slots == ("a",)
    assert bench.stats("a").slots == ("c",)
    assert agent.pictures[1] == citizen.pictures[1] == 0


async def test_a_whisper_reaches_the_agent_only_and_joining_reaches_all(bench: Bench) -> None:
    citizen, agent, _ = await three(bench, "supervisor")
    bench.forwarder.arrange("r1", lambda before: with_mode(before, "t", Mode.WHISPER))
    await agent.sees_slot(1)
    assert bench.stats("c").slots == ("a",)
    assert citizen.pictures[1] == 0
    bench.forwarder.arrange("r1", lambda before: with_mode(before, "t", Mode.JOIN))
    await citizen.sees_slot(1)
    await bench.told(MediaEventKind.SLOTS, "c")


async def test_a_member_on_hold_neither_sees_nor_is_seen_until_released(bench: Bench) -> None:
    citizen, agent, third = await three(bench, "expert")
    await asyncio.gather(*(end.sees_slot(slot) for end in (citizen, agent, third) for slot in (0, 1)))
    bench.forwarder.arrange("r1", lambda before: with_hold(before, "looking.up", "c"))
    before = bench.received("c")
    await bench.sends_on("c", "a", "t")
    assert bench.received("c") == before
    seen = bench.stats("c")
    assert seen.held == "looking.up"
    assert seen.held_seconds is not None
    assert bench.stats("a").held is None
    assert bench.stats("a").slots == ("c", "t")
    await agent.sees_slot(1)
    bench.forwarder.arrange("r1", lambda before: with_hold(before, None, "c"))
    await asyncio.gather(citizen.sees(), agent.sees_slot(0), third.sees_slot(0))


async def test_nothing_flows_in_a_room_on_hold(bench: Bench) -> None:
    citizen, agent = await bench.join("c"), await bench.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    bench.forwarder.arrange("r1", lambda before: with_hold(before, "break", None))
    before = bench.received("c"), bench.received("a")
    await bench.sends_on("c", "a")
    assert (bench.received("c"), bench.received("a")) == before
    bench.forwarder.arrange("r1", lambda before: with_hold(before, None, None))
    await asyncio.gather(citizen.sees(), agent.sees())


async def test_a_private_talk_is_heard_by_nobody_outside(bench: Bench) -> None:
    citizen, agent, third = await three(bench, "family")
    await asyncio.gather(*(end.sees_slot(slot) for end in (citizen, agent, third) for slot in (0, 1)))
    bench.forwarder.arrange("r1", lambda before: with_side_room(before, ["c", "a"]))
    before = bench.received("t")
    await asyncio.gather(bench.sends_on("c", "a", "t"), citizen.sees_slot(0), agent.sees_slot(0))
    assert bench.received("t") == before
    assert [bench.stats(name).in_side_room for name in "cat"] == [True, True, False]
    bench.forwarder.arrange("r1", lambda before: with_side_room(before, []))
    await asyncio.gather(third.sees_slot(0), third.sees_slot(1), agent.sees_slot(1))


async def test_an_interpreters_place_is_kept_for_them_and_their_relief(guarded: Guarded) -> None:
    forwarder = guarded.forwarder

    def join(member: str, role: str) -> None:
        forwarder.answer("r1", member, role=role, offer=written_offer())

    def slots() -> tuple[str | None, ...]:
        return next(one for one in forwarder.stats("r1").members if one.member == "a").slots

    join("a", "agent")
    join("i", "interpreter")
    join("c", "citizen")
    assert slots() == ("i", "c")
    forwarder.remove("r1", "i")
    join("f", "family")
    assert slots() == (None, "c", "f")
    join("j", "interpreter")
    assert slots() == ("j", "c", "f")


async def test_a_recorder_receives_and_may_send_nothing(bench: Bench) -> None:
    await bench.join("c")
    recorder = MemberEnd()
    bench.ends.append(recorder)
    answer = await recorder.join(bench.ask("r", role="recorder"))
    assert answer.count("a=sendonly") == 2
    await recorder.sees()
    assert bench.stats("r").audio_in.packets == 0
    assert bench.stats("c").slots == ()


async def test_nobody_changes_their_role_during_a_call(guarded: Guarded) -> None:
    guarded.answer("c")
    with pytest.raises(Conflict) as refused:
        guarded.forwarder.answer("r1", "c", role="supervisor", offer=written_offer())
    assert refused.value.code == "role_changed"
    assert guarded.forwarder.stats("r1").members[0].role == "citizen"


async def test_a_refused_arrangement_changes_nothing_and_lets_nobody_in(guarded: Guarded) -> None:
    guarded.answer("c")
    wrong = Arrangement(modes={"c": Mode.WHISPER}, hold="x")
    with pytest.raises(BadInput):
        guarded.forwarder.arrange("r1", lambda _before: wrong)
    with pytest.raises(BadInput):
        guarded.forwarder.answer("r1", "a", role="agent", offer=written_offer(), arrangement=wrong)
    assert [(one.member, one.held) for one in guarded.forwarder.stats("r1").members] == [("c", None)]


async def test_a_member_is_let_in_under_the_arrangement_that_comes_with_the_offer(guarded: Guarded) -> None:
    guarded.forwarder.answer(
        "r1", "c", role="citizen", offer=written_offer(), arrangement=Arrangement(hold="wait")
    )
    assert guarded.forwarder.stats("r1").members[0].held == "wait"
    guarded.forwarder.answer("r1", "a", role="agent", offer=written_offer(), fallback=Arrangement(hold="old"))
    assert guarded.forwarder.stats("r1").members[1].held == "wait"


async def test_a_room_everybody_left_stands_as_it_was_for_ten_minutes(guarded: Guarded) -> None:
    guarded.answer("c")
    guarded.forwarder.arrange("r1", lambda before: with_hold(before, "wait", None))
    guarded.forwarder.remove("r1", "c")
    guarded.answer("c")
    assert guarded.forwarder.stats("r1").members[0].held == "wait"
    guarded.forwarder.remove("r1", "c")
    guarded.clock.now += EMPTY_ROOM_SECONDS + 1
    guarded.forwarder.look_round()
    assert guarded.forwarder.rooms == {}


async def test_a_closed_room_is_forgotten_with_how_it_stood(guarded: Guarded) -> None:
    guarded.answer("c")
    guarded.forwarder.arrange("r1", lambda before: with_hold(before, "wait", None))
    guarded.forwarder.close("r1")
    assert guarded.forwarder.rooms == {}


async def test_a_tap_hears_what_a_recorder_may_and_is_told_of_holds_and_private_talk(bench: Bench) -> None:
    tap = TapQueue()
    bench.forwarder.attach_tap("r1", tap)
    citizen, agent = await bench.join("c"), await bench.join("a", role="agent")
    await asyncio.gather(citizen.sees(), agent.sees())
    heard = {record.source.member for record in tap.take_now() if isinstance(record, TapPacket)}
    assert heard == {"c", "a"}
    bench.forwarder.arrange("r1", lambda before: with_hold(before, "idno", "c"))
    bench.forwarder.arrange("r1", lambda before: with_side_room(before, ["c", "a"]))
    marks = [record for record in tap.take_now() if isinstance(record, TapMark)]
    assert [mark.reason for mark in marks if mark.kind is MarkKind.HELD] == ["idno"]
    assert [mark.reason for mark in marks if mark.kind is MarkKind.SIDE_ROOM] == ["a,c"]
    assert sum(mark.kind is MarkKind.SOURCE_ENDED for mark in marks) == 4
    await bench.sends_on("c", "a")
    assert tap.take_now() == []
    bench.forwarder.arrange("r1", lambda _before: Arrangement())
    await bench.sends_on("c", "a")
    again = tap.take_now()
    assert {record.source.kind for record in again if isinstance(record, TapPacket)} == {"audio", "video"}
    bench.forwarder.detach_tap("r1", tap)
    tap.take_now()
    await bench.sends_on("c", "a")
    assert tap.take_now() == []


async def test_a_tap_that_is_never_read_does_not_hold_up_the_call(bench: Bench) -> None:
    tap = TapQueue(max_octets=2000)
    bench.forwarder.attach_tap("r1", tap)
    citizen, agent = await bench.join("c"), await bench.join("a", role="agent")
    await asyncio.gather(citizen.sees(20), agent.sees(20))
    assert tap.dropped > 0
