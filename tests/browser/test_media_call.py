"""Two real browsers with fake cameras meet through the forwarder."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent
from tests.browser.lossy_link import LossyLink
from tests.browser.machine import CHROMIUM

pytestmark = pytest.mark.browser

LIBRARY = Path(__file__).parents[2] / "web" / "js" / "lib"
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]

PAGE = """<!doctype html><meta charset="utf-8"><title>call</title>
<video id="picture" autoplay playsinline></video>
<script type="module">
import { Call } from "/lib/call.js";
import { LevelMeter, listDevices, openDevices } from "/lib/devices.js";
const sendOffer = async (sdp) => {
  const answer = await fetch("/offer" + location.search, { method: "POST", body: sdp });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
};
window.states = [];
window.streams = [];
window.devices = await openDevices();
window.listed = await listDevices();
window.meter = new LevelMeter(window.devices.stream);
window.call = new Call({ sendOffer });
call.addEventListener("state", (event) => states.push(event.detail));
call.addEventListener("remote", (event) => {
  streams.push(event.detail);
  if (streams.length === 1) document.querySelector("#picture").srcObject = event.detail;
});
await call.start(devices.stream);
window.ready = true;
</script>"""


class Stage:
    """A browser, a small web server and a forwarder."""

    def __init__(self, browser: Browser, forwarder: Forwarder, base: str) -> None:
        self.browser, self.forwarder, self.base = browser, forwarder, base
        self.pages: dict[str, Page] = {}
        self.left: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def gone(self, member: str) -> None:
        """Return when the forwarder has told that ``member`` is gone."""
        await self.left[member].wait()

    async def enter(self, member: str, role: str, *, echo: bool = False, port: int | str = "") -> Page:
        page = self.pages[member] = await (await self.browser.new_context()).new_page()
        await page.goto(f"{self.base}/?member={member}&role={role}&echo={'1' if echo else ''}&port={port}")
        return page


def routes(forwarder: Forwarder) -> web.Application:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        query, text = request.query, await request.text()
        answer = forwarder.answer(
            "r1", query["member"], role=query["role"], offer=text, echo=bool(query["echo"])
        )
        by_way_of = query.get("port")
        return web.Response(
            text=answer.replace(f" {forwarder.port} typ", f" {by_way_of or forwarder.port} typ")
        )

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_post("/offer", offer)
    app.router.add_static("/lib", LIBRARY)
    return app


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made: Stage | None = None

    async def on_event(event: MediaEvent) -> None:
        if made is not None and event.kind == "gone":
            made.left[event.member].set()
        if event.kind == "renegotiate" and made is not None:
            await made.pages[event.member].evaluate("call.renegotiate()")

    forwarder = Forwarder(ForwarderSettings(), on_event)
    runner = web.AppRunner(routes(forwarder))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        made = Stage(browser, forwarder, f"http://127.0.0.1:{port}")
        yield made
        await browser.close()
    await runner.cleanup()
    await forwarder.close_all()


async def until(page: Page, question: str, *, within: float) -> None:
    """Return when ``question`` about the page's ``stats`` is true; fail after ``within`` seconds."""
    await page.wait_for_function("window.ready", timeout=within * 1000)
    answered = await page.evaluate(
        f"""async () => {{
          const end = performance.now() + {within * 1000};
          while (performance.now() < end) {{
            const stats = await call.stats();
            if ({question}) return true;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }}
          return false;
        }}"""
    )
    assert answered, f"not within {within} s: {question}; {await totals(page)}"


async def totals(page: Page) -> dict[str, float]:
    found: dict[str, float] = await page.evaluate("call.stats()")
    return found


async def moves_on(page: Page, *, frames: int = 10, within: float = 10) -> dict[str, float]:
    """Return when ``frames`` more pictures have been decoded and a voice is heard."""
    await page.wait_for_function("window.ready", timeout=within * 1000)
    goal = (await totals(page))["framesDecoded"] + frames
    await until(page, f"stats.framesDecoded >= {goal} && stats.audioLevel > 0.01", within=within)
    return await totals(page)


