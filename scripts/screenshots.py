"""
Takes the pictures of docs/images by walking the whole way: HR01 to the certificate, PS01 to the inbox.

    python -m scripts.screenshots [--into docs/images]

Starts the product on a free port with an empty data folder and drives real browsers with drawn people before
their cameras. It waits for what the pages show, never for time; the first thing that does not come, an error
in a browser's console or in the server's log ends it with exit code 1 and pictures of all open pages.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from PIL import Image
from playwright.async_api import Browser, BrowserContext, Locator, Page, Playwright, async_playwright, expect

from scripts import stand_ins

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MS = 60_000
"""How long anything on a page may take to come, on a busy machine."""
START_SECONDS = 120
PHONE: Any = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
DESK: Any = {"viewport": {"width": 1440, "height": 900}}
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--font-render-hinting=none",
    "--lang=zh-CN",
]
Theme = Literal["light", "dark"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """An invented citizen and what they come for."""

    name: str
    id_number: str
    mobile: str
    item: str
    street: str
    mode: str = "video"

    @property
    def district(self) -> str:
        """The home district's code."""
        return self.street[:6]


def id_number(first_seventeen: str) -> str:
    """Complete an identity number by its check character (GB 11643)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(first_seventeen, weights, strict=True))
    return first_seventeen + "10X98765432"[total % 11]


SHOPKEEPER = Walker(
    name="刘志远",
    id_number=id_number("44011419880612201"),
    mobile="13800000001",
    item="HR01",
    street="440114109",
)
NEWCOMER = Walker(
    name="赵春梅",
    id_number=id_number("43052119950321202"),
    mobile="13800000002",
    item="PS01",
    street="440114001",
)
LISTENER = Walker(
    name="孙国强",
    id_number=id_number("44010619590918203"),
    mobile="13800000003",
    item="HR01",
    street="440106006",
    mode="audio",
)
PATIENT = Walker(
    name="郑小燕",
    id_number=id_number("44011419910225204"),
    mobile="13800000004",
    item="HR01",
    street="440114002",
)
GRANDMOTHER = Walker(
    name="何桂芳",
    id_number=id_number("44011419380110204"),
    mobile="13800000005",
    item="CA04",
    street="440114105",
)


def needed(found: T | None, what: str) -> T:
    """``found``, which the walk cannot go on without."""
    if not found:
        raise RuntimeError(f"not there: {what}")
    return found


@dataclass(slots=True, kw_only=True)
class Studio:
    """The running product, two browsers with a person before each camera, and the folder of the pictures."""

    base: str
    into: Path
    citizens: Browser
    offices: Browser
    pages: dict[str, Page] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    async def open(self, name: str, kind: Any, *, language: str = "zh-CN", theme: Theme = "light") -> Page:
        """A page of its own person: nobody shares cookies."""
        browser = self.citizens if kind is PHONE else self.offices
        context: BrowserContext = await browser.new_context(
            **kind,
            locale=language,
            color_scheme=theme,
            reduced_motion="reduce",
            timezone_id="Asia/Shanghai",
            base_url=self.base,
            permissions=["camera", "microphone"],
        )
        context.set_default_timeout(LIMIT_MS)
        page = self.pages[name] = await context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(f"{name}: {error}"))
        page.on("console", lambda line: self._heard(name, line.type, line.text))
        return page

    def _heard(self, name: str, kind: str, text: str) -> None:
        if kind == "error":
            self.troubles.append(f"{name}: {text}")

    async def close(self, name: str) -> None:
        """Close the page and forget its person."""
        await self.pages.pop(name).context.close()

    async def shoot(self, page: Page, name: str, *, at: str | None = None, whole: bool = False) -> None:
        """Write ``name``.png: the page as it stands, scrolled to ``at``; or the ``whole`` of it."""
        await page.evaluate("document.fonts.ready")
        top = page.locator(at).first if at else None
        if top:
            await top.evaluate("part => part.scrollIntoView()")
        elif not whole:
            await page.evaluate("scrollTo(0, 0)")
        await expect(page.locator("#toasts > *")).to_have_count(0)
        raw = await page.screenshot(full_page=whole, animations="disabled")
        picture = Image.open(io.BytesIO(raw)).convert("RGB")
        picture.quantize(256, dither=Image.Dither.NONE).save(self.into / f"{name}.png", optimize=True)
        print(f"  {name}.png", flush=True)

    async def text_message(self, page: Page) -> str:
        """The code of the newest message nobody was sent."""
        told = await page.context.new_page()
        await told.goto("/demo")
        words = await told.locator(".demo-message__text").first.inner_text()
        await told.close()
        found = re.search(r"\d{6}", words)
        return needed(found, words)[0]

    async def sign_in(self, account: str, **look: Any) -> Page:
        """A page of the staff member with this demo account, at their place of work."""
        page = await self.open(account, DESK, **look)
        await page.goto("/demo")
        card = page.locator(".demo-account").filter(has=page.get_by_text(account, exact=True))
        await card.locator("button").click()
        await expect(page.locator(".staff-menu")).to_be_visible()
        await page.wait_for_load_state()  # a press before the scripts are awake would only reload the page
        return page


# --- the product and the browsers ------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def product(folder: Path, log: list[str]) -> AsyncIterator[str]:
    """Start everything, hand out its address, stop it."""
    port = await _free_port()
    environment = os.environ | {
        "PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "CW_RING_STAYS_SECONDS": "0,0,0",  # the city's agents at once, so that nobody waits for a picture
        "CW_OFFER_SECONDS": "60",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloudwindow", "run"), cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT
    )
    ready = asyncio.Event()
    reader = asyncio.create_task(_read(process, log, ready))
    try:
        async with asyncio.timeout(START_SECONDS):
            await ready.wait()
        if process.returncode is not None:
            raise RuntimeError("the product did not start:\n" + "\n".join(log))
        yield f"http://localhost:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reader


async def _free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def _read(process: Process, log: list[str], ready: asyncio.Event) -> None:
    async for raw in needed(process.stdout, "the product's output"):
        log.append(raw.decode().rstrip())
        if "Ctrl-C" in log[-1]:
            ready.set()
    ready.set()


async def browser(playwright: Playwright, person: stand_ins.Person, film: Path) -> Browser:
    """A Chromium with ``person`` before its camera."""
    stand_ins.film(person, film)
    return await playwright.chromium.launch(
        executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        args=[*ARGUMENTS, f"--use-file-for-fake-video-capture={film}"],
    )


# --- steps of a citizen ----------------------------------------------------------------------------------


async def tell_who(page: Page, walker: Walker) -> None:
    """Fill in «who you are»."""
    await page.goto(f"/items/{walker.item}/start")
    await page.locator('[name="home_district"]').select_option(walker.district)
    await page.locator('[name="home_street"]').select_option(walker.street)
    for name, value in (("name", walker.name), ("id_number", walker.id_number), ("mobile", walker.mobile)):
        await page.locator(f'[name="{name}"]').fill(value)
    await page.locator(f'[name="mode"][value="{walker.mode}"]').check()


async def go_to_code(page: Page, studio: Studio) -> None:
    """Send «who you are», enter the code, agree to everything."""
    await page.locator('form[data-start] button[type="submit"], form[data-start] .button--large').click()
    await page.wait_for_url("**/confirm")
    await page.locator('[name="code"]').fill(await studio.text_message(page))
    await page.locator('[name="consent_handling"]').check()


async def take_number(page: Page) -> None:
    """Press the button and see the number."""
    await page.locator('form[action$="/confirm"] .button--large').click()
    await page.wait_for_url("**/visit")
    await expect(page.locator(".ticket-card__number").first).to_be_visible()


async def join_line(studio: Studio, walker: Walker) -> Page:
    """The way to a number, without pictures."""
    page = await studio.open(walker.name, PHONE)
    await tell_who(page, walker)
    await go_to_code(page, studio)
    await take_number(page)
    return page


async def test_devices(page: Page) -> None:
    """Camera, microphone and the way to the server."""
    await page.locator('[data-role="test-start"]').click()
    await expect(page.locator(".checklist__line--done").first).to_be_visible()


async def hand_in_photo(page: Page, paper: str, picture: bytes, name: str) -> None:
    """Photograph one paper."""
    photos = page.locator(f"#field-{paper} .paper__photo")
    before = await photos.count()
    chosen: Any = {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": picture}
    await page.locator(f'#field-{paper} input[type="file"]').set_input_files(chosen)
    await expect(photos).to_have_count(before + 1)


async def answer(page: Page, question: str, value: str | dict[str, str], standing: str) -> None:
    """Fill in one question of the shared form; it must arrive with this standing and without complaint."""
    place = page.locator(f'.live-field[data-field="{question}"]')
    if isinstance(value, dict):
        for name, part in value.items():
            await set_control(place.locator(f'[name="{question}.{name}"]'), part)
    elif await place.locator('input[type="radio"]').count():
        await place.locator(f'input[value="{value}"]').check()
    else:
        await set_control(place.locator(f'[name="{question}"]'), value)
    await expect(place).to_have_attribute("data-standing", standing)
    await expect(place).not_to_have_attribute("data-invalid", re.compile(".*"))


async def set_control(control: Locator, value: str) -> None:
    """Choose or type, and go on."""
    if await control.evaluate("control => control.tagName") == "SELECT":
        await control.select_option(value)
    else:
        await control.fill(value)
        await control.blur()


async def confirm_all(page: Page) -> None:
    """Confirm what the agent proposed, one answer after the other."""
    waiting = page.locator('.live-field[data-standing="proposed"]:not([hidden])')
    while await waiting.count():
        left = await waiting.count()
        await waiting.first.locator('[data-role="confirm"]').click()
        await expect(waiting).to_have_count(left - 1)


async def declare(page: Page) -> None:
    """Tick each declaration."""
    boxes = page.locator('form[data-role="declarations"] input[type="checkbox"]')
    await expect(boxes.first).to_be_visible()
    for number in range(await boxes.count()):
        await boxes.nth(number).check()
    await expect(page.locator('form[data-role="send-code"]')).to_be_visible()


async def write_name(page: Page, studio: Studio) -> None:
    """Ask for the code, enter it and draw a name."""
    await page.locator('form[data-role="send-code"] button').click()
    await expect(page.locator('form[data-role="send-code"] [role="status"]')).to_contain_text("****")
    await page.locator('form[data-role="sign"] [name="code"]').fill(await studio.text_message(page))
    pad = page.locator('[data-role="pad"]')
    await pad.scroll_into_view_if_needed()
    box = needed(await pad.bounding_box(), "the sheet to sign on")
    strokes = [
        [(0.16, 0.32), (0.30, 0.28), (0.27, 0.52), (0.15, 0.72)],
        [(0.18, 0.46), (0.26, 0.58), (0.34, 0.74)],
        [(0.44, 0.30), (0.45, 0.52), (0.43, 0.74), (0.49, 0.66)],
        [(0.40, 0.44), (0.50, 0.41), (0.56, 0.40)],
        [(0.66, 0.30), (0.78, 0.29), (0.70, 0.46), (0.63, 0.60)],
        [(0.62, 0.52), (0.76, 0.48), (0.85, 0.60), (0.73, 0.76), (0.66, 0.70)],
    ]
    for stroke in strokes:
        points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in stroke]
        await page.mouse.move(*points[0])
        await page.mouse.down()
        for point in points[1:]:
            await page.mouse.move(*point, steps=8)
        await page.mouse.up()
    await expect(page.locator('[data-role="signature"][data-signed]')).to_have_count(1)


async def sign(page: Page) -> None:
    """Send the signature and see it accepted."""
    await page.locator('form[data-role="sign"] .button--large').click()
    await expect(page.locator('form[data-role="sign"]')).to_have_count(0)


# --- steps of an agent -----------------------------------------------------------------------------------


async def be_ready(desk: Page) -> None:
    """Start taking calls."""
    await desk.locator('form[data-role="start"] button').click()


async def accept(desk: Page, citizen: Page, *, press: bool = True) -> None:
    """Take the offered citizen, who must ``press`` to answer unless their camera is open from the test."""
    await desk.locator('[data-role="accept"]').click()
    if press:
        await citizen.locator('[data-role="start-call"]').click()
    await expect(citizen.locator('main[data-stage="in_call"]')).to_be_visible()
    await expect(desk.locator('main[data-stage="in_call"]')).to_be_visible()


async def see_each_other(*pages: Page) -> None:
    """Decoded pictures advance on every side."""
    for page in pages:
        frames = re.compile(r"\d\d")  # the stage says every two seconds how many it has decoded: ten or more
        await expect(page.locator(".video-stage")).to_have_attribute("data-frames", frames)


async def compare(desk: Page) -> None:
    """Say that face and card are one person's."""
    await desk.locator('form[data-role="identity"] button[value="confirmed"]').click()
    await expect(desk.locator('form[data-role="identity"]')).to_have_count(0)


