"""Captions in Chromium: what one says is read at the other's page; where no machine can, the page says so."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from cloudwindow.media.caption_engine import languages
from tests.browser.machine import CHROMIUM
from tests.browser.walk import ARGUMENTS, Agent, Citizen, City, identity_number, in_call
from tests.gateways.spoken import SENTENCE, speak

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not languages(), reason="no speech engine has a wheel for this Python"),
]
WITHIN_MS = 120_000
"""The engine runs at a low priority, beside two browsers and the product."""


@pytest.fixture
async def speaker(tmp_path: Path) -> AsyncIterator[Browser]:
    """A Chromium whose microphone says the sentence again and again."""
    said = speak(SENTENCE, tmp_path / "said.wav")
    async with async_playwright() as playwright:
        arguments = [*ARGUMENTS, f"--use-file-for-fake-audio-capture={said}"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()


async def in_english(town: City, speaker: Browser, browser: Browser) -> tuple[Citizen, Agent]:
    """A citizen who speaks English, and their agent, in a call."""
    citizen = await Citizen.arrives(town, speaker)
    await citizen.takes_number(
        "HR01",
        words="登记工作",
        id_number=identity_number("44011419900307001"),
        mobile="13800138001",
        district="440114",
        street="440114109",
        name="王小明",
        language="en",
    )
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await agent.page.wait_for_selector("[data-role=accept]")
    await agent.accepts()
    await citizen.joins()
    return citizen, agent


async def reads(page: Page, speaker: str, words: str) -> None:
    """Return when ``page`` shows a whole line of ``speaker`` with ``words`` in it."""
    line = page.locator("[data-role=captions-said] .captions__line", has_text=words)
    await line.filter(has_text=speaker).first.wait_for(timeout=WITHIN_MS)


async def sign(page: Page, words: str) -> None:
    """Return when the sign over the captions says ``words``."""
    await page.locator("[data-role=captions-sign]", has_text=words).wait_for(timeout=WITHIN_MS)


def kill_engine(town: City) -> None:
    """``kill -9`` of the process that listens, as if it had crashed."""
    tree = {town.process.pid}
    for _ in range(3):  # the product, its media worker, the engine
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                number, parent = status.parent.name, status.read_text().rsplit(")", 1)[1].split()[1]
                if int(parent) in tree:
                    tree.add(int(number))
                    if b"captions_child" in (status.parent / "cmdline").read_bytes():
                        os.kill(int(number), signal.SIGKILL)
                        return
            except (FileNotFoundError, ProcessLookupError):
                continue
    raise AssertionError("no engine runs")


async def test_what_a_citizen_says_in_english_is_read_at_both_pages_until_the_engine_dies_and_again(
    town: City, speaker: Browser, browser: Browser
) -> None:
    citizen, agent = await in_english(town, speaker, browser)
    button = citizen.page.locator("[data-role=captions-switch]")
    assert await button.get_attribute("aria-disabled") == "false"

    await button.click()
    await sign(citizen.page, "字幕由机器自动识别，可能有错；不会保存。")
    await sign(agent.page, "由群众开启")
    await reads(agent.page, "群众", "two three four five six")
    await reads(citizen.page, "我", "two three four five six")
    assert await button.get_attribute("aria-pressed") == "true"
    assert await agent.page.locator("[data-role=captions-said]").get_attribute("aria-live") == "polite"

    kill_engine(town)
    for page in (citizen.page, agent.page):
        await sign(page, "字幕中断了")
    assert await button.get_attribute("aria-pressed") == "false"
    await agent.page.locator("[data-role=captions-switch]").click()
    await reads(citizen.page, "我", "two three four five six")

    await agent.page.locator("[data-role=captions-switch]").click()
    for page in (citizen.page, agent.page):
        await page.locator("[data-role=captions]").wait_for(state="hidden")
    assert not [line for line in town.log if "three four" in line]


async def test_where_no_machine_understands_the_language_the_button_says_why_and_what_else_there_is(
    town: City, browser: Browser
) -> None:
    citizen, agent = await in_call(town, browser, 1)
    for page in (citizen.page, agent.page):
        button = page.locator("[data-role=captions-switch]")
        assert await button.get_attribute("aria-disabled") == "true"
        await button.press("Enter")
        await sign(page, "本系统听不懂普通话和粤语")
        await button.press("Enter")
        await page.locator("[data-role=captions]").wait_for(state="hidden")
