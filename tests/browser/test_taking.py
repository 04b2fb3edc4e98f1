"""Taking by hand and putting aside, for real: two browsers, the product in its own process."""

import re

import pytest
from playwright.async_api import Browser

from tests.browser.backends import BACKENDS
from tests.browser.walk import Agent, City, frames_advance, in_call, waiting

pytestmark = pytest.mark.browser


def minutes(clock: str) -> int:
    """Since midnight."""
    return int(clock[:2]) * 60 + int(clock[3:])


async def test_an_agent_picks_one_from_the_list_and_is_rung_with_it(town: City, browser: Browser) -> None:
    await waiting(town, browser, 1)
    second, number = await waiting(town, browser, 3)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.page.locator("label", has_text="自己取号").click()
    await agent.starts()
    row = agent.page.locator(".taking__row", has_text=number)
    await row.wait_for()
    assert await agent.page.locator(".taking__row").count() == 2
    await agent.page.select_option("#pick-reason", "urgent")
    await row.locator("button").click()
    await agent.page.wait_for_selector("[data-role=accept]")
    assert number in await agent.page.locator(".offer-card").inner_text()
    await agent.accepts()
    await second.joins()
    await frames_advance(second.page)


async def test_a_call_put_aside_tells_the_citizen_when_and_frees_the_agent(
    town: City, browser: Browser
) -> None:
    citizen, number = await waiting(town, browser, 5)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await agent.page.wait_for_selector("[data-role=accept]")
    await agent.accepts()
    await citizen.joins()
    await frames_advance(agent.page)
    await agent.page.wait_for_selector("#open-park")
    await agent.page.keyboard.press("Alt+KeyP")
    form = agent.page.locator("form[data-role=park]")
    chosen = form.locator(".choice", has_text="30 分钟")
    await chosen.click()
    offered = (await chosen.locator(".choice__text").inner_text()).removeprefix("约").strip()
    await form.locator("select").select_option("fetch_papers")
    await form.locator("button[type=submit]").click()
    await agent.page.wait_for_selector("#main[data-stage=idle]")
    told = citizen.page.locator("[data-aside=parked]")
    await told.wait_for()
    words = await told.inner_text()
    assert "短信" in words
    (said,) = re.findall(r"\d{2}:\d{2}", words)
    assert (minutes(said) - minutes(offered)) % (24 * 60) <= 5
    await citizen.page.wait_for_selector("#main[data-stage=waiting]")
    assert (await citizen.page.locator(".ticket-card__number").first.inner_text()).strip() == number


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_next_agent_is_seen_on_the_connection_the_citizen_has(town: City, browser: Browser) -> None:
    citizen, agent = await in_call(town, browser, 7)
    await citizen.page.evaluate(
        "() => { window.made = 0; const Real = RTCPeerConnection;"
        " window.RTCPeerConnection = class extends Real {"
        " constructor(...given) { super(...given); window.made++; } }; }"
    )
    second = await Agent.signs_in(town, browser, "agent-tianhe")
    await second.starts()
    await agent.page.keyboard.press("Alt+KeyT")
    form = agent.page.locator("form[data-role=transfer]")
    await form.locator("#transfer-reason").select_option("special_knowledge")
    await form.locator("#transfer-to").select_option(index=1)
    await form.locator("button[type=submit]").click()
    await citizen.page.wait_for_selector("#main[data-stage=waiting][data-kept]")
    assert "您与窗口保持连接" in await citizen.page.locator(".visit__kept").inner_text()
    await second.page.wait_for_selector("[data-role=accept]")
    await second.accepts()
    await citizen.page.wait_for_selector("#main[data-stage=in_call]")
    await frames_advance(citizen.page)
    await frames_advance(second.page)
    assert await citizen.page.evaluate("window.made") == 0
