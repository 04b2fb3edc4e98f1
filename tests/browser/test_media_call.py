"""What our forwarder does for two Chromiums; what it does for every browser: test_media_anywhere."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cloudwindow.media.forwarder import Forwarder
from tests.browser.stage import Stage, chromium_windows, forwarding, moves_on, opened, until
from tests.pace import PATIENCE_MS, PATIENCE_SECONDS

pytestmark = pytest.mark.browser


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with chromium_windows() as new_window, opened(new_window) as made:
        yield made


@pytest.fixture
async def forwarder(stage: Stage) -> AsyncIterator[Forwarder]:
    async with forwarding(stage) as made:
        yield made


async def test_each_browser_learns_the_round_trip_to_the_other(stage: Stage, forwarder: Forwarder) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    for page in (citizen, agent):
        await until(page, "stats.rttMs > 0 && stats.rttMs < 500 && stats.lossUpPercent === 0")


async def test_a_browser_sees_itself_in_an_echo_room(stage: Stage, forwarder: Forwarder) -> None:
    page = await stage.enter("c", "citizen", echo=True)
    await moves_on(page)


async def test_an_ice_restart_keeps_the_call_and_its_keys(stage: Stage, forwarder: Forwarder) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    before = forwarder.rooms["r1"].members["c"]
    old = before.credentials
    await citizen.evaluate("call.restartIce()")
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    after = forwarder.rooms["r1"].members["c"]
    assert after is before
    assert after.credentials != old


async def test_an_offer_without_an_answer_holds_up_no_later_one(stage: Stage, forwarder: Forwarder) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    old = forwarder.rooms["r1"].members["c"].credentials
    waited = await citizen.evaluate("""async () => {
      const sent = [];
      const sendOffer = (sdp) => (sent.push(performance.now()) > 1 ? overHttp(sdp) : new Promise(() => {}));
      const findWays = async () => ({ iceServers: [], iceTransportPolicy: "all" });
      window.wired = { sendOffer, findWays, lineUp: () => true };
      const until = async (count) => {
        while (sent.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
      };
      void call.restartIce();
      await until(1);
      void call.networkBack();
      await until(2);
      return sent[1] - sent[0];
    }""")
    assert waited < 10_000, "only after the first offer's answer was given up"
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    assert forwarder.rooms["r1"].members["c"].credentials != old


async def test_without_a_line_no_repair_is_begun(stage: Stage, forwarder: Forwarder) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    offers = await citizen.evaluate("""async () => {
      let offers = 0;
      const sendOffer = (sdp) => { offers += 1; return overHttp(sdp); };
      const findWays = async () => ({ iceServers: [], iceTransportPolicy: "all" });
      window.wired = { sendOffer, findWays, lineUp: () => false };
      await call.networkBack();
      const without = offers;
      window.wired.lineUp = () => true;
      await call.networkBack();
      return [without, offers];
    }""")
    assert offers == [0, 1]
    await asyncio.gather(moves_on(citizen), moves_on(agent))


async def test_the_picture_goes_on_under_five_percent_loss_each_way(
    stage: Stage, forwarder: Forwarder
) -> None:
    citizen, agent = await asyncio.gather(
        stage.enter("c", "citizen", loss=0.05, seed=1), stage.enter("a", "agent", loss=0.05, seed=2)
    )
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await asyncio.gather(moves_on(citizen, frames=120), moves_on(agent, frames=120))
    assert min(stage.links[member].lost for member in ("c", "a")) > 20


async def test_a_third_member_is_seen_after_the_server_asks_for_more_lines(
    stage: Stage, forwarder: Forwarder
) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    second = await stage.enter("b", "agent")
    await moves_on(second)
    for page in (citizen, agent, second):
        await page.wait_for_function("streams.length === 2", timeout=PATIENCE_MS)
    await asyncio.gather(
        moves_on(citizen, frames=60), moves_on(agent, frames=60), moves_on(second, frames=60)
    )
    outgoing = {member.member: member.video_out.packets for member in forwarder.stats("r1").members}
    sinks = [sink for peer in forwarder.rooms["r1"].members.values() for sink in peer.lines.sinks.values()]
    assert min(outgoing.values()) > 0
    assert min(sink.packets for sink in sinks) > 0


async def test_a_muted_microphone_is_silent_to_the_other_and_a_stopped_call_is_gone(
    stage: Stage, forwarder: Forwarder
) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await citizen.evaluate("call.setMuted('audio', true)")
    await until(agent, "stats.audioLevel < 0.001")
    await citizen.evaluate("call.setMuted('audio', false)")
    await moves_on(agent)
    assert await citizen.evaluate("listed.cameras.length > 0 && meter.level >= 0")
    await citizen.evaluate("call.stop()")
    await asyncio.wait_for(stage.gone("c"), PATIENCE_SECONDS)
