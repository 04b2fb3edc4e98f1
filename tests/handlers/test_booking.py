"""Appointments at the door: plain forms all the way, stable codes for what cannot be done."""

import re
from dataclasses import dataclass, replace

import pytest
from icalendar import Calendar
from sqlalchemy import update

from cloudwindow.records import Connection, tables
from tests.handlers.conftest import staff
from tests.handlers.people import Answer, Applicant, Browser, City, about, browser, newcomer

SLOT = re.compile(r"/book/start\?window=(\d+)&amp;at=(\d+)&amp;language=(\w+)")
DAY = re.compile(r"&amp;day=([\d-]+)")
JSON = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One free time on the page."""

    window: str
    at: str
    language: str


async def choices(person: Browser, query: str = "district=440114") -> list[Choice]:
    """The free times of the last day that can be booked, far enough from now for every step, in order."""
    days = DAY.findall((await person.get(f"/items/HR01/book?{query}")).text)
    page = await person.get(f"/items/HR01/book?{query}&day={days[-1]}")
    assert page.status == 200, page.text
    return [Choice(window=one[0], at=one[1], language=one[2]) for one in SLOT.findall(page.text)]


async def begin(person: Browser, who: Applicant, choice: Choice) -> Answer:
    """From the chosen time to the page with the code."""
    start = f"/items/HR01/book/start?window={choice.window}&at={choice.at}&language={choice.language}"
    await person.page(start)
    typed = about(person.city, who, call_language=choice.language)
    return await person.post("/items/HR01/book/start", typed | {"window": choice.window, "at": choice.at})


async def confirm(person: Browser, who: Applicant) -> Answer:
    """Enter the code and agree."""
    await person.page("/items/HR01/book/confirm")
    typed = {"code": person.city.code_to(who.mobile), "consent_handling": "yes"}
    return await person.post("/items/HR01/book/confirm", typed)


async def book(person: Browser, who: Applicant, choice: Choice) -> Answer:
    """The whole way; the browser ends on the appointment's page."""
    began = await begin(person, who, choice)
    assert (began.status, began.place) == (303, "/items/HR01/book/confirm"), began.text
    booked = await confirm(person, who)
    assert (booked.status, booked.place) == (303, "/appointment"), booked.text
    return await person.get("/appointment")


async def test_a_time_is_booked_moved_and_cancelled_with_plain_forms(city: City, visitor: Browser) -> None:
    who = newcomer("林晓岚")
    item = await visitor.get("/items/HR01")
    assert "/items/HR01/book" in item.text
    free = await choices(visitor)
    page = await book(visitor, who, free[-1])
    number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]", page.text)
    assert number
    assert number[0] in city.text_to(who.mobile)
    assert "林**" in page.text
    assert who.mobile not in page.text
    file = await visitor.get("/appointment/calendar.ics")
    assert file.headers["Content-Type"].startswith("text/calendar")
    (event,) = Calendar.from_ical(file.body).walk("VEVENT")
    times = await visitor.get("/appointment/move")
    other = re.search(r'name="window" value="(\d+)"><button class="slot" name="at" value="(\d+)"', times.text)
    assert other
    moved = await visitor.post("/appointment/move", {"window": other[1], "at": other[2]})
    assert (moved.status, moved.place) == (303, "/appointment")
    (after,) = Calendar.from_ical((await visitor.get("/appointment/calendar.ics")).body).walk("VEVENT")
    assert (after["UID"], after["SEQUENCE"]) == (event["UID"], 1)
    assert number[0] in (await visitor.get("/appointment")).text
    gone = await visitor.post("/appointment/cancel")
    assert (gone.status, gone.place) == (303, "/appointment")
    assert "已取消" in (await visitor.get("/appointment")).text


async def test_a_full_time_is_shown_and_cannot_be_taken(city: City) -> None:
    async with browser(city) as one, browser(city) as two:
        free = await choices(one, "district=440103&language=yue")
        wanted = free[0]
        await book(one, newcomer(), wanted)
        assert wanted not in await choices(two, "district=440103&language=yue")
        refused = await begin(two, newcomer(), wanted)
        assert refused.status == 409
        assert "slot_full" in refused.text or "名额刚被约走" in refused.text
        told = await two.call(
            "/items/HR01/book/start",
            about(city, newcomer(), call_language="yue") | {"window": wanted.window, "at": wanted.at},
        )
        assert (told.status, told.code) == (409, "slot_full")


