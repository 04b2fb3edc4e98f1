"""The staff's hand in the line over HTTP: what is carried out, what is refused and by which code."""

import re
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.handlers.conftest import staff
from tests.handlers.people import (
    Browser,
    City,
    Live,
    accept_offered,
    browser,
    join_without_media,
    newcomer,
    take_ticket,
)

JSON = {"Accept": "application/json"}
TICKET = re.compile(r'name="ticket" value="([^"]+)"')


@pytest_asyncio.fixture(loop_scope="module")
async def desk(fresh_city: City) -> AsyncIterator[Browser]:
    """An agent of Huadu in a city of this test alone."""
    async with staff(fresh_city, "agent-huadu") as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def socket(desk: Browser) -> AsyncIterator[Live]:
    """The desk's open page; its agent takes by hand."""
    page = await desk.live("/ws/desk")
    await page.done("agent.available", pull=True)
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="module")
async def waiting(fresh_city: City) -> AsyncIterator[Browser]:
    """A citizen of Huadu who waits with the page open."""
    async with browser(fresh_city) as one:
        await take_ticket(one, newcomer())
        page = await one.live("/ws/visit")
        await page.until("stage.changed")
        yield one
        await page.close()


async def in_call(desk: Browser, socket: Live, citizen: Browser) -> None:
    """The citizen and the agent hear each other."""
    assert (await desk.call("/desk/next")).json == {"offered": True}
    await accept_offered(socket)
    visit = await citizen.live("/ws/visit")
    await join_without_media(visit)
    await desk.page("/desk")


async def test_nobody_rings_at_a_desk_that_takes_by_hand_until_asked(
    desk: Browser, socket: Live, waiting: Browser
) -> None:
    page = await desk.get("/desk")
    assert 'data-stage="idle"' in page.text
    answer = await desk.post("/desk/next")
    assert (answer.status, answer.place) == (303, "/desk")
    await socket.until("offer.made")


async def test_asking_while_nobody_waits_answers_so(desk: Browser, socket: Live) -> None:
    answer = await desk.call("/desk/next")
    assert (answer.status, answer.json) == (200, {"offered": False})


async def test_one_of_the_list_is_taken_for_a_reason(desk: Browser, socket: Live, waiting: Browser) -> None:
    listed = TICKET.findall((await desk.get("/desk")).text)
    assert len(listed) == 1
    for typed, status, code in (
        ({"ticket": listed[0], "reason": "because"}, 422, "unknown_reason"),
        ({"ticket": listed[0]}, 422, "unknown_reason"),
        ({"ticket": "nobody", "reason": "urgent"}, 409, "ticket_not_waiting"),
        ({"reason": "urgent"}, 409, "ticket_not_waiting"),
    ):
        answer = await desk.call("/desk/pick", typed)
        assert (answer.status, answer.code) == (status, code)
    assert (await desk.call("/desk/pick", {"ticket": listed[0], "reason": "urgent"})).status == 204
    await socket.until("offer.made")


async def test_a_call_is_put_aside_until_a_promised_time(
    desk: Browser, socket: Live, waiting: Browser
) -> None:
    nobody = await desk.call("/desk/park", {"minutes": "15", "reason": "technical"})
    assert (nobody.status, nobody.code) == (409, "no_call")
    await in_call(desk, socket, waiting)
    for minutes in ("", "soon", "-5", "0", "241", "10.5", "٣", "99999"):
        answer = await desk.call("/desk/park", {"minutes": minutes, "reason": "technical"})
        assert (answer.status, answer.code) == (422, "promised_time_unusable"), minutes
    wrong = await desk.call("/desk/park", {"minutes": "15", "reason": "lunch"})
    assert (wrong.status, wrong.code) == (422, "unknown_reason")
    assert "data-aside" not in (await waiting.get("/visit")).text
    done = await desk.post("/desk/park", {"minutes": "15", "reason": "fetch_papers"})
    assert (done.status, done.place) == (303, "/desk")
    await socket.until("stage.changed", stage="idle")
    assert 'data-aside="parked"' in (await waiting.get("/visit")).text
    again = await desk.call("/desk/park", {"minutes": "15", "reason": "fetch_papers"})
    assert (again.status, again.code) == (409, "no_call"), "a repeated press finds no call"


