"""Two real browsers with fake cameras meet through the forwarder."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent

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

    async def enter(self, member: str, role: str, *, echo: bool = False) -> Page:
        page = self.pages[member] = await (await self.browser.new_context()).new_page()
        await page.goto(f"{self.base}/?member={member}&role={role}&echo={'1' if echo else ''}")
        return page


def routes(forwarder: Forwarder) -> web.Application:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        query, text = request.query, await request.text()
        answer = forwarder.answer(
            "r1", query["member"], role=query["role"], offer=text, echo=bool(query["echo"])
        )
        return web.Response(text=answer)

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_post("/offer", offer)
    app.router.add_static("/lib", LIBRARY)
    return app


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made: Stage | None = None

    async def on_event(event: MediaEvent) -> None:
        if event.kind == "renegotiate" and made is not None:
            await made.pages[event.member].evaluate("call.renegotiate()")

    forwarder = Forwarder(ForwarderSettings(), on_event)
    runner = web.AppRunner(routes(forwarder))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
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
    await until(page, f"stats.framesDecoded >= {goal} && stats.audioLevel > 0", within=within)
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
