"""Several items in one ticket over HTTP, as plain forms and as the pages' scripts send them."""

import re
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.handlers.conftest import staff
from tests.handlers.people import (
    Applicant,
    Browser,
    City,
    about,
    accept_next,
    browser,
    fill_together,
    join_without_media,
    newcomer,
    sign_application,
)

JSON = {"Accept": "application/json"}


@pytest_asyncio.fixture(loop_scope="module")
async def desk(fresh_city: City) -> AsyncIterator[Browser]:
    """An agent of Huadu in a city of this test alone."""
    async with staff(fresh_city, "agent-huadu") as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def citizen(fresh_city: City) -> AsyncIterator[Browser]:
    """A browser that has chosen nothing yet."""
    async with browser(fresh_city) as one:
        yield one


async def at_the_code(visitor: Browser, who: Applicant, item: str = "HR01") -> None:
    """The page of the code, before the number."""
    await visitor.page(f"/items/{item}/start")
    began = await visitor.post(f"/items/{item}/start", about(visitor.city, who))
    assert began.status == 303, began.text
    await visitor.page(f"/items/{item}/confirm")


async def take(visitor: Browser, who: Applicant, item: str = "HR01") -> None:
    typed = {"code": visitor.city.code_to(who.mobile), "consent_handling": "yes"}
    taken = await visitor.post(f"/items/{item}/confirm", typed)
    assert (taken.status, taken.place) == (303, "/visit"), taken.text
    await visitor.page("/visit")


async def test_items_are_added_and_dropped_on_the_page_of_the_code(citizen: Browser) -> None:
    await at_the_code(citizen, newcomer())
    added = await citizen.post("/items/HR01/matters", {"more": "CA04"})
    assert (added.status, added.place) == (303, "/items/HR01/confirm")
    page = await citizen.get("/items/HR01/confirm")
    assert 'name="drop" value="CA04"' in page.text
    again = await citizen.post("/items/HR01/matters", {"more": "CA04"})
    assert again.status == 409
    assert "这个事项已经在您的号里了" in again.text
    unknown = await citizen.post("/items/HR01/matters", {"more": "XX99"})
    assert unknown.status == 404
    refused = await citizen.call("/items/HR01/matters", {"more": "CA04"})
    assert (refused.status, refused.json["code"]) == (409, "matter_twice")
    await citizen.post("/items/HR01/matters", {"drop": "CA04"})
    assert 'name="drop"' not in (await citizen.get("/items/HR01/confirm")).text


async def test_two_items_go_through_one_call_without_scripts(
    fresh_city: City, citizen: Browser, desk: Browser
) -> None:
    who = newcomer()
    await at_the_code(citizen, who)
    await citizen.post("/items/HR01/matters", {"more": "CA04"})
    await take(citizen, who)
    page = await citizen.get("/visit")
    assert "一个号，2 个事项" in page.text
    turned = await citizen.post("/visit/matter", {"position": "2"})
    assert (turned.status, turned.place) == (303, "/visit")
    for position, status in (("9", 422), ("x", 422), ("1", 303)):
        assert (await citizen.post("/visit/matter", {"position": position})).status == status
    visit, socket = await citizen.live("/ws/visit"), await desk.live("/ws/desk")
    await accept_next(socket)
    await join_without_media(visit)
    await fill_together(citizen, visit, socket, "HR01")
    await sign_application(citizen, who, visit, socket)
    await desk.page("/desk")
    first = await desk.call("/desk/submit", Idempotency_Key="one")
    assert first.status == 200, first.text
    assert (await citizen.post("/visit/matter", {"position": "2"})).status == 409, "the call has begun"
    onward = await desk.post("/desk/matters/next")
    assert (onward.status, onward.place) == (303, "/desk")
    told = await visit.until("panel.changed")
    while "matters" not in told["panels"]:
        told = await visit.until("panel.changed")
    page = await citizen.get("/visit")
    assert "第 2 项，共 2 项" in page.text
    assert first.json["receipt"] in page.text
    assert re.search(r'data-field="delivery_method"[^>]*data-standing="proposed"', page.text)
    last = await desk.call("/desk/matters/next", {"outcome": "consulted"})
    assert (last.status, last.json["code"]) == (409, "no_further_matter")
    await socket.done("call.hang_up")
    await socket.done("session.outcome", outcome="consulted", note="", next="away")
    ended = await citizen.get("/visit")
    assert first.json["receipt"] in ended.text
    assert (await citizen.get(f"/cases/{first.json['receipt']}")).status == 200
    await visit.close()
    await socket.close()


async def test_matters_that_were_not_opened_are_settled_before_the_call_is_closed(
    citizen: Browser, desk: Browser
) -> None:
    who = newcomer()
    await at_the_code(citizen, who)
    await citizen.post("/items/HR01/matters", {"more": "PS01"})
    await take(citizen, who)
    visit, socket = await citizen.live("/ws/visit"), await desk.live("/ws/desk")
    await accept_next(socket)
    await join_without_media(visit)
    await socket.done("call.hang_up")
    refused = await socket.ask("session.outcome", outcome="consulted", note="", next="away")
    assert refused["code"] == "matters_open"
    await desk.page("/desk")
    assert 'action="/desk/matters/settle"' in (await desk.get("/desk")).text
    for typed, status in (
        ({"position": "1", "outcome": "consulted"}, 422),
        ({"position": "", "outcome": "consulted"}, 422),
        ({"position": "2", "outcome": "better"}, 422),
        ({"position": "2", "outcome": "consulted"}, 204),
    ):
        assert (await desk.call("/desk/matters/settle", typed)).status == status, typed
    await socket.done("session.outcome", outcome="consulted", note="", next="away")
    await visit.close()
    await socket.close()
