"""A call through a real coturn with the configuration that we ship, and through nothing else."""

import asyncio
import time
from pathlib import Path

import pytest

from cloudwindow.media.relay import LIFE_SECONDS, Relay
from tests.browser.machine import own_address
from tests.browser.stage import chromium_windows, forwarding, moves_on, opened, through_janus
from tests.gateways.coturn import SECRET, WORKER_HOST, coturn, needs_coturn
from tests.gateways.janus_server import NEEDS_JANUS
from tests.pace import PATIENCE_MS

pytestmark = [pytest.mark.browser, needs_coturn]

WAYS_USED = """async () => {
  const report = [...(await call.report()).values()];
  const used = report.filter((entry) => entry.type === "candidate-pair" && entry.nominated);
  return used.map((pair) => report.find((entry) => entry.id === pair.localCandidateId).candidateType);
}"""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_browsers_that_know_only_the_relay_see_and_hear_each_other(
    tmp_path: Path, transport: str
) -> None:
    async with (
        coturn(tmp_path) as relay,
        chromium_windows() as new_window,
        opened(new_window, WORKER_HOST) as stage,
        forwarding(stage),
    ):
        words = Relay(urls=(relay.over(transport),), secret=SECRET)
        stage.relay(words.servers("citizen", now=time.time()))
        citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
        await asyncio.gather(moves_on(citizen, frames=30), moves_on(agent, frames=30))
        assert await citizen.evaluate(WAYS_USED) == ["relay"]
        told = await citizen.evaluate("call.stats()")
        assert (told["way"], told["relayBy"]) == ("relayed", transport)


@NEEDS_JANUS
async def test_two_browsers_reach_each_other_over_the_relay_and_janus_behind_it(tmp_path: Path) -> None:
    """Each person has two connections there, and both go through the relay."""
    async with (
        coturn(tmp_path, host=own_address(), workers=own_address()) as relay,
        chromium_windows() as new_window,
        opened(new_window) as stage,
        through_janus(stage, tmp_path / "janus"),
    ):
        stage.relay(Relay(urls=(relay.url,), secret=SECRET).servers("citizen", now=time.time()))
        citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
        await asyncio.gather(moves_on(citizen, frames=30), moves_on(agent, frames=30))
        assert await citizen.evaluate(WAYS_USED) == ["relay"]


async def test_a_browser_with_an_expired_word_gets_no_way_through_the_relay(tmp_path: Path) -> None:
    async with (
        coturn(tmp_path) as relay,
        chromium_windows() as new_window,
        opened(new_window, WORKER_HOST) as stage,
        forwarding(stage) as forwarder,
    ):
        old = time.time() - LIFE_SECONDS - 5
        stage.relay(Relay(urls=(relay.url,), secret=SECRET).servers("citizen", now=old))
        citizen = await stage.enter("c", "citizen")
        await citizen.wait_for_function("window.ways", timeout=PATIENCE_MS)
        found = await citizen.evaluate("""() => new Promise((resolve) => {
          const probe = new RTCPeerConnection(window.ways);
          const done = () => resolve(probe.localDescription.sdp.match(/a=candidate.*/g) ?? []);
          probe.addEventListener("icecandidate", ({ candidate }) => candidate ?? done());
          probe.addTransceiver("audio");
          void probe.setLocalDescription();
          setTimeout(() => resolve(["late"]), 90_000);
        })""")
        assert found == []
        assert not forwarder.rooms["r1"].members["c"].connected