async def judge_papers(desk: Page) -> None:
    """Find every paper fine."""
    pending = desk.locator('[data-role="paper-ok"]')
    while left := await pending.count():
        await pending.first.click()
        await expect(pending).to_have_count(left - 1)


async def read_back(desk: Page) -> None:
    """Show it to the citizen."""
    button = desk.locator('form[data-role="read-back"] button')
    await expect(button).to_be_enabled()
    await button.click()
    await expect(desk.locator(".read-aloud")).to_be_visible()


async def hand_in(desk: Page) -> str:
    """Hand the signed application in; its receipt number."""
    await desk.locator('form[data-role="submit"][data-due] button').click()
    number = desk.locator(".receipt__number")
    await expect(number).to_be_visible()
    return (await number.inner_text()).strip()


async def end_call(desk: Page, *, outcome: str = "submitted") -> None:
    """Hang up, say how it ended, pause."""
    await desk.locator('[data-role="hang-up"]').click()
    await desk.locator('[data-role="hang-up-yes"]').click()
    await desk.locator(f'#outcome [name="outcome"][value="{outcome}"]').check()
    await desk.locator('#outcome button[value="away"]').click()
    await expect(desk.locator('main[data-stage="away"]')).to_be_visible()


# --- the scenes ------------------------------------------------------------------------------------------