async def test_two_browsers_see_and_hear_each_other(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    seen = await asyncio.gather(moves_on(citizen), moves_on(agent))
    assert all(stats["width"] > 0 for stats in seen)
    assert await citizen.evaluate("[states.at(-1), streams.length, devices.reason]") == ["connected", 1, "ok"]


async def test_each_browser_learns_the_round_trip_to_the_other(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    for page in (citizen, agent):
        await until(page, "stats.rttMs > 0 && stats.rttMs < 500 && stats.lossUpPercent === 0", within=15)


async def test_a_reloaded_page_is_back_in_the_call_within_five_seconds(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    async with asyncio.timeout(5):
        await citizen.reload()
        await asyncio.gather(moves_on(citizen), moves_on(agent))
    assert await agent.evaluate("states.at(-1)") == "connected"


async def test_a_browser_sees_itself_in_an_echo_room(stage: Stage) -> None:
    page = await stage.enter("c", "citizen", echo=True)
    await moves_on(page)


async def test_an_ice_restart_keeps_the_call_and_its_keys(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    before = stage.forwarder.rooms["r1"].members["c"]
    old = before.credentials
    await citizen.evaluate("call.restartIce()")
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    after = stage.forwarder.rooms["r1"].members["c"]
    assert after is before
    assert after.credentials != old


async def test_a_call_goes_on_after_the_network_was_cut_and_came_back(stage: Stage) -> None:
    link = LossyLink(("127.0.0.1", stage.forwarder.port), loss=0, seed=1)
    citizen, agent = await asyncio.gather(
        stage.enter("c", "citizen", port=link.port), stage.enter("a", "agent")
    )
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    link.cut = True
    await citizen.evaluate("""() => new Promise((resolve) => {
      if (call.state === "interrupted") resolve();
      call.addEventListener("state", ({ detail }) => detail === "interrupted" && resolve());
    })""")
    link.cut = False
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    link.close()


async def test_the_picture_goes_on_under_five_percent_loss_each_way(stage: Stage) -> None:
    links = [LossyLink(("127.0.0.1", stage.forwarder.port), loss=0.05, seed=seed) for seed in (1, 2)]
    citizen, agent = await asyncio.gather(
        stage.enter("c", "citizen", port=links[0].port), stage.enter("a", "agent", port=links[1].port)
    )
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await asyncio.gather(moves_on(citizen, frames=120), moves_on(agent, frames=120))
    assert min(link.lost for link in links) > 20
    for link in links:
        link.close()


async def test_a_third_member_is_seen_after_the_server_asks_for_more_lines(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    second = await stage.enter("b", "agent")
    await moves_on(second)
    for page in (citizen, agent, second):
        await page.evaluate(
            """() => new Promise((resolve) => {
              if (streams.length === 2) resolve();
              call.addEventListener("remote", () => streams.length === 2 && resolve());
            })"""
        )
    await asyncio.gather(
        moves_on(citizen, frames=60), moves_on(agent, frames=60), moves_on(second, frames=60)
    )
    outgoing = {member.member: member.video_out.packets for member in stage.forwarder.stats("r1").members}
    sinks = [
        sink for peer in stage.forwarder.rooms["r1"].members.values() for sink in peer.lines.sinks.values()
    ]
    assert min(outgoing.values()) > 0
    assert min(sink.packets for sink in sinks) > 0


async def test_a_transfer_shows_the_new_agent_on_the_same_connection(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    before = stage.forwarder.rooms["r1"].members["c"]
    stage.forwarder.remove("r1", "a")
    await agent.close()
    other = await stage.enter("b", "agent")
    await asyncio.gather(moves_on(citizen), moves_on(other))
    assert stage.forwarder.rooms["r1"].members["c"] is before
    assert await citizen.evaluate("streams.length") == 1


async def test_a_muted_microphone_is_silent_to_the_other_and_a_stopped_call_is_gone(stage: Stage) -> None:
    citizen, agent = await asyncio.gather(stage.enter("c", "citizen"), stage.enter("a", "agent"))
    await asyncio.gather(moves_on(citizen), moves_on(agent))
    await citizen.evaluate("call.setMuted('audio', true)")
    await until(agent, "stats.audioLevel < 0.001", within=10)
    await citizen.evaluate("call.setMuted('audio', false)")
    await moves_on(agent)
    assert await citizen.evaluate("listed.cameras.length > 0 && meter.level >= 0")
    await citizen.evaluate("call.stop()")
    await asyncio.wait_for(stage.gone("c"), 5)
