"""A stand-in for the house: real pages, real forwarder, and a socket whose words the test chooses."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from aiohttp import web
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent
from tests.browser.machine import CHROMIUM
from tests.pace import PATIENCE_MS, PATIENCE_SECONDS
from tests.pages.citizen_pages import PAGES, render
from tests.pages.environment import ROOT

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
]
POLICY = (
    "default-src 'none'; script-src 'nonce-nonce' 'strict-dynamic'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' ws:; "
    "form-action 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types cw"
)


class Hall:
    """One citizen's browser before the stand-in. ``said`` and ``posted`` keep what the page sent."""

    def __init__(self, browser: Browser, forwarder: Forwarder) -> None:
        self.browser, self.forwarder = browser, forwarder
        self.base = ""
        self.name = "waiting"
        self.said: list[dict[str, Any]] = []
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.complaints: list[str] = []
        self.refuse: dict[str, str] = {}
        self._news = asyncio.Condition()
        self._socket: web.WebSocketResponse | None = None

    async def enter(self, name: str, *, address: str = "/visit", **look: Any) -> Page:
        """Open the page ``name`` in a browser of its own; the visit's page is connected on return."""
        self.name = name
        context = await self.browser.new_context(**({"viewport": {"width": 390, "height": 844}} | look))
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # A link's secret is posted before such a page has loaded.
        await page.goto(self.base + address, wait_until="commit" if "#" in address else "load")
        if address == "/visit" and look.get("java_script_enabled", True):
            await self._connected()
        return page

    async def tell(self, kind: str, **fields: Any) -> None:
        """Send one message to the page, once it is connected."""
        socket = await self._connected()
        await socket.send_json({"type": kind, **fields})

    async def _connected(self) -> web.WebSocketResponse:
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: self._socket is not None)
        assert self._socket is not None
        return self._socket

    async def heard(self, kind: str, which: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """Wait for a message of this kind."""
        return await self._wait(lambda: [m for m in self.said if m["type"] == kind and which(m)])

    async def got(self, path: str) -> dict[str, Any]:
        """Wait for a form sent to ``path``."""
        return await self._wait(lambda: [body for to, body in self.posted if to == path])

    async def _wait(self, found: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(found)
        return found()[-1]

    def _listen(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    # --- the stand-in's answers ---------------------------------------------------------------------

    def application(self) -> web.Application:
        """Pages by name, the visit's own addresses, and the socket."""
        app = web.Application(client_max_size=2**25)
        app.router.add_static("/assets", ROOT / "web")
        app.router.add_get("/pages/{name}", self._page)
        app.router.add_get("/visit", self._visit)
        app.router.add_get("/visit/panels", self._panels)
        app.router.add_get("/ws/visit", self._live)
        app.router.add_get("/ws/guest", self._live)
        app.router.add_get("/ws/board/supervise/{party}", self._live)
        app.router.add_get("/photo.jpg", self._photo)
        app.router.add_get("/favicon.ico", self._photo)
        app.router.add_post("/{path:.*}", self._post)
        return app

    async def _page(self, request: web.Request) -> web.Response:
        look = {name: request.query[name] for name in ("theme", "text_size") if name in request.query}
        return self._html(render(request.match_info["name"], request.query.get("language", "zh-CN"), **look))

    async def _visit(self, _: web.Request) -> web.Response:
        return self._html(render(f"visit-{self.name}", "zh-CN"))

    async def _panels(self, request: web.Request) -> web.Response:
        names = [name for name in request.query["names"].split(",") if name]
        return web.json_response({name: render(f"{self.name}-{name}", "zh-CN") for name in names})

    def _html(self, text: str) -> web.Response:
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def _photo(self, _: web.Request) -> web.Response:
        return web.Response(body=picture(60, 80), content_type="image/jpeg")

    async def _post(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = {}
        for name, value in (await request.post()).items():
            body[name] = value.file.read() if isinstance(value, web.FileField) else value
        path = "/" + request.match_info["path"]
        async with self._news:
            self.posted.append((path, body))
            self._news.notify_all()
        if path in self.refuse:
            return web.json_response({"title": self.refuse[path], "code": "refused"}, status=422)
        return web.Response(status=204)

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async with self._news:
            self._socket = socket
            self._news.notify_all()
        async for frame in socket:
            await self._hear(socket, json.loads(frame.data))
        return socket

    async def _hear(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        async with self._news:
            self.said.append(message)
            self._news.notify_all()
        if "id" in message:
            await socket.send_json({"type": "ack", "re": message["id"]})
        if message["type"] == "call.prepare":
            ways = {"servers": [], "relay_only": False, "good_for_seconds": 600}
            await socket.send_json({"type": "call.ways", **ways})
        if message["type"] == "call.offer":
            purpose, attempt = message["purpose"], message["attempt"]
            sdp = self.forwarder.answer(purpose, "citizen", role="citizen", offer=message["sdp"], echo=True)
            await socket.send_json(
                {"type": "call.answer", "purpose": purpose, "attempt": attempt, "sdp": sdp}
            )


def picture(width: int, height: int) -> bytes:
    """A grey photo of this size."""
    out = BytesIO()
    Image.new("RGB", (width, height), "#b9b2a0").save(out, "JPEG")
    return out.getvalue()


@asynccontextmanager
async def open_hall() -> AsyncIterator[Hall]:
    """The stand-in with a browser; everything is closed at the end."""

    async def on_event(_: MediaEvent) -> None:
        return None

    forwarder = Forwarder(ForwarderSettings(), on_event)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        hall = Hall(browser, forwarder)
        runner = web.AppRunner(hall.application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hall.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield hall
        await browser.close()
        await runner.cleanup()
    await forwarder.close_all()


NAMES = tuple(PAGES)
