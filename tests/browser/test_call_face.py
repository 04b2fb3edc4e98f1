"""What people meet around a call: the check while waiting, a narrower way, another device, what is kept."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.test_walk import TENANT, WORKER, meet
from tests.browser.walk import DESKTOP, Agent, Citizen, City, frames_advance, person

pytestmark = pytest.mark.browser

NO_CAMERA = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
  wanted.video ? Promise.reject(new DOMException("", "NotFoundError")) : real(wanted);
"""


def rows(town: City, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(town.data_dir / "ledger.sqlite3")) as ledger:
        return ledger.execute(question).fetchall()


async def test_the_check_measures_the_way_to_the_server_and_gives_a_report_without_names(
    town: City, browser: Browser
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("HR01", words="登记工作", **WORKER)
    await citizen.tests_devices()
    found = await citizen.page.locator("[data-role=test-list]").inner_text()
    assert "直连（UDP）" in found
    assert re.search(r"\d+ kbit/s", found)
    async with citizen.page.expect_download() as kept:
        await citizen.page.click("[data-role=test-report]")
    report = Path(await (await kept.value).path()).read_text("utf-8")  # noqa: ASYNC240 - a small file
    assert "直连（UDP）" in report
    assert WORKER["name"] not in report
    assert WORKER["mobile"] not in report


async def test_who_has_no_camera_agrees_and_waits_on_by_voice_with_number_and_clock(
    town: City, browser: Browser
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.context.add_init_script(NO_CAMERA)
    number = await citizen.takes_number("HR01", words="登记工作", **WORKER)
    before = rows(town, "SELECT mode, joined_at FROM ticket")
    await citizen.page.click("[data-role=test-start]")
    await citizen.page.wait_for_selector("[data-role=mode-audio]:not([hidden])")
    assert rows(town, "SELECT mode, joined_at FROM ticket") == before, "moved without being asked"
    async with citizen.page.expect_navigation():
        await citizen.page.click("[data-role=mode-audio] button")
    assert (await citizen.page.locator(".ticket-card__number").first.inner_text()).strip() == number
    assert rows(town, "SELECT mode, joined_at FROM ticket") == [("audio", before[0][1])]
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await agent.page.wait_for_selector("[data-role=accept]")
    assert "语音" in await agent.page.locator(".offer-card").inner_text()


async def test_a_running_call_moves_to_another_device_only_with_the_code_that_the_agent_reads(
    town: City, browser: Browser
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("HR01", words="登记工作", **TENANT)
    link = await citizen.page.input_value("#resume-link")
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)
    other = await (await person(browser, DESKTOP)).new_page()
    await other.goto(link)
    await other.wait_for_selector("input[name=code]")
    shown = agent.page.locator("#device-code [data-role=device-code]")
    await shown.wait_for()
    code = (await shown.inner_text()).replace(" ", "")
    await other.fill("input[name=code]", "000000" if code != "000000" else "111111")
    await other.click("form[data-resume] .actions button")
    await other.wait_for_selector("#field-code, [id*=code-error]")
    assert await citizen.page.get_attribute("#main", "data-stage") == "in_call"
    await other.fill("input[name=code]", code)
    await other.click("form[data-resume] .actions button")
    await other.wait_for_url("**/visit")
    await citizen.page.wait_for_selector("[data-role=line-state]:not([hidden])")
    await agent.page.click("#device-code [data-close-dialogue] >> nth=0")
    await frames_advance(other)
    await frames_advance(agent.page)


async def test_words_are_seen_while_they_are_written_and_a_place_is_pointed_at(
    town: City, browser: Browser
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("HR01", words="登记工作", **WORKER)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)
    field = citizen.page.locator("#chat-text")
    await field.type("您好", delay=20)
    assert not await agent.page.locator("[data-role=typed]").is_visible(), "off until it is switched on"
    await citizen.page.locator("[data-role=as-written]").check(force=True)
    await field.press("End")
    await field.type("，我想问", delay=20)
    await agent.page.locator("[data-role=typed]", has_text="您好，我想问").wait_for()
    await agent.page.click("[data-role=point]")
    await agent.page.hover(".live-field[data-field=trade]")
    await citizen.page.wait_for_selector(".live-field[data-field=trade][data-pointed] .pointer-mark")


async def test_what_browsers_measure_is_shown_to_the_agent_and_kept_with_the_times_of_joining(
    town: City, browser: Browser
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("HR01", words="登记工作", **WORKER)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)
    await agent.page.wait_for_selector("[data-role=quality-panel]:not([hidden])")
    await agent.page.wait_for_selector("[data-role=losses-citizen][points*=',']", state="attached")
    await agent.ends("consulted", "问完了")
    for _ in range(2):
        async with citizen.page.expect_response(re.compile("/health|/visit")):
            await citizen.page.goto(town.base + "/visit")
    await town.stop()
    kept: dict[str, int] = dict(rows(town, "SELECT side, count(*) FROM call_quality GROUP BY side"))
    joined = rows(town, "SELECT connected_ms, picture_ms FROM call_setup WHERE occasion = 'join'")
    assert kept.keys() >= {"citizen"} or joined, "nothing was kept"


async def test_media_and_line_are_back_after_the_network_was_away(town: City, browser: Browser) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("HR01", words="登记工作", **WORKER)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)
    await citizen.context.set_offline(True)
    await citizen.page.wait_for_selector(".video-stage[data-tone=attention]")
    await citizen.context.set_offline(False)
    await citizen.page.wait_for_selector(".video-stage[data-tone=ok]")
    await frames_advance(citizen.page)
    await frames_advance(agent.page)
