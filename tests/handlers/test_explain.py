"""The admin's page that says why a ticket went to whom: what it tells, and to whom."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from cloudwindow.domain.explain import Assignment, Ending
from cloudwindow.records import assignments
from cloudwindow.records.assignments import End
from tests.handlers.conftest import staff
from tests.handlers.people import (
    LIMIT_SECONDS,
    Browser,
    City,
    accept_next,
    browser,
    join_without_media,
    newcomer,
    take_ticket,
)
from tests.handlers.test_rights import plain

NAME = "林晓岚"
HUADU, TIANHE = "440114", "440106"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A ticket of Huadu that an agent of Huadu has answered, and one of Tianhe that nobody has."""

    number: str
    ticket: str
    elsewhere: str
    elsewhere_number: str


async def recorded(city: City, ticket: str, **wanted: Any) -> Assignment:
    """The row of ``ticket`` once the recorder has written it with these values."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            await city.journey.watch.recorder.record()
            async with city.journey.house.ledger.read() as conn:
                for row in await assignments.of_ticket(conn, ticket):
                    if all(getattr(row, name) == value for name, value in wanted.items()):
                        return row


async def number_of(city: City, ticket: str) -> str:
    async with city.journey.house.ledger.read() as conn:
        return (await city.journey.house.visits.ticket(conn, ticket)).number


async def ticket_of(city: City, visit: str) -> str:
    """The id of the ticket whose number the visit's page shows."""
    found = re.search(r"[A-L]\d{3,}", visit)
    assert found
    explaining = city.journey.explaining
    return str((await explaining.story(found[0])).ticket.id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(city: City) -> AsyncIterator[Served]:
    """One call, once for this file."""
    async with AsyncExitStack() as stack:
        citizen = await stack.enter_async_context(browser(city))
        other = await stack.enter_async_context(browser(city))
        agent = await stack.enter_async_context(staff(city, "agent-huadu"))
        page = await take_ticket(citizen, newcomer(NAME))
        ticket = await ticket_of(city, page.text)
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        await desk.done("call.hang_up")
        await desk.done("session.outcome", outcome="consulted", note="", next="away")
        await recorded(city, ticket, ending="accepted")
        page = await take_ticket(other, newcomer(NAME), district=TIANHE)
        elsewhere = await ticket_of(city, page.text)
        yield Served(
            number=await number_of(city, ticket),
            ticket=ticket,
            elsewhere=elsewhere,
            elsewhere_number=await number_of(city, elsewhere),
        )
        await visit.close()
        await desk.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city_admin(city: City) -> AsyncIterator[Browser]:
    async with staff(city, "admin-city") as one:
        yield one


async def test_a_ticket_is_explained_by_its_number_of_today_and_by_its_id(
    served: Served, admin: Browser
) -> None:
    for name in (served.number, served.number.lower(), served.ticket):
        page = await admin.get(f"/board/explain?ticket={name}")
        assert page.status == 200
        for words in (served.number, "个人就业登记", "花都区", "本区", "已接听", "派单说明"):
            assert words in page.text, words
        assert "有矛盾" not in page.text


async def test_no_page_of_explanations_names_a_citizen(
    served: Served, admin: Browser, city_admin: Browser
) -> None:
    for path in (f"/board/explain?ticket={served.ticket}", "/board/explain"):
        for person in (admin, city_admin):
            text = (await person.get(path)).text
            assert NAME not in text
            assert "4401061991" not in text


async def test_somebody_elses_ticket_answers_exactly_like_an_unknown_one(
    served: Served, admin: Browser
) -> None:
    unknown = {served.elsewhere: "z" * len(served.elsewhere), served.elsewhere_number: "D999"}
    for theirs, made_up in unknown.items():
        for accept in ("text/html", "application/json"):
            headers = {"Accept": accept}
            answers = [
                await admin.get(f"/board/explain?ticket={name}", headers=headers)
                for name in (theirs, made_up)
            ]
            first, second = (plain(one, theirs, made_up) for one in answers)
            assert answers[0].status == 404
            assert "ticket_not_found" in answers[0].text or "没有找到这个号码" in answers[0].text
            assert first == second


async def test_the_city_admin_sees_every_district(served: Served, city_admin: Browser) -> None:
    for name in (served.number, served.elsewhere_number):
        assert (await city_admin.get(f"/board/explain?ticket={name}")).status == 200
    waiting = await city_admin.get(f"/board/explain?ticket={served.elsewhere_number}")
    assert "还没有派单" in waiting.text


async def test_the_district_whose_agent_answered_sees_the_ticket_and_one_that_was_only_asked_does_not(
    city: City, served: Served, admin: Browser
) -> None:
    path = f"/board/explain?ticket={served.elsewhere}"
    async with city.journey.house.ledger.read() as conn:
        mine = (await assignments.of_ticket(conn, served.ticket))[0]
    helped = replace(
        mine, ticket=served.elsewhere, ring=3, lane=mine.lane.replace(HUADU, TIANHE), ending=None
    )
    missed, accepted = (
        End(
            ticket=served.elsewhere,
            epoch=epoch,
            agent=mine.agent,
            lane=helped.lane,
            at=mine.made_at + 5,
            ending=ending,
            reason="",
        )
        for epoch, ending in ((1, Ending.MISSED), (2, Ending.ACCEPTED))
    )
    write = city.journey.house.ledger.write
    await write(lambda conn: assignments.keep(conn, [helped], [missed]))
    assert (await admin.get(path)).status == 404
    assert served.elsewhere_number not in (await admin.get("/board/explain")).text
    await write(lambda conn: assignments.keep(conn, [replace(helped, epoch=2)], [accepted]))
    assert (await admin.get(path)).status == 200
    assert served.elsewhere_number in (await admin.get("/board/explain")).text


async def test_the_newest_assignments_are_listed_and_led_to_from_the_board(
    served: Served, admin: Browser, city_admin: Browser
) -> None:
    board = await admin.get("/board")
    assert 'href="/board/explain"' in board.text
    assert f'href="/board/explain?district={HUADU}"' in board.text
    page = await admin.get("/board/explain")
    assert f"/board/explain?ticket={served.ticket}" in page.text
    agent = re.search(r"/board/explain\?agent=([\w-]+)", page.text)
    assert agent
    for path in (f"?agent={agent[1]}", f"?district={HUADU}"):
        assert served.number in (await city_admin.get(f"/board/explain{path}")).text
    assert served.number not in (await city_admin.get("/board/explain?agent=nobody")).text


async def test_another_district_cannot_be_listed_and_answers_like_an_unknown_one(
    served: Served, admin: Browser
) -> None:
    json_wanted = {"Accept": "application/json"}
    answers = [
        await admin.get(f"/board/explain?district={code}", headers=json_wanted) for code in (TIANHE, "999999")
    ]
    assert plain(answers[0]) == plain(answers[1])
    assert (answers[0].status, answers[0].code) == (404, "unknown_district")


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "9999-12-31", "0001-01-01"])
async def test_a_day_that_cannot_be_used_is_told_at_the_field(
    served: Served, admin: Browser, day: str
) -> None:
    page = await admin.get(f"/board/explain?ticket={served.number}&date={day}")
    assert page.status in {404, 422}
    assert "error-summary" in page.text


