"""
The walk as people take it: the real product in its own process, real Chromium with fake cameras.

``City`` starts ``python -m cloudwindow run`` on a free port with a data folder of its own. ``Citizen``,
``Agent`` and ``Approver`` press what a person would press, and wait for what a person would see.
"""

import asyncio
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browser.machine import CHROMIUM
from tests.pace import PATIENCE_MS, PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
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
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
START_SECONDS = 120.0
PRESS_MS = 5_000
"""How long to try to press what may vanish."""
READY = "[data-role=read-back] button:not([disabled])"
"""What shows the form to the citizen, once everything before it is done."""


@dataclass(slots=True)
class City:
    """The running product."""

    base: str
    data_dir: Path
    process: asyncio.subprocess.Process
    log: list[str] = field(default_factory=list)

    async def stop(self) -> None:
        """Ctrl-C, and wait until everything has gone."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.process.wait()


@asynccontextmanager
async def city(data_dir: Path, **settings: str) -> AsyncIterator[City]:
    """Start the product as ``make run`` does, on any free port."""
    environment = {
        **os.environ,
        "PORT": "0",
        "DATA_DIR": str(data_dir),
        "CW_RING_STAYS_SECONDS": "1,0,1",
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cloudwindow",
        "run",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    log: list[str] = []
    started = City(base="", data_dir=data_dir, process=process, log=log)
    reading: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(START_SECONDS):
            started.base = await _address(process, log)
        reading = asyncio.create_task(_read_on(process, log))
        yield started
    finally:
        await started.stop()
        if reading is not None:
            await reading
        failed = [line for line in log if '"level": "error"' in line or "Traceback" in line]
        assert not failed, "the product logged errors:\n" + "".join(failed[:20])


async def _address(process: asyncio.subprocess.Process, log: list[str]) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        log.append(line.decode())
        found = re.search(r"Citizen\s+\S+\s+(http://\S+?)/", log[-1])
        if found:
            return found[1]
    raise AssertionError("the product did not start:\n" + "".join(log[-30:]))


async def _read_on(process: asyncio.subprocess.Process, log: list[str]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        log.append(line.decode())


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser with a fake camera and microphone."""
    async with async_playwright() as playwright:
        browser = await _launch(playwright)
        try:
            yield browser
        finally:
            await browser.close()


async def _launch(playwright: Playwright) -> Browser:
    return await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


async def person(browser: Browser, size: Mapping[str, int], *, language: str = "zh-CN") -> BrowserContext:
    """A browser profile of its own, as on a device of its own."""
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        locale=language,
        permissions=["camera", "microphone"],
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


def photo(folder: Path, name: str) -> Path:
    """A photograph of a paper, sharp enough for nobody to complain."""
    path = folder / f"{name}.jpg"
    picture = Image.new("RGB", (1200, 800), (236, 232, 222))
    pen = ImageDraw.Draw(picture)
    for row in range(40, 760, 24):
        pen.line((60, row, 1140 - row % 300, row), fill=(40, 44, 60), width=3)
    pen.rectangle((60, 60, 400, 420), outline=(20, 60, 90), width=6)
    pen.text((80, 80), name, fill=(0, 0, 0))
    picture.save(path, quality=92)
    return path


def identity_number(first17: str) -> str:
    """A valid identity number (GB 11643)."""
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    total = sum(int(digit) * weight for digit, weight in zip(first17, weights, strict=True))
    return first17 + "10X98765432"[total % 11]


async def frames_advance(page: Page, more: int = 10) -> None:
    """Return when ``more`` new pictures of the other side have been decoded, also on a new connection."""
    await page.evaluate("window.pictures = Infinity")
    await page.wait_for_function(
        """(more) => {
          const shown = document.querySelector('[data-role=remote]');
          if (!shown) return false;
          const pictures = shown.getVideoPlaybackQuality().totalVideoFrames;
          window.pictures = Math.min(window.pictures ?? Infinity, pictures);
          return pictures >= window.pictures + more;
        }""",
        arg=more,
    )


