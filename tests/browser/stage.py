"""Real browsers with fake cameras before a small web server that puts them through to a media plane."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from aiohttp import WSMsgType, web
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.janus_plane import JanusMediaPlane
from cloudwindow.media.meeting import with_hold
from cloudwindow.media.plane import Invitation, MediaEvent, MediaEventKind
from cloudwindow.media.relay import IceServer
from tests.browser.firefox import FirefoxError
from tests.browser.lossy_link import LossyLink
from tests.browser.machine import CHROMIUM
from tests.gateways.janus_server import planed, running_janus
from tests.pace import PATIENCE_MS, PATIENCE_SECONDS

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
const overHttp = window.overHttp = async (sdp) => {
  const answer = await fetch("/offer" + location.search, { method: "POST", body: sdp });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
};
const askWays = async () => (window.ways = await (await fetch("/ways")).json());
// A test may wire the call to a line, as the product's pages do.
const sendOffer = (sdp) => (window.wired?.sendOffer ?? overHttp)(sdp);
const findWays = () => (window.wired?.findWays ?? askWays)();
const lineUp = () => window.wired?.lineUp() ?? true;
const sendsStills = location.search.includes("role=citizen");
window.states = [];
window.streams = [];
window.devices = await openDevices();
window.listed = await listDevices();
window.meter = new LevelMeter(window.devices.stream);
window.call = new Call({ sendOffer, findWays, lineUp, sendsStills });
call.addEventListener("state", (event) => states.push(event.detail));
call.addEventListener("remote", (event) => {
  streams.push(event.detail);
  if (streams.length === 1) document.querySelector("#picture").srcObject = event.detail;
});
window.begin = async () => {
  window.begun = performance.now();
  await call.start(devices.stream);
  window.ready = true;
};
if (!location.search.includes("waits")) await begin();
</script>"""

ROOM = "r1"
CANDIDATE = re.compile(r"(a=candidate:\S+ 1 udp \d+) (\S+) (\d+) typ", re.IGNORECASE)


class Window(Protocol):
    """A page of either browser, as far as the call's tests press on it."""

    async def goto(self, url: str) -> Any: ...
    async def reload(self) -> Any: ...
    async def close(self) -> Any: ...
    async def evaluate(self, script: str) -> Any: ...
    async def wait_for_function(self, question: str, *, timeout: float) -> Any: ...


class Server(Protocol):
    """The part of the media plane that a call needs."""

    async def answer(self, room: str, member: str, *, role: str, offer: str, echo: bool = False) -> str: ...
    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None: ...
    async def remove(self, room: str, member: str) -> None: ...
    async def hold(self, room: str, reason: str | None, *, member: str | None = None) -> None: ...


