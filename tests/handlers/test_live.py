"""The live room: who is greeted how, what is refused, who replaces whom, what a slow page costs others."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from cloudwindow import signaling
from cloudwindow.domain.ids import StaffId
from cloudwindow.domain.messages import FROM_AGENT, FROM_CITIZEN, ChatSaid, PanelChanged, encode
from cloudwindow.handlers.door import CITIZEN_COOKIE
from cloudwindow.journey.calls import agent_topic, citizen_topic
from cloudwindow.journey.filling import Filling
from tests.domain.test_messages import sample
from tests.domain.test_strict_json import REFUSED
from tests.gateways.redis_server import RedisServer
from tests.handlers.conftest import staff
from tests.handlers.people import (
    LIMIT_SECONDS,
    Browser,
    City,
    Live,
    accept_next,
    browser,
    city_in,
    join_without_media,
    newcomer,
    resume_secret_of,
    take_ticket,
)


async def ticket_of(person: Browser) -> str:
    """The ticket that this browser holds."""
    session = await person.city.journey.door.citizen(person.cookie(CITIZEN_COOKIE))
    assert session is not None
    assert session.ticket is not None
    return session.ticket


@asynccontextmanager
async def open_page(person: Browser, path: str = "/ws/visit") -> AsyncIterator[Live]:
    """A page whose greeting has been read."""
    page = await person.live(path)
    await page.until("stage.changed")
    yield page
    await page.close()


def body_of(kind: str) -> dict[str, Any]:
    """The fields of a well-formed message."""
    return {name: value for name, value in sample(kind).items() if name != "type"}


async def lives(page: Live) -> None:
    """Check that the page is still heard."""
    answer = await page.ask("form.focus", field=None)
    assert answer["type"] in {"ack", "error"}


# --- greeting --------------------------------------------------------------------------------------------


async def test_a_citizens_page_is_greeted_and_told_where_the_visit_stands(citizen: Browser) -> None:
    page = await citizen.live("/ws/visit")
    hello, stage = await page.next(), await page.until("stage.changed")
    assert hello["type"] == "hello"
    assert hello["role"] == "citizen"
    assert abs(hello["now_ms"] / 1000 - citizen.city.journey.house.clock()) < LIMIT_SECONDS
    assert (stage["stage"], stage["session"], stage["peer_online"]) == ("waiting", None, False)
    assert (await page.until("place.changed"))["ahead"] >= 0
    await page.close()


async def test_an_agents_page_is_greeted_and_told_where_the_desk_stands(agent: Browser) -> None:
    page = await agent.live("/ws/desk")
    assert (await page.next())["role"] == "agent"
    assert (await page.until("stage.changed"))["stage"] == "away"
    await page.close()


async def test_a_board_is_greeted_and_may_say_nothing(admin: Browser) -> None:
    page = await admin.live("/ws/board")
    assert (await page.next())["role"] == "board"
    for kind in sorted(FROM_CITIZEN | FROM_AGENT):
        answer = await page.ask(kind, **body_of(kind))
        assert (answer["type"], answer["code"]) == ("error", "message_unknown")
    await page.close()


@pytest.mark.parametrize("path", ["/ws/visit", "/ws/desk", "/ws/board"])
async def test_a_socket_opens_for_nobody_unknown(visitor: Browser, path: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await visitor.live(path)
    assert refused.value.status in {401, 404}


async def test_an_agent_cannot_open_the_board_nor_an_admin_the_desk(agent: Browser, admin: Browser) -> None:
    for person, path in ((agent, "/ws/board"), (admin, "/ws/desk")):
        with pytest.raises(WSServerHandshakeError) as refused:
            await person.live(path)
        assert refused.value.status == 403


# --- what is said wrongly --------------------------------------------------------------------------------

SHAPELESS = {
    **REFUSED,
    "a number": "1",
    "a list": "[]",
    "no type": "{}",
    "a number as type": '{"type": 1}',
    "an empty request word": '{"type": "chat.say", "text": "x", "id": ""}',
    "a field too many": '{"type": "chat.say", "text": "x", "more": 1}',
    "a field too few": '{"type": "chat.say"}',
    "a number as text": '{"type": "chat.say", "text": 1}',
    "a text too long": json.dumps({"type": "chat.say", "text": "x" * 2001}),
}


SHORT = {name: text for name, text in SHAPELESS.items() if len(text) < signaling.MESSAGE_BYTES}


@pytest.mark.parametrize("sent", SHORT.values(), ids=SHORT.keys())
async def test_a_malformed_message_gets_one_error_and_the_connection_lives(
    citizen: Browser, sent: str
) -> None:
    async with open_page(citizen) as page:
        await page.socket.send_str(sent)
        answer = await page.until("error")
        assert (answer["code"], answer["re"]) == ("message_malformed", None)
        assert answer["text"]
        await lives(page)


async def test_bytes_get_one_error_and_the_connection_lives(citizen: Browser) -> None:
    async with open_page(citizen) as page:
        await page.socket.send_bytes(b"\x00\xff")
        assert (await page.until("error"))["code"] == "message_malformed"
        await lives(page)


@pytest.mark.parametrize("kind", [*sorted(FROM_AGENT - FROM_CITIZEN), "stage.changed", "no.such", ""])
async def test_what_a_citizen_may_not_say_is_unknown_and_the_connection_lives(
    citizen: Browser, kind: str
) -> None:
    body = body_of(kind) if kind in FROM_AGENT else {}
    async with open_page(citizen) as page:
        answer = await page.ask(kind, **body)
        assert (answer["type"], answer["code"]) == ("error", "message_unknown")
        await lives(page)


async def test_an_agent_can_neither_confirm_nor_declare_for_a_citizen(agent: Browser) -> None:
    async with open_page(agent, "/ws/desk") as page:
        for kind in sorted(FROM_CITIZEN - FROM_AGENT):
            answer = await page.ask(kind, **body_of(kind))
            assert (answer["type"], answer["code"]) == ("error", "message_unknown"), kind


async def test_every_message_of_a_desk_without_a_call_is_refused_with_a_code(agent: Browser) -> None:
    async with open_page(agent, "/ws/desk") as page:
        for kind in sorted(FROM_AGENT - {"agent.available", "agent.away", "agent.stay", "call.prepare"}):
            answer = await page.ask(kind, **body_of(kind))
            assert answer["type"] == "error", kind
            assert answer["code"] != "internal_error", kind
            assert answer["text"], kind


async def test_every_message_of_a_citizen_who_waits_is_acknowledged_or_refused_with_a_code(
    citizen: Browser,
) -> None:
    async with open_page(citizen) as page:
        for kind in sorted(FROM_CITIZEN - {"call.hang_up"}):
            answer = await page.ask(kind, **body_of(kind))
            assert answer["type"] == "ack" or answer["code"] != "internal_error", kind


async def test_an_error_is_told_in_the_language_of_the_page(city: City) -> None:
    told = {}
    for language in ("zh-CN", "en"):
        async with browser(city, language) as one:
            await take_ticket(one, newcomer())
            async with open_page(one) as page:
                told[language] = (await page.ask("no.such"))["text"]
    assert told["en"].isascii()
    assert not told["zh-CN"].isascii()


async def test_a_message_over_the_limit_ends_the_connection_with_1009(citizen: Browser) -> None:
    page = await citizen.live("/ws/visit")
    await page.until("stage.changed")
    await page.socket.send_str("x" * (signaling.MESSAGE_BYTES + 1))
    assert await page.ended() == 1009
    async with open_page(citizen) as again:
        await lives(again)


async def test_a_step_that_fails_unexpectedly_is_one_error_and_the_connection_lives(
    citizen: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Filling, "say", broken)
    async with open_page(citizen) as page:
        answer = await page.ask("chat.say", text="您好")
        assert (answer["type"], answer["code"]) == ("error", "internal_error")
        await lives(page)


async def test_a_request_without_a_word_is_answered_only_if_it_is_refused(citizen: Browser) -> None:
    async with open_page(citizen) as page:
        await page.say("form.focus", field=None)
        await page.say("no.such")
        assert (await page.until("error"))["re"] is None
        assert not [one for one in page.heard if one["type"] == "ack"]


# --- one person, one page --------------------------------------------------------------------------------


async def test_a_second_tab_replaces_the_first_which_is_told(citizen: Browser) -> None:
    first = await citizen.live("/ws/visit")
    await first.until("stage.changed")
    async with open_page(citizen) as second:
        assert await first.ended() == 4409
        assert first.heard[-1] == {"type": "replaced"}
        await lives(second)


async def test_a_second_desk_replaces_the_first(agent: Browser) -> None:
    first = await agent.live("/ws/desk")
    await first.until("stage.changed")
    async with open_page(agent, "/ws/desk") as second:
        assert await first.ended() == 4409
        await lives(second)


async def test_two_boards_stay_open_side_by_side(admin: Browser) -> None:
    first, second = await admin.live("/ws/board"), await admin.live("/ws/board")
    for page in (first, second):
        await page.until("hello")
        assert (await page.ask("no.such"))["code"] == "message_unknown"
        await page.close()


async def test_resuming_elsewhere_closes_the_first_device_and_spends_the_link(city: City) -> None:
    async with browser(city) as phone, browser(city) as laptop:
        secret = resume_secret_of(await take_ticket(phone, newcomer()))
        page = await phone.live("/ws/visit")
        await page.until("stage.changed")
        await laptop.page("/resume")
        assert (await laptop.post("/resume", {"secret": secret})).place == "/visit"
        assert await page.ended() == 4409
        assert (await laptop.get("/visit")).status == 200
        again = await laptop.post("/resume", {"secret": secret}, headers={"Accept": "application/json"})
        assert (again.status, again.code) == (410, "link_unknown")


async def test_looking_at_the_link_does_not_spend_it(city: City, visitor: Browser) -> None:
    async with browser(city) as phone:
        secret = resume_secret_of(await take_ticket(phone, newcomer()))
        for _ in range(3):
            assert (await visitor.get(f"/resume?{secret}")).status == 200
        await visitor.page("/resume")
        assert (await visitor.post("/resume", {"secret": f"http://x/resume#{secret}"})).place == "/visit"


# --- slow and hostile pages ------------------------------------------------------------------------------


async def deaf_page(person: Browser) -> socket.socket:
    """A page that opens its socket and then never reads: its receive buffer is as small as it gets."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    port = person.city.config.port
    await loop.sock_connect(raw, ("127.0.0.1", port))
    request = (
        f"GET /ws/visit HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {person.city.url}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Cookie: {CITIZEN_COOKIE}={person.cookie(CITIZEN_COOKIE)}\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    return raw


async def until_online(city: City, topic: str, wanted: bool) -> None:
    """Wait until somebody, or nobody, listens to ``topic``."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while city.journey.house.hub.online(topic) is not wanted:  # noqa: ASYNC110 - the hub has no event
            await asyncio.sleep(0.01)


async def test_a_page_that_does_not_read_is_cut_off_and_others_hear_at_once(
    city: City, citizen: Browser
) -> None:
    hub = city.journey.house.hub
    deaf_topic = citizen_topic(await ticket_of(citizen))
    raw = await deaf_page(citizen)
    await until_online(city, deaf_topic, True)
    async with browser(city) as other:
        await take_ticket(other, newcomer())
        topic = citizen_topic(await ticket_of(other))
        async with open_page(other) as page:
            long = ChatSaid(id=1, author="agent", name="陈", text="长" * 20_000, at_ms=1)
            slowest = 0.0
            for number in range(300):
                hub.deliver(deaf_topic, encode(long))
                begun = asyncio.get_running_loop().time()
                hub.deliver(topic, encode(PanelChanged(panels=(f"p{number}",))))
                await page.until("panel.changed", panels=[f"p{number}"])
                slowest = max(slowest, asyncio.get_running_loop().time() - begun)
                if not hub.online(deaf_topic):
                    break
            await until_online(city, deaf_topic, False)
            assert slowest < signaling.SEND_SECONDS
    raw.close()


async def test_what_waits_for_one_page_is_bounded(city: City, citizen: Browser) -> None:
    hub = city.journey.house.hub
    topic = citizen_topic(await ticket_of(citizen))
    raw = await deaf_page(citizen)
    await until_online(city, topic, True)
    (page,) = hub._pages[topic]
    most = 0
    for _ in range(20_000):
        hub.deliver(topic, encode(PanelChanged(panels=("form",) * 100)))
        most = max(most, len(page.outbox or ()))
        assert page.transport
        if page.transport.is_closing():
            break
    assert most == signaling.OUTBOX_MESSAGES
    await until_online(city, topic, False)
    raw.close()


async def test_a_flood_of_messages_is_slowed_down_to_the_allowed_pace(citizen: Browser) -> None:
    async with open_page(citizen) as page:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        extra = 25
        for number in range(signaling.FRAMES_PER_SECOND + extra):
            await page.say("no.such", id=str(number))
        await page.until("error", re=str(signaling.FRAMES_PER_SECOND + extra - 1))
        assert loop.time() - begun > 0.8 * extra / signaling.FRAMES_PER_SECOND


async def test_a_torn_connection_is_forgotten(city: City, citizen: Browser) -> None:
    topic = citizen_topic(await ticket_of(citizen))
    raw = await deaf_page(citizen)
    await until_online(city, topic, True)
    raw.close()
    await until_online(city, topic, False)
    assert topic not in city.journey.house.hub.topics


# --- a call ----------------------------------------------------------------------------------------------


async def test_what_one_side_of_a_call_does_the_other_side_hears(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        await desk.done("form.set", field="employ_type", value="flexible", base=0)
        proposed = await visit.until("form.changed", field="employ_type")
        assert (proposed["standing"], proposed["author"]) == ("proposed", "agent")
        await visit.done("form.confirm", field="employ_type", version=proposed["version"])
        assert (await desk.until("form.changed", field="employ_type", standing="confirmed"))["author"]
        await visit.done("chat.say", text="您好")
        assert (await desk.until("chat.said"))["text"] == "您好"
        await visit.done("call.devices", camera=False, microphone=True, reason="denied")
        assert (await desk.until("peer.devices"))["camera"] is False
        await desk.done("form.focus", field="employ_type")
        assert (await visit.until("form.focused"))["by"] == "agent"


async def test_a_reloaded_page_is_back_in_the_same_call(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        session = (await desk.until("stage.changed", stage="in_call", peer_online=True))["session"]
        await visit.close()
        await desk.until("stage.changed", peer_online=False)
        again = await citizen.live("/ws/visit")
        back = await again.until("stage.changed")
        assert (back["stage"], back["session"]) == ("in_call", session)
        await desk.close()
        desk = await agent.live("/ws/desk")
        back = await desk.until("stage.changed")
        assert (back["stage"], back["session"]) == ("in_call", session)


async def test_each_side_of_a_call_knows_of_the_other_on_another_node(
    fresh_city: City, line_server: RedisServer
) -> None:
    async with (
        city_in(fresh_city.config.data_dir, f"{line_server.url}?db=1") as other_city,
        browser(fresh_city) as citizen,
        staff(other_city, "agent-huadu") as agent,
    ):
        await take_ticket(citizen, newcomer())
        visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
        await accept_next(desk)
        await join_without_media(visit)
        desk_topic = agent_topic(StaffId("demo-agent-huadu"))
        await until_online(fresh_city, desk_topic, True)
        await until_online(other_city, citizen_topic(await ticket_of(citizen)), True)
        assert not fresh_city.journey.house.hub.here(desk_topic)
        await visit.close()
        again = await citizen.live("/ws/visit")
        assert (await again.until("stage.changed"))["peer_online"]
        await desk.close()
        await until_online(fresh_city, desk_topic, False)


async def test_a_declined_offer_is_withdrawn_from_the_desk(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen, staff(fresh_city, "agent-huadu") as agent:
        await take_ticket(citizen, newcomer())
        desk = await agent.live("/ws/desk")
        await desk.done("agent.available")
        offer = (await desk.until("offer.made"))["offer"]
        wrong = await desk.ask("offer.decline", offer=offer, reason="bored")
        assert wrong["code"] == "unknown_reason"
        await desk.done("offer.decline", offer=offer, reason="technical")
        assert (await desk.until("offer.withdrawn", offer=offer))["reason"] == "declined"
        gone = await desk.ask("offer.accept", offer=offer)
        assert gone["code"] == "offer_gone"


async def test_closing_the_service_says_so_to_every_page(fresh_city: City) -> None:
    async with browser(fresh_city) as citizen:
        await take_ticket(citizen, newcomer())
        page = await citizen.live("/ws/visit")
        await page.until("stage.changed")
        await fresh_city.journey.house.hub.close()
        assert await page.ended() == 1001
