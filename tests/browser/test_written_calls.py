"""One agent, three citizens who write: the product in its own process, a browser for each."""

import pytest
from playwright.async_api import Browser, Page

from tests.browser.walk import Agent, Citizen, City, identity_number

pytestmark = pytest.mark.browser

NAMES = ("王小明", "李秀兰", "张建华")


async def writes(town: City, browser: Browser, serial: int) -> Citizen:
    """A citizen with a number who will write."""
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number(
        "HR01",
        words="登记工作",
        district="440114",
        street="440114109",
        name=NAMES[serial],
        id_number=identity_number(f"44011419900307{serial:02}1"),
        mobile=f"1380013802{serial}",
        mode="text",
    )
    return citizen


async def says(page: Page, text: str) -> None:
    await page.fill("#chat-text", text)
    await page.press("#chat-text", "Enter")
    await page.locator(".chat__line--own", has_text=text).wait_for()


async def takes(agent: Agent, citizen: Citizen) -> None:
    """What rings, in the lobby or beside another call, is taken; the citizen answers."""
    await agent.page.locator("[data-role=accept]:visible").click()
    await citizen.page.wait_for_selector("#main[data-stage=called]")
    await citizen.page.click("[data-role=start-call]")
    await citizen.page.wait_for_selector("#main[data-stage=in_call]")


async def test_an_agent_serves_three_who_write_and_mixes_nothing_up(town: City, browser: Browser) -> None:
    citizens = [await writes(town, browser, serial) for serial in range(3)]
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    page = agent.page
    await agent.starts()
    for citizen in citizens:
        await takes(agent, citizen)
        name = NAMES[citizens.index(citizen)]
        await page.locator("[data-role=peer-name]", has_text=name).wait_for()
        assert await citizen.page.locator("video:visible").count() == 0, "no camera is asked for"
    assert await page.locator(".calls__call").count() == 3
    assert await page.locator(".video-stage__picture:visible").count() == 0

    await page.fill("#chat-text", "给张建华的草稿")
    await says(citizens[0].page, "请问要带什么？")
    first = page.locator(".calls__call", has_text=NAMES[0])
    await first.locator(".calls__count", has_text="1").wait_for()
    assert await first.get_attribute("data-longest") is not None

    await page.keyboard.press("Alt+KeyN")
    await page.locator("[data-role=peer-name]", has_text=NAMES[0]).wait_for()
    await page.locator(".chat__text", has_text="请问要带什么？").wait_for()
    await page.locator("#chat-text:focus").wait_for()
    assert await page.input_value("#chat-text") == "", "a draft stays with its call"
    await says(page, "带身份证即可")
    await citizens[0].page.locator(".chat__text", has_text="带身份证即可").wait_for()
    await first.locator(".calls__count").wait_for(state="detached")
    await page.select_option(".live-field[data-field=trade] select", "leather")
    await page.wait_for_selector(".live-field[data-field=trade][data-standing=proposed]")

    await page.keyboard.press("Alt+Digit7")
    await page.locator("[data-role=peer-name]", has_text=NAMES[2]).wait_for()
    assert await page.input_value("#chat-text") == "给张建华的草稿"
    assert await page.locator(".live-field[data-field=trade] select").input_value() == ""
    assert await citizens[2].page.locator(".chat__line").count() == 0

    await page.keyboard.press("Alt+Digit5")
    await page.locator("[data-role=peer-name]", has_text=NAMES[0]).wait_for()
    await page.click("[data-role=hang-up]")
    await page.click("[data-role=hang-up-yes]")
    outcome = page.locator("form[data-role=outcome]")
    await outcome.wait_for()
    await outcome.locator("label", has_text="咨询").first.click()
    await outcome.locator("button[value=available]").click()
    await page.locator(".calls__call").nth(2).wait_for(state="detached")
    await page.wait_for_selector("#main[data-stage=in_call]")
    await citizens[0].page.wait_for_selector("#main[data-stage=ended]")
    await says(citizens[1].page, "我还在")
