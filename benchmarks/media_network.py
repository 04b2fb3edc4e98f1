"""
What a bad network does to a call between two real browsers; the citizen's runs behind a TUN link.

5 % random loss with 80 ± 20 ms each way; silence (everything is lost and nobody is told) and an unplugged
interface, for 5 s and for 60 s; another address in the middle of the call.
"""

import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.calls.link import BadNetwork, bad_network, why_not
from benchmarks.measure import machine, main, median, percentile, report
from tests.browser.machine import CHROMIUM
from tests.browser.stage import Stage, Window, chromium_windows, forwarding, moves_on, opened

LOSS, DELAY_MS, JITTER_MS = 0.05, 80, 20
WATCHED_SECONDS, RAMP_SECONDS = 60.0, 10.0
CUTS = ((5.0, 6), (60.0, 2))
"""Seconds of a cut, and how many of each kind."""
MOVES = 5
BACK_WITHIN = 60.0
REACH_FROZEN, REACH_CONCEALED, REACH_LINE_S, REACH_OFFER_S, REACH_MEDIA_S = 0.02, 0.02, 1.0, 0.2, 5.0

TOTALS = """async () => {
  const sum = { frozen: 0, decoded: 0, concealed: 0, samples: 0 };
  (await call.report()).forEach((entry) => {
    if (entry.type !== "inbound-rtp") return;
    sum.frozen += entry.totalFreezesDuration ?? 0;
    sum.decoded += entry.framesDecoded ?? 0;
    sum.concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
    sum.samples += entry.totalSamplesReceived ?? 0;
  });
  return sum;
}"""
WIRED = """async () => {
  const { Socket, socketUrl } = await import("/lib/socket.js");
  const { offersOver } = await import("/lib/offers.js");
  const { waysOver } = await import("/lib/ways.js");
  window.line = new Socket(socketUrl("/line" + location.search));
  line.urgent = true;
  window.offeredAt = 0;
  const offer = offersOver(line, "call");
  const sendOffer = (sdp) => { window.offeredAt ||= Date.now(); return offer(sdp); };
  window.wired = { sendOffer, findWays: waysOver(line), lineUp: () => line.state === "open" };
  line.addEventListener("state", () => {
    if (line.state !== "open") return;
    window.openAt = Date.now();
    window.offeredAt = 0;
    void call.networkBack();
  });
  const prove = () => line.prove("call.prepare", 1200);
  const back = () => { line.hurry(); void prove(); void call.networkBack(); };
  addEventListener("online", back);
  navigator.connection.addEventListener("change", back);
  addEventListener("offline", () => line.renew());
  call.addEventListener("state", ({ detail }) => detail === "interrupted" && void prove());
  call.addEventListener("standstill", prove);
  call.addEventListener("moving", () => line.hurry());
  line.open();
}"""
"""The product's own socket, carrying offers and wired to the network's events as the pages of the call do."""
BACK = """async (within) => {
  const end = Date.now() + within * 1000;
  let before = (await call.stats()).framesDecoded;
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const frames = (await call.stats()).framesDecoded;
    if (frames > before) return Date.now();
    before = Math.min(before, frames);
  }
  return null;
}"""


async def bench(quick: bool) -> None:
    """Run everything and print the line."""
    if (reason := why_not()) is not None:
        print(f"media_network: {reason}", file=sys.stderr)
        sys.exit(1)
    with bad_network() as network:
        async with call_over(network) as (citizen, agent):
            loss = await _under_loss(network, citizen, agent, 5 if quick else WATCHED_SECONDS)
            cuts: dict[str, Any] = {}
            for seconds, rounds in ((2.0, 1),) if quick else CUTS:
                for kind in ("silent", "unplugged"):
                    waits = [await _cut(network, citizen, kind, seconds) for _ in range(rounds)]
                    cuts[f"{kind}_{seconds:g}_s"] = _told(waits)
            places = [network.far, network.spare] * MOVES
            moves = [
                await _moved(network, citizen, *places[number : number + 2])
                for number in range(1 if quick else MOVES)
            ]
    _report(loss, cuts, moves)


@asynccontextmanager
async def call_over(network: BadNetwork) -> AsyncIterator[tuple[Window, Window]]:
    """A call that is on: the citizen's page at the far end of ``network``, the agent's at the near one."""
    port = _free_port(network.near)
    safe = f"--unsafely-treat-insecure-origin-as-secure=http://{network.near}:{port}"
    with tempfile.TemporaryDirectory(prefix="cw-far-") as folder:
        far = str(network.wrapped(CHROMIUM, Path(folder)))
        async with (
            chromium_windows(safe, program=far) as windows,
            chromium_windows(safe) as near_windows,
            opened(windows, network.near, web_host=network.near, web_port=port) as stage,
            forwarding(stage),
        ):
            citizen = await stage.enter("c", "citizen")
            agent = await _near(stage, near_windows)
            await asyncio.gather(moves_on(citizen, within=30), moves_on(agent, within=30))
            await citizen.evaluate(WIRED)
            yield citizen, agent