class Near:
    """The forwarder in this process, spoken to like a plane elsewhere."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder

    async def answer(self, room: str, member: str, *, role: str, offer: str, echo: bool = False) -> str:
        return self._forwarder.answer(room, member, role=role, offer=offer, echo=echo)

    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None:
        raise AssertionError("everything flows on the member's own connection")

    async def remove(self, room: str, member: str) -> None:
        self._forwarder.remove(room, member)

    async def hold(self, room: str, reason: str | None, *, member: str | None = None) -> None:
        self._forwarder.arrange(room, lambda before: with_hold(before, reason, member))


NewWindow = Callable[[], Awaitable[Window]]


class Stage:
    """Windows, a small web server and a media plane; ``links`` are the networks of whoever has one."""

    def __init__(self, new_window: NewWindow, host: str) -> None:
        self._new_window, self.host = new_window, host
        self._server: Server | None = None
        self._in_front = asyncio.Lock()  # Firefox opens a camera for the tab in front only
        self.base = ""
        self.pages: dict[str, Window] = {}
        self.links: dict[str, LossyLink] = {}
        self.left: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.ways: dict[str, Any] = {"iceServers": [], "iceTransportPolicy": "all"}

    def perform(self, server: Server) -> None:
        """Put everybody through to ``server``."""
        self._server = server

    def use(self, new_window: NewWindow) -> None:
        """Whoever enters from now on does so in windows of another browser."""
        self._new_window = new_window

    def relay(self, servers: list[IceServer]) -> None:
        """From now on browsers know no other way than these relays."""
        self.ways = {"iceServers": [asdict(server) for server in servers], "iceTransportPolicy": "relay"}

    async def on_event(self, event: MediaEvent) -> None:
        """Do what the house's pages would: offer again when asked."""
        if event.kind is MediaEventKind.GONE:
            self.left[event.member].set()
        if event.kind is MediaEventKind.RENEGOTIATE and event.member in self.pages:
            await self.pages[event.member].evaluate("call.renegotiate()")
        if event.invitation is not None and event.member in self.pages:
            await self._invite(event.member, event.invitation)

    async def _invite(self, member: str, invitation: Invitation) -> None:
        """Bring the server's offer to the page and its answer back; a page that reloads hears nothing."""
        sdp = self._through(self.links.get(f"{member}, receiving"), invitation.sdp)
        offer = json.dumps({"sdp": sdp, "fresh": invitation.fresh})
        try:
            answer = await self.pages[member].evaluate(f"window.call?.receive({offer}).catch(() => '')")
        except (PlaywrightError, FirefoxError):
            return
        if answer and self._server is not None:
            await self._server.receive(ROOM, member, number=invitation.number, answer=answer)

    async def gone(self, member: str) -> None:
        """Return when the plane has told that ``member`` is gone."""
        await self.left[member].wait()

    async def enter(
        self,
        member: str,
        role: str,
        *,
        echo: bool = False,
        loss: float | None = None,
        seed: int = 1,
        waits: bool = False,
    ) -> Any:
        """
        Open a page for ``member``; with ``loss`` (share, 0 to 1) behind a network of their own.

        Who ``waits`` joins when the page's ``begin`` is called.
        """
        if loss is not None:
            for name in (member, f"{member}, receiving"):
                self.links[name] = LossyLink((self.host, 9), loss=loss, seed=seed, host=self.host)
        page = self.pages[member] = await self._new_window()
        async with self._in_front:
            asked = f"member={member}&role={role}&echo={'1' if echo else ''}{'&waits' if waits else ''}"
            await page.goto(f"{self.base}/?{asked}")
            await page.wait_for_function("window.call", timeout=PATIENCE_MS)
        return page

    async def remove(self, member: str) -> None:
        """Take somebody out of the room and close their page."""
        assert self._server is not None
        await self._server.remove(ROOM, member)
        await self.pages.pop(member).close()

    async def hold(self, reason: str | None) -> None:
        """Put the whole room on hold, or end that."""
        assert self._server is not None
        await self._server.hold(ROOM, reason)

    async def answer(self, member: str, role: str, offer: str, *, echo: bool) -> str:
        """Put an offer through; who has a network of their own is told its end as the server's address."""
        assert self._server is not None
        answer = await self._server.answer(ROOM, member, role=role, offer=offer, echo=echo)
        return self._through(self.links.get(member), answer)

    def _through(self, link: LossyLink | None, sdp: str) -> str:
        """Name the link's end as the server's address."""
        found = CANDIDATE.search(sdp)
        if link is None or found is None:
            return sdp
        link.lead_to((found[2], int(found[3])))
        return CANDIDATE.sub(rf"\1 {self.host} {link.port} typ", sdp)

    def cut(self, member: str, cut: bool) -> None:
        """Take a member's network away, or give it back."""
        for name in (member, f"{member}, receiving"):
            self.links[name].cut = cut

    def application(self) -> web.Application:
        """The page, its library and where it sends its offers."""

        async def page(_: web.Request) -> web.Response:
            return web.Response(text=PAGE, content_type="text/html")

        async def ways(_: web.Request) -> web.Response:
            return web.json_response(self.ways)

        async def line(request: web.Request) -> web.WebSocketResponse:
            return await self._line(request)

        async def offer(request: web.Request) -> web.Response:
            query, text = request.query, await request.text()
            echo = bool(query["echo"])
            return web.Response(text=await self.answer(query["member"], query["role"], text, echo=echo))

        app = web.Application()
        app.router.add_get("/", page)
        app.router.add_get("/ways", ways)
        app.router.add_get("/line", line)
        app.router.add_post("/offer", offer)
        app.router.add_static("/lib", LIBRARY)
        return app

    async def _line(self, request: web.Request) -> web.WebSocketResponse:
        """A page's socket, as far as the call needs it: ways and offers."""
        query, line = request.query, web.WebSocketResponse(heartbeat=2)
        await line.prepare(request)
        async for said in line:
            if said.type is not WSMsgType.TEXT:
                break
            asked = json.loads(said.data)
            if asked["type"] == "call.offer":
                sdp = await self.answer(query["member"], query["role"], asked["sdp"], echo=False)
                named = {name: asked[name] for name in ("purpose", "attempt")}
                await line.send_json({"type": "call.answer", **named, "sdp": sdp})
            elif asked["type"] == "call.prepare":
                ways = {"servers": self.ways["iceServers"], "relay_only": False, "good_for_seconds": 600}
                await line.send_json({"type": "call.ways", **ways})
            await line.send_json({"type": "ack", "re": asked["id"]})
        return line