class Citizen:
    """Somebody at home with a phone."""

    def __init__(self, city: City, context: BrowserContext, page: Page, demo: Page) -> None:
        self.city, self.context, self.page, self._demo = city, context, page, demo

    @classmethod
    async def arrives(cls, city: City, browser: Browser, size: Mapping[str, int] = PHONE) -> "Citizen":
        context = await person(browser, size)
        page = await context.new_page()
        demo = await (await person(browser, DESKTOP)).new_page()
        return cls(city, context, page, demo)

    async def text_message(self, after: str = "") -> str:
        """The code in the newest text message, as the demo page shows it, once it differs from ``after``."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await self._demo.goto(f"{self.city.base}/demo")
                texts = await self._demo.locator(".demo-message__text").all_inner_texts()
                found = re.search(r"\d{6}", texts[0]) if texts else None
                if found and found[0] != after:
                    return found[0]

    async def takes_number(
        self,
        item: str,
        *,
        words: str,
        district: str,
        street: str,
        id_number: str,
        mobile: str,
        name: str,
        mode: str = "video",
        language: str = "zh",
        more: str = "",
    ) -> str:
        """From the home page to the number, for the items ``more`` (``CA04 PS01``) too; gives the number."""
        page = self.page
        await page.goto(self.city.base + "/")
        await page.fill("input[name=q]", words)
        await page.press("input[name=q]", "Enter")
        await page.click(f"a[href='/items/{item}']")
        await page.click(f"a[href='/items/{item}/start']")
        await page.select_option("select[name=home_district]", district)
        await page.select_option("select[name=home_street]", street)
        for field_name, value in {"capacity": "own", "call_language": language, "mode": mode}.items():
            option = page.locator(f"input[type=radio][name={field_name}][value={value}]")
            if await option.count():
                await option.check(force=True)
        await page.fill("input[name=name]", name)
        await page.fill("input[name=id_number]", id_number)
        await page.fill("input[name=mobile]", mobile)
        await page.click("form[data-start] button[type=submit], form[data-start] .actions button")
        await page.wait_for_url("**/confirm")
        for other in more.split():
            await page.select_option("select[name=more]", other)
            await page.click("form.matters__add button")
            await page.wait_for_selector(f"input[name=drop][value={other}]", state="attached")
        await page.fill("input[name=code]", await self.text_message())
        await page.check("input[name=consent_handling]", force=True)
        await page.click(f"form[action='/items/{item}/confirm'] .actions button")
        await page.wait_for_url("**/visit")
        return (await page.locator(".ticket-card__number").first.inner_text()).strip()

    async def tests_devices(self) -> None:
        """Camera, microphone, echo from the server."""
        await self.page.click("[data-role=test-start]")
        await self.page.locator("[data-role=test-words]", has_text="一切正常").wait_for()

    async def photographs(self, rule: str, picture: Path) -> None:
        """Add a photo of one paper."""
        card = self.page.locator(f"form[action='/visit/materials/{rule}']")
        await card.locator("input[type=file]").set_input_files(picture)
        await self.page.wait_for_selector(
            f".material-card:has(form[action='/visit/materials/{rule}']) img,"
            f"li:has(form[action='/visit/materials/{rule}']) img"
        )

    async def joins(self) -> None:
        """Answer the call and see the agent; who has tried camera and sound is put through unasked."""
        start = self.page.locator("[data-role=start-call]:visible").first
        there = self.page.locator("#main[data-stage=in_call]")
        await start.or_(there).first.wait_for()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await there.count():
                with suppress(PlaywrightTimeout):  # the button goes when the call has begun without it
                    await start.click(timeout=PRESS_MS)
                    break
        await there.wait_for()

    async def fills(self, name: str, value: str) -> None:
        """Answer one question of the shared form."""
        await fill_field(self.page, name, value)
        await self.page.wait_for_selector(f".live-field[data-field={name}][data-standing=confirmed]")

    async def confirms_all(self, agent: "Agent") -> None:
        """Press «confirm» beside every proposal, until the agent sees none that is open."""
        proposed = agent.page.locator(".live-field[data-standing=proposed]:not([hidden])")
        while await proposed.count():
            name = await proposed.first.get_attribute("data-field")
            confirmed = f".live-field[data-field={name}][data-standing=confirmed]"
            await self.page.locator(f".live-field[data-field={name}] [data-role=confirm]").click()
            await self.page.wait_for_selector(confirmed)
            await agent.page.wait_for_selector(confirmed, state="attached")

    async def declares_all(self) -> None:
        """Tick every declaration."""
        await self.page.wait_for_selector("[data-role=declarations] input[type=checkbox]", state="attached")
        open_ones = "[data-role=declarations] input[type=checkbox]:not(:checked)"
        while count := await self.page.locator(open_ones).count():
            unticked = self.page.locator("input[type=checkbox]:not(:checked)")
            await self.page.locator("[data-role=declarations] label", has=unticked).first.click()
            await self.page.wait_for_function(
                f"(before) => document.querySelectorAll('{open_ones}').length < before", arg=count
            )
        await self.page.wait_for_selector("[data-role=send-code]")

    async def signs(self, last_code: str = "") -> None:
        """Ask for the code, type it, draw the name."""
        before = await self.text_message()
        await self.page.click("[data-role=send-code] button")
        await self.page.fill("[data-role=sign] input[name=code]", await self.text_message(after=before))
        canvas = self.page.locator("[data-role=sign] canvas")
        await canvas.hover()  # it stands where it stays
        box = await canvas.bounding_box()
        assert box is not None
        mouse = self.page.mouse
        await mouse.move(box["x"] + 30, box["y"] + 30)
        await mouse.down()
        for step in range(1, 30):
            await mouse.move(box["x"] + 30 + step * 8, box["y"] + 40 + (step % 7) * 9)
        await mouse.up()
        await self.page.wait_for_selector("[data-role=signature][data-signed]")
        await self.page.click("[data-role=sign] .actions button")
        await self.page.wait_for_selector("[data-role=sign]", state="detached")


async def fill_field(page: Page, name: str, value: str) -> None:
    """Put ``value`` into a live field, whatever its control is; compound values are ``a|b|c``."""
    wrapper = page.locator(f".live-field[data-field={name}]")
    kind = await wrapper.get_attribute("data-type")
    if kind == "addr":
        district, street, detail = value.split("|")
        await wrapper.locator(f"select[name='{name}.district']").select_option(district)
        await wrapper.locator(f"select[name='{name}.street']").select_option(street)
        await wrapper.locator(f"input[name='{name}.detail']").fill(detail)
        await wrapper.locator(f"input[name='{name}.detail']").press("Tab")
        return
    if kind == "bank":
        bank, account = value.split("|")
        await wrapper.locator(f"select[name='{name}.bank']").select_option(bank)
        await wrapper.locator(f"input[name='{name}.account']").fill(account)
        await wrapper.locator(f"input[name='{name}.account']").press("Tab")
        return
    radio = wrapper.locator(f"input[type=radio][value='{value}'], input[type=checkbox][value='{value}']")
    if await radio.count():
        await radio.first.check(force=True)
        return
    select = wrapper.locator("select")
    if await select.count():
        await select.first.select_option(value)
        return
    box = wrapper.locator("input, textarea").first
    await box.fill(value)
    await box.press("Tab")


class Agent:
    """Somebody at a desk in a district."""

    def __init__(self, city: City, page: Page) -> None:
        self.city, self.page = city, page

    @classmethod
    async def signs_in(
        cls, city: City, browser: Browser, account: str, size: Mapping[str, int] = DESKTOP
    ) -> "Agent":
        """Through the demo page's own button, with the code it shows."""
        page = await (await person(browser, size)).new_page()
        await page.goto(f"{city.base}/demo")
        card = page.locator(".demo-account", has_text=account)
        await card.locator("form button").click()
        await page.wait_for_url(re.compile(r"/(desk|inbox|board)"))
        return cls(city, page)

    async def starts(self) -> None:
        """Take calls from now on."""
        await self.page.click("[data-role=start] button")
        await self.page.wait_for_selector("#main[data-stage=idle], #main[data-stage=offered]")

    async def accepts(self) -> None:
        """Answer the ringing offer."""
        await self.page.click("[data-role=accept]")
        await self.page.wait_for_selector("#main[data-stage=in_call]")

    async def proposes(self, name: str, value: str) -> None:
        """Fill in one field for the citizen."""
        await fill_field(self.page, name, value)
        await self.page.wait_for_selector(
            f".live-field[data-field={name}][data-standing=proposed],"
            f".live-field[data-field={name}][data-standing=confirmed]"
        )

    async def approves_papers(self) -> None:
        """«Good» for every photo, until nothing stands before the reading back."""
        button, ready = self.page.locator("[data-role=paper-ok]").first, self.page.locator(READY)
        while True:
            await button.or_(ready).first.wait_for()
            if await ready.count():
                return
            paper = await button.get_attribute("data-paper")
            await button.click()
            await self.page.wait_for_selector(f"[data-role=paper-ok][data-paper='{paper}']", state="detached")

    async def compares(self) -> None:
        """Face and card are the same person."""
        await self.page.click("[data-role=identity] button[value=confirmed]")
        await self.page.wait_for_selector("[data-role=identity]", state="detached")

    async def reads_back(self) -> None:
        """Show the finished form to the citizen."""
        await self.page.click(READY)

    async def submits(self) -> str:
        """Hand in; gives the receipt number."""
        await self.page.click("[data-role=submit] button:not([disabled])")
        return (await self.page.locator(".receipt__number").inner_text()).strip()

    async def decides(self) -> None:
        """Approve in the delegating organ's name."""
        await self.page.click("[data-role=decide] button[value=approve]")
        await self.page.wait_for_selector("[data-role=decide]", state="detached")

    async def ends(self, outcome: str, note: str = "") -> None:
        """Hang up and say how the call ended."""
        await self.page.click("[data-role=hang-up]")
        await self.page.click("[data-role=hang-up-yes]")
        form = self.page.locator("form[data-role=outcome]")
        await form.wait_for()
        await form.locator(f"input[value={outcome}]").check(force=True)
        if note:
            await form.locator("textarea").fill(note)
        await form.locator("button[value=available]").click()
        await self.page.wait_for_selector("#main[data-stage=idle]")