async def test_a_call_is_passed_on_with_its_number(desk: Browser, socket: Live, waiting: Browser) -> None:
    await in_call(desk, socket, waiting)
    panel = (await desk.get("/desk/panels?names=transfer", headers=JSON)).json["transfer"]
    assert 'value="wrong_district"' in panel
    assert "transfer" not in (await desk.get("/desk/panels?names=status", headers=JSON)).json
    for typed, status, code in (
        ({"reason": "because"}, 422, "unknown_reason"),
        ({"reason": "other"}, 422, "transfer_unchanged"),
        ({"reason": "other", "language": "fr"}, 422, "unknown_language"),
        ({"reason": "other", "mode": "smoke"}, 422, "unknown_mode"),
        ({"reason": "other", "to": "demo-agent-huadu"}, 422, "unknown_agent"),
        ({"reason": "other", "home_district": "440106"}, 422, "unknown_street"),
        ({"reason": "other", "home_district": "110101"}, 404, "unknown_district"),
    ):
        answer = await desk.call("/desk/transfer", typed)
        assert (answer.status, answer.code) == (status, code), typed
    typed = {"reason": "wrong_district", "home_district": "440106", "home_street": "440106017"}
    assert (await desk.call("/desk/transfer", typed)).status == 204
    shown = (await waiting.get("/visit")).text
    assert 'data-aside="passed_on"' in shown
    assert "天河区" in shown


async def test_the_end_of_a_shift_is_kept_and_taken_back(desk: Browser, socket: Live) -> None:
    for typed in ({"ends": "24:30"}, {"ends": "now"}, {"ends": "00:00"}):
        answer = await desk.call("/desk/shift", typed)
        assert (answer.status, answer.code) == (422, "shift_end_unusable")
    assert (await desk.call("/desk/shift", {"ends": ""})).status == 204


async def test_a_desk_that_is_not_open_takes_nobody(desk: Browser) -> None:
    answer = await desk.call("/desk/next")
    assert (answer.status, answer.code) == (409, "agent_not_signed_in")


# --- help between districts ------------------------------------------------------------------------------

HELP = {"lender": "440114", "borrower": "440106", "ends": "1h", "reason": "花都区等候较少"}
LENDING = re.compile(r"/board/lendings/([0-9a-z]+)/end")


async def test_a_district_admin_lends_their_own_agents_and_ends_it(fresh_city: City) -> None:
    async with staff(fresh_city, "admin-huadu") as admin:
        for change, status, code in (
            ({"lender": "440106", "borrower": "440114"}, 404, "unknown_district"),
            ({"lender": ""}, 422, "unknown_district"),
            ({"borrower": ""}, 422, "unknown_district"),
            ({"borrower": "999999"}, 404, "unknown_district"),
            ({"borrower": "440114"}, 422, "lending_to_itself"),
            ({"ends": "next year"}, 422, "lending_time_unusable"),
            ({"ends": "custom"}, 422, "lending_time_unusable"),
            ({"ends": "custom", "ends_at": "2026-02-31T10:00"}, 422, "lending_time_unusable"),
            ({"ends": "custom", "ends_at": "2020-01-01T10:00"}, 422, "lending_time_unusable"),
            ({"starts_at": "soon"}, 422, "lending_time_unusable"),
            ({"reason": " "}, 422, "reason_required"),
        ):
            answer = await admin.call("/board/lendings", HELP | change)
            assert (answer.status, answer.code) == (status, code), change
        assert LENDING.search((await admin.get("/board")).text) is None
        done = await admin.post("/board/lendings", HELP)
        assert (done.status, done.place) == (303, "/board")
        again = await admin.call("/board/lendings", HELP)
        assert (again.status, again.code) == (409, "lending_exists")
        found = LENDING.search((await admin.get("/board")).text)
        assert found is not None
        assert (await fresh_city.journey.house.line.lenders()) == {"440106": {"440114"}}
        ended = await admin.post(f"/board/lendings/{found[1]}/end")
        assert (ended.status, ended.place) == (303, "/board")
        assert LENDING.search((await admin.get("/board")).text) is None


async def test_a_refused_lending_comes_back_with_what_was_typed(fresh_city: City) -> None:
    async with staff(fresh_city, "admin-city") as admin:
        typed = HELP | {"reason": "", "ends": "2h"}
        answer = await admin.post("/board/lendings?district=440114", typed)
        assert answer.status == 422
        assert 'href="#aid-reason"' in answer.text
        assert 'value="2h" required checked' in answer.text


async def test_a_city_admin_lends_between_any_districts_which_others_do_not_end(fresh_city: City) -> None:
    async with staff(fresh_city, "admin-city") as city_admin, staff(fresh_city, "admin-huadu") as admin:
        pair = {"lender": "440113", "borrower": "440105"}
        done = await city_admin.post("/board/lendings?district=440113", HELP | pair)
        assert (done.status, done.place) == (303, "/board?district=440113")
        found = LENDING.search((await city_admin.get("/board")).text)
        assert found is not None
        assert LENDING.search((await admin.get("/board")).text) is None
        for lending in (found[1], "unknown"):
            answer = await admin.call(f"/board/lendings/{lending}/end")
            assert (answer.status, answer.code) == (404, "unknown_lending")
        assert (await city_admin.call(f"/board/lendings/{found[1]}/end")).status == 204
