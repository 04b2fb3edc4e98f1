"""
The call as every browser must carry it: one body each, in Chromium and in Firefox, through our own
forwarder and through Janus.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.browser.firefox import firefox, firefox_session
from tests.browser.machine import HAS_FIREFOX, own_address
from tests.browser.stage import (
    Stage,
    chromium_windows,
    forwarding,
    moves_on,
    opened,
    stands_still,
    through_janus,
    until,
)
from tests.gateways.janus_server import NEEDS_JANUS
from tests.pace import PATIENCE_MS, promised

pytestmark = pytest.mark.browser

CHROMIUM = pytest.param("chromium", id="chromium")
JANUS = pytest.param("janus", id="chromium-janus", marks=NEEDS_JANUS)
NEEDS_FIREFOX = pytest.mark.skipif(not HAS_FIREFOX, reason="Firefox is not installed: scripts/setup test")
FIREFOX = pytest.param("firefox", id="firefox", marks=NEEDS_FIREFOX)
FIREFOX_JANUS = pytest.param("firefox janus", id="firefox-janus", marks=[NEEDS_FIREFOX, NEEDS_JANUS])
READY_BY_THEN = """async () => {
  const end = Date.now() + 5_000;
  while (!call.stills.ready && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  return call.stills.ready;
}"""
"""Whether photos can go through the call after five seconds, where nothing tells that they never will."""


@pytest.fixture(scope="session")
def firefox_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with firefox(tmp_path_factory.mktemp("firefox")) as address:
        yield address


@pytest.fixture(params=[CHROMIUM, JANUS, FIREFOX, FIREFOX_JANUS])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        if "firefox" in request.param:
            address = request.getfixturevalue("firefox_address")
            session = await stack.enter_async_context(firefox_session(address))
            made = await stack.enter_async_context(opened(session.new_page, own_address()))
        else:
            made = await stack.enter_async_context(
                opened(await stack.enter_async_context(chromium_windows()))
            )
        if "janus" in request.param:
            await stack.enter_async_context(through_janus(made, tmp_path))
        else:
            await stack.enter_async_context(forwarding(made))
        yield made


async def test_two_people_see_and_hear_each_other(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    seen = await asyncio.gather(moves_on(citizen), moves_on(agent))
    assert all(stats["width"] > 0 for stats in seen)
    assert await citizen.evaluate("[states.at(-1), streams.length, devices.reason]") == ["connected", 1, "ok"]


@pytest.mark.parametrize("stage", [CHROMIUM, FIREFOX], indirect=True)
async def test_a_photo_reaches_the_server_whole_beside_sound_and_picture(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await citizen.wait_for_function("call.stills.ready", timeout=PATIENCE_MS)
    kept = await citizen.evaluate("""async () => {
      const octets = new Uint8Array(300_001).map((_, place) => place * 7);
      return /^[0-9a-f]{64}$/.test(await call.stills.send(new Blob([octets])) ?? "");
    }""")
    assert kept, "the server has not confirmed the photo's hash"
    assert await agent.evaluate("call.stills === null")
    await asyncio.gather(moves_on(citizen), moves_on(agent))


@pytest.mark.parametrize("stage", [JANUS, FIREFOX_JANUS], indirect=True)
async def test_a_photo_takes_the_other_way_where_the_call_has_none_for_it(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    assert not await citizen.evaluate(READY_BY_THEN)
    assert await citizen.evaluate("async () => (await call.stills.send(new Blob(['photo']))) === null")
    await asyncio.gather(moves_on(citizen), moves_on(agent))


async def test_a_reloaded_page_is_back_in_the_call_within_five_seconds(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    async with promised(5):
        await citizen.reload()
        await asyncio.gather(moves_on(citizen), moves_on(agent))
    assert await agent.evaluate("states.at(-1)") == "connected"


async def test_a_call_goes_on_after_the_network_was_cut_and_came_back(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen", loss=0.0), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    told = await citizen.evaluate("states.length")
    stage.cut("c", True)
    await citizen.wait_for_function(f"states.lastIndexOf('interrupted') >= {told}", timeout=PATIENCE_MS)
    stage.cut("c", False)
    await asyncio.gather(moves_on(citizen), moves_on(agent))


async def test_statistics_are_answered_though_the_connection_is_closed_meanwhile(stage: Stage) -> None:
    citizen = await stage.enter("c", "citizen")
    await citizen.wait_for_function("window.ready", timeout=PATIENCE_MS)
    await citizen.evaluate("""async () => {
      call.stats().then((told) => { window.told = told; });
      for (let turn = 0; turn < 10; turn += 1) await null; // the browser is asked; no answer comes so soon
      call.stop();
    }""")
    await citizen.wait_for_function("window.told", timeout=PATIENCE_MS)


async def test_a_transfer_shows_the_new_agent_on_the_same_connection(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    begun = await citizen.evaluate("call.timing.begun")
    await stage.remove("a")
    other = await stage.enter("b", "agent")
    await asyncio.gather(moves_on(citizen), moves_on(other))
    assert await citizen.evaluate("[streams.length, call.timing.begun]") == [1, begun]


async def test_a_muted_microphone_is_silent_to_the_other(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await citizen.evaluate("call.setMuted('audio', true)")
    await until(agent, "stats.audioLevel < 0.001")
    await citizen.evaluate("call.setMuted('audio', false)")
    await moves_on(agent)


async def test_nobody_sees_anybody_on_hold_and_all_go_on_after_it(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await stage.hold("asks_a_colleague")
    await asyncio.gather(stands_still(citizen), stands_still(agent))
    await stage.hold(None)
    await asyncio.gather(moves_on(citizen), moves_on(agent))
