"""Every sample page of citizens and staff in a real browser, and the files of web/, without a server."""

import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import Browser, Page, Route

from tests.pace import PATIENCE_MS
from tests.pages import citizen_pages, staff_pages
from tests.pages.environment import ROOT

ORIGIN: Final = "http://gallery.test"
SIDES: Final = {"citizen": citizen_pages, "staff": staff_pages}


@asynccontextmanager
async def hung(
    browser: Browser, place: str, size: Mapping[str, int], *, language: str = "zh-CN", theme: str = "auto"
) -> AsyncIterator[Page]:
    """Show the page ``place``, ``citizen/…`` or ``staff/…``, in a window of this size."""
    window = {"width": size["width"], "height": size["height"]}
    context = await browser.new_context(viewport=window, locale=language, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    await context.route("**/*", _answer)
    page = await context.new_page()
    try:
        await page.goto(f"{ORIGIN}/{place}?language={language}&theme={theme}")
        yield page
    finally:
        await context.close()


async def _answer(route: Route) -> None:
    address = urlsplit(route.request.url)
    side, _, name = address.path.removeprefix("/").partition("/")
    if side == "assets":
        file = ROOT / "web" / name
        await route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0] or "text/plain")
    elif side in SIDES and route.request.is_navigation_request():
        look: dict[str, Any] = dict(parse_qsl(address.query))
        await route.fulfill(body=SIDES[side].render(name, **look), content_type="text/html; charset=utf-8")
    else:
        await route.abort()