async def public_pages(studio: Studio) -> None:
    """What anybody sees: home in both languages, both themes and both text sizes, an item, the demo page."""
    page = await studio.open("somebody", PHONE)
    await page.goto("/")
    await studio.shoot(page, "home")
    await page.locator('[name="text_size"][value="large"]').click()
    await expect(page.locator("html")).to_have_attribute("data-text-size", "large")
    await studio.shoot(page, "home-large-text")
    await page.locator('[name="text_size"][value="standard"]').click()
    await page.goto("/items/HR01")
    await studio.shoot(page, "item")
    await page.goto("/items/HR01/book")
    await studio.shoot(page, "book")
    await studio.close("somebody")
    looks: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("home-wide", DESK, {}),
        ("home-dark", PHONE, {"theme": "dark"}),
        ("home-english", PHONE, {"language": "en-GB"}),
    )
    for name, kind, look in looks:
        page = await studio.open(name, kind, **look)
        await page.goto("/")
        await studio.shoot(page, name)
        await studio.close(name)


async def residence_permit(studio: Studio) -> str:
    """PS01 with an agent of another district, to the inbox of the home district; the receipt number."""
    desk = await studio.sign_in("agent-tianhe")
    await be_ready(desk)
    await expect(desk.locator('main[data-stage="idle"]')).to_be_visible()
    await expect(desk.locator('[data-role="preview"]')).to_be_visible()
    await studio.shoot(desk, "desk-idle")
    page = await join_line(studio, NEWCOMER)
    await accept(desk, page)
    await see_each_other(page, desk)
    await fill_residence_form(desk, page)
    await compare(desk)
    await judge_papers(desk)
    await confirm_all(page)
    await read_back(desk)
    await declare(page)
    await write_name(page, studio)
    await sign(page)
    receipt = await hand_in(desk)
    await expect(page.locator(".receipt__number")).to_have_text(receipt)
    await end_call(desk)
    await expect(page.locator('main[data-stage="ended"]')).to_be_visible()
    await studio.shoot(page, "receipt")
    await studio.close(NEWCOMER.name)
    return receipt


