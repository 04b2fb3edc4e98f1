"""A recorded call is played afterwards, for real: film, mark, moments, and the list of who looked."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.walk import City, frames_advance, in_call

pytestmark = pytest.mark.browser
PLAYS = "() => document.querySelector('video').currentTime > {seconds}"
REASON = "复核身份核验过程"
LIMIT_MS = 180_000
SHAPE = "() => ((v) => [v.videoWidth, v.videoHeight, v.duration])(document.querySelector('video'))"


async def filmed(page: Page) -> None:
    """Return on the page of the newest recording, once it can be played."""
    await page.locator(".top-bar__nav a[href='/staff/recordings']").click()
    await page.locator(".recordings__link").first.click()
    reason = page.locator("#reason-play")
    async with asyncio.timeout(LIMIT_MS / 1000):
        while not await reason.count():
            await page.wait_for_timeout(1_000)
            await page.reload()


async def test_the_agent_plays_their_call_with_their_name_over_it(town: City, browser: Browser) -> None:
    citizen, agent = await in_call(town, browser, 1)
    await citizen.page.locator("form[action='/visit/recording'] button[value='1']").first.click()
    await agent.page.locator(".recording-sign[data-recording=running]").wait_for()
    await agent.compares()
    await frames_advance(agent.page, 60)
    await agent.ends("consulted")

    page = agent.page
    await filmed(page)
    await page.fill("#reason-play", REASON)
    await page.click("form[action$='/viewings'] button")
    await page.wait_for_selector("video")
    await page.evaluate("() => { document.querySelector('video').muted = true; }")
    await page.evaluate("() => document.querySelector('video').play()")
    await page.wait_for_function(PLAYS.format(seconds=0.5), timeout=LIMIT_MS)
    width, height, length = await page.evaluate(SHAPE)
    assert (width, height) == (960, 360), "citizen and agent side by side"
    assert length > 2
    mark = page.locator(".player__mark span").first
    await expect(mark).to_contain_text("陈晓敏 HD-018", timeout=LIMIT_MS)
    await expect(page.locator(".recording__lines li")).to_contain_text("身份核验", timeout=LIMIT_MS)
    await page.locator("a[href*='clip=0']").click()
    await page.wait_for_function("() => document.querySelector('video').readyState >= 2", timeout=LIMIT_MS)
    await page.click(".back-link")
    await expect(page.locator(".recording__viewings li")).to_contain_text(REASON, timeout=LIMIT_MS)
