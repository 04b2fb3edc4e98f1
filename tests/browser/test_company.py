"""A third person in a call, for real: invited by link, agreed to, seen by both; a supervisor who listens."""

import pytest
from playwright.async_api import Browser, Page

from tests.browser.backends import BACKENDS
from tests.browser.walk import PHONE, Agent, City, frames_advance, in_call, person

pytestmark = pytest.mark.browser


HEARD = """() => [...document.querySelectorAll(
  ".call-tiles__tile[data-kind=supervisor]:not([hidden]) video"
)].some((one) => one.srcObject?.getAudioTracks().some((track) => !track.muted))"""
"""Whether a supervisor has a place of their own and sound comes from there; they are not filmed."""


async def pictured(page: Page, number: int) -> None:
    """Return when so many small pictures beside the large one move."""
    await page.wait_for_function(
        "(wanted) => [...document.querySelectorAll('.call-tiles__tile:not([hidden]) video')]"
        ".filter((one) => one.getVideoPlaybackQuality().totalVideoFrames > 5).length >= wanted",
        arg=number,
    )


@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_interpreter_is_seen_by_both_and_a_held_call_stands_still(
    town: City, browser: Browser
) -> None:
    citizen, agent = await in_call(town, browser, 1)

    await agent.page.locator(".company summary", has_text="邀请第三方").click()
    await agent.page.fill("#company-name", "陈手语")
    await agent.page.locator("form[action='/desk/company'] button[type=submit]").click()
    link = await agent.page.locator(".company__link input").input_value()
    guest = await (await person(browser, PHONE)).new_page()
    await guest.goto(link)
    await guest.wait_for_url("**/guest")
    await guest.locator("[data-panel=company]", has_text="正在征求群众同意").wait_for()
    await citizen.page.locator("button", has_text="同意加入").click()
    await frames_advance(guest)
    await pictured(guest, 1)
    await pictured(citizen.page, 1)
    await pictured(agent.page, 1)
    await citizen.page.locator(".call-tiles", has_text="陈手语 · 翻译").wait_for()
    await frames_advance(citizen.page)

    await agent.page.locator(".company summary", has_text="通话保持").click()
    await agent.page.locator("button[name=reason][value=look_up]").click()
    for page in (citizen.page, agent.page, guest):
        await page.locator("[data-held]", has_text="正在查询资料").wait_for()
    await agent.page.locator("button", has_text="恢复通话").click()
    await citizen.page.wait_for_selector("[data-held]", state="detached")
    for page in (citizen.page, agent.page, guest):
        await frames_advance(page)

    await agent.page.locator("button", has_text="请离").click()
    await guest.wait_for_selector("[data-panel=company] [data-stage=ended]")
    await citizen.page.wait_for_selector(".call-tiles", state="hidden")
    await frames_advance(citizen.page)


async def test_a_supervisor_listens_unheard_and_is_shown_to_agent_and_citizen(
    town: City, browser: Browser
) -> None:
    citizen, agent = await in_call(town, browser, 3)
    admin = await Agent.signs_in(town, browser, "admin-huadu")
    row = admin.page.locator(".wall__agents li", has=admin.page.locator("summary", has_text="旁听"))
    await row.locator("summary").click()
    await row.locator("input[name=reason]").fill("抽查服务质量")
    await row.locator("button[type=submit]").click()
    await admin.page.wait_for_url("**/board/supervise/*")
    await frames_advance(admin.page)
    await pictured(admin.page, 1)
    for page in (citizen.page, agent.page):
        await page.locator("[data-panel=company]", has_text="督导").wait_for()
        assert await page.locator(".call-tiles__tile:not([hidden])").count() == 0
    await admin.page.locator("button[name=mode][value=join]").click()
    await citizen.page.wait_for_function(HEARD)
    await admin.page.locator("[data-panel=company] button", has_text="离开通话").click()
    await admin.page.wait_for_url("**/board")
    await citizen.page.wait_for_selector(".call-tiles", state="hidden")
