"""Camera and microphone in the call itself: refused, given later, not wanted; a shared screen; a hold."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.citizen_hall import Hall, open_hall
from tests.browser.walk import City, frames_advance, in_call
from tests.pace import PATIENCE_MS
from tests.pages.company_samples import NOW

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

ASKED = """() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.asked = [];
  window.refuses = false;
  navigator.mediaDevices.getUserMedia = (wanted) => {
    window.asked.push(Object.keys(wanted).sort().join(" and "));
    return window.refuses ? Promise.reject(new DOMException("", "NotAllowedError")) : real(wanted);
  };
}"""
SCREEN = """() => {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const screen = document.createElement("canvas");
    const pen = screen.getContext("2d");
    setInterval(() => {
      pen.fillStyle = `hsl(${Date.now() % 360} 80% 50%)`;
      pen.fillRect(0, 0, 300, 150);
    }, 100);
    return screen.captureStream(10);
  };
}"""
BRIGHT = """() => {
  const seen = document.createElement("canvas");
  const pen = seen.getContext("2d");
  pen.drawImage(document.querySelector("[data-role=remote]"), 0, 0, 4, 4);
  return Math.max(...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)) > 60;
}"""


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with open_hall() as opened:
        yield opened


async def answered(hall: Hall, page: Page) -> None:
    """Press «start», and be in the call."""
    await page.get_by_role("button", name="开始通话").click()
    hall.name = "in_call"
    await hall.tell("stage.changed", stage="in_call", version=4, session="s", peer_online=True)


def sends(camera: bool, microphone: bool, reason: str = "ok") -> Any:
    """Whether a message of the page says this of its devices."""
    told = {"camera": camera, "microphone": microphone, "reason": reason}
    return lambda message: {name: message[name] for name in told} == told


async def test_a_refused_permission_is_explained_in_the_call_and_given_there(hall: Hall) -> None:
    page = await hall.enter("called")
    await page.evaluate(ASKED)
    await page.evaluate("window.refuses = true")
    await answered(hall, page)
    help_card = page.locator("#device-help-dialogue")
    await expect(help_card.locator("ol li")).not_to_have_count(0)
    await hall.heard("call.devices", sends(False, False, "permission_denied"))
    await page.get_by_role("button", name="先这样继续").click()
    await expect(help_card).to_be_hidden()
    await expect(page.locator('[data-role="quality"]')).to_have_text("浏览器没有获准使用摄像头或麦克风。")
    await page.locator('[data-role="microphone"]').click()
    await expect(help_card).to_be_visible()
    await page.evaluate("window.refuses = false")
    await page.get_by_role("button", name="再试一次").click()
    await hall.heard("call.devices", sends(True, True))
    await expect(help_card).to_be_hidden()
    await expect(page.locator(".video-stage")).to_have_attribute("data-frames", re.compile("^[1-9]"))


async def test_who_speaks_only_is_not_filmed_until_they_wish(hall: Hall) -> None:
    page = await hall.enter("called")
    await page.evaluate(ASKED)
    await page.evaluate("document.getElementById('main').dataset.mode = 'audio'")
    await answered(hall, page)
    await hall.heard("call.devices", sends(False, True))
    assert await page.evaluate("asked") == ["audio"]
    await page.locator('[data-role="camera"]').click()
    await hall.heard("call.devices", sends(True, True))
    assert await page.evaluate("asked") == ["audio", "video"]


async def test_a_held_call_says_how_long_and_shows_no_picture_that_stands(hall: Hall) -> None:
    page = await hall.enter("company-0")
    await hall.tell("hello", role="citizen", now_ms=int(NOW * 1000) + 65_000)
    await hall.tell("stage.changed", stage="in_call", version=4, session="s", peer_online=True)
    await expect(page.locator("[data-held] count-up")).to_have_text(re.compile(r"^1:\d\d$"))
    await expect(page.locator(".video-stage")).to_have_attribute("data-state", "connected")
    await expect(page.locator('[data-role="waiting-text"]')).to_have_text("通话保持中")
    await expect(page.locator('[data-role="remote"]')).to_be_hidden()


async def test_a_screen_is_seen_though_the_camera_is_off_and_the_camera_stays_off_after_it(
    town: City, browser: Browser
) -> None:
    citizen, agent = await in_call(town, browser, 1)
    camera, share = (agent.page.locator(f"[data-role={role}]") for role in ("camera", "share-screen"))
    await camera.click()
    await citizen.page.wait_for_selector("[data-role=waiting]:not([hidden])")
    await agent.page.evaluate(SCREEN)
    await share.click()
    await citizen.page.wait_for_selector(".video-stage[data-screen]")
    await frames_advance(citizen.page)
    await citizen.page.wait_for_function(BRIGHT)
    await share.click()
    await citizen.page.wait_for_selector(".video-stage:not([data-screen]) [data-role=waiting]:not([hidden])")
    assert await camera.get_attribute("aria-pressed") == "true"
    await share.click()
    await citizen.page.wait_for_selector(".video-stage[data-screen]")
    await agent.ends("consulted", "问完了")
    assert await share.get_attribute("aria-pressed") == "false"
