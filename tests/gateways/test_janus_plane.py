"""``MediaPlane`` on Debian's Janus: who receives whom, what outlives a break, what is refused and how."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

from benchmarks.calls.load import Load
from cloudwindow.config import ConfigError, from_env
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Unavailable
from cloudwindow.media.janus_member import named, without_candidates
from cloudwindow.media.janus_plane import MAX_MEMBERS, JanusMediaPlane
from cloudwindow.media.janus_worker import janus_start
from cloudwindow.media.plane import MediaEventKind, Mode, WorkerAddress
from cloudwindow.media.recorder_remote import RemoteRecorder
from cloudwindow.media.remote import RemoteMediaPlane
from cloudwindow.media.worker import MediaSettings
from tests.gateways.janus_ends import ROOM, Company, flows
from tests.gateways.janus_server import NEEDS_JANUS, RunningJanus, planed, running_janus
from tests.pace import PATIENCE_SECONDS

TOKEN = "a-token-for-tests"
SECONDS = PATIENCE_SECONDS
STILL_SECONDS = 0.5
"""Forty packets of sound and picture that do not arrive."""


@pytest.fixture(scope="module")
def janus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningJanus]:
    """One for all: each test leaves it running, and nothing in it."""
    with running_janus(tmp_path_factory.mktemp("janus")) as running:
        yield running


@pytest.fixture
async def company(janus: RunningJanus) -> AsyncIterator[Company]:
    company = Company()
    async with planed(janus.settings, company.on_event) as plane:
        company.plane = plane
        yield company
        await company.close()


# --- who receives whom -----------------------------------------------------------------------------------


@NEEDS_JANUS
async def test_two_people_receive_each_other_and_hold_lets_nothing_through(company: Company) -> None:
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2
    assert len(flows(citizen.sending, agent.seen, seconds=SECONDS)) == 2
    assert company.plane
    await company.plane.hold(ROOM, "look_up")
    assert flows(agent.sending, citizen.seen, seconds=STILL_SECONDS) == set()
    assert flows(citizen.sending, agent.seen, seconds=STILL_SECONDS) == set()
    stats = await company.plane.stats(ROOM)
    assert [(one.member, one.slots, one.held) for one in stats.members] == [
        ("citizen", ("agent",), "look_up"),
        ("agent", ("citizen",), "look_up"),
    ]
    await company.plane.hold(ROOM, None)
    assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2
    assert [len(one.invitations) for one in (citizen, agent)] == [1, 1]


@NEEDS_JANUS
async def test_a_transfer_shows_the_next_agent_on_the_connections_there_are(company: Company) -> None:
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    before = flows(agent.sending, citizen.seen, seconds=SECONDS)
    leg = citizen.seen.leg
    assert company.plane
    await company.plane.remove(ROOM, "agent")
    other = await company.enter("agent", "agent")
    await company.meet(other)
    assert flows(other.sending, citizen.seen, seconds=SECONDS) == before
    assert citizen.seen.leg is leg
    assert [one.fresh for one in citizen.invitations] == [True, False]


@NEEDS_JANUS
async def test_a_reloaded_page_is_shown_again_without_a_word_to_the_other(company: Company) -> None:
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    again = await company.enter("citizen", "citizen")
    await company.meet(again)
    assert len(flows(again.sending, agent.seen, seconds=SECONDS)) == 2
    assert len(flows(agent.sending, again.seen, seconds=SECONDS)) == 2
    assert len(agent.invitations) == 1
    assert [event.kind for event in company.told if event.kind is MediaEventKind.GONE] == []


@NEEDS_JANUS
async def test_a_third_person_is_received_and_left_out_of_a_private_talk(company: Company) -> None:
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    third = await company.enter("third-1", "family")
    await company.meet(third)
    assert len(flows(third.sending, citizen.seen, seconds=SECONDS)) == 2
    assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2
    assert len(flows(citizen.sending, third.seen, seconds=SECONDS)) == 2
    assert company.plane
    await company.plane.side_room(ROOM, {"citizen", "agent"})
    assert flows(third.sending, citizen.seen, seconds=STILL_SECONDS) == set()
    assert flows(citizen.sending, third.seen, seconds=STILL_SECONDS) == set()
    assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2
    await company.plane.side_room(ROOM, ())
    assert len(flows(third.sending, citizen.seen, seconds=SECONDS)) == 2


@NEEDS_JANUS
async def test_a_supervisor_is_received_by_nobody_by_the_agent_or_by_all(company: Company) -> None:
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    watcher = await company.enter("watcher", "supervisor")
    await company.meet(watcher)
    assert len(flows(citizen.sending, watcher.seen, seconds=SECONDS)) == 2
    assert [len(one.invitations) for one in (citizen, agent)] == [1, 1]
    plane = company.plane
    assert isinstance(plane, JanusMediaPlane)
    await plane.mode(ROOM, "watcher", Mode.WHISPER)
    await plane.until_settled()
    assert len(flows(watcher.sending, agent.seen, seconds=SECONDS)) == 2
    assert flows(watcher.sending, citizen.seen, seconds=STILL_SECONDS) == set()
    await plane.mode(ROOM, "watcher", Mode.JOIN)
    await plane.until_settled()
    assert len(flows(watcher.sending, citizen.seen, seconds=SECONDS)) == 2
    await plane.mode(ROOM, "watcher", Mode.LISTEN)
    assert flows(watcher.sending, citizen.seen, seconds=STILL_SECONDS) == set()


@NEEDS_JANUS
async def test_two_citizens_are_never_joined(company: Company) -> None:
    for member in ("one", "two"):
        await company.enter(member, "citizen")
        await company.heard(MediaEventKind.CONNECTED, member)
    assert company.plane
    assert [one.slots for one in (await company.plane.stats(ROOM)).members] == [(), ()]
    assert [one.invitations for one in company.people.values()] == [[], []]


@NEEDS_JANUS
async def test_who_tries_the_echo_hears_themself_on_the_connection_they_send_on(company: Company) -> None:
    alone = await company.enter("self", "citizen", echo=True)
    load = Load([alone.sending], chance=Random(1))
    async with asyncio.timeout(SECONDS):
        while len(alone.sending.arrived) < 2:
            load.run(0.2)
            await asyncio.sleep(0)
    load.close()
    assert alone.invitations == []


# --- what is refused -------------------------------------------------------------------------------------


@NEEDS_JANUS
@pytest.mark.parametrize(
    ("role", "offer", "code"),
    [("citizen", "v=0", "bad_sdp"), ("recorder", "", "unknown_role"), ("mayor", "", "unknown_role")],
)
async def test_an_offer_that_cannot_be_is_refused(company: Company, role: str, offer: str, code: str) -> None:
    assert company.plane
    with pytest.raises(BadInput) as refused:
        await company.plane.answer(ROOM, "m", role=role, offer=offer or company.offer())
    assert refused.value.code == code
    assert (await company.plane.stats(ROOM)).members == ()


@NEEDS_JANUS
async def test_a_seventh_person_and_a_change_of_role_are_refused(company: Company) -> None:
    assert company.plane
    for number in range(MAX_MEMBERS):
        await company.plane.answer(ROOM, f"f{number}", role="family", offer=company.offer())
    for member, role, code in (("f9", "family", "room_full"), ("f1", "agent", "role_changed")):
        with pytest.raises(Conflict) as refused:
            await company.plane.answer(ROOM, member, role=role, offer=company.offer())
        assert refused.value.code == code


# --- what happens to Janus -------------------------------------------------------------------------------


@NEEDS_JANUS
async def test_a_broken_line_to_janus_ends_no_call(company: Company, janus: RunningJanus) -> None:
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    plane = company.plane
    assert isinstance(plane, JanusMediaPlane)
    await plane.janus.hang_up()
    await plane.hold(ROOM, "look_up")
    assert flows(agent.sending, citizen.seen, seconds=STILL_SECONDS) == set()
    await plane.hold(ROOM, None)
    assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2
    assert [event for event in company.told if event.kind is MediaEventKind.GONE] == []


@NEEDS_JANUS
async def test_everybody_is_gone_with_janus_and_may_come_again(company: Company, janus: RunningJanus) -> None:
    await company.enter("citizen", "citizen")
    await company.enter("agent", "agent")
    await asyncio.to_thread(janus.start_again)
    for member in ("citizen", "agent"):
        await company.heard(MediaEventKind.GONE, member)
    citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
    await company.meet(citizen, agent)
    assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2


@NEEDS_JANUS
async def test_without_janus_a_call_is_refused_by_a_stable_code(
    company: Company, janus: RunningJanus
) -> None:
    janus.stop()
    assert company.plane
    with pytest.raises(Unavailable) as refused:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await company.plane.answer(ROOM, "citizen", role="citizen", offer=company.offer())
    assert refused.value.code == "media_unavailable"
    await asyncio.to_thread(janus.start_again)


@NEEDS_JANUS
async def test_rooms_of_a_plane_that_was_killed_are_ended_by_the_next_of_its_name(
    janus: RunningJanus,
) -> None:
    company = Company()
    killed = JanusMediaPlane(janus.settings, company.on_event, name="one")
    running = asyncio.create_task(killed.run())
    await killed.answer(ROOM, "citizen", role="citizen", offer=company.offer())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with planed(janus.settings, company.on_event, name="one") as plane:
        assert await plane.numbers() == [killed.rooms[ROOM].number]
        await plane.answer(ROOM, "citizen", role="citizen", offer=company.offer())
        assert await plane.numbers() == [plane.rooms[ROOM].number]
        await plane.close(ROOM)
        assert await plane.numbers() == []
    await killed.close_all()
    await company.close()


# --- behind a worker -------------------------------------------------------------------------------------


@NEEDS_JANUS
async def test_a_web_process_notices_no_difference_but_that_nothing_is_recorded(
    janus: RunningJanus, tmp_path: Path
) -> None:
    settings = MediaSettings(name="m1", control=f"unix:{tmp_path}/control", token=TOKEN)
    company = Company()
    async with AsyncExitStack() as stack:
        worker = await janus_start(janus.settings)(settings, None)
        stack.push_async_callback(worker.close)
        load = worker.load()
        assert load is not None

        async def workers() -> list[WorkerAddress]:
            return [WorkerAddress(name="m1", control=settings.control)]

        plane = RemoteMediaPlane(workers, company.on_event, TOKEN)
        stack.push_async_callback(plane.stop)
        company.plane = plane
        citizen, agent = await company.enter("citizen", "citizen"), await company.enter("agent", "agent")
        await company.meet(citizen, agent)
        assert len(flows(agent.sending, citizen.seen, seconds=SECONDS)) == 2
        await plane.hold(ROOM, "look_up", member="agent")
        assert flows(agent.sending, citizen.seen, seconds=STILL_SECONDS) == set()
        assert [one.held for one in (await plane.stats(ROOM)).members] == [None, "look_up"]
        with pytest.raises(CloudWindowError) as refused:
            await RemoteRecorder(plane).start(ROOM, recording="r", key=secrets.token_bytes(32), now=1.0)
        assert refused.value.code == "recording_unavailable"
        await plane.close(ROOM)
        await company.close()


# --- settings --------------------------------------------------------------------------------------------

SETTINGS = {
    "CW_MEDIA_BACKEND": "janus",
    "CW_JANUS_URL": "ws://127.0.0.1:8188/",
    "CW_JANUS_API_SECRET": "a",
    "CW_JANUS_ADMIN_KEY": "b",
}


@pytest.mark.parametrize(
    ("changed", "named_in_it"),
    [
        ({"CW_MEDIA_BACKEND": "galene"}, "CW_MEDIA_BACKEND"),
        ({"CW_JANUS_URL": ""}, "CW_JANUS_URL"),
        ({"CW_JANUS_URL": "ws://10.0.0.5:8188/"}, "loopback"),
        ({"CW_JANUS_API_SECRET": ""}, "CW_JANUS_API_SECRET"),
        ({"CW_JANUS_ADMIN_KEY": ""}, "CW_JANUS_ADMIN_KEY"),
    ],
)
def test_settings_that_would_not_reach_janus_safely_stop_the_start(
    changed: dict[str, str], named_in_it: str
) -> None:
    assert from_env(SETTINGS).media_backend == "janus"
    with pytest.raises(ConfigError, match=named_in_it):
        from_env(SETTINGS | changed)


# --- session descriptions --------------------------------------------------------------------------------


def test_streams_are_named_by_their_place_and_no_address_is_passed_on() -> None:
    told = (
        "v=0\r\nm=audio 9 X 1\r\na=mid:0\r\na=msid:janus janus0\r\na=ssrc:7 cname:janus\r\n"
        "a=ssrc:7 msid:janus janus0\r\nm=video 9 X 2\r\na=mid:1\r\n"
        "a=candidate:1 1 udp 1 10.0.0.9 9 typ host\r\n"
    )
    assert without_candidates(named(told, {"0": 2})) == (
        "v=0\r\nm=audio 9 X 1\r\na=mid:0\r\na=ssrc:7 cname:janus\r\na=msid:slot-2 0\r\n"
        "m=video 9 X 2\r\na=mid:1\r\n"
    )