async def fill_residence_form(desk: Page, page: Page) -> None:
    """Citizen and agent share the work."""
    lived_since = datetime.now(UTC) - timedelta(days=800)
    home = {"district": "440114", "street": "440114001", "detail": "示例路 8 号 302 房"}
    await answer(page, "hukou", "elsewhere", "confirmed")
    await answer(page, "living_addr", home, "confirmed")
    await answer(page, "since", f"{lived_since:%Y-%m-%d}", "confirmed")
    await answer(desk, "basis", "work", "proposed")
    await answer(desk, "employer", "示例皮具有限公司", "proposed")
    await answer(desk, "job_since", f"{lived_since:%Y-%m-%d}", "proposed")
    await answer(desk, "delivery_method", "counter", "proposed")
    await hand_in_photo(
        page, "id_card", stand_ins.card(["姓名  赵春梅", "性别  女", "住址  某省某市"]), "card"
    )
    await hand_in_photo(page, "portrait", stand_ins.portrait(), "portrait")
    await hand_in_photo(
        page, "job_proof", stand_ins.sheet("劳动合同", ["甲方：示例皮具有限公司", "乙方：赵春梅"]), "contract"
    )


async def inbox(studio: Studio, receipt: str) -> None:
    """The home district acknowledges and accepts; the citizen follows it."""
    page = await studio.sign_in("approver-huadu")
    await expect(page.locator(".inbox__link").first).to_be_visible()
    await studio.shoot(page, "inbox")
    await page.locator(f'a[href="/inbox/{receipt}"]').click()
    await expect(page.locator('form[action$="/acknowledge"]')).to_be_visible()
    await studio.shoot(page, "inbox-case")
    await page.locator('form[action$="/acknowledge"] button').click()
    await page.locator('form[action$="/accept"] button').click()
    await expect(page.locator('form[action$="/approve"]')).to_be_visible()
    await studio.close("approver-huadu")
    follower = await studio.open("follower", PHONE)
    await follower.goto("/cases")
    await follower.locator('[name="receipt"]').fill(receipt)
    await follower.locator('[name="mobile"]').fill(NEWCOMER.mobile)
    await follower.locator('form[action="/cases"] .button--large').click()
    await expect(follower.locator(".timeline__event").first).to_be_visible()
    await studio.shoot(follower, "case", whole=True)
    await studio.close("follower")