@asynccontextmanager
async def opened(
    new_window: NewWindow, host: str = "127.0.0.1", *, web_host: str = "127.0.0.1", web_port: int = 0
) -> AsyncIterator[Stage]:
    """A stage whose web server runs on ``web_host`` and whose media on ``host``; ``perform`` comes next."""
    stage = Stage(new_window, host)
    runner = web.AppRunner(stage.application())
    await runner.setup()
    await web.TCPSite(runner, web_host, web_port).start()
    stage.base = f"http://{web_host}:{runner.addresses[0][1]}"
    try:
        yield stage
    finally:
        await runner.cleanup()
        for link in stage.links.values():
            link.close()


@asynccontextmanager
async def chromium_windows(*arguments: str, program: str = CHROMIUM) -> AsyncIterator[NewWindow]:
    """Windows of a Chromium of its own, each of somebody new."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *arguments])
        yield lambda: _window(browser)
        await browser.close()


async def _window(browser: Browser) -> Window:
    page: Any = await (await browser.new_context()).new_page()
    return page  # type: ignore[no-any-return]


@asynccontextmanager
async def forwarding(stage: Stage, **settings: Any) -> AsyncIterator[Forwarder]:
    """Let our forwarder perform."""
    where = {"udp_host": stage.host, "advertised_hosts": (stage.host,)}
    forwarder = Forwarder(ForwarderSettings(**where | settings), stage.on_event)
    stage.perform(Near(forwarder))
    yield forwarder
    await forwarder.close_all()


@asynccontextmanager
async def through_janus(stage: Stage, folder: Path) -> AsyncIterator[JanusMediaPlane]:
    """Let Debian's Janus perform, with our sample files in ``folder``."""
    with running_janus(folder) as janus:
        async with planed(janus.settings, stage.on_event, name="stage") as plane:
            stage.perform(plane)
            yield plane


# --- what is seen ----------------------------------------------------------------------------------------


async def until(page: Window, question: str, *, within: float = PATIENCE_SECONDS, given: str = "") -> None:
    """Return when ``question`` about the page's ``stats`` (given more names) is true, ``within`` seconds."""
    await page.wait_for_function("window.ready", timeout=within * 1000)
    answered = await page.evaluate(
        f"""async () => {{
          {given}
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


async def totals(page: Window) -> dict[str, float]:
    """The page's statistics now."""
    found: dict[str, float] = await page.evaluate("call.stats()")
    return found


async def moves_on(page: Window, *, frames: int = 10, within: float = PATIENCE_SECONDS) -> dict[str, float]:
    """Return when ``frames`` more pictures were decoded, also on a new connection, and a voice is heard."""
    await page.wait_for_function("window.ready", timeout=within * 1000)
    counting = f"""
      let from = Infinity, loudest = 0;
      const grew = (n) => n >= (from = Math.min(from, n)) + {frames};
      const heard = (level) => (loudest = Math.max(loudest, level)) > 0.01;"""
    both = "[grew(stats.framesDecoded), heard(stats.audioLevel)].every(Boolean)"
    await until(page, both, within=within, given=counting)
    return await totals(page)


async def stands_still(page: Window, *, within: float = PATIENCE_SECONDS) -> None:
    """Return when no picture has been decoded for a second."""
    still = await page.evaluate(
        f"""async () => {{
          const end = performance.now() + {within * 1000};
          let frames = -1;
          let since = performance.now();
          while (performance.now() < end) {{
            const now = (await call.stats()).framesDecoded;
            if (now !== frames) since = performance.now();
            frames = now;
            if (performance.now() - since > 1000) return true;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }}
          return false;
        }}"""
    )
    assert still, f"pictures went on for {within} s"
