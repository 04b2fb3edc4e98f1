"""The whole way, for real: two browsers with cameras, the product in its own process, the ledger's story."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from cloudwindow.domain.readings import luhn
from tests.browser.walk import (
    DESKTOP,
    PHONE,
    Agent,
    Approver,
    Citizen,
    City,
    fill_field,
    frames_advance,
    identity_number,
    in_order,
    person,
    photo,
    told_story,
)

pytestmark = pytest.mark.browser

WORKER: dict[str, Any] = {
    "district": "440114",
    "street": "440114109",
    "id_number": identity_number("44011419900307001"),
    "mobile": "13800138000",
    "name": "王小明",
}
TENANT: dict[str, Any] = {
    "district": "440106",
    "street": "440106017",
    "id_number": identity_number("43010219950612002"),
    "mobile": "13900139000",
    "name": "李秀英",
}

ELDER: dict[str, Any] = {
    "district": "440103",
    "street": "440103001",
    "id_number": identity_number("44010319400815003"),
    "mobile": "13600136000",
    "name": "何婆婆",
}

BEGINNING = (
    "intake.identified",
    "consent.given",
    "ticket.taken",
    "ticket.called",
    "session.started",
    "session.joined",
)
MIDDLE = (
    "form.set",
    "form.confirmed",
    "identity.checked",
    "read_back.started",
    "declaration.confirmed",
    "signature.made",
)


async def meet(citizen: Citizen, agent: Agent) -> None:
    """From the ringing offer until both see and hear each other."""
    await agent.page.wait_for_selector("[data-role=accept]")
    await agent.accepts()
    await citizen.joins()
    await frames_advance(citizen.page)
    await frames_advance(agent.page)


async def give_all_papers(citizen: Citizen, picture: Path, *rules: str) -> None:
    for rule in rules:
        await citizen.photographs(rule, picture)


async def finish_form(citizen: Citizen, agent: Agent) -> None:
    """Confirm, judge, compare, read back, declare, sign."""
    await citizen.confirms_all(agent)
    await agent.compares()
    await agent.approves_papers()
    await agent.reads_back()
    await citizen.page.wait_for_selector("[data-role=declarations]")
    await citizen.declares_all()
    await citizen.signs()


async def verified(town: City, browser: Browser, code: str) -> str:
    """What the public page says about a verification code."""
    page = await (await person(browser, DESKTOP)).new_page()
    await page.goto(f"{town.base}/verify?code={code}")
    return await page.locator("#main").inner_text()


async def verification_code(town: City, receipt: str, kind: str) -> str:
    """The code printed on a notice of the case, from the ledger."""
    with closing(sqlite3.connect(town.data_dir / "ledger.sqlite3")) as ledger:
        row = ledger.execute(
            "SELECT verification_code FROM document JOIN application"
            " ON application.id = document.application WHERE receipt = ? AND kind = ?",
            (receipt, kind),
        ).fetchone()
    return str(row[0])


async def test_an_employment_registration_is_decided_in_the_call(
    town: City, browser: Browser, tmp_path: Path
) -> None:
    citizen = await Citizen.arrives(town, browser)
    number = await citizen.takes_number("HR01", words="登记工作", **WORKER)
    assert re.fullmatch(r"[A-Z]\d{3}", number)
    await citizen.tests_devices()
    await give_all_papers(citizen, photo(tmp_path, "card"), "id_card", "portrait")
    await citizen.fills("employ_type", "flexible")

    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)

    await agent.proposes("start_date", "2026-11-01")
    await agent.proposes("trade", "leather")
    await agent.proposes("work_addr", "440114|440114109|皮革城大道1号")
    await agent.proposes("delivery_method", "electronic")
    await citizen.page.wait_for_selector(".live-field[data-field=trade][data-standing=proposed]")

    await citizen.page.reload()
    await agent.page.reload()
    await frames_advance(citizen.page)
    await frames_advance(agent.page)
    assert await citizen.page.locator(".live-field[data-field=trade] select").input_value() == "leather"

    await finish_form(citizen, agent)
    receipt = await agent.submits()
    await agent.decides()
    await citizen.page.wait_for_selector("a[href*='/documents/']")
    await agent.page.wait_for_selector(".documents li:nth-child(2) a")
    link = await agent.page.locator(".documents li:nth-child(2) a").get_attribute("href")
    paper = await agent.page.request.get(town.base + str(link))
    assert paper.ok
    assert (await paper.body()).startswith(b"%PDF-")

    code = await verification_code(town, receipt, "certificate")
    said = await verified(town, browser, code)
    assert "王**" in said
    assert "花都区人力资源和社会保障局" in said
    wrong = code[:-1] + ("A" if code[-1] != "A" else "B")
    assert "王**" not in await verified(town, browser, wrong)

    await agent.ends("submitted")
    await citizen.page.wait_for_selector("#main[data-stage=ended]")
    story = told_story(town.data_dir, receipt)
    end = ("case.received", "case.accepted", "case.approved", "session.ended", "session.closed")
    assert in_order(story, *BEGINNING, *MIDDLE, *end), story


async def test_a_residence_permit_goes_to_the_home_districts_approver(
    town: City, browser: Browser, tmp_path: Path
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("PS01", words="办居住证", **TENANT)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)

    await agent.proposes("basis", "home")
    await fill_the_rest(agent)
    rules = await citizen.page.eval_on_selector_all(
        "form[action^='/visit/materials/']:has(input[type=file])",
        "forms => forms.map(form => form.getAttribute('action').split('/').pop())",
    )
    await give_all_papers(citizen, photo(tmp_path, "paper"), *rules)
    await finish_form(citizen, agent)
    receipt = await agent.submits()
    await agent.ends("submitted")

    approver = await Approver.signs_in(town, browser, "approver-tianhe")
    await approver.opens(receipt)
    await approver.presses("acknowledge")
    await approver.asks_for("portrait", "照片太暗，请在白墙前重拍")

    await citizen.page.goto(f"{town.base}/cases/{receipt}")
    assert "照片太暗" in await citizen.page.locator("#main").inner_text()
    await citizen.page.set_input_files("input[type=file][name=portrait]", photo(tmp_path, "again"))
    async with citizen.page.expect_navigation():
        await citizen.page.click("form[action$='/corrections'] .actions button")

    await approver.opens(receipt)
    await approver.presses("accept")
    await approver.presses("approve")

    await citizen.page.goto(f"{town.base}/cases/{receipt}")
    seen = await citizen.page.locator("#main").inner_text()
    assert "天河" in seen
    stranger = await Approver.signs_in(town, browser, "approver-huadu")
    answer = await stranger.page.goto(f"{town.base}/inbox/{receipt}")
    assert answer is not None
    assert answer.status == 404
    story = told_story(town.data_dir, receipt)
    end = (
        "case.received",
        "case.handed_over",
        "case.acknowledged",
        "case.correction_requested",
        "case.corrected",
        "case.accepted",
        "case.approved",
    )
    assert in_order(story, *BEGINNING, *MIDDLE, *end), story


async def test_a_longevity_allowance_is_confirmed_with_an_account_that_was_checked(
    town: City, browser: Browser, tmp_path: Path
) -> None:
    citizen = await Citizen.arrives(town, browser)
    await citizen.takes_number("CA04", words="长寿", **ELDER)
    agent = await Agent.signs_in(town, browser, "agent-huadu")
    await agent.starts()
    await meet(citizen, agent)
    await give_all_papers(citizen, photo(tmp_path, "card"), "id_card", "bank_card")
    await agent.proposes("birth_date", "1940-08-15")

    field = citizen.page.locator(".live-field[data-field=bank]")
    await fill_field(citizen.page, "bank", f"grcb|{account_number(wrong_by=1)}")
    await field.locator("[data-role=error]", has_text="账号").wait_for()
    await fill_field(citizen.page, "bank", f"grcb|{account_number()}")
    await field.locator("[data-role=error]").wait_for(state="hidden")
    await fill_the_rest(agent)
    assert account_number() not in await agent.page.content()

    await finish_form(citizen, agent)
    receipt = await agent.submits()
    await agent.decides()
    await agent.page.wait_for_selector(".documents li:nth-child(2) a")
    said = await verified(town, browser, await verification_code(town, receipt, "confirmation_result"))
    assert "何**" in said
    await agent.ends("submitted")
    story = told_story(town.data_dir, receipt)
    assert in_order(story, *BEGINNING, *MIDDLE, "case.received", "case.accepted", "case.approved"), story


def account_number(wrong_by: int = 0) -> str:
    """An account number whose check digit (ISO/IEC 7812-1) is right, or ``wrong_by`` so much."""
    right = next(digit for digit in range(10) if luhn(f"621700123400567{digit}"))
    return f"621700123400567{(right + wrong_by) % 10}"


async def test_a_number_goes_along_to_another_device_by_its_link(town: City, browser: Browser) -> None:
    citizen = await Citizen.arrives(town, browser)
    number = await citizen.takes_number("CA04", words="长寿", **ELDER)
    link = await citizen.page.input_value("#resume-link")

    other = await (await person(browser, DESKTOP)).new_page()
    await other.goto(link)
    await other.wait_for_url("**/visit")
    assert (await other.locator(".ticket-card__number").first.inner_text()).strip() == number
    await citizen.page.wait_for_selector("[data-role=line-state]:not([hidden])")

    stranger = await (await person(browser, PHONE)).new_page()
    await stranger.goto(link)
    await stranger.locator("#main", has_text="链接已失效").wait_for()


async def fill_the_rest(agent: Agent) -> None:
    """Give the first possible answer to every required question that is still open."""
    answers = {
        "addr": "440106|440106017|龙口西路100号",
        "bool": "true",
        "date": "2026-01-15",
        "name": "赵房东",
        "mobile": "13700137000",
        "idno": identity_number("44010619700101001"),
        "text": "天河软件园",
    }
    while names := await agent.page.eval_on_selector_all(
        ".live-field[data-required][data-standing=empty]:not([hidden])",
        "fields => fields.map(field => [field.dataset.field, field.dataset.type])",
    ):
        name, kind = names[0]
        value = answers.get(kind) or await first_option(agent, name)
        await fill_field(agent.page, name, value)
        await agent.page.wait_for_selector(
            f".live-field[data-field={name}]:not([data-standing=empty])", state="attached"
        )


async def first_option(agent: Agent, name: str) -> str:
    """The first answer a choice offers."""
    wrapper = agent.page.locator(f".live-field[data-field={name}]")
    values = await wrapper.locator("input[value], option[value]").evaluate_all(
        "options => options.map(option => option.value).filter(Boolean)"
    )
    return str(values[0])