async def busy_window(studio: Studio) -> None:
    """One agent speaks with somebody, one person stands in the line."""
    desk = studio.pages["agent-tianhe"]
    page = await join_line(studio, LISTENER)
    await be_ready(desk)
    await accept(desk, page)
    await join_line(studio, PATIENT)


async def wait_for_turn(studio: Studio) -> Page:
    """HR01 from «who you are» to a well prepared place in the line."""
    page = await studio.open(SHOPKEEPER.name, PHONE)
    await tell_who(page, SHOPKEEPER)
    await studio.shoot(page, "start")
    await go_to_code(page, studio)
    await studio.shoot(page, "confirm")
    await page.locator('[name="consent_recording"]').check()
    await take_number(page)
    await expect(page.locator('[data-role="ahead"]')).to_have_text("1")
    await studio.shoot(page, "waiting")
    await test_devices(page)
    await answer(page, "employ_type", "self_employed", "confirmed")
    await answer(page, "start_date", "2024-03-01", "confirmed")
    await answer(page, "trade", "leather", "confirmed")
    await hand_in_photo(
        page, "id_card", stand_ins.card(["姓名  刘志远", "性别  男", "住址  广州市花都区"]), "card"
    )
    await hand_in_photo(page, "portrait", stand_ins.portrait(), "portrait")
    await hand_in_photo(
        page, "licence", stand_ins.sheet("营业执照", ["名称：示例皮具店", "经营者：刘志远"]), "licence"
    )
    await studio.shoot(page, "while-waiting", at=".visit__devices")
    await leave_line(studio)
    await expect(page.locator('[data-role="ahead"]')).to_have_text("0")
    return page


async def leave_line(studio: Studio) -> None:
    """The one before gives up."""
    before = studio.pages[PATIENT.name]
    await before.locator(".visit__leave summary").click()
    await before.locator('form[action="/visit/leave"] button').click()
    await expect(before.locator('main[data-stage="ended"]')).to_be_visible()
    await studio.close(PATIENT.name)