async def test_whoever_may_book_nothing_more_is_led_to_a_number_with_what_they_typed(city: City) -> None:
    family = [replace(newcomer(), mobile="13900007777") for _ in range(6)]
    async with browser(city) as last:
        free = await choices(last, "district=440105")
        for who, choice in zip(family[:5], free, strict=False):
            async with browser(city) as one:
                await book(one, who, choice)
        assert (await begin(last, family[5], free[5])).status == 303
        refused = await confirm(last, family[5])
        assert (refused.status, "too_many_bookings" in refused.text) == (409, True)
        assert 'href="/items/HR01/start"' in refused.text
        assert family[5].id_number in (await last.get("/items/HR01/start")).text


@pytest.mark.parametrize(
    ("at", "window", "status", "code"),
    [
        ("0", "440114", 410, "slot_gone"),
        ("-1", "440114", 410, "slot_gone"),
        ("1e9", "440114", 410, "slot_gone"),
        ("9" * 400, "440114", 410, "slot_gone"),
        ("nan", "440114", 410, "slot_gone"),
        ("١٢٣", "440114", 410, "slot_gone"),
        ("1779242400", "440114", 410, "slot_gone"),
        ("", "440114", 410, "slot_gone"),
        ("1779242400", "999999", 404, "unknown_district"),
        ("1779242400", "", 404, "unknown_district"),
    ],
)
async def test_a_time_that_is_none_is_refused_with_a_stable_code(
    city: City, visitor: Browser, at: str, window: str, status: int, code: str
) -> None:
    await visitor.page("/items/HR01/book")
    typed = about(city, newcomer()) | {"at": at, "window": window}
    told = await visitor.call("/items/HR01/book/start", typed)
    assert (told.status, told.code) == (status, code)


async def test_what_was_typed_for_a_time_that_went_by_is_there_for_the_next_one(
    city: City, visitor: Browser
) -> None:
    who = newcomer()
    await visitor.page("/items/HR01/book")
    gone = await visitor.post("/items/HR01/book/start", about(city, who) | {"at": "1", "window": "440114"})
    assert gone.status == 410
    other = await visitor.get("/items/HR01/book/start?window=440114&at=1779242400&language=zh")
    assert who.id_number in other.text


@pytest.mark.parametrize(
    "path",
    [
        "/items/HR01/book?district=999999&language=klingon&day=yesterday",
        "/items/HR01/book?day=2026-13-40",
        "/items/HR01/book?district=%00",
        "/items/HR01/book?language=yue&language=zh",
    ],
)
async def test_an_odd_address_of_the_times_shows_the_times(visitor: Browser, path: str) -> None:
    assert (await visitor.get(path)).status == 200


async def test_without_a_time_one_is_led_to_the_times(visitor: Browser) -> None:
    for path in ("/items/HR01/book/start?at=x", "/items/HR01/book/start", "/items/HR01/book/confirm"):
        answer = await visitor.get(path)
        assert (answer.status, answer.place) == (303, "/items/HR01/book"), path
    unknown = await visitor.get("/items/XX99/book", headers=JSON)
    assert (unknown.status, unknown.code) == (404, "unknown_item")


async def test_what_is_missing_is_named_at_its_field_and_what_was_typed_stays(visitor: Browser) -> None:
    choice = (await choices(visitor))[5]
    who = newcomer()
    typed = about(visitor.city, who, name="", call_language="zh") | {"window": choice.window, "at": choice.at}
    wrong = await visitor.post("/items/HR01/book/start", typed)
    assert wrong.status == 422
    assert f'name="at" value="{choice.at}"' in wrong.text
    assert who.id_number in wrong.text
    assert (await begin(visitor, who, choice)).status == 303
    bare = await visitor.post("/items/HR01/book/confirm", {"code": ""})
    assert bare.status == 422
    assert "code_missing" in bare.text
    assert "consent_needed" in bare.text
    await visitor.page("/items/HR01/book/confirm")
    false = await visitor.post("/items/HR01/book/confirm", {"code": "12345x", "consent_handling": "yes"})
    assert (false.status, "code_wrong" in false.text) == (422, True)


async def test_a_browser_without_an_appointment_reaches_none(city: City, citizen: Browser) -> None:
    for method, path in (
        ("GET", "/appointment"),
        ("GET", "/appointment/move"),
        ("GET", "/appointment/calendar.ics"),
        ("POST", "/appointment/check-in"),
        ("POST", "/appointment/cancel"),
        ("POST", "/appointment/move"),
    ):
        if method == "GET":
            answer = await citizen.get(path, headers=JSON)
        else:
            answer = await citizen.call(path, {"window": "440114", "at": "1779242400"})
        assert (answer.status, answer.code) == (404, "no_appointment"), path


async def test_too_early_to_check_in_is_said_on_the_page_and_as_a_code(visitor: Browser) -> None:
    free = await choices(visitor, "district=440105")
    await book(visitor, newcomer(), free[-1])
    page = await visitor.post("/appointment/check-in")
    assert (page.status, "check_in_early" in page.text) == (409, True)
    told = await visitor.call("/appointment/check-in")
    assert (told.status, told.code) == (409, "check_in_early")