async def _near(stage: Stage, windows: Any) -> Window:
    stage.use(windows)
    agent: Window = await stage.enter("a", "agent")
    return agent


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _under_loss(network: BadNetwork, citizen: Window, agent: Window, seconds: float) -> dict[str, Any]:
    network.say(f"delay {DELAY_MS} {JITTER_MS}")
    network.say(f"loss {LOSS}")
    await asyncio.sleep(RAMP_SECONDS)
    before = [await page.evaluate(TOTALS) for page in (citizen, agent)]
    began = time.monotonic()
    await asyncio.sleep(seconds)
    after = [await page.evaluate(TOTALS) for page in (citizen, agent)]
    passed = time.monotonic() - began
    network.say("loss 0")
    network.say("delay 20 0")
    told = {}
    for name, old, new in zip(("citizen", "agent"), before, after, strict=True):
        grown = {key: new[key] - old[key] for key in new}
        told[name] = {
            "frozen": grown["frozen"] / passed,
            "frames_per_second": grown["decoded"] / passed,
            "sound_concealed": grown["concealed"] / max(1, grown["samples"]),
            "sound_seconds_share": grown["samples"] / 48_000 / passed,
        }
    return told


class Back(NamedTuple):
    """Seconds from the network's return to an open line and a new picture, and from the line to an offer."""

    line: float
    offer: float
    picture: float


async def _cut(network: BadNetwork, citizen: Window, kind: str, seconds: float) -> Back:
    """Cut the citizen off and let the network come back."""
    await _flows(citizen)
    await citizen.wait_for_function("line.state === 'open'", timeout=BACK_WITHIN * 1000)
    await citizen.evaluate("window.openAt = 0")
    network.unplug() if kind == "unplugged" else network.say("cut")
    await asyncio.sleep(seconds)
    watching = asyncio.ensure_future(citizen.evaluate(f"({BACK})({BACK_WITHIN})"))
    await asyncio.sleep(0.2)
    returned = time.time()
    network.plug() if kind == "unplugged" else network.say("mend")
    seen = await watching
    await citizen.wait_for_function("line.state === 'open'", timeout=BACK_WITHIN * 1000)
    opened_at, offered_at = await citizen.evaluate("[openAt, offeredAt]")
    return Back(
        line=max(0.0, opened_at / 1000 - returned) if opened_at else 0.0,
        offer=max(0.0, (offered_at - opened_at) / 1000) if opened_at and offered_at else 0.0,
        picture=(seen / 1000 - returned) if seen else BACK_WITHIN,
    )


async def _flows(citizen: Window) -> None:
    assert await citizen.evaluate(f"({BACK})({BACK_WITHIN})"), f"no picture for {BACK_WITHIN} s"


async def _moved(network: BadNetwork, citizen: Window, old: str, new: str) -> float:
    """Give the citizen another address: seconds until the next picture that comes to it."""
    await _flows(citizen)
    network.say("cut")  # what is on its way to the old address never arrives
    network.move(old, new)
    await asyncio.sleep(0.3)
    watching = asyncio.ensure_future(citizen.evaluate(f"({BACK})({BACK_WITHIN})"))
    await asyncio.sleep(0.2)
    returned = time.time()
    network.say("mend")
    seen = await watching
    return (seen / 1000 - returned) if seen else BACK_WITHIN


def _told(waits: list[Back]) -> dict[str, Any]:
    pictures = [wait.picture for wait in waits]
    return {
        "cuts": len(waits),
        "line_p95_s": percentile([wait.line for wait in waits], 0.95),
        "offer_p95_s": percentile([wait.offer for wait in waits], 0.95),
        "media_p50_s": median(pictures),
        "media_p95_s": percentile(pictures, 0.95),
        "media_max_s": max(pictures),
    }


def _report(loss: dict[str, Any], cuts: dict[str, Any], moves: list[float]) -> None:
    sides, rounds = loss.values(), cuts.values()
    report(
        "media_network",
        measured={
            "loss_5_percent_80_20_ms": loss,
            "cuts": cuts,
            "address_changes": {
                "moves": len(moves),
                "p50_s": median(moves),
                "p95_s": percentile(moves, 0.95),
            },
        },
        ratios={},
        reach={
            "frozen": REACH_FROZEN,
            "sound_concealed": REACH_CONCEALED,
            "line_p95_s": REACH_LINE_S,
            "offer_p95_s": REACH_OFFER_S,
            "media_p95_s": REACH_MEDIA_S,
        },
        reached={
            "frozen": all(side["frozen"] <= REACH_FROZEN for side in sides),
            "sound_concealed": all(side["sound_concealed"] <= REACH_CONCEALED for side in sides),
            "line_p95_s": all(told["line_p95_s"] <= REACH_LINE_S for told in rounds),
            "offer_p95_s": all(told["offer_p95_s"] <= REACH_OFFER_S for told in rounds),
            "media_p95_s": all(told["media_p95_s"] <= REACH_MEDIA_S for told in rounds)
            and percentile(moves, 0.95) <= REACH_MEDIA_S,
        },
        machine=machine(),
        notes=[
            "loss and delay are each way; silent: nobody is told of the cut; unplugged: the browser is told"
        ],
    )


if __name__ == "__main__":
    main(bench, __doc__)
