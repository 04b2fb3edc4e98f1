"""
Debian's Firefox with a fake camera, driven over WebDriver BiDi (W3C), which it speaks by itself.

One process serves the whole run; each test has a session of its own in it. ``FirefoxPage`` answers to the
few names of Playwright's ``Page`` that the tests of the call use, so one test body drives either browser.
"""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.browser.machine import FIREFOX
from tests.pace import PATIENCE_SECONDS

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.enabled": False,
}
"""A fake device, and no word to the outside."""
ANSWER_SECONDS = PATIENCE_SECONDS + 30


@contextmanager
def firefox(profile: Path) -> Iterator[str]:
    """Run Firefox with a profile of its own; gives its BiDi address."""
    lines = (f'user_pref("{name}", {json.dumps(value)});\n' for name, value in PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    command = [
        FIREFOX,
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port",
        "0",
    ]
    log = profile / "log"  # a pipe that nobody reads would fill, and Firefox stand still
    with log.open("w") as said:
        process = subprocess.Popen([*command, "about:blank"], stderr=said)
    limit = time.monotonic() + PATIENCE_SECONDS
    try:
        while not (found := re.search(r"BiDi listening on (ws://\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


class FirefoxError(AssertionError):
    """The browser could not do what it was told."""


class FirefoxPage:
    """One tab."""

    def __init__(self, session: "FirefoxSession", context: str) -> None:
        self._session, self._context = session, context

    async def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        await self._ask("browsingContext.activate")
        await self._ask("browsingContext.navigate", url=url, wait="complete")

    async def reload(self) -> None:
        """As the person's own reload button does."""
        await self._ask("browsingContext.activate")
        await self._ask("browsingContext.reload", wait="complete")

    async def close(self) -> None:
        """Close the tab."""
        await self._ask("browsingContext.close")

    async def evaluate(self, script: str) -> Any:
        """Give what ``script``, an expression or a function without arguments, comes to, as JSON has it."""
        wrapped = (
            f"(async () => {{ const it = ({script});"
            " return JSON.stringify((await (typeof it === 'function' ? it() : it)) ?? null); })()"
        )
        told = await self._session.ask(
            "script.evaluate", expression=wrapped, awaitPromise=True, target={"context": self._context}
        )
        if told["type"] != "success":
            raise FirefoxError(told.get("exceptionDetails", {}).get("text"))
        return json.loads(told["result"]["value"])

    async def wait_for_function(self, question: str, *, timeout: float) -> None:
        """Return when ``question`` is true, within ``timeout`` milliseconds."""
        answered = await self.evaluate(
            f"""async () => {{
              const end = performance.now() + {timeout};
              while (performance.now() < end) {{
                if ({question}) return true;
                await new Promise((resolve) => setTimeout(resolve, 20));
              }}
              return false;
            }}"""
        )
        assert answered, f"not within {timeout} ms: {question}"

    async def _ask(self, method: str, **values: Any) -> Any:
        return await self._session.ask(method, context=self._context, **values)


class FirefoxSession:
    """One automation session; tabs of different people share nothing."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line = line
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def new_page(self) -> FirefoxPage:
        """Open a tab for somebody new."""
        person = (await self.ask("browser.createUserContext"))["userContext"]
        made = await self.ask("browsingContext.create", type="tab", userContext=person)
        return FirefoxPage(self, made["context"])

    async def ask(self, method: str, **values: Any) -> Any:
        """Send a command and give its result. Raises FirefoxError with what the browser said."""
        self._last += 1
        number = self._last
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._line.send_json({"id": number, "method": method, "params": values})
        return await asyncio.wait_for(answered, ANSWER_SECONDS)

    async def read(self) -> None:
        """Settle what was asked, until the line ends."""
        async for frame in self._line:
            told = json.loads(frame.data)
            answered = self._waiting.pop(told.get("id"), None)
            if answered is None or answered.done():
                continue
            if told["type"] == "error":
                answered.set_exception(FirefoxError(f"{told['error']}: {told['message']}"))
            else:
                answered.set_result(told["result"])

    async def tidy(self) -> None:
        """Close every tab and forget every person of this session."""
        for person in (await self.ask("browser.getUserContexts"))["userContexts"]:
            if person["userContext"] != "default":
                await self.ask("browser.removeUserContext", userContext=person["userContext"])


@asynccontextmanager
async def firefox_session(address: str) -> AsyncIterator[FirefoxSession]:
    """A session in the Firefox at ``address``; only one at a time."""
    async with aiohttp.ClientSession() as api, api.ws_connect(f"{address}/session", max_msg_size=0) as line:
        session = FirefoxSession(line)
        reading = asyncio.create_task(session.read())
        try:
            await session.ask("session.new", capabilities={})
            yield session
            await session.tidy()
            await session.ask("session.end")
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
