"""Offers of the call that nobody should send: each is one stable refusal, and the page goes on."""

from typing import Any

import pytest

from cloudwindow.domain.messages import SDP_LIMIT
from tests.handlers.conftest import staff
from tests.handlers.people import (
    Browser,
    City,
    Live,
    accept_next,
    browser,
    join_without_media,
    newcomer,
    take_ticket,
)

OFFER: dict[str, Any] = {"purpose": "call", "attempt": 1, "sdp": "v=0\r\n"}
"""Well formed; to be changed in one place."""

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "oversize": ({"sdp": "v=0\r\n" + "x" * SDP_LIMIT}, "message_malformed"),
    "foreign room": ({"room": "another"}, "message_malformed"),
    "role of another": ({"role": "agent"}, "message_malformed"),
    "member of another": ({"member": "agent"}, "message_malformed"),
    "arrangement": ({"arrangement": {}}, "message_malformed"),
    "unknown purpose": ({"purpose": "tap"}, "unknown_purpose"),
    "no text": ({"sdp": None}, "message_malformed"),
    "before the call": ({}, "no_call"),
    "foreign session": ({"session": "another"}, "no_call"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_offer_of_who_waits_is_refused_with_one_code(citizen: Browser, name: str) -> None:
    change, code = WRONG[name]
    page = await citizen.live("/ws/visit")
    await page.until("stage.changed")
    for _ in range(2):
        answer = await page.ask("call.offer", **(OFFER | change))
        assert (answer["type"], answer["code"]) == ("error", code)
        assert answer["text"]
    await page.close()


async def test_an_agent_reaches_no_call_of_a_colleague(fresh_city: City) -> None:
    async with (
        browser(fresh_city) as citizen,
        staff(fresh_city, "agent-huadu") as agent,
        staff(fresh_city, "agent-tianhe") as colleague,
    ):
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        session = (await desk.until("stage.changed", stage="in_call"))["session"]
        other = await colleague.live("/ws/desk")
        await other.until("stage.changed")
        codes = {await _code(other, **OFFER), await _code(other, **OFFER, session=session)}
        assert codes <= {"no_call", "not_found", "no_such_call", "not_your_call"}
        assert await _code(desk, **OFFER) == "media_unavailable"


async def _code(page: Live, **fields: Any) -> str:
    answer = await page.ask("call.offer", **fields)
    return str(answer.get("code", answer["type"]))


async def test_a_still_that_has_not_come_is_refused_by_name_before_the_call_and_in_it(
    fresh_city: City,
) -> None:
    address, sha256 = "/visit/materials/id_card/still", "0" * 64
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        assert (await citizen.call(address, {"sha256": sha256})).code == "no_call"
        await accept_next(desk)
        await join_without_media(visit)
        for named in (sha256, "", "../" * 9):
            assert (await citizen.call(address, {"sha256": named})).code == "unknown_still"