async def employment(studio: Studio, page: Page) -> None:
    """HR01 in the call: the form together, read back, signed, decided, issued, checked."""
    desk = await studio.sign_in("agent-huadu")
    await desk.locator('[data-role="test-devices"]').click()
    await expect(desk.locator('[data-role="preview"]')).to_be_visible()
    await be_ready(desk)
    await expect(desk.locator('[data-role="accept"]')).to_be_visible()
    await studio.shoot(desk, "desk-offer")
    await accept(desk, page, press=False)
    await see_each_other(page, desk)
    await studio.shoot(page, "call")
    await three_together(studio, desk, page)
    await work_on_form(studio, desk, page)
    await boards(studio)
    await decide(studio, desk, page)
    await afterwards(studio, desk, page)


async def three_together(studio: Studio, desk: Page, page: Page) -> None:
    """An interpreter is invited by a link, agreed to by the citizen, seen by both, and thanked."""
    await desk.locator(".company summary", has_text="邀请第三方").click()
    await desk.fill("#company-name", "陈手语")
    await desk.locator("form[action='/desk/company'] button[type=submit]").click()
    link = await desk.locator(".company__link input").input_value()
    guest = await studio.open("guest", PHONE)
    await guest.goto(link)
    await guest.wait_for_url("**/guest")
    await studio.shoot(page, "guest-asked", at="[data-panel=company]")
    await page.locator("button", has_text="同意加入").click()
    await expect(page.locator(".call-tiles__tile video").first).to_be_visible()
    await expect(guest.locator(".call-tiles__tile video").first).to_be_visible()
    await studio.shoot(page, "call-three")
    await desk.locator("button", has_text="请离").click()
    await expect(page.locator(".call-tiles")).to_be_hidden()
    await studio.close("guest")


async def work_on_form(studio: Studio, desk: Page, page: Page) -> None:
    """The agent proposes, the citizen confirms."""
    shop = {"district": "440114", "street": "440114109", "detail": "示例皮具城 B 区 16 号"}
    await answer(desk, "work_addr", shop, "proposed")
    await answer(desk, "shop_name", "花都区狮岭示例皮具店", "proposed")
    await expect(page.locator('[data-field="shop_name"] [data-role="confirm"]')).to_be_visible()
    await studio.shoot(page, "proposal", at='[data-field="work_addr"]')
    await page.locator('[data-field="work_addr"] [data-role="confirm"]').click()
    await expect(desk.locator('[data-field="work_addr"]')).to_have_attribute("data-standing", "confirmed")
    await compare(desk)
    await desk.locator("#chat-text").fill("请把营业执照右上角的代码念给我听。")
    await desk.locator("#chat-text").press("Enter")
    await expect(page.locator(".chat__line").last).to_contain_text("营业执照")
    await studio.shoot(desk, "desk-call")
    await desk.emulate_media(color_scheme="dark")
    await studio.shoot(desk, "desk-call-dark")
    await desk.emulate_media(color_scheme="light")
    await answer(desk, "uscc", social_code("92440114MA59EXMPL"), "proposed")
    await answer(desk, "delivery_method", "electronic", "proposed")


