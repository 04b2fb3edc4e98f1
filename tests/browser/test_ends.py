"""Endings that are not approval, and a closed window: the product in this process, a real browser."""

import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from cloudwindow.config import Config
from cloudwindow.domain.calendar import SHANGHAI
from tests.browser.walk import DESKTOP, PHONE, person
from tests.gateways.redis_server import RedisServer
from tests.handlers.conftest import line_server, new_city, seeded, staff
from tests.handlers.people import City, Submitted, applicant, hand_in
from tests.handlers.people import browser as visitor_of

__all__ = ["line_server", "seeded"]

pytestmark = pytest.mark.browser

WHY = "未达到在穗居住满半年的条件，可补齐证明后重新申请"


@pytest.fixture
async def town(line_server: RedisServer, seeded: Path, tmp_path: Path) -> AsyncIterator[City]:
    """The running product."""
    async with new_city(line_server.url, seeded, tmp_path) as running:
        yield running


async def page_of(browser: Browser, size: dict[str, int]) -> Page:
    return await (await person(browser, size)).new_page()


async def approver_with(town: City, browser: Browser, case: Submitted) -> Page:
    """The case in the inbox of Huadu, signed for."""
    page = await page_of(browser, DESKTOP)
    await page.goto(f"{town.url}/demo")
    await page.locator(".demo-account", has_text="approver-huadu").locator("form button").click()
    await page.wait_for_url("**/inbox")
    await page.click(f"a[href='/inbox/{case.receipt}']")
    await press(page, "acknowledge")
    return page


async def press(page: Page, action: str, reasons: str | None = None) -> None:
    """One of the case's actions, with ``reasons`` if it needs some."""
    form = page.locator(f"form[action$='/{action}']")
    if not await form.is_visible():
        await page.locator("details", has=form).locator("summary").click()
    if reasons is not None:
        await form.locator("textarea").fill(reasons)
    async with page.expect_navigation():
        await form.locator("button").click()


async def told(town: City, browser: Browser, case: Submitted) -> str:
    """What the citizen's case page says, found by receipt number and mobile number."""
    page = await page_of(browser, PHONE)
    await page.goto(f"{town.url}/cases")
    await page.fill("input[name=receipt]", case.receipt)
    await page.fill("input[name=mobile]", applicant(77).mobile)
    async with page.expect_navigation():
        await page.click("main form .actions button, main form button[type=submit]")
    return await page.locator("#main").inner_text()


@pytest.fixture
async def case(town: City) -> Submitted:
    """A residence permit of Huadu, handed in."""
    async with visitor_of(town) as citizen, staff(town, "agent-huadu") as agent:
        return await hand_in(town, citizen, agent, applicant(77, "黎明珠"), "PS01")


async def test_a_case_is_not_accepted_only_with_reasons_which_the_citizen_reads(
    town: City, browser: Browser, case: Submitted
) -> None:
    page = await approver_with(town, browser, case)
    await page.locator("details", has=page.locator("form[action$='/refuse']")).locator("summary").click()
    await page.locator("form[action$='/refuse'] textarea").evaluate("box => { box.required = false; }")
    await press(page, "refuse")
    await page.locator("#main .field__error:visible, #main .error-summary:visible").first.wait_for()
    assert await page.locator("form[action$='/accept']").count()
    await press(page, "refuse", WHY)
    assert "不予受理" in await page.locator("#main").inner_text()
    assert not await page.locator("form[action$='/accept']").count()
    said = await told(town, browser, case)
    assert WHY in said
    assert "不予受理" in said


async def test_an_accepted_case_is_denied_with_reasons_which_the_citizen_reads(
    town: City, browser: Browser, case: Submitted
) -> None:
    page = await approver_with(town, browser, case)
    await press(page, "accept")
    await press(page, "deny", WHY)
    assert not await page.locator("form[action$='/approve']").count()
    said = await told(town, browser, case)
    assert WHY in said
    assert "不予办理" in said


async def test_a_closed_window_is_told_with_the_next_opening_before_a_code_is_sent(
    line_server: RedisServer, seeded: Path, tmp_path: Path, browser: Browser
) -> None:
    catalogue = shutil.copytree(Config().catalogue_dir, tmp_path / "catalogue")
    today = datetime.now(SHANGHAI).date()
    days = ", ".join(f'"{today + timedelta(days=number)}"' for number in range(3))
    for file in (catalogue / "districts").glob("*.yaml"):
        file.write_text(file.read_text("utf-8").replace("closed_days: []", f"closed_days: [{days}]"), "utf-8")
    closed = {"catalogue_dir": catalogue, "always_open": False}
    async with new_city(line_server.url, seeded, tmp_path, **closed) as town:
        page = await page_of(browser, PHONE)
        await page.goto(f"{town.url}/items/HR01/start")
        await page.select_option("select[name=home_district]", "440114")
        await page.select_option("select[name=home_street]", "440114109")
        await page.fill("input[name=name]", applicant(78).name)
        await page.fill("input[name=id_number]", applicant(78).id_number)
        await page.fill("input[name=mobile]", applicant(78).mobile)
        async with page.expect_navigation():
            await page.click("form[data-start] .actions button")
        said = await page.locator("#main").inner_text()
        assert "窗口现在不开放" in said
        assert "09:00 重新开放" in said
        await page.get_by_role("link", name="修改填写的内容").click()
        assert await page.input_value("input[name=name]") == applicant(78).name
        kept = town.journey.house.demo_sms
        assert kept is not None
        assert not kept.sent()