async def test_an_appointment_comes_into_another_browser_by_link_or_by_number_and_code(city: City) -> None:
    who = newcomer()
    async with browser(city) as one, browser(city) as two, browser(city) as three:
        page = await book(one, who, (await choices(one, "district=440111"))[-1])
        number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]", page.text)
        secret = re.search(r"/resume#([0-9a-z]+)", page.text)
        assert number
        assert secret
        await two.page("/resume")
        taken = await two.post("/resume", {"secret": f"http://x/resume#{secret[1]}"})
        assert (taken.status, taken.place) == (303, "/appointment")
        assert number[0] in (await two.get("/appointment")).text
        assert (await one.get("/appointment", headers=JSON)).code == "no_appointment"
        again = await two.post("/resume", {"secret": secret[1]})
        assert again.status == 410
        await three.page("/appointments")
        before = city.text_to(who.mobile)
        asked = await three.post("/appointments", {"number": number[0], "mobile": who.mobile})
        assert asked.status == 200
        await city.text_after(before, who.mobile)
        typed = {"number": number[0], "mobile": who.mobile, "code": city.code_to(who.mobile)}
        entered = await three.post("/appointments/code", typed)
        assert (entered.status, entered.place) == (303, "/appointment"), entered.text
        assert number[0] in (await three.get("/appointment")).text


async def test_an_unknown_number_and_a_foreign_phone_answer_alike(city: City) -> None:
    who, other = newcomer(), newcomer()
    async with browser(city) as one, browser(city) as stranger:
        page = await book(one, who, (await choices(one, "district=440112"))[-1])
        number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]", page.text)
        assert number
        answers = []
        for typed in ({"number": number[0], "mobile": other.mobile}, {"number": "x", "mobile": who.mobile}):
            await stranger.page("/appointments")
            asked = await stranger.post("/appointments", typed)
            told = await stranger.call("/appointments/code", typed | {"code": "000000"})
            answers.append((asked.status, told.status, told.code))
        assert answers == [(200, 422, "code_wrong")] * 2


async def test_a_district_admin_sees_the_own_districts_list_only(city: City) -> None:
    who = newcomer("欧阳明月")
    async with browser(city) as one, staff(city, "admin-huadu") as admin, staff(city, "admin-city") as chief:
        await book(one, who, (await choices(one))[0])
        page = await admin.get("/board/appointments")
        assert page.status == 200
        assert "欧阳明月" not in page.text
        assert who.mobile not in page.text
        foreign = await admin.get("/board/appointments?district=440106", headers=JSON)
        unknown = await admin.get("/board/appointments?district=999999", headers=JSON)
        assert (foreign.status, foreign.code) == (unknown.status, unknown.code) == (404, "unknown_district")
        assert (await chief.get("/board/appointments?district=440106")).status == 200


async def test_when_no_number_can_be_had_the_page_offers_times_in_one_tap(fresh_city: City) -> None:
    """A language that nobody of the staff speaks is the one reason that needs no clock."""
    ledger = fresh_city.journey.house.ledger

    async def mandarin_only(conn: Connection) -> None:
        await conn.execute(update(tables.staff).values(languages=["zh"]))

    await ledger.write(mandarin_only)
    who = newcomer()
    async with browser(fresh_city) as one:
        await one.page("/items/HR01/start")
        refused = await one.post("/items/HR01/start", about(fresh_city, who, call_language="yue"))
        assert refused.status == 409
        button = r'name="window" value="(\d+)">\s*<button class="slot" name="at" value="(\d+)"'
        slots = re.findall(button, refused.text)
        assert len(slots) == 3
        told = await one.call("/items/HR01/start", about(fresh_city, who, call_language="yue"))
        assert (told.status, told.code) == (409, "lane_uncovered")
        chosen = await one.post("/items/HR01/book/slot", {"window": slots[0][0], "at": slots[0][1]})
        assert (chosen.status, chosen.place) == (303, "/items/HR01/book/confirm"), chosen.text
        booked = await confirm(one, who)
        assert (booked.status, booked.place) == (303, "/appointment")


async def test_with_nobody_on_duty_the_confirmation_says_so_and_a_number_can_be_taken(
    fresh_city: City,
) -> None:
    who = newcomer()
    async with browser(fresh_city) as one:
        await one.page("/items/HR01/start")
        assert (await one.post("/items/HR01/start", about(fresh_city, who))).status == 303
        page = await one.get("/items/HR01/confirm")
        assert "没有能办这件事的工作人员在岗" in page.text
        typed = {"code": fresh_city.code_to(who.mobile), "consent_handling": "yes"}
        assert (await one.post("/items/HR01/confirm", typed)).place == "/visit"
