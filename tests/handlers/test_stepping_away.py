"""Held, rung back and back again: what the addresses answer."""

import pytest

from tests.handlers.conftest import staff
from tests.handlers.people import City, accept_next, browser, join_without_media, newcomer, take_ticket


@pytest.mark.parametrize("minutes", ["", "0", "15", "-10", "1e1", "９", "9999999999"])
async def test_other_minutes_than_the_offered_are_refused_with_a_code(city: City, minutes: str) -> None:
    async with browser(city) as citizen:
        await take_ticket(citizen, newcomer())
        answer = await citizen.call("/visit/hold", {"minutes": minutes})
        assert (answer.status, answer.code) == (422, "promised_time_unusable")


@pytest.mark.parametrize("wanted", ["", "yes", "2"])
async def test_a_wish_that_is_neither_yes_nor_no_is_refused(city: City, wanted: str) -> None:
    async with browser(city) as citizen:
        await take_ticket(citizen, newcomer())
        answer = await citizen.call("/visit/callback", {"wanted": wanted})
        assert (answer.status, answer.code) == (422, "choice_unknown")


async def test_without_scripts_the_page_holds_and_takes_back(city: City) -> None:
    async with browser(city) as citizen:
        await take_ticket(citizen, newcomer())
        assert (await citizen.post("/visit/hold", {"minutes": "20"})).place == "/visit"
        held = (await citizen.get("/visit")).text
        assert "约定时间" in held
        assert "我回来了，继续排队" in held
        assert (await citizen.post("/visit/callback", {"wanted": "0"})).place == "/visit"
        assert "轮到时通知我" in (await citizen.get("/visit")).text
        assert (await citizen.post("/visit/callback", {"wanted": "1"})).place == "/visit"
        assert "不用通知，我在页面上等" in (await citizen.get("/visit")).text


async def test_who_holds_no_number_cannot_hold_or_be_rung(city: City) -> None:
    async with browser(city) as nobody:
        await nobody.page("/items/HR01/start")
        for path, typed in (("/visit/hold", {"minutes": "10"}), ("/visit/callback", {"wanted": "1"})):
            answer = await nobody.call(path, typed)
            assert (answer.status, answer.code) == (404, "no_visit")


async def test_a_running_call_is_neither_held_nor_rung_back(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        for path, typed in (("/visit/hold", {"minutes": "10"}), ("/visit/callback", {"wanted": "1"})):
            answer = await citizen.call(path, typed)
            assert (answer.status, answer.code) == (409, "state_forbids")


async def test_the_form_offers_consideration_and_says_truly_who_signs(city: City) -> None:
    async with browser(city) as citizen:
        page = (await citizen.get("/items/HR01/start")).text
        assert 'name="priority"' in page
        assert "最多为您提前十分钟" in page
        assert "还没有会手语的工作人员" in page
        assert 'value="sign"' not in page