async def test_a_number_of_another_day_is_not_this_one(served: Served, admin: Browser) -> None:
    assert (await admin.get(f"/board/explain?ticket={served.number}&date=2026-01-05")).status == 404


async def test_a_name_that_nobody_could_have_is_unknown(served: Served, admin: Browser) -> None:
    for name in ("%00", "x" * 5000, "'; DROP TABLE assignment", "<script>", "号码"):
        page = await admin.get(f"/board/explain?ticket={name}")
        assert page.status == 404, name
        assert "<script>'" not in page.text
        assert 'value="<script>' not in page.text


async def test_an_agent_that_nobody_could_be_has_no_assignments(served: Served, admin: Browser) -> None:
    for name in ("%00", "x" * 5000, "nobody"):
        page = await admin.get(f"/board/explain?agent={name}")
        assert page.status == 200
        assert served.number not in page.text


async def test_a_row_that_was_doctored_is_reported_on_the_page(
    city: City, served: Served, city_admin: Browser
) -> None:
    async with city.journey.house.ledger.read() as conn:
        right = (await assignments.of_ticket(conn, served.ticket))[0]
    why = {
        "rule": "longest_waiting",
        "score_ms": right.made_at * 1000 - 5_000,
        "opened_ms": 0,
        "considered": [{"lane": right.lane, "ticket": "other", "at_ms": right.made_at * 1000 - 65_000}],
    }
    doctored = replace(right, epoch=77, rule="longest_waiting", why=json.dumps(why), ending=None)
    await city.journey.house.ledger.write(lambda conn: assignments.keep(conn, [doctored], []))
    page = await city_admin.get(f"/board/explain?ticket={served.ticket}")
    assert "这次派单与它自己的数据矛盾" in page.text
    assert "有更靠前的号" in page.text
    assert "早 1 分钟" in page.text


async def test_the_page_speaks_english_too(served: Served, admin: Browser) -> None:
    page = await admin.get(f"/board/explain?ticket={served.ticket}", headers={"Accept-Language": "en"})
    for words in ("Why it was assigned so", "Accepted after", "own district", "Huadu"):
        assert words in page.text, words
