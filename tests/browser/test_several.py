"""Two items with one number, for real: one call, the second form half filled by the first, two receipts."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.test_walk import account_number, fill_the_rest, give_all_papers, meet
from tests.browser.walk import Agent, Citizen, City, fill_field, identity_number, in_order, photo, told_story

pytestmark = pytest.mark.browser

PERSON = {
    "district": "440114",
    "street": "440114109",
    "id_number": identity_number("44011419400307021"),
    "mobile": "13800138021",
    "name": "王爷爷",
}


async def signs_all(citizen: Citizen, agent: Agent) -> None:
    """Confirm, judge, read back, declare, sign."""
    await citizen.confirms_all(agent)
    await agent.approves_papers()
    await agent.reads_back()
    await citizen.page.wait_for_selector("[data-role=declarations]")
    await citizen.declares_all()
    await citizen.signs()


async def test_two_matters_are_done_in_one_call(town: City, browser: Browser, tmp_path: Path) -> None:
    citizen = await Citizen.arrives(town, browser)
    number = await citizen.takes_number("HR01", words="登记工作", more="CA04", **PERSON)
    listed = citizen.page.locator("[data-panel=matters] .matters__line")
    assert await listed.count() == 2
    await citizen.page.click("form[action='/visit/matter'] button")
    await citizen.page.wait_for_selector(".matters__line[aria-current] >> text=长寿保健金")
    await give_all_papers(citizen, photo(tmp_path, "passbook"), "bank_card")
    await citizen.page.click("form[action='/visit/matter'] button")
    await citizen.page.wait_for_selector(".matters__line[aria-current] >> text=就业登记")
    await give_all_papers(citizen, photo(tmp_path, "card"), "id_card", "portrait")
    assert (await citizen.page.locator(".ticket-card__number").first.inner_text()).strip() == number

    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)
    for field, value in {
        "employ_type": "flexible",
        "start_date": "2026-11-01",
        "trade": "leather",
        "work_addr": "440114|440114109|皮革城大道1号",
        "delivery_method": "electronic",
    }.items():
        await agent.proposes(field, value)
    await agent.compares()
    await signs_all(citizen, agent)
    first = await agent.submits()

    await agent.page.click("[data-panel=matters] form[data-role=matter]:not(:has(select)) button")
    await agent.page.locator("[data-panel=matters] h2", has_text="第 2 项，共 2 项").wait_for()
    await citizen.page.locator("[data-panel=matters] h2", has_text="第 2 项，共 2 项").wait_for()
    await citizen.page.wait_for_selector(".live-field[data-field=delivery_method][data-standing=proposed]")
    assert await citizen.page.get_attribute("#main", "data-stage") == "in_call"
    assert not await agent.page.locator("[data-role=identity]").count(), "compared once is compared"
    await citizen.confirms_all(agent)
    await agent.proposes("birth_date", "1940-03-07")
    await fill_field(citizen.page, "bank", f"grcb|{account_number()}")
    await fill_the_rest(agent)
    await signs_all(citizen, agent)
    await agent.page.wait_for_selector("[data-role=submit] button:not([disabled])")
    second = await agent.submits()
    assert first != second
    await agent.ends("submitted")
    await citizen.page.wait_for_selector("#main[data-stage=ended]")
    for receipt in (first, second):
        await citizen.page.locator(f"[data-panel=matters] a[href='/cases/{receipt}']").wait_for()
        assert in_order(
            told_story(town.data_dir, receipt), "ticket.taken", "identity.checked", "signature.made"
        )