def social_code(first_seventeen: str) -> str:
    """Complete a unified social credit code by its check character (GB 32100)."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(sign) * pow(3, place, 31) for place, sign in enumerate(first_seventeen))
    return first_seventeen + alphabet[(31 - total % 31) % 31]


async def boards(studio: Studio) -> None:
    """What the admins see meanwhile."""
    await join_line(studio, PATIENT)
    await join_line(studio, GRANDMOTHER)
    for account, name in (("admin-huadu", "board-district"), ("admin-city", "board-city")):
        page = await studio.sign_in(account)
        await expect(page.locator('[data-role="line"]')).to_have_attribute("data-line", "open")
        await studio.shoot(page, name)
        if account == "admin-city":
            await page.emulate_media(color_scheme="dark")
            await studio.shoot(page, "board-city-dark")
        await studio.close(account)


async def decide(studio: Studio, desk: Page, page: Page) -> None:
    """Read back, sign, hand in, approve."""
    await judge_papers(desk)
    await confirm_all(page)
    await read_back(desk)
    await declare(page)
    await studio.shoot(page, "read-back", at='[data-panel="read_back"]')
    await write_name(page, studio)
    await studio.shoot(page, "sign", at='[data-panel="signature"]')
    await sign(page)
    await hand_in(desk)
    await expect(desk.locator('form[data-role="decide"]')).to_be_visible()
    await studio.shoot(desk, "desk-decision")
    await desk.locator('form[data-role="decide"] button[value="approve"]').click()
    await expect(page.locator(".documents__line")).to_have_count(2)  # the receipt and the certificate


async def afterwards(studio: Studio, desk: Page, page: Page) -> None:
    """The certificate, its proof, the outcome, the rating."""
    place = await page.locator(".documents__line a[download]").last.get_attribute("href")
    certificate = await (await page.request.get(str(place))).body()
    needed(certificate.startswith(b"%PDF"), "a certificate")
    code = await page.locator(".documents__line code").last.inner_text()
    await desk.locator('[data-role="hang-up"]').click()
    await desk.locator('[data-role="hang-up-yes"]').click()
    await expect(desk.locator("#outcome")).to_be_visible()
    await studio.shoot(desk, "desk-outcome")
    await desk.locator('#outcome [name="outcome"][value="submitted"]').check()
    await desk.locator('#outcome button[value="away"]').click()
    await expect(page.locator('main[data-stage="ended"]')).to_be_visible()
    await studio.shoot(page, "certificate", at=".documents")
    await page.locator('[name="stars"][value="5"]').check()
    await page.locator('form[action="/visit/rating"] button').click()
    await expect(page.locator('form[action="/visit/rating"]')).to_have_count(0)
    await page.goto(f"/verify?code={code}")
    await expect(page.locator(".verified")).to_be_visible()
    await studio.shoot(page, "verify")
    await desk.goto("/demo")
    await studio.shoot(desk, "demo")


async def walk(studio: Studio) -> None:
    """Everything, in an order in which each scene sets the next."""
    await public_pages(studio)
    receipt = await residence_permit(studio)
    await inbox(studio, receipt)
    await busy_window(studio)
    page = await wait_for_turn(studio)
    await employment(studio, page)


# --- start -----------------------------------------------------------------------------------------------


async def take_all(into: Path) -> list[str]:
    """Take every picture; what went wrong beside the way."""
    log: list[str] = []
    expect.set_options(timeout=LIMIT_MS)
    with tempfile.TemporaryDirectory(prefix="cloud-window-") as name:
        folder = Path(name)
        async with async_playwright() as playwright, product(folder, log) as base:
            citizens = await browser(playwright, stand_ins.CITIZEN, folder / "citizen.mjpeg")
            offices = await browser(playwright, stand_ins.AGENT, folder / "agent.mjpeg")
            studio = Studio(base=base, into=into, citizens=citizens, offices=offices)
            try:
                await walk(studio)
            except BaseException:
                await keep_evidence(studio, log)
                raise
            finally:
                await citizens.close()
                await offices.close()
    return studio.troubles + errors_of(log)


async def keep_evidence(studio: Studio, log: list[str]) -> None:
    """Pictures of all open pages and the server's log, for whoever looks into it."""
    place = ROOT / "test-results/screenshots"
    place.mkdir(parents=True, exist_ok=True)
    (place / "server.log").write_text("\n".join([*log, *studio.troubles]))
    for name, page in studio.pages.items():
        with contextlib.suppress(Exception):
            await page.screenshot(path=place / f"{name}.png", full_page=True)
    print(f"pictures of the open pages are in {place}", file=sys.stderr)


def errors_of(log: list[str]) -> list[str]:
    """The lines of level error; those told while stopping do not count."""
    lines = (json.loads(line) for line in log if line.startswith("{"))
    return [f"server: {line}" for line in lines if line.get("level") == "error"]


def main() -> int:
    """Read the folder and take the pictures; the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--into", type=Path, default=ROOT / "docs/images")
    into: Path = arguments.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    troubles = asyncio.run(take_all(into))
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