class Approver:
    """Somebody in the home district who decides."""

    def __init__(self, city: City, page: Page) -> None:
        self.city, self.page = city, page

    @classmethod
    async def signs_in(cls, city: City, browser: Browser, account: str) -> "Approver":
        """Through the demo page's own button, with the code it shows."""
        agent = await Agent.signs_in(city, browser, account)
        return cls(city, agent.page)

    async def opens(self, receipt: str) -> None:
        """From the inbox to the case."""
        await self.page.goto(f"{self.city.base}/inbox")
        await self.page.click(f"a[href='/inbox/{receipt}']")
        await self.page.wait_for_url(f"**/inbox/{receipt}")

    async def presses(self, action: str) -> None:
        """One of the page's actions that needs no words."""
        form = self.page.locator(f"form[action$='/{action}']")
        if not await form.locator("button").first.is_visible():
            await self.page.locator("details", has=form).locator("summary").first.click()
        async with self.page.expect_navigation():
            await form.locator("button").first.click()

    async def asks_for(self, target: str, words: str) -> None:
        """Send the one list of corrections, with one thing on it."""
        form = self.page.locator("form[action$='/correction']")
        await self.page.locator("details", has=form).locator("summary").first.click()
        await form.locator(f"label:has(input[name=target][value={target}])").click()
        await form.locator(f"input[name='note.{target}']").fill(words)
        async with self.page.expect_navigation():
            await form.locator("button").last.click()


