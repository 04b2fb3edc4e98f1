"""A paper photographed in the call: it comes through the call itself and stands among the papers."""

import pytest
from playwright.async_api import Browser, Response

from tests.browser.walk import City, frames_advance, in_call

pytestmark = pytest.mark.browser


async def test_a_still_taken_in_the_call_comes_through_it_and_stands_among_the_papers(
    town: City, browser: Browser
) -> None:
    citizen, agent = await in_call(town, browser, 1)

    page, sent = citizen.page, list[Response]()
    page.on("response", lambda got: sent.append(got) if got.request.method == "POST" else None)
    button = page.locator("[data-still]").first
    rule = await button.get_attribute("data-still")
    await button.dispatch_event("click")
    await page.wait_for_function(
        "() => document.querySelector('[data-role=still-picture]')"
        ".getVideoPlaybackQuality().totalVideoFrames > 2"
    )
    await page.locator("[data-role=still-take]").click()
    await page.wait_for_selector(f"form[action='/visit/materials/{rule}']", state="attached")
    await page.wait_for_selector("[data-panel=materials] img[src^='/visit/materials/']", state="attached")
    told = [(got.url.removeprefix(town.base), got.status) for got in sent if "/materials/" in got.url]
    assert told == [(f"/visit/materials/{rule}/still", 204)]
    await agent.page.wait_for_selector("img[src^='/desk/materials/']", state="attached")
    await frames_advance(agent.page)
