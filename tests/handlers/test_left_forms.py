"""Leaving a form at the door: plain forms all the way, for the citizen and for the agents."""

import re

from cloudwindow.domain.left_form import State
from tests.handlers.conftest import staff
from tests.handlers.people import Applicant, Browser, City, about, browser, newcomer, photo

JSON = {"Accept": "application/json"}
FORM = re.compile(r'href="(/desk/left-forms/[a-z0-9]+)"')
PICTURE = re.compile(r'src="(/left-form/materials/[a-z0-9]+)"')


async def open_form(person: Browser, who: Applicant) -> None:
    """From «about you» over the other ways to the form; nobody is on duty."""
    await person.page("/items/HR01/start")
    await person.post("/items/HR01/start", about(person.city, who))
    confirm = await person.get("/items/HR01/confirm")
    assert "/items/HR01/leave" in confirm.text
    began = await person.post("/items/HR01/leave")
    assert (began.status, began.place) == (303, "/items/HR01/leave/confirm"), began.text
    await person.page("/items/HR01/leave/confirm")
    typed = {"code": person.city.code_to(who.mobile), "consent_handling": "yes"}
    opened = await person.post("/items/HR01/leave/confirm", typed)
    assert (opened.status, opened.place) == (303, "/left-form"), opened.text


async def leave_form(person: Browser, who: Applicant) -> None:
    """Open the form and leave it, with a call back."""
    await open_form(person, who)
    left = await person.post("/left-form/leave", {"call_back": "yes"})
    assert (left.status, left.place) == (303, "/left-form")


async def test_a_form_is_filled_photographed_left_and_withdrawn_with_plain_forms(
    city: City, visitor: Browser
) -> None:
    who = newcomer("林晓岚")
    await open_form(visitor, who)
    saved = await visitor.post("/left-form/form", {"trade": "leather"})
    assert (saved.status, saved.place) == (303, "/left-form")
    wrong = await visitor.post("/left-form/form", {"start_date": "yesterday"})
    assert wrong.status == 422
    sent = await visitor.upload("/left-form/materials/id_card", [("file", photo())])
    assert sent.status == 303, sent.text
    page = await visitor.get("/left-form")
    shown = PICTURE.search(page.text)
    assert shown
    assert (await visitor.get(shown[1])).headers["Content-Type"] == "image/jpeg"
    gone = await visitor.post(f"{shown[1]}/remove")
    assert gone.status == 303
    assert not PICTURE.search((await visitor.get("/left-form")).text)
    await visitor.post("/left-form/leave", {"call_back": "yes"})
    page = await visitor.get("/left-form")
    assert "等待查看" in page.text
    number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]", page.text)
    assert number
    assert number[0] in city.text_to(who.mobile)
    back = await visitor.post("/left-form/withdraw")
    assert back.status == 303
    assert "已撤回" in (await visitor.get("/left-form")).text
    late = await visitor.post("/left-form/form", {"trade": "leather"})
    assert (late.status, "left_form_over" in late.text) == (410, True)


async def test_a_browser_without_a_form_is_told_so(visitor: Browser) -> None:
    answer = await visitor.get("/left-form", headers=JSON)
    assert (answer.status, answer.code) == (404, "no_left_form")


async def test_the_link_of_the_message_leads_back_to_the_form(city: City, visitor: Browser) -> None:
    who = newcomer()
    await leave_form(visitor, who)
    link = city.text_to(who.mobile).rsplit("：", 1)[1]
    async with browser(city) as other:
        await other.page("/resume")
        back = await other.post("/resume", {"secret": link})
        assert (back.status, back.place) == (303, "/left-form")
        assert "等待查看" in (await other.get("/left-form")).text
    assert (await visitor.get("/left-form", headers=JSON)).status == 404


async def test_an_agent_takes_a_form_and_rings_its_citizen(fresh_city: City) -> None:
    who = newcomer()
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await leave_form(citizen, who)
        found = FORM.search((await agent.get("/desk/left-forms")).text)
        assert found
        place = found[1]
        assert "开始查看" in (await agent.get(place)).text
        assert (await agent.post(f"{place}/take")).place == place
        unsaid = await agent.post(f"{place}/answer", {"next": "invite", "note": " "})
        assert (unsaid.status, "left_note_missing" in unsaid.text) == (422, True)
        rung = await agent.post(f"{place}/answer", {"next": "ring", "note": "请准备身份证"})
        assert (rung.status, rung.place) == (303, "/desk")
        assert (await agent.get(place)).status == 404
        page = await citizen.get("/left-form")
        assert "请准备身份证" in page.text
        assert (await citizen.post("/left-form/visit")).place == "/visit"
        assert (await citizen.get("/visit")).status == 200


async def test_agents_of_another_district_and_admins_are_kept_out(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen:
        await leave_form(citizen, newcomer())
    async with fresh_city.journey.house.ledger.read() as conn:
        (form,) = await fresh_city.journey.house.left_forms.unseen(conn, "440114")
    assert form.state is State.LEFT
    async with staff(fresh_city, "agent-tianhe") as stranger:
        assert not FORM.search((await stranger.get("/desk/left-forms")).text)
        answer = await stranger.get(f"/desk/left-forms/{form.id}", headers=JSON)
        assert (answer.status, answer.code) == (404, "unknown_left_form")
    async with staff(fresh_city, "admin-city") as admin:
        assert (await admin.get(f"/desk/left-forms/{form.id}", headers=JSON)).status == 403
        assert "待查看的留件" in (await admin.get("/board")).text