def told_story(data_dir: Path, receipt: str) -> list[str]:
    """The kinds of the case's events in order, read from the ledger's file."""
    with closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as ledger:
        found = ledger.execute("SELECT id FROM application WHERE receipt = ?", (receipt,)).fetchone()
        rows = ledger.execute("SELECT kind FROM event WHERE case_id = ? ORDER BY seq", found)
        return [kind for (kind,) in rows]


def in_order(story: list[str], *expected: str) -> bool:
    """Whether ``expected`` happened in this order, whatever else did."""
    rest = iter(story)
    return all(any(kind == wanted for kind in rest) for wanted in expected)


async def waiting(town: City, browser: Browser, serial: int) -> tuple[Citizen, str]:
    """A citizen with a number."""
    citizen = await Citizen.arrives(town, browser)
    number = await citizen.takes_number(
        "HR01",
        words="登记工作",
        id_number=identity_number(f"44011419900307{serial:03}"),
        mobile=f"13800138{serial:03}",
        district="440114",
        street="440114109",
        name="王小明",
    )
    return citizen, number


async def in_call(town: City, browser: Browser, serial: int) -> tuple[Citizen, Agent]:
    """A citizen and the agent who answered them; each sees the other move."""
    citizen, _ = await waiting(town, browser, serial)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await agent.page.wait_for_selector("[data-role=accept]")
    await agent.accepts()
    await citizen.joins()
    await frames_advance(agent.page)
    await frames_advance(citizen.page)
    return citizen, agent
